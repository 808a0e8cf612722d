import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, date, edited, evidence, fileKind, place, plain, probability, sectionsOf, spoken } from "../src/panels/words.js";

const item = (more = {}) => ({
  key: "e", concept: "pleural effusion", label: "Pleural effusion", state: "present", probability: 0.914, calibration: "isotonic, set 1", side: "left", sites: [],
  attributes: {}, change: "", measurements: [], boxes: [], sentence: null, evidence: null, made_by: { name: "hilum twelve" }, reader: false, verdict: "", ...more,
});

test("a date reads as it stands on the film, whatever the zone of this computer", () => {
  assert.equal(date("2015-12-17T18:04:00"), "17 Dec 2015");
  assert.equal(date("2015-12-17T23:59", { hour: true }), "17 Dec 2015, 23:59");
  assert.equal(date("2015-12-17", { hour: true }), "17 Dec 2015");
  assert.equal(date(""), "Date unknown");
  assert.equal(date(null, { unknown: "" }), "");
});

test("how far apart two studies are", () => {
  assert.equal(apart("2015-12-17T00:00", "2015-12-17T18:00"), "18 hours earlier");
  assert.equal(apart("2015-10-29T19:46", "2015-12-17T18:04"), "7 weeks earlier");
  assert.equal(apart("2012-12-17", "2015-12-17"), "3 years earlier");
  assert.equal(apart("2015-12-20T18:00", "2015-12-17T18:00"), "3 days later");
  assert.equal(apart("", "2015-12-17"), "");
});

test("a probability never reads as certainty", () => {
  assert.equal(probability(0.914), "0.91");
  assert.equal(probability(0.9999), "> 0.99");
  assert.equal(probability(0.0001), "< 0.01");
  assert.equal(probability(null), "");
});

test("what stands behind a probability: its calibration, its test with an interval, its size", () => {
  const lines = evidence(item({ evidence: { auroc: 0.9134, interval: [0.88, 0.934], n: 1412, dataset: "VinDr" } }));
  assert.deepEqual(lines, [
    "Probability 0.91", "Calibrated: isotonic, set 1", "AUROC in tests 0.91 (95 % interval 0.88 to 0.93)", "On 1,412 films of VinDr", "Said by hilum twelve",
  ]);
});

test("a score without calibration or test says so", () => {
  const lines = evidence(item({ calibration: "uncalibrated" }));
  assert.match(lines[1], /^Not calibrated/);
  assert.equal(lines[2], "No published test of this label");
  assert.deepEqual(evidence(item({ probability: null, reader: true, made_by: { name: "dr. r" } })), ["Added by dr. r"]);
});

test("a finding spoken on one line", () => {
  assert.equal(spoken(item({ attributes: { severity: "mild" }, change: "worsened", verdict: "accepted" })), "Pleural effusion, present, mild, left, worsened, probability 0.91, accepted");
  assert.equal(place(item({ side: "bilateral" })), "both sides");
  assert.equal(place(item({ sites: ["left pleural space"] })), "left pleural space");
});

const REPORT = {
  status: "draft",
  sentences: [{ text: "Small effusion.", section: "findings", findings: ["e"] }, { text: "Heart normal.", section: "findings", findings: [] }, { text: "Effusion.", section: "impression", findings: ["e"] }],
  sections: { impression: "Effusion.", findings: "Small effusion. Heart normal.", indication: "" },
};

test("sections come in reading order, whatever order the server sends, and keep their sentences' places", () => {
  const made = sectionsOf(REPORT);
  assert.deepEqual(made.map((section) => section.name), ["indication", "technique", "comparison", "findings", "impression"]);
  assert.deepEqual(made[3].sentences.map((sentence) => sentence.index), [0, 1]);
  assert.equal(sectionsOf({ ...REPORT, sections: {} })[3].text, "Small effusion. Heart normal.");
});

test("copied text names its sections and never loses its caution", () => {
  const text = plain(REPORT, "AI-made. Research use only.");
  assert.equal(text, "FINDINGS:\nSmall effusion. Heart normal.\n\nIMPRESSION:\nEffusion.\n\nDraft, not signed. AI-made. Research use only.\n");
  assert.match(plain({ ...REPORT, status: "final" }, "C."), /Final report\. C\.\n$/);
});

test("files are named by what they are", () => {
  assert.equal(fileKind("gsps"), "DICOM GSPS");
  assert.equal(fileKind("DICOM SR (TID 1500)"), "DICOM SR (TID 1500)");
});

test("the log in words", () => {
  const edit = { who: "a", when: "", what: "set", finding: "e", before: "present, left", after: "absent" };
  assert.equal(edited(edit, [item()]), "change pleural effusion: present, left → absent");
  assert.equal(edited({ ...edit, what: "reject", after: null }, [item()]), "reject pleural effusion");
  assert.equal(edited({ ...edit, what: "write", finding: "findings", before: "", after: "x".repeat(200) }, []).length < 110, true);
});
