/** The study as the server gives it (GET api/studies/{id}); every URL in it is relative to the page. */

export interface Preset {
  name: string;
  center: number;
  width: number;
}

export interface Layer {
  name: string;
  label: string;
  /** "mask": a PNG of the film's size, 0 or 255. "soft": the film without its bones, a PNG of the film's size. */
  kind: "mask" | "soft";
  url: string;
  colour: string;
}

export interface Film {
  id: string;
  view: string;
  rows: number;
  columns: number;
  dicom: string;
  thumbnail: string;
  /** [row, column] spacing; null when the film carries none. */
  spacing_mm: [number, number] | null;
  spacing_plane: "detector" | "patient" | null;
  magnification: number | null;
  /** Where the first row (left to right) and the first column (top to bottom) point, as DICOM letters: ["L", "F"]. */
  orientation: [string, string] | [];
  inverted: boolean;
  synthetic: boolean;
  accepted: boolean;
  reason: string;
  window: { center: number; width: number } | null;
  presets: Preset[];
  layers: Layer[];
}

/** A box in film pixels, half open: x0 <= x < x1. */
export interface Box {
  film: string;
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export interface Item {
  key: string;
  concept: string;
  label: string;
  state: "present" | "absent" | "uncertain";
  probability: number | null;
  calibration: string;
  side: "" | "left" | "right" | "bilateral";
  sites: string[];
  attributes: Record<string, string>;
  change: "" | "new" | "improved" | "worsened" | "unchanged" | "resolved";
  measurements: { name: string; value: number; unit: string }[];
  boxes: Box[];
  sentence: number | null;
  evidence: Record<string, unknown> | null;
  made_by: { name: string };
  reader: boolean;
  verdict: "" | "accepted" | "rejected" | "added" | "changed";
}

export interface Prior {
  id: string;
  time: string;
  label: string;
  films: Film[];
  findings: Item[];
}

export interface Sheet {
  id: string;
  label: string;
  patient: string;
  time: string;
  state: string;
  reason: string;
  revision: number;
  caution: string;
  synthetic: boolean;
  made_by: { name: string; version: string } | null;
  films: Film[];
  findings: Item[];
  not_assessed: { concept: string; label: string; reason: string }[];
  report: {
    status: string;
    sentences: { text: string; section: string; findings: string[] }[];
    sections: Record<string, string>;
  };
  prior: Prior | null;
  timeline: {
    id: string;
    time: string;
    label: string;
    current: boolean;
    findings: { concept: string; label: string; state: string; side: string; change: string; probability: number | null }[];
    sentence: string;
  }[];
  files: { name: string; kind: string; url: string }[];
  edits: { who: string; when: string; what: string; finding: string; before: string; after: string }[];
}
