import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Modules that have code in the bundle, workers' included; build.mjs writes their notices. */
export const carried = new Set();

const record = () => ({
  name: "carried",
  generateBundle(_options, bundle) {
    for (const part of Object.values(bundle)) {
      if (part.type === "chunk") for (const [id, module] of Object.entries(part.modules)) if (module.renderedLength > 0) carried.add(id);
    }
  },
});

// Decoders of transfer syntaxes that radiographs do not come in (HTJ2K, JPEG XL): 2 MB of code for no film.
const absent = here("./src/stage/absent.js");

export default defineConfig({
  root: here("."),
  base: "./",
  publicDir: false,
  logLevel: "error",
  plugins: [record()],
  resolve: {
    alias: [
      { find: /^events$/, replacement: "events/" },
      { find: /^url$/, replacement: "url/" },
      { find: /^@cornerstonejs\/codec-(openjph|libjxl)(\/.*)?$/, replacement: absent },
    ],
  },
  worker: { format: "es", plugins: () => [record()] },
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
