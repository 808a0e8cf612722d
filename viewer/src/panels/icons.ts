/** Small line icons; `currentColor`, 16 px grid, hidden from screen readers since a label stands beside each. */
import { html, svg, type TemplateResult } from "lit-html";

const PATHS = {
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4 4l8 8M12 4l-8 8",
  undo: "M6 3.5L3 6.5l3 3M3 6.5h6.5a3.5 3.5 0 010 7H6",
  redo: "M10 3.5l3 3-3 3M13 6.5H6.5a3.5 3.5 0 000 7H10",
  plus: "M8 3v10M3 8h10",
  copy: "M5.5 5.5V3h7.5v7.5h-2.5M3 5.5h7.5V13H3z",
  pen: "M3 13l.7-3L10.5 3.200l2.300 2.300L6 12.300z",
  save: "M3 3h8l2 2v8H3zM5.500 3v3.500h4.500V3M5.500 13V9.500h5V13",
  seal: "M8 2l1.700 1.300 2.100-.1.6 2 1.700 1.200-.8 1.900.8 1.900-1.700 1.200-.6 2-2.100-.1L8 14.600l-1.700-1.300-2.100.1-.6-2-1.700-1.200.8-1.900-.8-1.900 1.700-1.200.6-2 2.100.1zM5.700 8.300l1.700 1.700 3-3.400",
  list: "M5.500 4h8M5.500 8h8M5.500 12h8M2.500 4h.01M2.500 8h.01M2.500 12h.01",
  search: "M7 2.500a4.500 4.500 0 100 9 4.500 4.500 0 000-9zM10.300 10.300L14 14",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  down: "M3.500 6l4.500 4.500L12.500 6",
  help: "M6 6.200a2 2 0 113.200 1.600c-.7.500-1.200.9-1.200 1.700M8 12h.01",
  box: "M3 3h10v10H3z",
  eye: "M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8zM8 6a2 2 0 100 4 2 2 0 000-4z",
  invert: "M8 2.500a5.500 5.500 0 100 11 5.500 5.500 0 000-11zM8 2.500v11M8 5h2.500M8 8h5M8 11h2.500",
  reset: "M3 8a5 5 0 101.500-3.600L3 6M3 3v3h3",
  turn: "M13 8a5 5 0 11-1.500-3.600L13 6M13 3v3h-3",
  flip: "M8 2v12M6 4.500L2.500 11.500H6zM10 4.500l3.500 7H10z",
  beside: "M2.500 3.500h11v9h-11zM8 3.500v9",
  swap: "M3 5.500h9L9.500 3M13 10.500H4L6.500 13",
  ruler: "M2 10.500L10.500 2 14 5.500 5.500 14zM5 7.500l1.500 1.500M7.500 5l1.500 1.500",
  bone: "M5 5l6 6M4.800 5.200A1.700 1.700 0 113.500 3a1.700 1.700 0 112.200 1.300M11.200 10.800a1.700 1.700 0 111.300 2.200 1.700 1.700 0 11-2.200-1.300",
  alert: "M8 2.500L14.500 13.500h-13zM8 6.500v3.500M8 12h.01",
  clock: "M8 2.500a5.500 5.500 0 100 11 5.500 5.500 0 000-11zM8 5v3.200l2 1.300",
  file: "M4 2.500h5l3 3v8H4zM9 2.500v3h3",
  retry: "M13 8a5 5 0 11-1.500-3.600L13 6M13 3v3h-3",
  print: "M4.500 6V2.500h7V6M4.500 11.500H2.500V6h11v5.500h-2M4.500 9.500h7v4h-7z",
  move: "M8 2v12M2 8h12M8 2L6 4M8 2l2 2M8 14l-2-2M8 14l2-2M2 8l2-2M2 8l2 2M14 8l-2-2M14 8l-2 2",
  up: "M8 13V3M4 7l4-4 4 4",
  fall: "M8 3v10M4 9l4 4 4-4",
  same: "M3 6h10M3 10h10",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]}></path></svg>`;
}

/** A state as a shape, so that colour is never alone: full, half and empty disc, and a bar for what nobody assessed. */
export function disc(state: string): TemplateResult {
  const inside =
    state === "present"
      ? svg`<circle cx="8" cy="8" r="5" class="full"></circle>`
      : state === "uncertain"
        ? svg`<circle cx="8" cy="8" r="4.500"></circle><path class="full bare" d="M8 3.500a4.500 4.500 0 000 9z"></path>`
        : state === "absent"
          ? svg`<circle cx="8" cy="8" r="4.500"></circle>`
          : svg`<path d="M4 8h8"></path>`;
  return html`<svg class="disc ${state.replace(" ", "-")}" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${inside}</svg>`;
}

/** A probability as a bar of 48 by 4 px. */
export function bar(value: number): TemplateResult {
  return html`<svg class="gauge" viewBox="0 0 48 4" aria-hidden="true" focusable="false"><rect width="48" height="4" rx="2" class="rail"></rect><rect width=${Math.max(2, 48 * value).toFixed(1)} height="4" rx="2"></rect></svg>`;
}
