/**
 * The film stage: real DICOM films side by side, their boxes and masks, mouse and keys.
 *
 * const stage = createStage(element, { onBoxClick: key => list.select(key) });
 * await stage.show(sheet);
 *
 * The stage loads its renderer only when it is created, so the rest of the page is there at once. It fills `element`, which
 * needs a size of its own; it follows that size. Nothing is sent anywhere: only the sheet's own URLs are fetched.
 */
import "./stage.css";
import { LateStage } from "./late";
import type { Stage, StageHandlers } from "./types";

export type { Shown, Stage, StageHandlers, Status } from "./types";
export { KEYS } from "./keys.js";
export { preload } from "./late";

/** Build a stage inside an element; the renderer is fetched in the background. */
export function createStage(element: HTMLElement, handlers: StageHandlers = {}): Stage {
  return new LateStage(element, handlers);
}
