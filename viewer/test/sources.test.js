import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const src = new URL("../src/", import.meta.url);
const names = readdirSync(src, { recursive: true }).filter((name) => /\.(ts|js)$/.test(name)).map((name) => name.replaceAll("\\", "/"));
const text = (name) => readFileSync(new URL(name, src), "utf8");

test("no source writes markup from text: what the server sends is set as text only", () => {
  for (const name of names) assert.doesNotMatch(text(name), /innerHTML|outerHTML|insertAdjacentHTML|unsafeHTML|unsafeSVG|document\.write|\beval\(|new Function/, name);
});

test("no address is absolute, so that any prefix of a proxy works, and nothing is fetched from elsewhere", () => {
  for (const name of names) {
    assert.doesNotMatch(text(name), /["'`]\/(api|assets|dicomweb)\b/, name);
    assert.doesNotMatch(text(name).replace(/xmlns="[^"]*"|"http:\/\/www\.w3\.org\/[^"]*"/g, ""), /https?:\/\//, name);
  }
});

test("the page's policy holds: no inline script or style, in the page or in a template", () => {
  const page = readFileSync(new URL("../index.html", import.meta.url), "utf8");
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
  for (const name of names) assert.doesNotMatch(text(name), /<[a-z][^<>]*\sstyle=/, name);
});
