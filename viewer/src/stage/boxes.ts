/** Finding boxes, the ruler's lines and the box being drawn: lines in pane pixels that follow the film. */
import type { Item } from "../sheet";
import { apply } from "./geometry.js";
import type { Matrix, Rect } from "./geometry.js";
import { svg } from "./svg";

/** One box of one finding on this film. */
export interface Marked {
  key: string;
  index: number;
  label: string;
  state: Item["state"];
  box: Rect;
}

export interface Line {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  text: string;
}

const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

/** The boxes of one film, with a label each. */
export function marked(items: readonly Item[], film: string): Marked[] {
  return items
    .filter((item) => item.verdict !== "rejected")
    .flatMap((item) =>
      item.boxes.map((box, index) => ({ ...caption(item), index, box, film: box.film })),
    )
    .filter((one) => one.film === film);
}

function caption(item: Item): { key: string; label: string; state: Item["state"] } {
  const side = item.side && item.side !== "bilateral" ? `, ${item.side}` : "";
  // Two decimals, not per cent: without calibration it is a score, no chance.
  const score = item.probability === null ? "" : ` ${item.probability.toFixed(2)}`;
  return { key: item.key, state: item.state, label: `${item.label}${side}${score}` };
}

/** Draw the boxes of a pane. */
export function drawBoxes(group: SVGGElement, all: readonly Marked[], matrix: Matrix, selected: string, edit: boolean): void {
  group.replaceChildren();
  // The chosen one last, so that it lies on top.
  for (const one of [...all].sort((a, b) => Number(a.key === selected) - Number(b.key === selected))) {
    const chosen = one.key === selected;
    const frame = screen(one.box, matrix);
    const part = svg("g", { class: `stage-box stage-${one.state}${chosen ? " stage-chosen" : ""}`, "data-key": one.key, "data-box": one.index });
    part.append(svg("rect", { class: "stage-halo", ...frame }), svg("rect", { class: "stage-line", ...frame }));
    const text = svg("text", { class: "stage-label", x: frame.x + 3, y: frame.y > 16 ? frame.y - 5 : frame.y + frame.height + 14 });
    text.textContent = one.label;
    part.append(text);
    if (chosen && edit) part.append(...handles(one.box, matrix));
    group.append(part);
  }
}

/** A film rectangle on the screen; turns are quarter turns, so it stays a rectangle. */
export function screen(box: Rect, matrix: Matrix): { x: number; y: number; width: number; height: number } {
  const [ax, ay] = apply(matrix, box.x0, box.y0);
  const [bx, by] = apply(matrix, box.x1, box.y1);
  return { x: Math.min(ax, bx), y: Math.min(ay, by), width: Math.abs(bx - ax), height: Math.abs(by - ay) };
}

function handles(box: Rect, matrix: Matrix): SVGRectElement[] {
  const middle = [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2];
  return HANDLES.map((name) => {
    const x = name.includes("w") ? box.x0 : name.includes("e") ? box.x1 : middle[0];
    const y = name.includes("n") ? box.y0 : name.includes("s") ? box.y1 : middle[1];
    const [sx, sy] = apply(matrix, x, y);
    return svg("rect", { class: "stage-handle", "data-handle": name, x: sx - 5, y: sy - 5, width: 10, height: 10 });
  });
}

/** Draw the ruler's lines. */
export function drawLines(group: SVGGElement, lines: readonly Line[], matrix: Matrix): void {
  group.replaceChildren();
  for (const line of lines) {
    const [x1, y1] = apply(matrix, line.x0, line.y0);
    const [x2, y2] = apply(matrix, line.x1, line.y1);
    const text = svg("text", { class: "stage-label stage-measure", "text-anchor": "middle", x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 8 });
    text.textContent = line.text;
    group.append(
      svg("line", { class: "stage-halo", x1, y1, x2, y2 }),
      svg("line", { class: "stage-ruler", x1, y1, x2, y2 }),
      svg("circle", { class: "stage-ruler", cx: x1, cy: y1, r: 3 }),
      svg("circle", { class: "stage-ruler", cx: x2, cy: y2, r: 3 }),
      text,
    );
  }
}
