import assert from "node:assert/strict";
import { test } from "node:test";
import { carried, draggedWindow, presetRange, rangeOf, toneOf, windowOf } from "../src/stage/tone.js";

const GREY = {
  bitsStored: 12, signed: false, monochrome1: false, slope: 1, intercept: 0, modalityLut: null, voiLut: null, window: null,
  voiFunction: "LINEAR", padding: null,
};
const EXTENT = { min: 0, max: 4095 };

/** PS3.3 C.11.2.1.2.1, written out: the grey (0 to 1) of a value. */
const linear = (x, c, w) => {
  if (x <= c - 0.5 - (w - 1) / 2) return 0;
  if (x > c - 0.5 + (w - 1) / 2) return 1;
  return (x - (c - 0.5)) / (w - 1) + 0.5;
};
const shown = ({ lower, upper }, value) => Math.min(1, Math.max(0, (value - lower) / (upper - lower)));

test("a linear window is the standard's, with its half pixel", () => {
  for (const [c, w] of [[2048, 4096], [128, 256], [40.5, 11]]) {
    for (const x of [0, 1, 35, 40, 41, 128, 2047, 4095]) {
      assert.ok(Math.abs(shown(rangeOf({ center: c, width: w }), x) - linear(x, c, w)) < 1e-9);
    }
  }
  assert.deepEqual(rangeOf({ center: 100, width: 50 }, "LINEAR_EXACT"), { lower: 75, upper: 125 });
});

test("the server's window goes before the header's, and its own range stands in for none", () => {
  const grey = { ...GREY, window: { center: 100, width: 11 } };
  assert.deepEqual(toneOf(grey, null, EXTENT).range, { lower: 94.5, upper: 104.5 });
  assert.deepEqual(toneOf(grey, { center: 1000, width: 101 }, EXTENT).range, { lower: 949.5, upper: 1049.5 });
  assert.deepEqual(toneOf(GREY, null, EXTENT).range, { lower: 0, upper: 4095 });
});

test("rescale moves the window, not the pixels", () => {
  const grey = { ...GREY, slope: 2, intercept: -100, voiFunction: "LINEAR_EXACT", window: { center: 100, width: 200 } };
  assert.deepEqual(toneOf(grey, null, EXTENT).range, { lower: 50, upper: 150 });
});

test("polarity comes last: a negative slope and MONOCHROME1 each turn the film over", () => {
  assert.equal(toneOf(GREY, null, EXTENT).inverted, false);
  assert.equal(toneOf({ ...GREY, monochrome1: true }, null, EXTENT).inverted, true);
  assert.equal(toneOf({ ...GREY, slope: -1 }, null, EXTENT).inverted, true);
  assert.equal(toneOf({ ...GREY, slope: -1, monochrome1: true }, null, EXTENT).inverted, false);
});

test("a VOI LUT is applied entry by entry, its ends held beyond the table", () => {
  const voiLut = { first: 100, bits: 12, entries: Uint16Array.from({ length: 11 }, (_, at) => at * at * 40) };
  const { table, first, range } = toneOf({ ...GREY, voiLut }, null, EXTENT);
  const at = (stored) => shown(range, table[stored - first]);
  assert.ok(Math.abs(at(105) - (25 * 40) / 4095) < 1e-4);
  assert.ok(Math.abs(at(110) - 4000 / 4095) < 1e-4);
  assert.equal(at(0), 0);
  assert.equal(table[4095], table[110]);
  assert.equal(toneOf({ ...GREY, voiLut }, { center: 5, width: 9 }, EXTENT).table, null); // a window that was chosen
});

test("a sigmoid window is the standard's curve", () => {
  const grey = { ...GREY, voiFunction: "SIGMOID", window: { center: 2000, width: 800 } };
  const { table } = toneOf(grey, null, EXTENT);
  for (const x of [0, 1500, 2000, 2300, 4095]) {
    assert.ok(Math.abs(table[x] / 65535 - 1 / (1 + Math.exp((-4 * (x - 2000)) / 800))) < 1e-4);
  }
});

test("a modality LUT is looked up before the window", () => {
  const modalityLut = { first: 0, bits: 16, entries: Uint16Array.from({ length: 4096 }, (_, at) => 10 * at) };
  const tone = toneOf({ ...GREY, modalityLut, window: { center: 200, width: 101 } }, null, EXTENT);
  assert.equal(tone.table[12], 120);
  assert.deepEqual(tone.range, { lower: 149.5, upper: 249.5 });
});

test("signed values keep their sign through a table", () => {
  const voiLut = { first: -50, bits: 8, entries: Uint8Array.from({ length: 101 }, (_, at) => at * 2) };
  const { table, first } = toneOf({ ...GREY, signed: true, voiLut }, null, { min: -60, max: 60 });
  assert.equal(first, -60);
  assert.equal(table[-50 - first], 0);
  assert.ok(Math.abs(table[0 - first] / 65535 - 100 / 255) < 1e-4);
});

test("a preset reaches the same values through a VOI table", () => {
  const voiLut = { first: 0, bits: 12, entries: Uint16Array.from({ length: 4096 }, (_, at) => at) };
  const grey = { ...GREY, voiLut, voiFunction: "LINEAR_EXACT" };
  const range = presetRange({ center: 2000, width: 1000 }, grey, toneOf(grey, null, EXTENT));
  assert.ok(Math.abs(range.lower - (1500 / 4095) * 65535) < 1 && Math.abs(range.upper - (2500 / 4095) * 65535) < 1);
  const plain = presetRange({ center: 2000, width: 1001 }, { ...GREY, slope: 2 }, toneOf({ ...GREY, slope: 2 }, null, EXTENT));
  assert.deepEqual(plain, { lower: 749.75, upper: 1249.75 });
});

test("what the corner says is the window that was asked for", () => {
  const grey = { ...GREY, slope: 2, intercept: -7 };
  const tone = toneOf(grey, { center: 2048, width: 4096 }, EXTENT);
  assert.deepEqual(windowOf(tone.range, grey, tone), { center: 2048, width: 4096 });
});

test("dragging right widens and dragging down darkens, whichever way the film is turned", () => {
  const hung = { lower: 0, upper: 400 };
  assert.deepEqual(draggedWindow(hung, hung, 40, 0, false), { lower: -20, upper: 420 });
  assert.ok(shown(draggedWindow(hung, hung, 0, 40, false), 200) < shown(hung, 200));
  assert.ok(1 - shown(draggedWindow(hung, hung, 0, 40, true), 200) < 1 - shown(hung, 200));
  const narrow = draggedWindow(hung, hung, -9999, 0, false);
  assert.ok(narrow.upper > narrow.lower);
});

test("a linked film moves by the same share of its own window, and back to where it hung", () => {
  const tone = (lower, upper, inverted = false) => ({ range: { lower, upper }, inverted });
  const [hung, other] = [tone(0, 100), tone(1000, 3000)];
  assert.deepEqual(carried({ lower: 50, upper: 100 }, hung, other), { lower: 2000, upper: 3000 });
  assert.deepEqual(carried(hung.range, hung, other), other.range);
});

test("a linked film of the other polarity shows the same grey", () => {
  const [hung, other] = [{ range: { lower: 0, upper: 100 }, inverted: false }, { range: { lower: 0, upper: 4095 }, inverted: true }];
  const range = { lower: 20, upper: 140 };
  const mirror = carried(range, hung, other);
  for (const value of [10, 30, 77, 130]) {
    const there = 4095 * (1 - value / 100); // the same tissue on the other film
    assert.ok(Math.abs(shown(range, value) - (1 - shown(mirror, there))) < 1e-9);
  }
});
