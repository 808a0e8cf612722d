// @ts-check
/**
 * Numbers, dates and findings in words.
 * @typedef {import("../sheet").Item} Item
 * @typedef {import("../sheet").Sheet} Sheet
 */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SIDES = { "": "", left: "left", right: "right", bilateral: "both sides" };

/** What a written file is, by the kind the server gives it; a kind of another name is shown as it is. */
const KINDS = {
  sr: "DICOM SR", seg: "DICOM SEG", gsps: "DICOM GSPS", sc: "DICOM secondary capture", fhir: "FHIR bundle", html: "HTML report", json: "study record", dcm: "DICOM",
};

/** @param {string} kind */
export function fileKind(kind) {
  return KINDS[/** @type {keyof typeof KINDS} */ (kind)] ?? kind;
}

/** Section order and names of a report. */
export const SECTIONS = Object.freeze(["indication", "technique", "comparison", "findings", "impression"]);

/** @param {string} text */
export function upper(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/**
 * A date-time as the film carries it, never moved to another time zone: "17 Dec 2015, 18:04"; "" or "Date unknown".
 * @param {string | null | undefined} time ISO date or date-time.
 * @param {{hour?: boolean, unknown?: string}} [options]
 */
export function date(time, { hour = false, unknown = "Date unknown" } = {}) {
  const found = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?/.exec(time ?? "");
  if (!found) return unknown;
  const [, year, month, day, hours, minutes] = found;
  const text = `${Number(day)} ${MONTHS[Number(month) - 1] ?? "?"} ${year}`;
  return hour && hours ? `${text}, ${hours}:${minutes}` : text;
}

/**
 * How long before the current study another was: "18 h earlier", "7 weeks earlier".
 * @param {string} time
 * @param {string} now
 */
export function apart(time, now) {
  const hours = (Date.parse(now) - Date.parse(time)) / 3_600_000;
  if (!Number.isFinite(hours) || hours === 0) return "";
  const size = Math.abs(hours);
  /** @type {[number, string][]} */
  const units = [[24 * 365.25, "year"], [24 * 30.44, "month"], [24 * 7, "week"], [24, "day"], [1, "hour"]];
  const [length, name] = units.find(([unit]) => size >= 2 * unit) ?? [1, "hour"];
  const count = Math.max(1, Math.round(size / length));
  return `${count} ${name}${count > 1 ? "s" : ""} ${hours > 0 ? "earlier" : "later"}`;
}

/** @param {number | null} value in [0, 1]; two digits, since a third would promise more than any calibration holds. */
export function probability(value) {
  if (value === null) return "";
  if (value < 0.005) return "< 0.01";
  return value > 0.995 ? "> 0.99" : value.toFixed(2);
}

/** @param {string} side */
export function sideWord(side) {
  return SIDES[/** @type {keyof typeof SIDES} */ (side)] ?? side;
}

/** @param {unknown} value */
function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/**
 * What stands behind a probability, line by line: its calibration, then how well the model told this finding in tests.
 * @param {Item} item
 * @returns {string[]}
 */
export function evidence(item) {
  const lines = [];
  if (item.probability !== null) {
    lines.push(`Probability ${probability(item.probability)}`);
    lines.push(
      item.calibration && item.calibration !== "uncalibrated"
        ? `Calibrated: ${item.calibration}`
        : "Not calibrated: a score that ranks, not a chance; 0.50 is no boundary",
    );
  }
  const auroc = number(item.evidence?.["auroc"]);
  const interval = item.evidence?.["interval"];
  if (auroc !== null) {
    const [low, high] = Array.isArray(interval) ? interval.map(number) : [];
    const span = low != null && high != null ? ` (95 % interval ${low.toFixed(2)} to ${high.toFixed(2)})` : "";
    lines.push(`AUROC in tests ${auroc.toFixed(2)}${span}`);
    const n = number(item.evidence?.["n"]);
    const set = item.evidence?.["dataset"];
    if (n !== null) lines.push(`On ${n.toLocaleString("en")} films${typeof set === "string" ? ` of ${set}` : ""}`);
  } else if (item.probability !== null) {
    lines.push("No published test of this label");
  }
  if (item.made_by.name) lines.push(`${item.verdict === "changed" ? "Changed" : item.reader ? "Added" : "Said"} by ${item.made_by.name}`);
  return lines;
}

/**
 * A finding on one line, for screen readers: "Pleural effusion, present, left, worsened, probability 0.91".
 * @param {Item} item
 */
export function spoken(item) {
  return [
    item.label,
    item.state,
    item.attributes["severity"],
    sideWord(item.side),
    item.change,
    item.probability === null ? "" : `probability ${probability(item.probability)}`,
    item.verdict,
  ]
    .filter(Boolean)
    .join(", ");
}

/**
 * Where a finding is, without saying its side twice.
 * @param {Item} item
 */
export function place(item) {
  return item.sites.join("; ") || sideWord(item.side);
}

/**
 * The report as plain text, as the copy button gives it: sections with their names, then its status and the caution.
 * @param {Sheet["report"]} report
 * @param {string} caution
 */
export function plain(report, caution) {
  const parts = sectionsOf(report)
    .filter(({ text }) => text)
    .map(({ name, text }) => `${name.toUpperCase()}:\n${text}`);
  const status = report.status === "final" ? "Final report." : "Draft, not signed.";
  return [...parts, `${status} ${caution}`.trim()].join("\n\n") + "\n";
}

/**
 * Sections in reading order with their text; where a server sends sentences only, they are joined.
 * @param {Sheet["report"]} report
 * @returns {{name: string, text: string, sentences: {index: number, text: string, findings: string[]}[]}[]}
 */
export function sectionsOf(report) {
  const named = new Set([...SECTIONS, ...Object.keys(report.sections), ...report.sentences.map((each) => each.section)]);
  return [...named].map((name) => {
    const sentences = report.sentences.flatMap((each, index) => (each.section === name ? [{ index, text: each.text, findings: each.findings }] : []));
    return { name, text: report.sections[name] ?? sentences.map((each) => each.text).join(" "), sentences };
  });
}

/**
 * A log entry in words: "change pleural effusion: present, left → present, both sides".
 * @param {Sheet["edits"][number]} edit
 * @param {readonly Item[]} findings
 */
export function edited(edit, findings) {
  const name = findings.find((item) => item.key === edit.finding)?.label.toLowerCase() ?? edit.finding;
  const shown = (/** @type {string} */ text) => (text.length > 80 ? `${text.slice(0, 79)}…` : text);
  const from = edit.before ? ` from ${shown(edit.before)}` : "";
  const to = edit.after ? ` to ${shown(edit.after)}` : "";
  if (/^(accept|reject|restore|add|move)/.test(edit.what)) return `${edit.what} ${name}`.trim();
  if (edit.what === "set" && edit.before && edit.after) return `change ${name}: ${shown(edit.before)} → ${shown(edit.after)}`;
  return `${edit.what} ${name}`.trim() + from + to;
}
