/** The bar between the findings and the report: dragged, or moved with the arrow keys, it shares the height out. */
import { html, type TemplateResult } from "lit-html";
import type { Room } from "../room";

const LEAST = 25;
const MOST = 80;
let part = 56;

export function splitter(room: Room): TemplateResult {
  const set = (to: number, side: HTMLElement | null) => {
    part = Math.round(Math.min(MOST, Math.max(LEAST, to)));
    side?.style.setProperty("--part", `${part}%`);
    room.changed();
  };
  const side = (event: Event) => (event.currentTarget as HTMLElement).parentElement;
  const drag = (event: PointerEvent) => {
    const bar = event.currentTarget as HTMLElement;
    if (!bar.hasPointerCapture(event.pointerId) || !bar.parentElement) return;
    const { top, height } = bar.parentElement.getBoundingClientRect();
    set((100 * (event.clientY - top)) / height, bar.parentElement);
  };
  const keys = (event: KeyboardEvent) => {
    const by = event.key === "ArrowDown" ? 4 : event.key === "ArrowUp" ? -4 : 0;
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    set(part + by, side(event));
  };
  return html`<div
    class="splitter"
    role="separator"
    tabindex="0"
    aria-label="Height of the findings"
    aria-orientation="horizontal"
    aria-valuemin=${LEAST}
    aria-valuemax=${MOST}
    aria-valuenow=${part}
    @pointerdown=${(event: PointerEvent) => (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId)}
    @pointermove=${drag}
    @keydown=${keys}
    @dblclick=${(event: Event) => set(56, side(event))}
  ></div>`;
}

/** The share of the height that was last chosen, for a side panel drawn anew. */
export function settleSplit(root: ParentNode): void {
  root.querySelector<HTMLElement>(".side")?.style.setProperty("--part", `${part}%`);
}
