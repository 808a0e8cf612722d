/** What the panels and the stage say to each other. */
import type { Box, Sheet } from "../sheet";

/** Which part of a sheet the stage needs; a whole Sheet fits. */
export type Shown = Pick<Sheet, "films" | "findings" | "prior" | "synthetic" | "time">;

/** What the stage last did, for a status line and the tool buttons. */
export interface Status {
  /** "loading" until every pane shows its film, then "ready"; "failed" when a film could not be shown. */
  state: "loading" | "ready" | "failed";
  /** A sentence for people; "" when there is nothing to say. */
  message: string;
  /** How films are drawn. */
  renderer: "gpu" | "cpu";
  overlays: boolean;
  /** 0 to 1. */
  opacity: number;
  /** "beside": prior next to current; "swapped": their places exchanged; "off": current films only; "none": there is no prior. */
  prior: "beside" | "swapped" | "off" | "none";
  inverted: boolean;
  ruler: boolean;
  edit: boolean;
  /** 1: the film as it is; 0: bones taken away; null: no film on the stage has a soft layer. */
  bones: number | null;
  /** The selected finding's key, or "". */
  selected: string;
  /** The film in the active pane, or "". */
  film: string;
  /** Windows offered for the active pane (keys 1 to 4). */
  presets: string[];
}

export interface StageHandlers {
  /** A click on bare film, in film pixels. */
  onFilmClick?(film: string, x: number, y: number): void;
  /** A click on a finding's box, or n / N: the stage has selected it; the list should follow. "" when nothing is selected. */
  onBoxClick?(key: string): void;
  /** A box was dragged or resized in edit mode; all boxes of the finding, as `move` takes them. */
  onBoxMoved?(key: string, boxes: Box[]): void;
  /** Anything in Status changed. */
  onStatus?(status: Status): void;
  /** `?` was pressed. */
  onHelp?(): void;
}

export interface Stage {
  /** Hang a study. Resolves when every pane shows its film or says why not; never rejects. A later show wins. */
  show(sheet: Shown): Promise<void>;
  /** Select a finding by key and bring its box into view; null selects none. Does not call onBoxClick. */
  select(key: string | null): void;
  /** Select the next (+1) or previous (-1) finding that has a box on the stage; calls onBoxClick. */
  step(by: 1 | -1): void;
  /** Boxes and masks on or off; without an argument, the other of the two. */
  overlays(on?: boolean): void;
  /** Overlay opacity, 0 to 1. */
  opacity(value: number): void;
  /** One mask layer on or off, by its name. */
  layer(name: string, on: boolean): void;
  /** Apply the active film's n-th window, 1 to 4. */
  preset(n: number): void;
  /** Show the prior beside ("beside"), with its place exchanged ("swap" toggles), or not at all ("off"). */
  prior(mode: "beside" | "swap" | "off"): void;
  /** Turn grey values over (again to turn back). */
  invert(): void;
  /** Window, zoom, pan, rotation and polarity back to how the film was hung. */
  reset(): void;
  /** Rotate the active film clockwise by 90 (or -90) degrees. */
  rotate(degrees: 90 | -90): void;
  /** Mirror the active film left to right; the orientation letters follow. */
  flip(): void;
  /** Zoom the active film by a factor about its middle. */
  zoom(factor: number): void;
  /** The length ruler on or off: drag a line; its label says which plane the millimetres are in. */
  ruler(on?: boolean): void;
  /** The bone fader: 1 the film as it is, 0 without bones. No effect without a soft layer. */
  bones(value: number): void;
  /** Boxes of findings can be moved and resized. */
  edit(on: boolean): void;
  /** The reader draws one box for a concept; resolves to null on Escape or when called again. */
  drawBox(concept: string): Promise<Box | null>;
  /** Replace the findings (after a draft) without touching the films. */
  setBoxes(items: Shown["findings"], prior?: Shown["findings"]): void;
  /** Handle a key as the stage's own; true when it was one of `KEYS`. Installed on the document already. */
  key(event: KeyboardEvent): boolean;
  status(): Status;
  destroy(): void;
}
