/** Who made what: the model, the films, the files written, and every edit with who and when. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Room } from "../room";
import type { Film } from "../sheet";
import { icon } from "./icons";
import { date, edited, fileKind } from "./words.js";

export function record(room: Room): TemplateResult {
  const sheet = room.shown;
  if (!sheet) return html``;
  return html`<div class="record">
    ${sheet.synthetic ? html`<p class="synthetic-note">${icon("alert")}<span><strong>Synthetic.</strong> These films were computed, nobody was exposed. They are marked so in their pixels and headers.</span></p>` : nothing}
    <h3>Read by</h3>
    ${sheet.made_by
      ? html`<dl class="facts"><dt>Model</dt><dd>${sheet.made_by.name}</dd><dt>Version</dt><dd>${sheet.made_by.version || "not stated"}</dd></dl>`
      : html`<p class="empty-line">No model has read this study.</p>`}
    <h3>Films</h3>
    <ul class="film-list">${sheet.films.map(film)}</ul>
    <h3>Files</h3>
    ${sheet.files.length
      ? html`<ul class="files">${sheet.files.map((each) => html`<li><a href=${each.url} download=${each.name}>${icon("file")}<span>${each.name}</span></a><span class="kind">${fileKind(each.kind)}</span></li>`)}</ul>`
      : html`<p class="empty-line">Nothing is written yet. Saving writes study.json, SR, SEG, GSPS and FHIR.</p>`}
    <h3>Edits</h3>
    ${log(room)}
  </div>`;
}

function film(each: Film): TemplateResult {
  const spacing = each.spacing_mm
    ? `${each.spacing_mm[1].toFixed(3)} mm ${each.spacing_plane === "patient" ? "in the patient" : "at the detector"}`
    : "no spacing";
  const facts = [`${each.columns} × ${each.rows}`, spacing];
  if (each.magnification) facts.push(`magnified ${each.magnification.toFixed(2)} ×`);
  if (each.synthetic) facts.push("synthetic");
  return html`<li>
    <span class="film-view">${each.view || "View unknown"}</span><span class="kind">${facts.join(" · ")}</span>
    ${each.accepted ? nothing : html`<span class="film-refused">${icon("alert")}${each.reason || "Not accepted by the model."}</span>`}
  </li>`;
}

function log(room: Room): TemplateResult {
  const sheet = room.shown;
  const edits = sheet?.edits ?? [];
  if (!sheet || !edits.length) return html`<p class="empty-line">Nobody has edited this study.</p>`;
  const kept = room.saved?.edits.length ?? 0;
  return html`<ol class="log">
    ${edits
      .map(
        (each, index) => html`<li class=${index >= kept ? "pending" : ""}>
          <span class="who">${each.who}</span>
          <time datetime=${each.when}>${index >= kept ? "not saved" : date(each.when, { hour: true })}</time>
          <span class="what">${edited(each, sheet.findings)}</span>
        </li>`,
      )
      .reverse()}
  </ol>`;
}
