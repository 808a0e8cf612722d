import assert from "node:assert/strict";
import { test } from "node:test";
import { NONE, carry, fold, foresee, judge, make, redo, refuse, told, undo, unwrite } from "../src/panels/actions.js";

const item = (key, more = {}) => ({
  key, concept: key, label: key, state: "present", probability: 0.8, calibration: "", side: "", sites: [], attributes: {}, change: "",
  measurements: [], boxes: [], sentence: null, evidence: null, made_by: { name: "model" }, reader: false, verdict: "", ...more,
});

test("a later verdict takes the place of an earlier one of the same finding, and of no other", () => {
  const actions = [{ do: "accept", key: "a" }, { do: "accept", key: "b" }];
  assert.deepEqual(fold(actions, { do: "reject", key: "a" }), [{ do: "accept", key: "b" }, { do: "reject", key: "a" }]);
});

test("values set one after the other on one finding are one action", () => {
  const first = fold([], { do: "set", key: "a", state: "uncertain" });
  const both = fold(first, { do: "set", key: "a", side: "left" });
  assert.deepEqual(both, [{ do: "set", key: "a", state: "uncertain", side: "left" }]);
  assert.equal(fold(both, { do: "set", key: "b", side: "left" }).length, 2);
});

test("added findings keep their order, since the server numbers them by it", () => {
  const add = (concept) => ({ do: "add", concept, state: "present", side: "", boxes: [] });
  const actions = [add("x"), { do: "set", key: "x", side: "left" }, add("y"), { do: "set", key: "x", side: "right" }].reduce(fold, []);
  assert.deepEqual(actions.map((each) => each.do), ["add", "set", "add", "set"]);
});

test("text written twice is written once, as it was written last and where it was written last", () => {
  const actions = [{ do: "write", section: "findings", text: "One." }, { do: "accept", key: "a" }];
  assert.deepEqual(fold(actions, { do: "write", section: "findings", text: "Two." }), [
    { do: "accept", key: "a" },
    { do: "write", section: "findings", text: "Two." },
  ]);
});

test("undo goes back one edit at a time, redo forward again, and a new edit forgets what was undone", () => {
  const one = make(NONE, { do: "accept", key: "a" });
  const two = make(one, { do: "reject", key: "b" });
  assert.deepEqual(undo(two).now, one.now);
  assert.deepEqual(redo(undo(two)).now, two.now);
  assert.deepEqual(undo(undo(undo(two))).now, []);
  assert.equal(redo(two), two);
  const other = make(undo(two), { do: "accept", key: "c" });
  assert.equal(redo(other), other);
});

test("any edits undone one by one pass through every state they came through", () => {
  const steps = [
    { do: "accept", key: "a" }, { do: "set", key: "a", side: "left" }, { do: "set", key: "a", side: "right" },
    { do: "move", key: "b", boxes: [] }, { do: "write", section: "impression", text: "x" }, { do: "reject", key: "a" },
  ];
  const seen = [NONE];
  for (const step of steps) seen.push(make(seen.at(-1), step));
  let edits = seen.at(-1);
  for (const before of seen.slice(0, -1).reverse()) {
    edits = undo(edits);
    assert.deepEqual(edits.now, before.now);
  }
});

test("a refused edit leaves no way forward to itself", () => {
  const edits = refuse(make(make(NONE, { do: "accept", key: "a" }), { do: "set", key: "a", change: "resolved" }));
  assert.deepEqual(edits.now, [{ do: "accept", key: "a" }]);
  assert.deepEqual(edits.next, []);
});

test("a verdict taken back in the same session says nothing to the server", () => {
  const given = judge(NONE, "a", "accept", "");
  assert.deepEqual(given.now, [{ do: "accept", key: "a" }]);
  assert.deepEqual(judge(given, "a", "accept", "").now, []);
});

test("a stored verdict taken back is restored", () => {
  assert.deepEqual(judge(NONE, "a", "accept", "accepted").now, [{ do: "restore", key: "a" }]);
});

test("a stored rejection is restored before the finding is accepted", () => {
  const actions = judge(NONE, "a", "accept", "rejected");
  assert.deepEqual(actions.now, [{ do: "restore", key: "a" }, { do: "accept", key: "a" }]);
  assert.deepEqual(judge(actions, "a", "accept", "rejected").now, [{ do: "restore", key: "a" }]);
  assert.deepEqual(judge(actions, "a", "reject", "rejected").now, [{ do: "restore", key: "a" }, { do: "reject", key: "a" }]);
});

test("changed values stay when the verdict on them is taken back", () => {
  const edits = judge(judge(make(NONE, { do: "set", key: "a", side: "left" }), "a", "reject", ""), "a", "reject", "");
  assert.deepEqual(edits.now, [{ do: "set", key: "a", side: "left" }]);
});

test("a section's own words are dropped without touching the rest", () => {
  const edits = make(make(NONE, { do: "write", section: "findings", text: "x" }), { do: "accept", key: "a" });
  assert.deepEqual(unwrite(edits, "findings").now, [{ do: "accept", key: "a" }]);
  assert.equal(unwrite(edits, "impression"), edits);
});

test("edits go on top of a newer version except where their finding is gone", () => {
  const actions = [{ do: "accept", key: "a" }, { do: "reject", key: "gone" }, { do: "set", key: "r-x", side: "left" }, { do: "write", section: "findings", text: "x" }];
  const { kept, lost } = carry(actions, [item("a")], ["r-x"]);
  assert.deepEqual(kept.map((each) => each.do), ["accept", "set", "write"]);
  assert.deepEqual(lost, [{ do: "reject", key: "gone" }]);
});

test("what is shown before the server answers", () => {
  const findings = [item("a", { attributes: { severity: "mild", size: "3 cm" } }), item("b")];
  const set = foresee(findings, { do: "set", key: "a", state: "absent", severity: "" });
  assert.equal(set[0].state, "absent");
  assert.deepEqual(set[0].attributes, { size: "3 cm" });
  assert.equal(set[0].verdict, "changed");
  assert.equal(set[1], findings[1]);
  assert.equal(findings[0].state, "present");
  assert.equal(foresee(findings, { do: "reject", key: "b" })[1].verdict, "rejected");
  assert.equal(foresee([item("c", { verdict: "added" })], { do: "move", key: "c", boxes: [] })[0].verdict, "added");
});

test("an action in words", () => {
  const findings = [item("e", { label: "Pleural effusion" })];
  assert.equal(told({ do: "reject", key: "e" }, findings), "reject pleural effusion");
  assert.equal(told({ do: "set", key: "e", side: "left", severity: "mild" }, findings), "change the side and severity of pleural effusion");
  assert.equal(told({ do: "add", concept: "lung nodule", state: "present", side: "", boxes: [] }, findings), "add lung nodule");
  assert.equal(told(undefined, findings), "");
});
