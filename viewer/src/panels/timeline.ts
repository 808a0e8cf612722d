/** A patient's studies along time: one line per finding, its state and change on each date, the sentence below. */
import { html, nothing, svg, type SVGTemplateResult, type TemplateResult } from "lit-html";
import { hashOf, type Room } from "../room";
import type { Sheet } from "../sheet";
import { labelled, lines, places } from "./axis.js";
import { icon } from "./icons";
import { apart, date, sideWord } from "./words.js";

const WIDTH = 1000;
const ROW = 24;
const EDGE = 24;
/** Lines that fit under the films without taking their room; the rest on demand. */
const MOST = () => (innerHeight < 820 ? 4 : 6);

/** Room that a date below the axis takes, and that a finger needs for one. */
const LABEL_PX = 92;
const STOP_PX = 26;

let pointed = "";
let width = 800;
let whole = false;

export function timeline(room: Room): TemplateResult | typeof nothing {
  const sheet = room.shown;
  if (!sheet || sheet.timeline.length < 2) return nothing;
  return html`<section class="timeline ${room.timeline ? "" : "shut"}" aria-labelledby="timeline-title">
    <header class="panel-head">
      <h2 id="timeline-title">
        <button aria-expanded=${room.timeline} @click=${() => flip(room)} data-tip="Timeline (t)">
          <span class="chevron ${room.timeline ? "open" : ""}">${icon("right")}</span>Timeline
        </button>
      </h2>
      <span class="count">${sheet.timeline.length} studies</span>
      <span class="told">${sentence(room, sheet)}</span>
      ${room.timeline ? choices(room, sheet) : nothing}
    </header>
    ${room.timeline ? chart(room, sheet) : nothing}
  </section>`;
}

function flip(room: Room): void {
  room.timeline = !room.timeline;
  room.changed();
}

/** The study pointed at, else the one open. */
function pick(sheet: Sheet): Sheet["timeline"][number] | undefined {
  return sheet.timeline.find((each) => each.id === pointed) ?? sheet.timeline.find((each) => each.current);
}

function sentence(_room: Room, sheet: Sheet): TemplateResult {
  const study = pick(sheet);
  if (!study) return html``;
  const gap = study.current ? "this study" : apart(study.time, sheet.time);
  return html`<strong>${date(study.time)}</strong>${gap ? html`<span class="soft"> ${gap}</span>` : nothing} <span class="words">${study.sentence || "No sentence."}</span>`;
}

function choices(room: Room, sheet: Sheet): TemplateResult | typeof nothing {
  const study = pick(sheet);
  if (!study || study.current) {
    return room.hung ? html`<button class="button quiet" @click=${() => void room.hangPrior(null)}>${icon("reset")}Usual prior</button>` : nothing;
  }
  const hangs = room.prior?.id === study.id;
  return html`<span class="choices-row">
    <button class="button quiet" ?disabled=${hangs} @click=${() => void room.hangPrior(study.id)}>${icon("beside")}${hangs ? "Hangs as prior" : "Hang as prior"}</button>
    <a class="button quiet" href=${hashOf({ at: "study", id: study.id })}>${icon("right")}Open</a>
  </span>`;
}

function chart(room: Room, sheet: Sheet): TemplateResult {
  const studies = sheet.timeline;
  const at = places(studies.map((each) => each.time), Math.max(0.03, STOP_PX / (0.95 * width)));
  const all = lines(studies);
  const rows = whole ? all : some(all, room.item(room.selected)?.concept);
  const height = Math.max(1, rows.length) * ROW;
  const x = (index: number) => EDGE + (at[index] ?? 0) * (WIDTH - 2 * EDGE);
  const now = studies.findIndex((each) => each.current);
  const prior = studies.findIndex((each) => each.id === room.prior?.id);
  const named = labelled(at, LABEL_PX / width, [now, prior, 0]);
  const percent = (index: number) => (100 * x(index)) / WIDTH;
  return html`<div class="chart scroll">
    <div class="names">
      ${rows.map((line) => html`<button class="name ${line.concept === room.item(room.selected)?.concept ? "selected" : ""}" @click=${() => choose(room, line.concept)}>${line.label}</button>`)}
      ${rows.length ? nothing : html`<span class="name faint">Nothing present on any date</span>`}
      ${all.length > MOST() ? html`<button class="name faint" aria-expanded=${whole} @click=${() => more(room)}>${whole ? "fewer" : `+ ${all.length - rows.length} more`}</button>` : nothing}
    </div>
    <div class="plot">
      <svg viewBox="0 0 ${WIDTH} ${height}" preserveAspectRatio="none" height=${height} aria-hidden="true">
        ${studies.map((study, index) => svg`<line class="date ${study.current ? "current" : ""} ${index === prior ? "prior" : ""} ${study.id === pointed ? "pointed" : ""}" x1=${x(index)} x2=${x(index)} y1="0" y2=${height}></line>`)}
        ${rows.flatMap((line, row) => line.spans.map((span) => svg`<line class="span ${span.state}" x1=${x(span.from)} x2=${x(span.to)} y1=${middle(row)} y2=${middle(row)}></line>`))}
      </svg>
      <svg class="marks-layer" height=${height} role="img" aria-label="Findings over time; the dates below carry the same in words">
        ${rows.map((line, row) => line.marks.map((mark) => dot(mark, percent(mark.at), middle(row))))}
      </svg>
      <div class="dates" role="group" aria-label="Studies by date">
        ${studies.map((study, index) => stop(room, study, percent(index), named.has(index), room.prior?.id === study.id, height))}
      </div>
    </div>
  </div>`;
}

/** The first lines, the selected finding's among them. */
function some<L extends { concept: string }>(all: L[], selected: string | undefined): L[] {
  const first = all.slice(0, MOST());
  const chosen = all.find((line) => line.concept === selected);
  return chosen && !first.includes(chosen) ? [...first.slice(0, -1), chosen] : first;
}

function more(room: Room): void {
  whole = !whole;
  room.changed();
}

function middle(row: number): number {
  return row * ROW + ROW / 2;
}

type Mark = { state: string; change: string };

function dot(mark: Mark, percent: number, y: number): SVGTemplateResult {
  const at = `${percent.toFixed(2)}%`;
  const radius = mark.state === "absent" ? 3 : 4.5;
  const sign = mark.change === "worsened" ? "▲" : mark.change === "improved" ? "▼" : mark.change === "new" ? "+" : "";
  return svg`<circle class="dot ${mark.state} ${mark.change}" cx=${at} cy=${y} r=${radius}></circle>
    ${sign ? svg`<text class="sign ${mark.change}" x=${at} y=${y} dx="7" dy="3">${sign}</text>` : nothing}`;
}

function stop(room: Room, study: Sheet["timeline"][number], percent: number, named: boolean, prior: boolean, height: number): SVGTemplateResult | TemplateResult {
  const told = study.findings
    .filter((item) => item.state !== "absent")
    .map((item) => [item.label, item.state === "uncertain" ? "uncertain" : "", sideWord(item.side), item.change].filter(Boolean).join(" "))
    .join("; ");
  const point = () => {
    if (pointed === study.id) return;
    pointed = study.id;
    room.changed();
  };
  return html`<button
    class="stop ${study.current ? "current" : ""} ${prior ? "prior" : ""} ${study.id === pointed ? "pointed" : ""}"
    aria-current=${study.current ? "date" : "false"}
    aria-pressed=${study.id === pointed}
    aria-label="${date(study.time)}${study.current ? " this study" : ""}${prior ? " prior" : ""}: ${told || "nothing present"}"
    data-left=${percent.toFixed(2)}
    data-height=${height}
    @mouseenter=${point}
    @focus=${point}
    @click=${point}
    @dblclick=${() => study.current || room.go({ at: "study", id: study.id })}
  >${named ? html`<span>${date(study.time)} ${prior ? html`<small>prior</small>` : nothing}${study.current ? html`<small>this study</small>` : nothing}</span>` : nothing}</button>`;
}

function choose(room: Room, concept: string): void {
  const item = room.shown?.findings.find((each) => each.concept === concept);
  if (item) room.select(item.key);
}

/**
 * Put the date stops where they belong; a style attribute would be refused by the page's policy, properties are not.
 * True when the axis has another width than the one it was drawn for.
 */
export function settle(root: ParentNode): boolean {
  const before = width;
  for (const each of root.querySelectorAll<HTMLElement>(".stop[data-left]")) {
    each.style.left = `${each.dataset["left"]}%`;
  }
  for (const plot of root.querySelectorAll<HTMLElement>(".dates")) {
    const height = plot.querySelector<HTMLElement>(".stop")?.dataset["height"];
    if (height) plot.style.setProperty("--rows", `${height}px`);
    width = plot.clientWidth || width;
  }
  return Math.abs(width - before) > 8;
}

/** Forget which date was pointed at, as when another study opens. */
export function unpoint(): void {
  pointed = "";
  whole = false;
}
