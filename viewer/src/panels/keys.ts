/** The page's own keys; the stage has those of the films. */
import type { Room } from "../room";
import { begin } from "./report";

/** What each key does, for the help panel, as the stage's table tells its own. */
export const OWN_KEYS: readonly { keys: string[]; does: string; group: string }[] = [
  { keys: ["a"], does: "accept the selected finding", group: "findings" },
  { keys: ["x"], does: "reject it", group: "findings" },
  { keys: ["A"], does: "add a finding", group: "findings" },
  { keys: ["↑", "↓"], does: "up and down the list, while it has the focus", group: "findings" },
  { keys: [","], does: "previous in the list, with a box or without", group: "findings" },
  { keys: ["."], does: "next in the list", group: "findings" },
  { keys: ["u", "Ctrl Z"], does: "undo", group: "study" },
  { keys: ["U", "Ctrl Y"], does: "do again", group: "study" },
  { keys: ["Ctrl S"], does: "save", group: "study" },
  { keys: ["e"], does: "edit the text of the findings", group: "study" },
  { keys: ["t"], does: "timeline open and shut", group: "study" },
  { keys: ["j", "k"], does: "next, previous study", group: "study" },
  { keys: ["Enter"], does: "open the study under the cursor", group: "study" },
  { keys: ["/"], does: "search the worklist", group: "study" },
  { keys: ["w"], does: "back to the worklist", group: "study" },
];

const WRITING = "input:not([type=radio]):not([type=range]), textarea, select, [contenteditable]";

/** Act on a key of the page; what it does not know is left to the stage. */
export function onKey(room: Room, event: KeyboardEvent): void {
  if (event.defaultPrevented || room.dialog.open !== "none") return;
  const at = event.target instanceof Element ? event.target : document.body;
  const done = event.ctrlKey || event.metaKey ? command(room, event, at) : !event.altKey && !at.closest(WRITING) && plain(room, event, at);
  if (done) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}

function command(room: Room, event: KeyboardEvent, at: Element): boolean {
  if (room.place.at !== "study") return false;
  const key = event.key.toLowerCase();
  if (key === "s") {
    void room.save(false);
    return true;
  }
  if (at.closest(WRITING)) return false;
  if (key === "z" && !event.shiftKey) room.undo();
  else if (key === "y" || (key === "z" && event.shiftKey)) room.redo();
  else return false;
  return true;
}

function plain(room: Room, event: KeyboardEvent, at: Element): boolean {
  const both: Record<string, () => void> = {
    j: () => room.walk(1),
    k: () => room.walk(-1),
    "?": () => room.open({ open: "help" }),
  };
  const list: Record<string, () => void> = {
    "/": () => document.querySelector<HTMLInputElement>("#search")?.focus(),
    ArrowDown: () => room.walk(1),
    ArrowUp: () => room.walk(-1),
    Enter: () => room.list.at && room.go({ at: "study", id: room.list.at }),
  };
  const study: Record<string, () => void> = {
    a: () => verdict(room, "accept"),
    x: () => verdict(room, "reject"),
    A: () => room.canEdit && room.open({ open: "add" }),
    ".": () => room.stepFinding(1),
    ",": () => room.stepFinding(-1),
    u: () => room.undo(),
    U: () => room.redo(),
    e: () => room.canEdit && begin(room, "findings", room.shown?.report.sections["findings"] ?? ""),
    t: () => {
      room.timeline = !room.timeline;
      room.changed();
    },
    w: () => room.go({ at: "worklist" }),
  };
  if (event.key === "Enter" && at.closest("a, button, input, summary")) return false;
  if (event.key.startsWith("Arrow") && at.closest("input")) return false;
  const table = { ...both, ...(room.place.at === "study" ? study : list) };
  const act = Object.hasOwn(table, event.key) ? table[event.key] : undefined;
  act?.();
  return act !== undefined;
}

function verdict(room: Room, to: "accept" | "reject"): void {
  const item = room.item(room.selected);
  if (!item) return room.tell("done", "Select a finding first: click it, or press n.");
  room.judge(item, to);
}
