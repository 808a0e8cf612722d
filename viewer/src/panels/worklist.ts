/** The worklist: every study with its state, what was found in it, and why one was not read. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import type { Row } from "../api";
import { hashOf, PAGE, type Room } from "../room";
import { icon } from "./icons";
import { date, probability, sideWord, upper } from "./words.js";

/** States in the order the filter offers them, each with what it means. */
export const STATES: readonly [string, string][] = [
  ["", "All"],
  ["unread", "Unread"],
  ["waiting", "Waiting"],
  ["reading", "Reading"],
  ["read", "Read"],
  ["edited", "Edited"],
  ["final", "Final"],
  ["refused", "Refused"],
  ["failed", "Failed"],
  ["quarantined", "Quarantined"],
];

const TOLD = 3;
let typing = 0;

export function worklist(room: Room): TemplateResult {
  const { list } = room;
  const jobs = room.session?.features.jobs ?? false;
  return html`<div class="list-page">
    <header class="list-head">
      <div class="list-title">
        <h1>${room.session?.features.worklist ? "Worklist" : "Studies"}</h1>
        <span class="count" role="status">${counted(room)}</span>
        ${room.session?.features.worklist && list.live !== null
          ? html`<span class="live ${list.live ? "on" : ""}" data-tip=${list.live ? "New studies appear by themselves" : "Not connected; the list is as it was last asked for"}>${list.live ? "Live" : "Not live"}</span>`
          : nothing}
      </div>
      <div class="finder">
        ${icon("search")}
        <input id="search" type="search" placeholder="Patient, study or finding" aria-label="Search the worklist" .value=${live(list.text)} @input=${(event: Event) => search(room, event)} />
        <kbd>/</kbd>
      </div>
      <fieldset class="filter">
        <legend class="unseen">State</legend>
        ${STATES.filter(([state]) => jobs || state !== "quarantined").map(
          ([state, name]) => html`<label class=${list.state === state ? "on" : ""}>
            <input type="radio" name="state" .checked=${live(list.state === state)} @change=${() => room.find({ state })} />${name}
          </label>`,
        )}
      </fieldset>
    </header>
    <div class="list-body scroll" aria-busy=${list.loading}>${body(room, jobs)}</div>
    ${pages(room)}
  </div>`;
}

function counted(room: Room): string {
  const { total, loading, rows, problem } = room.list;
  if (loading && !rows.length) return "";
  if (problem) return "";
  return `${total} ${total === 1 ? "study" : "studies"}`;
}

function search(room: Room, event: Event): void {
  const text = (event.target as HTMLInputElement).value;
  room.list.text = text;
  clearTimeout(typing);
  typing = window.setTimeout(() => room.find({ text }), 200);
}

function body(room: Room, jobs: boolean): TemplateResult {
  const { list } = room;
  if (list.problem && !list.rows.length) {
    return html`<div class="empty large" role="alert">
      ${icon("alert")}
      <p><strong>${list.problem.message}</strong></p>
      <p>${list.problem.fix}</p>
      <button class="button" @click=${() => void room.loadList()}>${icon("retry")}Try again</button>
    </div>`;
  }
  if (list.loading && !list.rows.length) return html`<div class="bones" aria-label="Loading the worklist">${Array.from({ length: 8 }, () => html`<div class="bone-row"></div>`)}</div>`;
  if (!list.rows.length) return nothingHere(room);
  return html`<table>
    <thead>
      <tr>
        <th scope="col">State</th>
        <th scope="col">Patient</th>
        <th scope="col" class="narrow-off">Study</th>
        <th scope="col">Taken</th>
        <th scope="col">Views</th>
        <th scope="col">Present</th>
        <th scope="col" class="narrow-off">Prior</th>
        ${jobs && room.canAdmin ? html`<th scope="col"><span class="unseen">Job</span></th>` : nothing}
      </tr>
    </thead>
    <tbody>
      ${repeat(list.rows, (row) => row.id, (row) => line(room, row, jobs && room.canAdmin))}
    </tbody>
  </table>`;
}

function nothingHere(room: Room): TemplateResult {
  const { text, state } = room.list;
  const sought = text || state;
  return html`<div class="empty large">
    ${icon(sought ? "search" : "list")}
    <p><strong>${sought ? "No study fits this search." : "No study has arrived yet."}</strong></p>
    <p>${sought ? "Fewer words or another state may find more." : "Studies appear here when they are sent by C-STORE or STOW, or lie in the folder that is shown."}</p>
    ${sought ? html`<button class="button" @click=${() => room.find({ text: "", state: "" })}>Show all studies</button>` : nothing}
  </div>`;
}

function line(room: Room, row: Row, admin: boolean): TemplateResult {
  const at = room.list.at === row.id;
  const address = hashOf({ at: "study", id: row.id });
  const open = (event: Event) => {
    if (!(event.target as Element).closest("a, button")) room.go({ at: "study", id: row.id });
  };
  return html`<tr class=${at ? "at" : ""} data-id=${row.id} @click=${open}>
    <td>${state(row)}</td>
    <td><a href=${address} class="patient" @focus=${() => point(room, row.id)}>${row.patient || row.label || row.id}</a></td>
    <td class="narrow-off soft">${row.label}</td>
    <td class="when">${date(row.time, { hour: true, unknown: "–" })}</td>
    <td class="soft views">${row.views.join(" · ") || "–"}</td>
    <td class="told">${told(row)}</td>
    <td class="narrow-off">${row.prior ? html`<span class="soft" data-tip="An earlier study hangs beside it">${icon("clock")}yes</span>` : html`<span class="faint">–</span>`}</td>
    ${admin ? html`<td class="job">${job(room, row)}</td>` : nothing}
  </tr>`;
}

function point(room: Room, id: string): void {
  if (room.list.at === id) return;
  room.list.at = id;
  room.changed();
}

function state(row: Row): TemplateResult {
  const running = row.state === "reading" && row.progress !== null;
  return html`<span class="state ${row.state}"><i></i>${upper(row.state)}</span>
    ${running ? html`<progress max="1" .value=${row.progress ?? 0} aria-label="Reading, ${Math.round(100 * (row.progress ?? 0))} percent"></progress>` : nothing}`;
}

function told(row: Row): TemplateResult {
  if (row.reason) return html`<span class="reason">${upper(row.reason)}</span>`;
  if (row.state === "waiting" || row.state === "reading") return html`<span class="faint">Not read yet</span>`;
  if (!row.present.length) return html`<span class="faint">${row.state === "unread" ? "Not read" : "Nothing present among those assessed"}</span>`;
  const rest = row.present.length - TOLD;
  return html`<span class="founds">
    ${row.present.slice(0, TOLD).map(
      (item) => html`<span class="found">${item.label}${item.side ? html` <span class="soft">${sideWord(item.side)}</span>` : nothing}${item.probability === null ? nothing : html` <span class="number">${probability(item.probability)}</span>`}</span>`,
    )}
    ${rest > 0 ? html`<span class="soft" data-tip=${row.present.slice(TOLD).map((item) => item.label).join("\n")}>+ ${rest} more</span>` : nothing}
  </span>`;
}

function job(room: Room, row: Row): TemplateResult | typeof nothing {
  const found = room.list.jobs.get(row.id);
  if (!found) return nothing;
  const running = row.state === "waiting" || row.state === "reading";
  const what = running ? "cancel" : "retry";
  return html`<button class="button quiet" data-tip=${found.attempts > 1 ? `Tried ${found.attempts} times` : ""} aria-label="${upper(what)} the reading of ${row.label}" @click=${() => void room.job(found.id, what)}>
    ${icon(running ? "cross" : "retry")}${upper(what)}
  </button>`;
}

function pages(room: Room): TemplateResult | typeof nothing {
  const { total, offset, rows } = room.list;
  if (total <= PAGE && offset === 0) return nothing;
  return html`<nav class="pages" aria-label="Pages">
    <button class="button quiet" ?disabled=${offset === 0} @click=${() => room.find({ offset: Math.max(0, offset - PAGE) })}>${icon("left")}Newer</button>
    <span>${offset + 1} to ${offset + rows.length} of ${total}</span>
    <button class="button quiet" ?disabled=${offset + rows.length >= total} @click=${() => room.find({ offset: offset + PAGE })}>Older${icon("right")}</button>
  </nav>`;
}
