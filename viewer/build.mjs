/**
 * Build the page into src/hilum/app/static/room, with the notices of what it carries and a manifest.
 *
 * The bundle is kept in the repository, so that a fresh clone shows the page without Node. manifest.json holds the SHA-256 of
 * every source and of every built file; tests/house/test_bundle.py holds both to it.
 * `npm run build` writes there; `node build.mjs FOLDER` writes elsewhere.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import config, { carried } from "./vite.config.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ? resolve(process.argv[2]) : join(here, "../src/hilum/app/static/room");
const TOP = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.mjs", "build.mjs", "notices/native.txt"];

const byName = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function filesUnder(folder, prefix = "") {
  return readdirSync(folder)
    .sort(byName)
    .flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? filesUnder(path, `${prefix}${name}/`) : [`${prefix}${name}`];
    });
}

const sha256 = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");
const hashes = (root, names) => Object.fromEntries(names.map((name) => [name, sha256(join(root, name))]));

/** The notices of every package that has code in the bundle. */
function notices() {
  const packages = new Map();
  for (const id of carried) {
    const at = id.lastIndexOf("/node_modules/");
    if (at < 0) continue;
    const name = /^(@[^/]+\/)?[^/]+/.exec(id.slice(at + "/node_modules/".length))[0];
    packages.set(name, join(id.slice(0, at), "node_modules", name));
  }
  const parts = [...packages].sort(([a], [b]) => byName(a, b)).map(([name, folder]) => {
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const licence = typeof about.license === "string" ? about.license : (about.license?.type ?? about.licenses?.[0]?.type ?? "not stated");
    const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort(byName);
    const body = texts.map((file) => readFileSync(join(folder, file), "utf8").trim());
    const author = (typeof about.author === "string" ? about.author : about.author?.name) || "its authors";
    if (!body.length) body.push(`Copyright ${author}. Licence ${licence}; the package holds no licence text of its own.`);
    return `${name} ${about.version} (${licence})\n${"-".repeat(72)}\n${body.join("\n\n")}\n`;
  });
  const head = "The reading room's page carries code of these packages, each under its own licence.\n";
  const native = readFileSync(join(here, "notices/native.txt"), "utf8");
  return `${head}\n${parts.join("\n\n")}\n\n${native}`.replaceAll("\r\n", "\n");
}

await build({ ...config, configFile: false, build: { ...config.build, outDir: out } });
writeFileSync(join(out, "THIRD-PARTY.txt"), notices());
const sources = [...TOP.filter((name) => existsSync(join(here, name))), ...filesUnder(join(here, "src"), "src/")];
const built = filesUnder(out).filter((name) => name !== "manifest.json");
writeFileSync(join(out, "manifest.json"), `${JSON.stringify({ sources: hashes(here, sources), built: hashes(out, built) }, null, 1)}\n`);

const size = (names) => names.reduce((sum, name) => sum + gzipSync(readFileSync(join(out, name))).length, 0);
const kb = (bytes) => `${Math.round(bytes / 1000)} kB`;
for (const name of built) console.log(`${kb(statSync(join(out, name)).size).padStart(8)} ${kb(size([name])).padStart(8)} gzipped  ${basename(name)}`);
console.log(`${kb(size(built))} gzipped in all`);
