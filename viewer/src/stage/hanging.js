// @ts-check
/**
 * Which film hangs where: frontal left, lateral right, prior beside current.
 *
 * @typedef {{id: string, view: string}} AnyFilm
 * @typedef {"beside" | "swapped" | "off"} PriorMode
 */

/** @param {string} view @returns {"frontal" | "lateral" | "other"} */
export function kindOf(view) {
  const name = view.toUpperCase();
  if (/^(PA|AP|FRONTAL|AP.*|PA.*)$/.test(name)) return "frontal";
  if (/^(LL|RL|LAT|LATERAL|LEFT.?LATERAL|RIGHT.?LATERAL)$/.test(name)) return "lateral";
  return "other";
}

const RANK = { frontal: 0, other: 1, lateral: 2 };

/**
 * Films in reading order: frontal before oblique before lateral, PA before AP, otherwise as they came.
 * @template {AnyFilm} F @param {readonly F[]} films @returns {F[]}
 */
export function inOrder(films) {
  const rank = (/** @type {F} */ film) => 2 * RANK[kindOf(film.view)] + (film.view.toUpperCase().startsWith("AP") ? 1 : 0);
  return [...films].sort((a, b) => rank(a) - rank(b));
}

/**
 * Hang the films of a study.
 *
 * @template {AnyFilm} F
 * @param {readonly F[]} films of the current study
 * @param {readonly F[] | null} prior films of the prior, or null
 * @param {{mode?: PriorMode, most?: number}} [options] most: 1 to 4 places
 * @returns {{film: F, when: "current" | "prior", mate: number | null, rest: F[]}[]}
 *   places from left to right; mate: the place that shows the same view of the other study; rest: films of the same
 *   study and kind that found no place and can be turned to in this one
 */
export function hang(films, prior, { mode = "beside", most = 4 } = {}) {
  const current = inOrder(films);
  const before = prior && mode !== "off" ? inOrder(prior) : [];
  /** @type {{film: F, when: "current" | "prior", mate: number | null, rest: F[]}[]} */
  const places = [];
  const used = new Set();
  const alike = (/** @type {F} */ film) =>
    before.find((other) => !used.has(other) && kindOf(other.view) === kindOf(film.view));
  const seats = Math.max(1, Math.min(4, most));
  for (const film of current) {
    if (places.length >= seats) break;
    const mate = places.length + 1 < seats ? alike(film) : undefined;
    const at = places.length;
    places.push({ film, when: "current", mate: mate ? at + 1 : null, rest: [] });
    if (!mate) continue;
    used.add(mate);
    places.push({ film: mate, when: "prior", mate: at, rest: [] });
    if (mode === "swapped") {
      const [first, second] = [places[at], places[at + 1]];
      places[at] = { ...second, mate: at + 1 };
      places[at + 1] = { ...first, mate: at };
    }
  }
  const shown = new Set(places.map((place) => place.film));
  for (const [when, all] of /** @type {const} */ ([["current", current], ["prior", before]])) {
    const spare = all.filter((film) => !shown.has(film));
    for (const film of spare) {
      const last = places.filter((place) => place.when === when);
      const place = last.find((one) => kindOf(one.film.view) === kindOf(film.view)) ?? last.at(-1);
      place?.rest.push(film);
    }
  }
  return places;
}

/**
 * Columns and rows of the grid for so many places: the one that shows a square film largest. A single row or column is taken
 * unless a block of four shows films a tenth larger, so films stand side by side on a wide screen and stacked on an upright one.
 * @param {number} places @param {number} width @param {number} height @returns {{columns: number, rows: number}}
 */
export function grid(places, width, height) {
  const count = Math.max(1, places);
  const ways = [[count, 1], [1, count], ...(count > 2 ? [[2, Math.ceil(count / 2)]] : [])];
  const size = (/** @type {number[]} */ [columns, rows]) => Math.min(width / columns, height / rows) * (columns > 1 && rows > 1 ? 1 / 1.1 : 1);
  const [columns, rows] = ways.reduce((best, way) => (size(way) > size(best) ? way : best));
  return { columns, rows };
}
