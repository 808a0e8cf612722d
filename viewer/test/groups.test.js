import assert from "node:assert/strict";
import { test } from "node:test";
import { groups, keys, ofSentence, reviewed, search, sentencesOf, step } from "../src/panels/groups.js";

const item = (key, more = {}) => ({ key, concept: key, label: key, state: "present", probability: 0.5, change: "", verdict: "", reader: false, ...more });

test("three groups, and every finding in exactly one of them", () => {
  const findings = [item("a", { state: "absent" }), item("b"), item("c", { state: "uncertain" }), item("d")];
  const made = groups(findings);
  assert.deepEqual(made.map((group) => group.state), ["present", "uncertain", "absent"]);
  assert.deepEqual(made.flatMap((group) => group.items.map((each) => each.key)).sort(), ["a", "b", "c", "d"]);
});

test("what changed comes first, then what is surest, then by name", () => {
  const findings = [
    item("unchanged", { change: "unchanged", probability: 0.99 }), item("low", { probability: 0.6 }), item("high", { probability: 0.9 }),
    item("worse", { change: "worsened", probability: 0.55 }), item("new", { change: "new", probability: 0.51 }), item("said", { probability: null }),
  ];
  assert.deepEqual(keys(findings), ["new", "worse", "unchanged", "said", "high", "low"]);
});

test("a verdict moves no row", () => {
  const findings = [item("a", { probability: 0.9 }), item("b", { probability: 0.8 }), item("c", { probability: 0.7 })];
  const judged = findings.map((each) => (each.key === "a" ? { ...each, verdict: "rejected" } : each));
  assert.deepEqual(keys(judged), keys(findings));
});

test("the given list stays as it is", () => {
  const findings = Object.freeze([item("b"), item("a")]);
  groups(findings);
  assert.deepEqual(findings.map((each) => each.key), ["b", "a"]);
});

test("stepping stops at both ends and begins at the end it comes from", () => {
  assert.equal(step(["a", "b", "c"], "b", 1), "c");
  assert.equal(step(["a", "b", "c"], "c", 1), "c");
  assert.equal(step(["a", "b", "c"], "a", -1), "a");
  assert.equal(step(["a", "b", "c"], "", 1), "a");
  assert.equal(step(["a", "b", "c"], "gone", -1), "c");
  assert.equal(step([], "", 1), "");
});

test("the reader is asked about what the model found, not about absences or what he added himself", () => {
  const findings = [item("a", { verdict: "accepted" }), item("b"), item("c", { state: "absent" }), item("d", { verdict: "added", reader: true }), item("e", { verdict: "changed", reader: true })];
  assert.deepEqual(reviewed(findings), { seen: 2, of: 3 });
});

test("sentences and findings lead to each other", () => {
  const sentences = [{ text: "x", section: "findings", findings: ["a", "b"] }, { text: "y", section: "impression", findings: ["a"] }, { text: "z", section: "findings", findings: [] }];
  assert.deepEqual(sentencesOf(sentences, "a"), [0, 1]);
  assert.deepEqual(sentencesOf(sentences, ""), []);
  assert.equal(ofSentence(["a", "b"], ""), "a");
  assert.equal(ofSentence(["a", "b"], "a"), "b");
  assert.equal(ofSentence(["a", "b"], "b"), "a");
  assert.equal(ofSentence([], "b"), "");
});

const CONCEPTS = ["Pleural effusion", "Loculated pleural effusion", "Pericardial effusion", "Lung nodule", "Central venous catheter"].map((label) => ({ concept: label.toLowerCase(), label }));

test("concepts are found by the beginnings of their words, whole names first", () => {
  assert.deepEqual(search(CONCEPTS, "pleu").map((each) => each.label), ["Pleural effusion", "Loculated pleural effusion"]);
  assert.equal(search(CONCEPTS, "eff peri")[0].label, "Pericardial effusion");
  assert.equal(search(CONCEPTS, "odul")[0].label, "Lung nodule");
  assert.deepEqual(search(CONCEPTS, "zebra"), []);
  assert.equal(search(CONCEPTS, "", 2).length, 2);
});
