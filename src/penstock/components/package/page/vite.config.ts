import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  // light-dark() stays as it is: the components follow the color-scheme of the page around them.
  build: { cssTarget: ["chrome123", "edge123", "firefox120", "safari17.5"] },
});
