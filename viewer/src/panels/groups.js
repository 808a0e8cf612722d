// @ts-check
/**
 * The findings list: its groups and order, and what belongs to what.
 * @typedef {import("../sheet").Item} Item
 * @typedef {import("../sheet").Sheet} Sheet
 * @typedef {{state: Item["state"], title: string, items: Item[]}} Group
 */

/** @type {readonly {state: Item["state"], title: string}[]} */
const GROUPS = [
  { state: "present", title: "Present" },
  { state: "uncertain", title: "Uncertain" },
  { state: "absent", title: "Absent" },
];

const CHANGES = ["new", "worsened", "improved", "resolved", "unchanged", ""];

/**
 * The three groups that have a state, most pressing first inside each: what changed, then by probability, then by name.
 *
 * A finding that a reader added or that carries no probability stands before those with one of the same change, since
 * somebody said it outright. A verdict moves nothing: rows that shift under the pointer get the wrong click.
 * @param {readonly Item[]} findings
 * @returns {Group[]} Always three, in this order: present, uncertain, absent.
 */
export function groups(findings) {
  return GROUPS.map(({ state, title }) => ({ state, title, items: findings.filter((item) => item.state === state).sort(order) }));
}

/**
 * @param {Item} a
 * @param {Item} b
 */
function order(a, b) {
  return (
    CHANGES.indexOf(a.change) - CHANGES.indexOf(b.change) ||
    (b.probability ?? 2) - (a.probability ?? 2) ||
    a.label.localeCompare(b.label)
  );
}

/**
 * Keys in the order the list shows them, for stepping through it.
 * @param {readonly Item[]} findings
 */
export function keys(findings) {
  return groups(findings).flatMap((group) => group.items.map((item) => item.key));
}

/**
 * The key `by` places on from one in a list, stopping at its ends; the first (or last) where nothing is selected.
 * @param {readonly string[]} list
 * @param {string} from
 * @param {number} by
 * @returns {string} "" when the list is empty.
 */
export function step(list, from, by) {
  const at = list.indexOf(from);
  if (at < 0) return (by > 0 ? list[0] : list.at(-1)) ?? "";
  return list[Math.min(list.length - 1, Math.max(0, at + by))] ?? "";
}

/**
 * How far the reader is through what a model said: only present and uncertain ones call for a verdict.
 * @param {readonly Item[]} findings
 * @returns {{seen: number, of: number}}
 */
export function reviewed(findings) {
  const asked = findings.filter((item) => (item.state !== "absent" || item.verdict !== "") && item.verdict !== "added");
  return { seen: asked.filter((item) => item.verdict !== "").length, of: asked.length };
}

/**
 * Sentences that state a finding, by their place in the report.
 * @param {Sheet["report"]["sentences"]} sentences
 * @param {string} key
 */
export function sentencesOf(sentences, key) {
  return key ? sentences.flatMap((sentence, index) => (sentence.findings.includes(key) ? [index] : [])) : [];
}

/**
 * The finding a click on a sentence selects: its first, or the one after the selected one where it states several.
 * @param {readonly string[]} stated
 * @param {string} selected
 */
export function ofSentence(stated, selected) {
  return stated[(stated.indexOf(selected) + 1) % stated.length] ?? "";
}

/**
 * Concepts that fit what was typed, best first: names that start with it, then words that do, then the rest.
 * @template {{concept: string, label: string}} C
 * @param {readonly C[]} concepts
 * @param {string} typed
 * @param {number} most
 * @returns {C[]}
 */
export function search(concepts, typed, most = 8) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return concepts.slice(0, most);
  /** @param {C} concept */
  const rank = (concept) => {
    const name = concept.label.toLowerCase();
    const parts = name.split(/[\s-]+/);
    if (!words.every((word) => name.includes(word) || concept.concept.includes(word))) return 9;
    if (name.startsWith(words.join(" "))) return 0;
    return words.every((word) => parts.some((each) => each.startsWith(word))) ? 1 : 2;
  };
  return concepts
    .map((concept) => ({ concept, rank: rank(concept) }))
    .filter((entry) => entry.rank < 9)
    .sort((a, b) => a.rank - b.rank || a.concept.label.length - b.concept.label.length || a.concept.label.localeCompare(b.concept.label))
    .slice(0, most)
    .map((entry) => entry.concept);
}
