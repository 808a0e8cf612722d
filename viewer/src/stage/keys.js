// @ts-check
/**
 * The keys of the stage, for the help panel and for the handler.
 * @typedef {{keys: string[], does: string, group: "film" | "findings" | "view"}} Key
 */

/** @type {readonly Key[]} What each key does, in the order the help panel shows it. */
export const KEYS = Object.freeze([
  { keys: ["left drag"], does: "brightness and contrast", group: "film" },
  { keys: ["right drag"], does: "zoom", group: "film" },
  { keys: ["middle drag"], does: "move the film (also Shift + left drag)", group: "film" },
  { keys: ["wheel"], does: "zoom at the pointer; Shift + wheel: next film", group: "film" },
  { keys: ["i"], does: "invert", group: "film" },
  { keys: ["space"], does: "back to how the film was hung", group: "film" },
  { keys: ["1", "2", "3", "4"], does: "windows", group: "film" },
  { keys: ["r", "l"], does: "rotate right, left", group: "film" },
  { keys: ["f"], does: "mirror", group: "film" },
  { keys: ["z"], does: "double the zoom, or back to the whole film", group: "film" },
  { keys: ["+", "-", "="], does: "zoom in, zoom out, whole film", group: "film" },
  { keys: ["b"], does: "bones off and on, where a soft layer is there", group: "film" },
  { keys: ["m"], does: "measure a length", group: "film" },
  { keys: ["n", "N"], does: "next, previous finding", group: "findings" },
  { keys: ["o"], does: "boxes and masks off and on", group: "findings" },
  { keys: ["[", "]"], does: "fainter, stronger", group: "findings" },
  { keys: ["Escape"], does: "stop drawing, clear the selection", group: "findings" },
  { keys: ["p"], does: "swap current and prior", group: "view" },
  { keys: ["P"], does: "prior off and beside", group: "view" },
  { keys: ["arrows"], does: "next film on the stage", group: "view" },
  { keys: ["PageUp", "PageDown"], does: "previous, next film in this place", group: "view" },
  { keys: ["?"], does: "these keys", group: "view" },
]);
