// @ts-check
/**
 * Where a film lies in its pane. A matrix is [a, b, c, d, e, f] as in SVG: x' = a x + c y + e, y' = b x + d y + f.
 * Film points are pixel edges: a film of 1000 columns reaches from x = 0 to x = 1000.
 *
 * @typedef {[number, number, number, number, number, number]} Matrix
 * @typedef {{columns: number, rows: number, aspect: [number, number]}} Plane  aspect: width and height of a pixel, the smaller is 1
 * @typedef {{x: number, y: number, zoom: number, turns: number, flip: boolean}} View
 *   x, y: the film point at the pane's middle; zoom 1: the whole film just fits; turns: quarter turns clockwise;
 *   flip: mirrored left to right before it is turned
 * @typedef {{x0: number, y0: number, x1: number, y1: number}} Rect
 */

/**
 * Width and height of one pixel in units of the smaller of the two; square where nothing is known.
 * @param {readonly [number, number] | null} spacing_mm row spacing, column spacing
 * @returns {[number, number]}
 */
export function aspectOf(spacing_mm) {
  if (!spacing_mm || !(spacing_mm[0] > 0) || !(spacing_mm[1] > 0)) return [1, 1];
  const [row, column] = spacing_mm;
  const least = Math.min(row, column);
  return [column / least, row / least];
}

/** @param {Plane} plane @returns {View} how a film is hung: whole, upright */
export function wholeFilm(plane) {
  return { x: plane.columns / 2, y: plane.rows / 2, zoom: 1, turns: 0, flip: false };
}

/**
 * Screen pixels per film pixel (of the smaller side) at which the whole film fits.
 * @param {Plane} plane @param {number} turns @param {number} width @param {number} height
 */
export function fitScale(plane, turns, width, height) {
  const w = plane.columns * plane.aspect[0];
  const h = plane.rows * plane.aspect[1];
  const lying = Math.abs(turns) % 2 === 1;
  return Math.min(width / (lying ? h : w), height / (lying ? w : h));
}

/**
 * The part of a view that does not depend on position: screen = centre + linear * (film - middle).
 * @param {Plane} plane @param {View} view @param {number} scale @returns {[number, number, number, number]} a, b, c, d
 */
function linear(plane, view, scale) {
  const angle = (view.turns * Math.PI) / 2;
  const cos = Math.round(Math.cos(angle));
  const sin = Math.round(Math.sin(angle));
  const x = scale * plane.aspect[0] * (view.flip ? -1 : 1);
  const y = scale * plane.aspect[1];
  return [cos * x, sin * x, -sin * y, cos * y];
}

/**
 * Film pixels to pane pixels.
 * @param {Plane} plane @param {View} view @param {number} width @param {number} height of the pane, CSS pixels
 * @returns {Matrix}
 */
export function matrixOf(plane, view, width, height) {
  const [a, b, c, d] = linear(plane, view, fitScale(plane, view.turns, width, height) * view.zoom);
  return [a, b, c, d, width / 2 - a * view.x - c * view.y, height / 2 - b * view.x - d * view.y];
}

/** @param {Matrix} m @param {number} x @param {number} y @returns {[number, number]} */
export function apply(m, x, y) {
  return [m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]];
}

/** @param {Matrix} m @returns {Matrix} */
export function inverse([a, b, c, d, e, f]) {
  const det = a * d - b * c;
  return [d / det, -b / det, -c / det, a / det, (c * f - d * e) / det, (b * e - a * f) / det];
}

/**
 * The camera that shows this view: x right and y down are the film's own, one world unit is the smaller pixel side.
 * @param {Plane} plane @param {View} view @param {number} width @param {number} height
 */
export function cameraOf(plane, view, width, height) {
  const scale = fitScale(plane, view.turns, width, height) * view.zoom;
  const angle = (view.turns * Math.PI) / 2;
  const cos = Math.round(Math.cos(angle));
  const sin = Math.round(Math.sin(angle));
  const mirror = view.flip ? -1 : 1;
  // The renderer counts a pixel's middle as its place; ours is its edge.
  const x = (view.x - 0.5) * plane.aspect[0];
  const y = (view.y - 0.5) * plane.aspect[1];
  const towards = mirror; // along z, away from the reader
  return {
    focalPoint: [x, y, 0],
    position: [x, y, -1000 * towards],
    viewPlaneNormal: [0, 0, -towards],
    viewUp: [-mirror * sin, -cos, 0].map((value) => value + 0),
    parallelScale: height / 2 / scale,
    clippingRange: [1, 2000],
  };
}

/**
 * The view after zooming by a factor so that the film point under (px, py) stays there.
 * @param {Plane} plane @param {View} view @param {number} factor
 * @param {number} px @param {number} py @param {number} width @param {number} height @returns {View}
 */
export function zoomAt(plane, view, factor, px, py, width, height) {
  const zoom = Math.min(40, Math.max(0.2, view.zoom * factor));
  const [x, y] = apply(inverse(matrixOf(plane, view, width, height)), px, py);
  const share = view.zoom / zoom;
  return { ...view, zoom, x: x + (view.x - x) * share, y: y + (view.y - y) * share };
}

/**
 * The view after dragging the film by (dx, dy) pane pixels.
 * @param {Plane} plane @param {View} view @param {number} dx @param {number} dy
 * @param {number} width @param {number} height @returns {View}
 */
export function pan(plane, view, dx, dy, width, height) {
  const [a, b, c, d] = inverse(matrixOf(plane, view, width, height));
  return { ...view, x: view.x - (a * dx + c * dy), y: view.y - (b * dx + d * dy) };
}

/**
 * Mirror on the screen, left to right, whatever the film's turn.
 * @param {View} view @returns {View}
 */
export function mirrored(view) {
  // Mirroring after a turn is the turn backwards after mirroring.
  return { ...view, flip: !view.flip, turns: (4 - view.turns) % 4 };
}

const OPPOSITE = { L: "R", R: "L", A: "P", P: "A", H: "F", F: "H" };

/** @param {string} letters @returns {string} the opposite direction: "LA" gives "RP" */
export function opposite(letters) {
  return [...letters].map((letter) => OPPOSITE[/** @type {keyof typeof OPPOSITE} */ (letter)] ?? "").join("");
}

/**
 * The letters at the pane's edges, from where the film's row and column point on the screen.
 * @param {readonly string[]} orientation [row, column] as DICOM's Patient Orientation, e.g. ["L", "F"]
 * @param {Matrix} m
 * @returns {{left: string, right: string, top: string, bottom: string} | null} null when the film does not say
 */
export function edgeLetters(orientation, m) {
  const [row, column] = orientation;
  if (!row || !column) return null;
  const along = Math.abs(m[0]) >= Math.abs(m[1]); // the film's rows lie along the screen's rows
  const right = along ? (m[0] > 0 ? row : opposite(row)) : m[2] > 0 ? column : opposite(column);
  const bottom = along ? (m[3] > 0 ? column : opposite(column)) : m[1] > 0 ? row : opposite(row);
  return { left: opposite(right), right, top: opposite(bottom), bottom };
}

/**
 * A length between two film points and what its unit may claim.
 * @param {number} dx @param {number} dy film pixels
 * @param {{spacing_mm: readonly [number, number] | null, spacing_plane: string | null, magnification: number | null}} film
 * @returns {{value: number, unit: string, text: string}}
 */
export function lengthOf(dx, dy, { spacing_mm, spacing_plane, magnification }) {
  if (!spacing_mm) {
    const value = Math.hypot(dx, dy);
    return { value, unit: "px", text: `${value.toFixed(0)} px` };
  }
  let value = Math.hypot(dx * spacing_mm[1], dy * spacing_mm[0]);
  let unit = "mm";
  if (spacing_plane !== "patient") {
    if (magnification && magnification > 0) {
      value /= magnification;
      unit = `mm in the patient (magnification ${magnification.toFixed(2)})`;
    } else unit = "mm at detector";
  }
  return { value, unit, text: `${value.toFixed(1)} ${unit}` };
}

/**
 * A scale bar: a round length that takes at most `room` pane pixels.
 * @param {number} pixels_per_mm @param {number} room @returns {{mm: number, pixels: number} | null}
 */
export function scaleBar(pixels_per_mm, room) {
  if (!(pixels_per_mm > 0)) return null;
  for (const mm of [200, 100, 50, 20, 10, 5, 2, 1]) {
    if (mm * pixels_per_mm <= room) return { mm, pixels: mm * pixels_per_mm };
  }
  return null;
}

/**
 * A rectangle from two film points: whole pixels, inside the film, at least one pixel.
 * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 @param {Plane} plane @returns {Rect}
 */
export function rectOf(x0, y0, x1, y1, plane) {
  const span = (/** @type {number} */ a, /** @type {number} */ b, /** @type {number} */ top) => {
    const low = Math.min(top - 1, Math.max(0, Math.floor(Math.min(a, b))));
    return [low, Math.max(low + 1, Math.min(top, Math.ceil(Math.max(a, b))))];
  };
  const [left, right] = span(x0, x1, plane.columns);
  const [upper, lower] = span(y0, y1, plane.rows);
  return { x0: left, y0: upper, x1: right, y1: lower };
}

/**
 * A box after dragging one of its handles, or its middle ("move"), by (dx, dy) film pixels.
 * @param {Rect} box @param {string} handle some of n, s, e, w, or "move"
 * @param {number} dx @param {number} dy @param {Plane} plane @returns {Rect}
 */
export function dragged(box, handle, dx, dy, plane) {
  if (handle === "move") {
    const sx = Math.round(Math.min(plane.columns - box.x1, Math.max(-box.x0, dx)));
    const sy = Math.round(Math.min(plane.rows - box.y1, Math.max(-box.y0, dy)));
    return { x0: box.x0 + sx, y0: box.y0 + sy, x1: box.x1 + sx, y1: box.y1 + sy };
  }
  const shifted = (/** @type {number} */ value, /** @type {number} */ by, /** @type {string} */ side) =>
    handle.includes(side) ? Math.round(value + by) : value;
  return rectOf(shifted(box.x0, dx, "w"), shifted(box.y0, dy, "n"), shifted(box.x1, dx, "e"), shifted(box.y1, dy, "s"), plane);
}

/**
 * The view that brings a box into sight: unchanged when it is already well inside, else moved (and zoomed out if need be).
 * @param {Plane} plane @param {View} view @param {Rect} box @param {number} width @param {number} height @returns {View}
 */
export function reveal(plane, view, box, width, height) {
  const m = matrixOf(plane, view, width, height);
  const corners = [apply(m, box.x0, box.y0), apply(m, box.x1, box.y1)];
  const inside = corners.every(([x, y]) => x > 0 && y > 0 && x < width && y < height);
  if (inside) return view;
  const wide = Math.abs(corners[1][0] - corners[0][0]);
  const high = Math.abs(corners[1][1] - corners[0][1]);
  const shrink = Math.min(1, (0.9 * width) / wide, (0.9 * height) / high);
  return { ...view, zoom: view.zoom * shrink, x: (box.x0 + box.x1) / 2, y: (box.y0 + box.y1) / 2 };
}
