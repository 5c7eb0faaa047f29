import { defineConfig } from "vite";

export default defineConfig({ base: "./", build: { cssTarget: ["chrome123"] } });
