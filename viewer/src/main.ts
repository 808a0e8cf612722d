/** The page: its panels around the films, drawn anew whenever the room changes. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import "./room.css";
import { bar } from "./panels/bar";
import { dialogs, settleDialog } from "./panels/dialogs";
import { findings } from "./panels/findings";
import { icon } from "./panels/icons";
import { onKey } from "./panels/keys";
import { record } from "./panels/record";
import { report, reportTools } from "./panels/report";
import { paper } from "./panels/sheet_print";
import { settleSplit, splitter } from "./panels/splitter";
import { settle, timeline, unpoint } from "./panels/timeline";
import { tips } from "./panels/tip";
import { toasts } from "./panels/toast";
import { tools } from "./panels/tools";
import { worklist } from "./panels/worklist";
import { Room } from "./room";
import { createStage, preload } from "./stage";

const room = new Room();
const films = document.createElement("div");
films.className = "films";

/** The stage is made when the first study opens, so that a worklist does not wait for the renderer. */
function raise(): void {
  if (room.stage || room.place.at !== "study") return;
  room.stage = createStage(films, {
    onBoxClick: (key) => room.select(key, "stage"),
    onBoxMoved: (key, boxes) => room.boxMoved(key, boxes),
    onStatus: (status) => {
      room.status = status;
      room.changed();
    },
    onHelp: () => room.open({ open: "help" }),
  });
  room.stage.opacity(0.4); // the film first; [ and ] make boxes and masks fainter or stronger
  if (room.shown) void room.hang();
}

function page(): TemplateResult {
  if (room.trouble) return trouble(room.trouble.message, room.trouble.fix, () => location.reload());
  if (!room.session) return html`<p class="waking" role="status">Opening the reading room…</p>`;
  return html`
    <div class="screen ${room.place.at} ${room.timeline ? "" : "no-timeline"}">
      ${bar(room)}
      ${room.place.at === "worklist" ? html`<main id="main" tabindex="-1">${worklist(room)}</main>` : study()}
      <footer class="caution">${icon("alert")}<span>${room.shown?.caution || room.session.caution}</span></footer>
    </div>
    ${paper(room)} ${toasts(room)} ${dialogs(room)}
  `;
}

function study(): TemplateResult {
  if (room.problem) {
    return html`<main id="main" class="whole" tabindex="-1">${trouble(room.problem.message, room.problem.fix, () => room.place.at === "study" && void room.loadStudy(room.place.id))}</main>`;
  }
  const ready = room.shown !== null;
  return html`<main id="main" class="desk" tabindex="-1">
    <section class="view" aria-label="Films of the study">
      ${tools(room)}
      ${why()}
      <div class="stage-frame ${ready && room.shown?.films.length ? "" : "covered"}">${films}${cover(ready)}</div>
    </section>
    ${ready ? side() : html`<aside class="side" aria-busy="true"><div class="bones">${Array.from({ length: 7 }, () => html`<div class="bone-row"></div>`)}</div></aside>`}
    ${timeline(room)}
  </main>`;
}

function cover(ready: boolean): TemplateResult | typeof nothing {
  if (!ready) return html`<p class="cover" role="status">Opening the study…</p>`;
  return room.shown?.films.length ? nothing : html`<p class="cover">This study has no films that can be shown.</p>`;
}

const WHY: Record<string, string> = {
  waiting: "This study waits to be read.",
  reading: "This study is being read.",
  refused: "This study was refused.",
  failed: "This study could not be read.",
  quarantined: "This study was set aside.",
};

/** Why a study was not read, above its films: never a silent blank. */
function why(): TemplateResult | typeof nothing {
  const sheet = room.shown;
  if (!sheet) return nothing;
  const refused = sheet.films.filter((film) => !film.accepted && film.reason).map((film) => `${film.view || "Film"}: ${film.reason}`);
  const reason = [sheet.reason, ...refused].filter(Boolean).join(" ");
  if (!reason) return nothing;
  return html`<p class="why ${sheet.state}" role="status">${icon("alert")}<span><strong>${WHY[sheet.state] ?? "Not all films were read."}</strong> ${reason}</span></p>`;
}

function side(): TemplateResult {
  const tab = (name: "report" | "record", title: string) => html`<button
    role="tab" id="tab-${name}" aria-controls="pane" aria-selected=${room.tab === name} tabindex=${room.tab === name ? 0 : -1}
    @click=${() => pick(name)}
    @keydown=${(event: KeyboardEvent) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      event.stopPropagation();
      pick(name === "report" ? "record" : "report");
      requestAnimationFrame(() => document.querySelector<HTMLElement>(`#tab-${room.tab}`)?.focus());
    }}
  >${title}</button>`;
  return html`<aside class="side" aria-label="Findings and report">
    ${findings(room)} ${splitter(room)}
    <section class="panel lower">
      <div class="tabs">
        <span role="tablist" aria-label="Report and record">${tab("report", "Report")}${tab("record", "Record")}</span>
        ${room.tab === "report" ? reportTools(room) : nothing}
      </div>
      <div id="pane" class="scroll" role="tabpanel" aria-labelledby="tab-${room.tab}" tabindex="0">${room.tab === "report" ? report(room) : record(room)}</div>
    </section>
  </aside>`;
}

function pick(tab: "report" | "record"): void {
  if (room.tab !== tab) document.querySelector("#pane")?.scrollTo(0, 0);
  room.tab = tab;
  room.changed();
}

function trouble(message: string, fix: string, again: () => void): TemplateResult {
  return html`<div class="empty large" role="alert">
    ${icon("alert")}
    <p><strong>${message}</strong></p>
    <p>${fix}</p>
    <span class="pair"><button class="button primary" @click=${again}>${icon("retry")}Try again</button>${room.session ? html`<a class="button" href="#/">Worklist</a>` : nothing}</span>
  </div>`;
}

let asked = false;
let scrolled = "";

function draw(): void {
  asked = false;
  const root = document.querySelector<HTMLElement>("#room");
  if (!root) return;
  render(page(), root);
  if (settle(root)) room.changed();
  settleSplit(root);
  settleDialog(room, root);
  raise();
  follow(root);
  const name = room.shown && room.place.at === "study" ? `${room.unsaved ? "• " : ""}${room.shown.label} · Hilum` : "Reading room · Hilum";
  if (document.title !== name) document.title = name;
}

/** Bring what was just selected into view: its row, its sentence, the worklist's cursor. */
function follow(root: HTMLElement): void {
  const at = room.place.at === "study" ? `finding ${room.selected} ${room.item(room.selected)?.state ?? ""}` : `row ${room.list.at}`;
  if (at === scrolled) return;
  scrolled = at;
  const gently: ScrollIntoViewOptions = { block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" };
  for (const each of [".finding.selected", ".sentence.selected", "tr.at"]) root.querySelector(each)?.scrollIntoView(gently);
}

room.watch((now) => {
  if (now) return draw();
  if (asked) return;
  asked = true;
  requestAnimationFrame(draw);
});
addEventListener("hashchange", () => {
  unpoint();
  room.follow();
});
addEventListener("resize", () => room.changed());
addEventListener("beforeunload", (event) => {
  if (room.unsaved) event.preventDefault();
});
// In the capture phase: the page's keys come before the stage's.
document.addEventListener("keydown", (event) => onKey(room, event), true);
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  document.querySelector<HTMLElement>("#main")?.focus();
});
tips();
draw();
void room.start();
// The renderer comes while the worklist is read, so that the first click shows a film.
setTimeout(preload, 300);
