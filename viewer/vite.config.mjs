import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// Decoders of transfer syntaxes that radiographs do not come in (HTJ2K, JPEG XL): 2 MB of code for no film.
const absent = here("./src/stage/absent.js");

export default defineConfig({
  root: here("."),
  base: "./",
  publicDir: false,
  logLevel: "warn",
  resolve: {
    alias: [
      { find: /^events$/, replacement: "events/" },
      { find: /^url$/, replacement: "url/" },
      { find: /^@cornerstonejs\/codec-(openjph|libjxl)(\/.*)?$/, replacement: absent },
    ],
  },
  worker: {
    format: "es",
    rollupOptions: { output: { entryFileNames: "assets/[name]-[hash].js", chunkFileNames: "assets/[name]-[hash].js" } },
  },
  optimizeDeps: { exclude: ["@cornerstonejs/dicom-image-loader"] },
  build: {
    outDir: here("../src/hilum/app/static/room"),
    emptyOutDir: true,
    sourcemap: false,
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 6000,
    modulePreload: { polyfill: false },
  },
});
