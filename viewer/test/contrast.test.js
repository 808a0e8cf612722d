import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync(new URL("../src/room.css", import.meta.url), "utf8");
const root = /:root \{([^}]*)\}/.exec(css)[1];
const colours = Object.fromEntries([...root.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]));

/** Relative luminance and contrast ratio as WCAG 2.2 defines them. */
const luminance = (hex) => {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};

test("the ratio itself: black on white is 21, a colour on itself 1", () => {
  assert.ok(Math.abs(contrast("#000000", "#ffffff") - 21) < 1e-9);
  assert.equal(contrast("#63c1dc", "#63c1dc"), 1);
});

const GROUNDS = ["ground", "panel", "raised", "hover"];
const TEXTS = ["text", "soft", "faint", "accent", "chosen", "present", "uncertain", "absent", "worse", "better", "warn", "good"];

for (const ground of GROUNDS) {
  test(`every colour of text can be read on ${ground}`, () => {
    for (const name of TEXTS) {
      const ratio = contrast(colours[name], colours[ground]);
      assert.ok(ratio >= 4.5, `${name} on ${ground}: ${ratio.toFixed(2)}`);
    }
  });
}

test("words on coloured grounds can be read", () => {
  const pairs = [
    [colours["on-accent"], colours.accent], [colours.text, colours["chosen-ground"]], [colours.soft, colours["chosen-ground"]], [colours.chosen, colours["chosen-ground"]],
    [colours.worse, colours["chosen-ground"]], ["#fff3c4", "#4a4318"], ["#06251a", colours.good], ["#33100a", colours.worse], [colours.text, "#34414e"], [colours.text, "#2b3743"],
    [colours.text, "#26323e"], [colours.text, "#241d12"], [colours.text, "#291815"], [colours.soft, "#2b3743"],
  ];
  for (const [text, ground] of pairs) assert.ok(contrast(text, ground) >= 4.5, `${text} on ${ground}: ${contrast(text, ground).toFixed(2)}`);
});

test("the edges of fields and the focus ring stand out from what is around them", () => {
  for (const ground of GROUNDS) {
    assert.ok(contrast(colours.accent, colours[ground]) >= 3);
    if (ground !== "hover" && ground !== "raised") assert.ok(contrast(colours.edge, colours[ground]) >= 3, `edge on ${ground}: ${contrast(colours.edge, colours[ground]).toFixed(2)}`);
  }
});

test("colours used outside the table are in this test or on no text", () => {
  const used = new Set([...css.replace(root, "").split("/* ---- paper */")[0].matchAll(/(?<![-\w])color: (#[0-9a-f]{3,6})/g)].map(([, hex]) => hex));
  assert.deepEqual([...used].sort(), ["#06251a", "#33100a", "#fff3c4"]);
});
