/** The top bar: which study this is, whether it is saved, and what to do with it. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Room } from "../room";
import { told } from "./actions.js";
import { icon } from "./icons";
import { date, upper } from "./words.js";

export function bar(room: Room): TemplateResult {
  const study = room.place.at === "study";
  const back = study && (room.session?.features.worklist || room.problem !== null);
  return html`<header class="bar">
    <a class="brand" href="#/" aria-label=${back ? "Back to the worklist" : "Hilum, the reading room"} data-tip=${back ? "Worklist (w)" : ""}>
      <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M11 4v5M11 9c0 2-1.500 3-3.500 3.500M11 9c0 2 2 3 4 3.500M8.500 5C5 6.500 3 11.500 3 17c0 2 1 2.500 2.500 2 2.500-.8 4-2 4-5M14 5c4 1.500 7 6.500 7 12 0 2-1 2.500-2.500 2-2.500-.8-4-2-4-5"></path></svg>
      ${back ? icon("left") : nothing}<span>${back ? "Worklist" : "Hilum"}</span>
    </a>
    ${study ? title(room) : html`<span class="grow"></span>`}
    ${study && room.shown ? work(room) : nothing}
    <button class="button quiet square" aria-label="Keys and help" data-tip="Keys (?)" @click=${() => room.open({ open: "help" })}>${icon("help")}</button>
    ${room.session?.user ? html`<span class="user" data-tip=${`Signed in as ${room.session.user}\n${room.session.roles.join(", ")}`}>${room.session.user}</span>` : nothing}
    ${room.session?.features.signout ? html`<form method="post" action="signout"><button class="button quiet">Sign out</button></form>` : nothing}
  </header>`;
}

function title(room: Room): TemplateResult {
  const sheet = room.shown;
  if (!sheet) return html`<span class="grow"></span>`;
  return html`<div class="title">
    <h1>${sheet.patient || sheet.label || sheet.id}</h1>
    <span class="soft">${[sheet.patient ? sheet.label : "", date(sheet.time, { hour: true })].filter(Boolean).join(" · ")}</span>
    <span class="state ${sheet.state}"><i></i>${upper(sheet.state)}</span>
    ${sheet.synthetic ? html`<span class="chip synthetic" data-tip="Computed films of a virtual patient; nobody was exposed">Synthetic</span>` : nothing}
  </div>`;
}

function work(room: Room): TemplateResult {
  const { edits } = room;
  const findings = room.shown?.findings ?? [];
  const last = told(edits.now.at(-1), findings);
  const count = edits.now.length + (room.typed ? 1 : 0);
  const readonly = room.session?.readonly ?? false;
  const final = room.saved?.report.status === "final";
  return html`<div class="work">
    ${room.list.rows.length > 1
      ? html`<span class="pair">
          <button class="button quiet square" aria-label="Previous study" data-tip="Previous study (k)" @click=${() => room.walk(-1)}>${icon("left")}</button>
          <button class="button quiet square" aria-label="Next study" data-tip="Next study (j)" @click=${() => room.walk(1)}>${icon("right")}</button>
        </span>`
      : nothing}
    ${readonly
      ? html`<span class="chip">Read only</span>`
      : html`<span class="pair">
            <button class="button quiet square" aria-label="Undo" data-tip=${last ? `Undo: ${last} (u)` : "Nothing to undo"} ?disabled=${!edits.past.length} @click=${() => room.undo()}>${icon("undo")}</button>
            <button class="button quiet square" aria-label="Do again" data-tip="Do again (U)" ?disabled=${!edits.next.length} @click=${() => room.redo()}>${icon("redo")}</button>
          </span>
          <span class="unsaved" role="status">${count ? html`<i></i>${count} unsaved` : room.saving ? "Saving…" : ""}</span>
          <button class="button ${count ? "primary" : ""}" ?disabled=${!count || room.saving} data-tip="Save (Ctrl + S)" @click=${() => void room.save(false)}>${icon("save")}Save</button>
          <button class="button" ?disabled=${!room.canEdit || (final && !count)} @click=${() => room.open({ open: "final" })}>${icon("seal")}${final && !count ? "Final" : "Mark final"}</button>`}
  </div>`;
}
