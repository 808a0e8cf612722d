// @ts-check
/**
 * Edits of a reader as a list of actions: folded, undone, shown at once, told in words.
 * @typedef {import("../api").Action} Action
 * @typedef {import("../sheet").Item} Item
 * @typedef {import("../sheet").Sheet} Sheet
 * @typedef {{past: readonly (readonly Action[])[], now: readonly Action[], next: readonly (readonly Action[])[]}} Edits
 */

/** @type {Edits} No edits yet. */
export const NONE = Object.freeze({ past: [], now: [], next: [] });

/** @type {{accept: "accepted", reject: "rejected", restore: ""}} */
const AFTER = { accept: "accepted", reject: "rejected", restore: "" };
const VERDICTS = new Set(["accept", "reject"]);

/**
 * Add an action to a list; one that says again what an earlier one said takes its place.
 *
 * Verdicts, moves and written sections replace the earlier of the same finding or section; a `set` joins the one before
 * it when both are about the same finding. The order of everything else stays: added findings get their keys by it, and
 * `restore` speaks of what is stored, so it is kept before a verdict that follows it.
 * @param {readonly Action[]} actions
 * @param {Action} action
 * @returns {Action[]}
 */
export function fold(actions, action) {
  const last = actions.at(-1);
  if (action.do === "set" && last?.do === "set" && last.key === action.key) {
    return [...actions.slice(0, -1), { ...last, ...action }];
  }
  const kept = actions.filter((other) => {
    if (action.do === "write") return !(other.do === "write" && other.section === action.section);
    if (action.do === "move") return !(other.do === "move" && other.key === action.key);
    if (VERDICTS.has(action.do)) return !(VERDICTS.has(other.do) && "key" in other && "key" in action && other.key === action.key);
    return true;
  });
  return [...kept, action];
}

/**
 * Make an edit; what was undone before it is forgotten.
 * @param {Edits} edits
 * @param {Action} action
 * @returns {Edits}
 */
export function make(edits, action) {
  return { past: [...edits.past, edits.now], now: fold(edits.now, action), next: [] };
}

/**
 * Give a verdict, or take it back.
 *
 * What a verdict of this session said is simply dropped when it is taken back; one that is stored is restored, and a
 * stored rejection is restored before the finding is accepted, since a rejected finding is not in the list any more.
 * @param {Edits} edits
 * @param {string} key
 * @param {"accept" | "reject"} to
 * @param {string} stored the verdict that the saved study has: "", "accepted", "rejected", "changed" or "added".
 * @returns {Edits}
 */
export function judge(edits, key, to, stored) {
  const given = edits.now.find((action) => VERDICTS.has(action.do) && "key" in action && action.key === key);
  const restored = edits.now.some((action) => action.do === "restore" && action.key === key);
  const before = given ? AFTER[/** @type {"accept" | "reject"} */ (given.do)] : restored ? "" : stored;
  /** @type {readonly Action[]} */
  let now = edits.now;
  if (before === AFTER[to]) {
    if (given) now = now.filter((action) => action !== given);
    else now = [...now, { do: "restore", key }];
  } else {
    if (stored === "rejected" && !restored && !given) now = [...now, { do: "restore", key }];
    now = fold(now, { do: to, key });
  }
  return { past: [...edits.past, edits.now], now, next: [] };
}

/**
 * Drop every action on one section's text, so that its prose follows the list again.
 * @param {Edits} edits
 * @param {string} section
 * @returns {Edits}
 */
export function unwrite(edits, section) {
  const now = edits.now.filter((action) => !(action.do === "write" && action.section === section));
  return now.length === edits.now.length ? edits : { past: [...edits.past, edits.now], now, next: [] };
}

/**
 * @param {Edits} edits
 * @returns {Edits} One step back; the same when there is none.
 */
export function undo(edits) {
  const before = edits.past.at(-1);
  return before ? { past: edits.past.slice(0, -1), now: before, next: [edits.now, ...edits.next] } : edits;
}

/**
 * @param {Edits} edits
 * @returns {Edits} One step forward again; the same when there is none.
 */
export function redo(edits) {
  const [after, ...rest] = edits.next;
  return after ? { past: [...edits.past, edits.now], now: after, next: rest } : edits;
}

/**
 * Forget the last step without a way forward to it: the server refused it.
 * @param {Edits} edits
 * @returns {Edits}
 */
export function refuse(edits) {
  return { ...undo(edits), next: [] };
}

/**
 * The actions that still speak of findings a study has; for putting edits on top of another's version.
 * @param {readonly Action[]} actions
 * @param {readonly Item[]} findings of the newer version.
 * @param {readonly string[]} added keys of findings that these actions add.
 * @returns {{kept: Action[], lost: Action[]}}
 */
export function carry(actions, findings, added = []) {
  const known = new Set([...findings.map((item) => item.key), ...added]);
  /** @param {Action} action */
  const fits = (action) => !("key" in action) || known.has(action.key);
  return { kept: actions.filter(fits), lost: actions.filter((action) => !fits(action)) };
}

/**
 * The findings as they will be after an action, shown until the server has answered.
 * @param {readonly Item[]} findings
 * @param {Action} action
 * @returns {Item[]}
 */
export function foresee(findings, action) {
  if (action.do === "add" || action.do === "write") return [...findings];
  return findings.map((item) => (item.key === action.key ? changed(item, action) : item));
}

/**
 * @param {Item} item
 * @param {Exclude<Action, {do: "add"} | {do: "write"}>} action
 * @returns {Item}
 */
function changed(item, action) {
  const touched = item.verdict === "added" ? "added" : "changed";
  if (action.do === "move") return { ...item, boxes: action.boxes, verdict: touched };
  if (action.do !== "set") return { ...item, verdict: AFTER[action.do] };
  const { severity, do: _, key: __, ...fields } = action;
  const attributes = { ...item.attributes };
  if (severity) attributes["severity"] = severity;
  else if (severity === "") delete attributes["severity"];
  return { ...item, ...fields, attributes, verdict: touched };
}

/**
 * An action in words, for the undo button and for messages: "reject pleural effusion".
 * @param {Action | undefined} action
 * @param {readonly Item[]} findings
 * @returns {string}
 */
export function told(action, findings) {
  if (!action) return "";
  if (action.do === "write") return `rewrite the ${action.section}`;
  if (action.do === "add") return `add ${action.concept}`;
  const name = findings.find((item) => item.key === action.key)?.label.toLowerCase() ?? "a finding";
  if (action.do === "move") return `move the box of ${name}`;
  if (action.do === "set") {
    const { do: _, key: __, ...fields } = action;
    return `change the ${Object.keys(fields).join(" and ")} of ${name}`;
  }
  return `${action.do} ${name}`;
}
