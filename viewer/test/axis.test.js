import assert from "node:assert/strict";
import { test } from "node:test";
import { labelled, lines, places } from "../src/panels/axis.js";

test("dates lie in proportion to time where nothing is near", () => {
  const at = places(["2020-01-01", "2020-01-11", "2020-02-10"], 0.01);
  assert.ok(Math.abs(at[1] - 0.25) < 1e-9);
  assert.deepEqual([at[0], at[2]], [0, 1]);
});

test("no two dates touch, the order stays, and the axis is used whole", () => {
  const at = places(["2012-07-16", "2013-11-28", "2015-10-29", "2015-12-17T07:42", "2015-12-17T18:04", "2015-12-18"], 0.05);
  assert.equal(at[0], 0);
  assert.ok(Math.abs(at.at(-1) - 1) < 1e-9);
  at.slice(1).forEach((place, index) => assert.ok(place - at[index] >= 0.05 - 1e-9));
});

test("many studies of one day stand evenly", () => {
  const at = places(Array.from({ length: 40 }, (_, hour) => new Date(Date.UTC(2020, 0, 1, hour)).toISOString()), 0.05);
  assert.ok(at.every((place, index) => Math.abs(place - index / 39) < 1e-9));
});

test("one study, none, and dates that cannot be read", () => {
  assert.deepEqual(places([]), []);
  assert.deepEqual(places(["2020-01-01"]), [0.5]);
  assert.deepEqual(places(["", ""]), [0, 1]);
  assert.ok(places(["2020-01-01", "", "2020-03-01"]).every((place) => place >= 0 && place <= 1));
});

const finding = (concept, state, more = {}) => ({ concept, label: concept, state, side: "", change: "", probability: null, ...more });
const study = (id, findings) => ({ id, time: id, label: id, current: false, sentence: "", findings });

test("a line for each finding that was ever there, absences marked on it but never alone", () => {
  const made = lines([study("1", [finding("effusion", "absent"), finding("mass", "absent")]), study("2", [finding("effusion", "present")])]);
  assert.deepEqual(made.map((line) => line.concept), ["effusion"]);
  assert.deepEqual(made[0].marks.map((mark) => [mark.at, mark.state]), [[0, "absent"], [1, "present"]]);
});

test("a span joins dates on which it was there, is uncertain where one end is, and ends at an absence", () => {
  const course = ["present", "present", "uncertain", "absent", "present"];
  const made = lines(course.map((state, index) => study(String(index), [finding("effusion", state)])));
  assert.deepEqual(made[0].spans, [{ from: 0, to: 1, state: "present" }, { from: 1, to: 2, state: "uncertain" }]);
});

test("a date on which it was not judged breaks no span", () => {
  const made = lines([study("1", [finding("a", "present")]), study("2", []), study("3", [finding("a", "present")])]);
  assert.deepEqual(made[0].spans, [{ from: 0, to: 2, state: "present" }]);
});

test("two findings of one concept on one date show as the stronger", () => {
  const made = lines([study("1", [finding("a", "uncertain", { side: "left" }), finding("a", "present", { side: "right" })])]);
  assert.deepEqual(made[0].marks.map((mark) => [mark.state, mark.side]), [["present", "right"]]);
});

test("labels do not overlap, and the wanted ones come first", () => {
  const at = [0, 0.02, 0.5, 0.95, 1];
  assert.deepEqual([...labelled(at, 0.1, [3])].sort(), [1, 2, 3]);
  assert.deepEqual([...labelled(at, 0.1, [4, 3, 0])].sort(), [0, 2, 4]);
  assert.deepEqual([...labelled(at, 0.1, [-1])].sort(), [1, 2, 4]);
});
