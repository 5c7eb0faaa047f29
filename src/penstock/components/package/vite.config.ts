import { defineConfig } from "vite";

export default defineConfig({
  build: {
    lib: { entry: { index: "src/index.ts", examples: "src/examples.ts" }, formats: ["es"] },
    rolldownOptions: { external: [/^react($|\/)/] },
    minify: false,
    sourcemap: true,
  },
});
