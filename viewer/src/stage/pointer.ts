/** Mouse, pen and finger on a pane. */
import type { Rect } from "./geometry.js";
import { apply, dragged, inverse, pan, rectOf, zoomAt } from "./geometry.js";
import type { Pane } from "./pane";
import { draggedWindow } from "./tone.js";

/** What the pointer needs from the stage. */
export interface Hand {
  /** What a left drag does now. */
  tool(): "window" | "ruler" | "box";
  editing(): string;
  activate(pane: Pane): void;
  changed(pane: Pane, what: "view" | "tone" | "lines"): void;
  clicked(pane: Pane, x: number, y: number): void;
  boxClicked(pane: Pane, key: string): void;
  boxDragged(pane: Pane, key: string, index: number, box: Rect, done: boolean): void;
  drawn(pane: Pane, box: Rect): void;
  turn(pane: Pane, by: 1 | -1): void;
}

type Move = (event: PointerEvent) => void;
interface Drag {
  move: Move;
  end?: (event: PointerEvent, far: boolean) => void;
}

const CLICK_PX = 4;

/** Listen on a pane. */
export function listen(pane: Pane, hand: Hand): void {
  const element = pane.element;
  const fingers = new Map<number, PointerEvent>();
  let drag: Drag | null = null;
  let from = { x: 0, y: 0 };
  let far = false;

  element.addEventListener("contextmenu", (event) => event.preventDefault());
  element.addEventListener("focus", () => hand.activate(pane));
  element.addEventListener("pointerdown", (event) => {
    hand.activate(pane);
    element.focus({ preventScroll: true });
    if (!pane.loaded) return;
    element.setPointerCapture(event.pointerId);
    if (event.button === 1) event.preventDefault();
    if (event.pointerType === "touch") fingers.set(event.pointerId, event);
    [from, far] = [at(pane, event), false];
    drag = fingers.size === 2 ? pinch(pane, hand, fingers) : begin(pane, hand, event);
  });
  element.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const here = at(pane, event);
    far ||= Math.hypot(here.x - from.x, here.y - from.y) > CLICK_PX;
    if (far) drag.move(event);
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event);
  });
  const finish = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
    drag?.end?.(event, far);
    drag = null;
  };
  element.addEventListener("pointerup", finish);
  element.addEventListener("pointercancel", finish);
  element.addEventListener("wheel", (event) => wheel(pane, hand, event), { passive: false });
}

function at(pane: Pane, event: MouseEvent): { x: number; y: number } {
  const box = pane.surface.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function onFilm(pane: Pane, event: MouseEvent): [number, number] {
  const { x, y } = at(pane, event);
  return apply(inverse(pane.matrix), x, y);
}

function wheel(pane: Pane, hand: Hand, event: WheelEvent): void {
  event.preventDefault();
  if (!pane.loaded) return;
  const steps = event.deltaY || event.deltaX;
  if (event.shiftKey) return hand.turn(pane, steps > 0 ? 1 : -1);
  const { x, y } = at(pane, event);
  const factor = Math.exp(-Math.max(-240, Math.min(240, steps)) / 500);
  pane.view = zoomAt(pane.plane, pane.view, factor, x, y, pane.width, pane.height);
  hand.changed(pane, "view");
}

function begin(pane: Pane, hand: Hand, event: PointerEvent): Drag {
  if (event.button === 1 || (event.button === 0 && event.shiftKey)) return panning(pane, hand, event);
  if (event.button === 2) return zooming(pane, hand, event);
  if (hand.tool() === "box") return sketching(pane, hand, event);
  if (hand.tool() === "ruler") return measuring(pane, hand, event);
  const target = event.target as Element;
  const part = target.closest<SVGGElement>(".stage-box");
  const key = part?.dataset.key ?? "";
  if (part && key && key === hand.editing()) return moving(pane, hand, event, part, target.getAttribute("data-handle") ?? "move");
  return windowing(pane, hand, event, key);
}

/** Movement since the last event, in pane pixels. */
function steps(event: PointerEvent, use: (dx: number, dy: number, event: PointerEvent) => void): Move {
  let { clientX: x, clientY: y } = event;
  return (next) => {
    use(next.clientX - x, next.clientY - y, next);
    [x, y] = [next.clientX, next.clientY];
  };
}

function panning(pane: Pane, hand: Hand, event: PointerEvent): Drag {
  return {
    move: steps(event, (dx, dy) => {
      pane.view = pan(pane.plane, pane.view, dx, dy, pane.width, pane.height);
      hand.changed(pane, "view");
    }),
  };
}

function zooming(pane: Pane, hand: Hand, event: PointerEvent): Drag {
  const { x, y } = at(pane, event);
  return {
    move: steps(event, (_, dy) => {
      pane.view = zoomAt(pane.plane, pane.view, Math.exp(-dy / 150), x, y, pane.width, pane.height);
      hand.changed(pane, "view");
    }),
  };
}

function windowing(pane: Pane, hand: Hand, event: PointerEvent, key: string): Drag {
  return {
    move: steps(event, (dx, dy) => {
      const tone = pane.loaded?.tone;
      if (!tone) return;
      pane.range = draggedWindow(pane.range, tone.range, dx, dy, tone.inverted !== pane.turned);
      hand.changed(pane, "tone");
    }),
    end: (last, far) => {
      if (far) return;
      if (key) hand.boxClicked(pane, key);
      else hand.clicked(pane, ...onFilm(pane, last));
    },
  };
}

function sketching(pane: Pane, hand: Hand, event: PointerEvent): Drag {
  const [x0, y0] = onFilm(pane, event);
  const now = (next: PointerEvent) => rectOf(x0, y0, ...onFilm(pane, next), pane.plane);
  return {
    move: (next) => pane.sketch(now(next)),
    end: (last, far) => {
      pane.sketch(null);
      if (far) hand.drawn(pane, now(last));
    },
  };
}

function measuring(pane: Pane, hand: Hand, event: PointerEvent): Drag {
  const [x0, y0] = onFilm(pane, event);
  const line = { x0, y0, x1: x0, y1: y0, text: "" };
  let kept = false;
  return {
    move: (next) => {
      [line.x1, line.y1] = onFilm(pane, next);
      if (!kept) pane.rulers.push(line);
      kept = true;
      hand.changed(pane, "lines");
    },
    end: (_, far) => {
      if (!far) pane.rulers = [];
      hand.changed(pane, "lines");
    },
  };
}

function moving(pane: Pane, hand: Hand, event: PointerEvent, part: SVGGElement, handle: string): Drag {
  const key = part.dataset.key ?? "";
  const index = Number(part.dataset.box);
  const start = pane.boxes.find((one) => one.key === key && one.index === index)?.box;
  const [x0, y0] = onFilm(pane, event);
  const now = (next: PointerEvent): Rect | null => {
    const [x, y] = onFilm(pane, next);
    return start ? dragged(start, handle, x - x0, y - y0, pane.plane) : null;
  };
  const tell = (next: PointerEvent, done: boolean) => {
    const box = now(next);
    if (box) hand.boxDragged(pane, key, index, box, done);
  };
  return { move: (next) => tell(next, false), end: (last, far) => far && tell(last, true) };
}

function pinch(pane: Pane, hand: Hand, fingers: Map<number, PointerEvent>): Drag {
  const spread = () => {
    const [a, b] = [...fingers.values()].map((finger) => at(pane, finger));
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, gap: Math.hypot(a.x - b.x, a.y - b.y) };
  };
  let last = spread();
  return {
    move: (event) => {
      if (fingers.size < 2) return;
      fingers.set(event.pointerId, event);
      const next = spread();
      pane.view = pan(pane.plane, pane.view, next.x - last.x, next.y - last.y, pane.width, pane.height);
      pane.view = zoomAt(pane.plane, pane.view, next.gap / Math.max(1, last.gap), next.x, next.y, pane.width, pane.height);
      last = next;
      hand.changed(pane, "view");
    },
  };
}
