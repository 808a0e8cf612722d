// @ts-check
/**
 * The time axis of a patient's studies, and what each finding did along it.
 * @typedef {import("../sheet").Sheet["timeline"]} Timeline
 * @typedef {{at: number, state: string, side: string, change: string, probability: number | null}} Mark
 * @typedef {{concept: string, label: string, marks: Mark[], spans: {from: number, to: number, state: string}[]}} Line
 */

/**
 * Places of dates between 0 and 1: in proportion to time, yet no two nearer than `gap`.
 *
 * A month of daily films and a gap of three years must both be readable, so the proportional places are pushed apart
 * where they would touch and the whole is scaled back into the axis. With too many for the gap they stand evenly.
 * @param {readonly string[]} times ISO date-times in order; one that cannot be read stands right after the one before it.
 * @param {number} gap least distance, a part of the axis.
 * @returns {number[]}
 */
export function places(times, gap = 0.04) {
  if (times.length < 2) return times.map(() => 0.5);
  if (gap * (times.length - 1) >= 1) return times.map((_, index) => index / (times.length - 1));
  const stamps = times.map((time) => Date.parse(time));
  stamps.forEach((stamp, index) => {
    if (Number.isNaN(stamp)) stamps[index] = stamps[index - 1] ?? 0;
  });
  const first = stamps[0] ?? 0;
  const whole = (stamps.at(-1) ?? first) - first;
  if (whole <= 0) return times.map((_, index) => index / (times.length - 1));
  const steps = stamps.slice(1).map((stamp, index) => Math.max(0, (stamp - (stamps[index] ?? 0)) / whole));
  return running(widened(steps, gap));
}

/**
 * Steps of sum 1, each at least `gap`: what the short ones need is taken from the long ones in proportion.
 * @param {number[]} steps
 * @param {number} gap
 */
function widened(steps, gap) {
  const short = new Set(steps.flatMap((step, index) => (step < gap ? [index] : [])));
  for (;;) {
    const long = steps.reduce((sum, step, index) => (short.has(index) ? sum : sum + step), 0);
    const scale = (1 - gap * short.size) / long;
    const fell = steps.findIndex((step, index) => !short.has(index) && step * scale < gap);
    if (fell < 0) return steps.map((step, index) => (short.has(index) ? gap : step * scale));
    short.add(fell);
  }
}

/** @param {number[]} steps */
function running(steps) {
  let at = 0;
  return [0, ...steps.map((step) => Math.min(1, (at += step)))];
}

/**
 * One line per finding that was present or uncertain on any date; most dates first, then the latest, then by name.
 *
 * A span joins neighbouring dates on which it was not absent; a date on which it was not judged breaks nothing and
 * shows no mark.
 * @param {Timeline} timeline
 * @returns {Line[]}
 */
export function lines(timeline) {
  /** @type {Map<string, Line>} */
  const found = new Map();
  timeline.forEach((study, at) => {
    for (const item of study.findings) {
      const line = found.get(item.concept) ?? { concept: item.concept, label: item.label, marks: [], spans: [] };
      found.set(item.concept, line);
      const mark = { at, state: item.state, side: item.side, change: item.change, probability: item.probability };
      const same = line.marks.findIndex((other) => other.at === at);
      if (same < 0) line.marks.push(mark);
      else if (strength(item.state) > strength(line.marks[same]?.state ?? "")) line.marks[same] = mark;
    }
  });
  const told = [...found.values()].filter((line) => line.marks.some((mark) => mark.state !== "absent"));
  for (const line of told) line.spans = spans(line.marks);
  const last = (/** @type {Line} */ line) => Math.max(...line.marks.filter((mark) => mark.state !== "absent").map((mark) => mark.at));
  const held = (/** @type {Line} */ line) => line.marks.filter((mark) => mark.state !== "absent").length;
  return told.sort((a, b) => held(b) - held(a) || last(b) - last(a) || a.label.localeCompare(b.label));
}

/** @param {string} state */
function strength(state) {
  return ["absent", "uncertain", "present"].indexOf(state);
}

/** @param {readonly Mark[]} marks */
function spans(marks) {
  return marks.slice(1).flatMap((mark, index) => {
    const before = marks[index];
    if (!before || before.state === "absent" || mark.state === "absent") return [];
    const state = before.state === "present" && mark.state === "present" ? "present" : "uncertain";
    return [{ from: before.at, to: mark.at, state }];
  });
}

/**
 * Which dates get a label so that none overlap: the wanted ones in their order of importance, then from the latest back.
 * @param {readonly number[]} at places, 0 to 1.
 * @param {number} wide a label's width, a part of the axis.
 * @param {readonly number[]} wanted indices, as of the current study and of the prior.
 * @returns {Set<number>}
 */
export function labelled(at, wide, wanted = []) {
  /** @type {Set<number>} */
  const shown = new Set();
  const rest = at.map((_, index) => at.length - 1 - index);
  for (const index of [...wanted.filter((each) => each >= 0 && each < at.length), ...rest]) {
    const place = at[index] ?? 0;
    if ([...shown].every((other) => other === index || Math.abs((at[other] ?? 0) - place) >= wide)) shown.add(index);
  }
  return shown;
}
