/** Keys of the stage. */
import type { FilmStage } from "./stage";

const ACTIONS: Record<string, (stage: FilmStage) => void> = {
  i: (stage) => stage.invert(),
  " ": (stage) => stage.reset(),
  o: (stage) => stage.overlays(),
  "[": (stage) => stage.opacity(stage.status().opacity - 0.1),
  "]": (stage) => stage.opacity(stage.status().opacity + 0.1),
  n: (stage) => stage.step(1),
  N: (stage) => stage.step(-1),
  p: (stage) => stage.prior("swap"),
  P: (stage) => stage.prior(stage.status().prior === "off" ? "beside" : "off"),
  "1": (stage) => stage.preset(1),
  "2": (stage) => stage.preset(2),
  "3": (stage) => stage.preset(3),
  "4": (stage) => stage.preset(4),
  r: (stage) => stage.rotate(90),
  l: (stage) => stage.rotate(-90),
  f: (stage) => stage.flip(),
  z: (stage) => stage.fit(true),
  "+": (stage) => stage.zoom(1.25),
  "-": (stage) => stage.zoom(0.8),
  "=": (stage) => stage.fit(false),
  b: (stage) => stage.bones(stage.status().bones === 0 ? 1 : 0),
  m: (stage) => stage.ruler(),
  ArrowRight: (stage) => stage.move(1),
  ArrowDown: (stage) => stage.move(1),
  ArrowLeft: (stage) => stage.move(-1),
  ArrowUp: (stage) => stage.move(-1),
  PageUp: (stage) => stage.page(-1),
  PageDown: (stage) => stage.page(1),
  "?": (stage) => stage.help(),
};

const WRITING = "input, textarea, select, [contenteditable]:not([contenteditable='false'])";

/** Keys that mean something to a focused control outside the stage, which therefore keeps them. */
const CONTROL_KEYS = new Set([" ", "ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "PageUp", "PageDown"]);

/** Act on a key; true when it was the stage's. */
export function handleKey(stage: FilmStage, event: KeyboardEvent, element: HTMLElement): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const target = event.target instanceof Element ? event.target : document.body;
  if (target.closest(WRITING) || target.closest("dialog[open]")) return false;
  if (CONTROL_KEYS.has(event.key) && target !== document.body && !element.contains(target)) return false;
  if (event.key === "Escape") return stage.escape();
  const action = Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : undefined;
  action?.(stage);
  return action !== undefined;
}
