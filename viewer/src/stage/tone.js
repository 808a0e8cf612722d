// @ts-check
/**
 * From stored values to grey: modality LUT, then VOI, then polarity last (PS3.3 C.11).
 *
 * The renderer applies a straight window to whole numbers and turns polarity over. All else (modality LUT, VOI LUT, sigmoid)
 * is a table applied once, after which the reader's window acts on the table's output.
 *
 * @typedef {{first: number, entries: ArrayLike<number>, bits: number}} Lut  first: stored value of entry 0
 * @typedef {{center: number, width: number}} Window
 * @typedef {{lower: number, upper: number}} Range
 * @typedef {{
 *   bitsStored: number, signed: boolean, monochrome1: boolean, slope: number, intercept: number,
 *   modalityLut: Lut | null, voiLut: Lut | null, window: Window | null, voiFunction: string,
 *   padding: [number, number] | null
 * }} Grey  what a header says about grey values
 * @typedef {{
 *   table: Uint16Array | null, first: number, range: Range,
 *   slope: number, intercept: number, inverted: boolean, bent: boolean
 * }} Tone  bent: a VOI LUT or sigmoid is in the table, so its output has no units; table: index is stored value - first; range: the window as hung, in pixel values (after the table);
 *   slope, intercept: pixel value to the header's units (before a VOI table)
 */

/**
 * A window as the range of values it spreads from black to white (PS3.3 C.11.2.1.2).
 * @param {Window} window @param {string} [name] LINEAR (default), LINEAR_EXACT or SIGMOID @returns {Range}
 */
export function rangeOf({ center, width }, name = "LINEAR") {
  if (name === "LINEAR") {
    const whole = Math.max(width, 1.0000001);
    return { lower: center - 0.5 - (whole - 1) / 2, upper: center - 0.5 + (whole - 1) / 2 };
  }
  return { lower: center - width / 2, upper: center + width / 2 };
}

/**
 * The film's tone.
 * @param {Grey} grey @param {Window | null} chosen the server's window; null: the header's own VOI
 * @param {{min: number, max: number}} extent of the stored values, padding left out @returns {Tone}
 */
export function toneOf(grey, chosen, extent) {
  const voiLut = chosen ? null : grey.voiLut;
  const window = chosen ?? grey.window;
  const sigmoid = !voiLut && window && grey.voiFunction === "SIGMOID" ? window : null;
  const straight = grey.modalityLut === null && voiLut === null && sigmoid === null;
  let { slope, intercept } = grey.modalityLut ? { slope: 1, intercept: 0 } : grey;
  let inverted = grey.monochrome1;
  if (straight) {
    const units = window ? rangeOf(window, grey.voiFunction) : null;
    const ends = units ? [(units.lower - intercept) / slope, (units.upper - intercept) / slope] : [extent.min, extent.max];
    if (slope < 0) inverted = !inverted;
    return { table: null, first: 0, range: ordered(ends[0], ends[1]), slope, intercept, inverted, bent: false };
  }
  const first = Math.floor(extent.min);
  const table = new Uint16Array(Math.floor(extent.max) - first + 1);
  const bent = voiLut !== null || sigmoid !== null;
  for (let i = 0; i < table.length; i++) {
    const value = grey.modalityLut ? look(grey.modalityLut, first + i) : (first + i) * slope + intercept;
    if (voiLut) table[i] = Math.round((look(voiLut, value) / topOf(voiLut)) * 65535);
    else if (sigmoid) table[i] = Math.round(65535 / (1 + Math.exp((-4 * (value - sigmoid.center)) / sigmoid.width)));
    else table[i] = value;
  }
  if (bent) return { table, first, range: { lower: 0, upper: 65535 }, slope: 1, intercept: 0, inverted, bent };
  const [least, most] = ends(table);
  const units = window ? rangeOf(window, grey.voiFunction) : { lower: least, upper: most };
  return { table, first, range: ordered(units.lower, units.upper), slope: 1, intercept: 0, inverted, bent };
}

/** @param {ArrayLike<number>} table @returns {[number, number]} */
function ends(table) {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < table.length; i++) {
    if (table[i] < min) min = table[i];
    if (table[i] > max) max = table[i];
  }
  return [min, max];
}

/** @param {number} a @param {number} b @returns {Range} */
function ordered(a, b) {
  const lower = Math.min(a, b);
  return { lower, upper: Math.max(Math.max(a, b), lower + 1e-6) };
}

/** @param {Lut} lut @param {number} value */
function look(lut, value) {
  const index = Math.min(lut.entries.length - 1, Math.max(0, Math.round(value) - lut.first));
  return lut.entries[index];
}

/** @param {Lut} lut the value that is white: the table's own width, or more where an entry goes beyond it */
function topOf(lut) {
  return Math.max(2 ** lut.bits - 1, ends(lut.entries)[1]);
}

/**
 * A preset in the header's units as a range of pixel values, through the VOI table where there is one.
 * @param {Window} preset @param {Grey} grey @param {Tone} tone @returns {Range}
 */
export function presetRange(preset, grey, tone) {
  const units = rangeOf(preset, grey.voiFunction === "LINEAR_EXACT" ? "LINEAR_EXACT" : "LINEAR");
  if (!tone.table) return ordered((units.lower - tone.intercept) / tone.slope, (units.upper - tone.intercept) / tone.slope);
  if (grey.modalityLut) return ordered(units.lower, units.upper);
  const table = tone.table;
  const at = (/** @type {number} */ value) =>
    table[Math.min(table.length - 1, Math.max(0, Math.round((value - grey.intercept) / grey.slope) - tone.first))];
  return ordered(at(units.lower), at(units.upper));
}

/**
 * The window after a drag: right widens (less contrast), down raises the level (darker), as a share of the window as hung.
 * @param {Range} range @param {Range} hung @param {number} dx @param {number} dy pane pixels @param {boolean} inverted
 * @returns {Range}
 */
export function draggedWindow(range, hung, dx, dy, inverted) {
  const full = hung.upper - hung.lower;
  const width = Math.max(full / 500, range.upper - range.lower + (dx / 400) * full);
  const center = (range.lower + range.upper) / 2 + ((inverted ? -dy : dy) / 400) * full;
  return { lower: center - width / 2, upper: center + width / 2 };
}

/**
 * The same change on another film: ranges are carried as shares of each film's window as hung, from its dark end.
 * @param {Range} range @param {Tone} hung @param {Tone} other the other film's tone @returns {Range}
 */
export function carried(range, hung, other) {
  const share = (other.range.upper - other.range.lower) / (hung.range.upper - hung.range.lower);
  const low = (range.lower - hung.range.lower) * share;
  const high = (range.upper - hung.range.lower) * share;
  if (hung.inverted === other.inverted) return { lower: other.range.lower + low, upper: other.range.lower + high };
  // One film's high values are bright, the other's low ones: dark end goes to dark end.
  return { lower: other.range.upper - high, upper: other.range.upper - low };
}

/**
 * A range of pixel values as center and width in the header's units, for the corner of the pane.
 * @param {Range} range @param {Grey} grey @param {Tone} tone @returns {Window}
 */
export function windowOf(range, grey, tone) {
  const half = grey.voiFunction === "LINEAR" && !tone.bent ? 0.5 : 0;
  const ends = [range.lower * tone.slope + tone.intercept, range.upper * tone.slope + tone.intercept];
  return { center: (ends[0] + ends[1]) / 2 + half, width: Math.abs(ends[1] - ends[0]) + 2 * half };
}
