/** The findings list: what was found, how sure, where, since when; accepted, rejected, changed and added here. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Room } from "../room";
import type { Item } from "../sheet";
import { editor } from "./finding_editor";
import { groups, reviewed } from "./groups.js";
import { bar, disc, icon, type IconName } from "./icons";
import { evidence, place, probability } from "./words.js";

const CHANGE_ICONS: Record<string, IconName> = { new: "plus", worsened: "up", improved: "fall", unchanged: "same", resolved: "check" };

export function findings(room: Room): TemplateResult {
  const sheet = room.shown;
  const items = sheet?.findings ?? [];
  const { seen, of } = reviewed(items);
  return html`<section class="panel findings" aria-labelledby="findings-title">
    <header class="panel-head">
      <h2 id="findings-title">Findings</h2>
      ${of && !room.session?.readonly ? html`<span class="count" data-tip="Present and uncertain findings of the model with a verdict of yours">${seen} of ${of} reviewed</span>` : nothing}
      <span class="grow"></span>
      ${room.canEdit
        ? html`<button class="button quiet" data-tip="Add a finding (A)" @click=${() => room.open({ open: "add" })}>${icon("plus")}Add finding</button>`
        : nothing}
    </header>
    <div class="scroll" @keydown=${(event: KeyboardEvent) => arrows(room, event)}>
      ${items.length ? groups(items).map((group) => one(room, group.state, group.title, group.items)) : empty(room)}
      ${notAssessed(room)}
    </div>
  </section>`;
}

function empty(room: Room): TemplateResult {
  if (room.coming) {
    return html`<div class="empty">
      ${icon("clock")}
      <p><strong>${room.saved?.state === "reading" ? "The study is being read." : "The study waits to be read."}</strong></p>
      <p>What is found appears here by itself.</p>
    </div>`;
  }
  const by = room.shown?.made_by;
  return html`<div class="empty">
    ${disc("none")}
    <p><strong>${by ? "The model found nothing to list." : "No model has read this study."}</strong></p>
    <p>${by ? "That is no statement about what it did not assess." : "The films are here all the same; what you see yourself can be listed and written out."}</p>
    ${room.canEdit ? html`<button class="button" @click=${() => room.open({ open: "add" })}>${icon("plus")}Add a finding</button>` : nothing}
  </div>`;
}

function fold(room: Room, name: string): void {
  if (!room.folded.delete(name)) room.folded.add(name);
  room.changed();
}

function heading(room: Room, name: string, title: string, count: number): TemplateResult {
  const open = !room.folded.has(name);
  const id = `group-${name.replace(" ", "-")}`;
  return html`<h3 class="group-head">
    <button aria-expanded=${open} aria-controls=${id} @click=${() => fold(room, name)}>
      <span class="chevron ${open ? "open" : ""}">${icon("right")}</span>${title}<span class="count">${count}</span>
    </button>
  </h3>`;
}

function one(room: Room, state: string, title: string, items: Item[]): TemplateResult | typeof nothing {
  if (!items.length) return nothing;
  const open = !room.folded.has(state);
  return html`<div class="group ${state}">
    ${heading(room, state, title, items.length)}
    <ul id="group-${state}" ?hidden=${!open}>
      ${open ? repeat(items, (item) => item.key, (item) => row(room, item)) : nothing}
    </ul>
  </div>`;
}

function notAssessed(room: Room): TemplateResult | typeof nothing {
  const missing = room.shown?.not_assessed ?? [];
  if (!missing.length) return nothing;
  const open = !room.folded.has("not assessed");
  return html`<div class="group not-assessed">
    ${heading(room, "not assessed", "Not assessed", missing.length)}
    <ul id="group-not-assessed" ?hidden=${!open}>
      ${open
        ? missing.map((each) => html`<li class="unjudged">${disc("none")}<span>${each.label}</span><span class="because">${each.reason}</span></li>`)
        : nothing}
    </ul>
  </div>`;
}

function row(room: Room, item: Item): TemplateResult {
  const selected = room.selected === item.key;
  const lit = room.hovered === item.key;
  const choose = () => room.select(selected ? "" : item.key);
  return html`<li
    class="finding ${item.state} ${selected ? "selected" : ""} ${lit ? "lit" : ""} ${item.verdict}"
    data-key=${item.key}
    @mouseenter=${() => room.hover(item.key)}
    @mouseleave=${() => room.hover("")}
  >
    <div class="finding-row">
      <button class="finding-name" aria-expanded=${selected} @click=${choose}>
        ${disc(item.state)}
        <span class="finding-text">
          <span class="label">${item.label}${item.attributes["severity"] ? html`<span class="severity">${item.attributes["severity"]}</span>` : nothing}<span class="unseen">, ${item.state}${item.verdict ? `, ${item.verdict}` : ""}</span></span>
          ${second(item)}
        </span>
      </button>
      ${score(item)} ${room.session?.readonly ? nothing : verdict(room, item)}
    </div>
    ${selected ? editor(room, item) : nothing}
  </li>`;
}

/** Where, since when, and whose; nothing where there is nothing to say. */
function second(item: Item): TemplateResult | typeof nothing {
  const where = item.state === "absent" ? "" : place(item);
  const mine = item.verdict === "changed" || item.verdict === "added";
  if (!where && !item.change && !mine) return nothing;
  return html`<span class="second">
    ${where ? html`<span class="place">${where}</span>` : nothing}
    ${item.change ? html`<span class="since ${item.change}">${icon(CHANGE_ICONS[item.change] ?? "same")}${item.change}</span>` : nothing}
    ${mine ? html`<span class="since mine">${icon("pen")}${item.verdict}</span>` : nothing}
  </span>`;
}

function score(item: Item): TemplateResult {
  if (item.probability === null) return html`<span class="score none" aria-hidden="true">${item.reader || item.verdict === "changed" ? "reader" : ""}</span>`;
  const raw = !item.calibration || item.calibration === "uncalibrated";
  return html`<button class="score ${raw ? "raw" : ""}" data-tip=${evidence(item).join("\n")} aria-label="Probability ${probability(item.probability)}${raw ? ", not calibrated" : ""}">
    <span class="number">${probability(item.probability)}</span>${bar(item.probability)}
  </button>`;
}

function verdict(room: Room, item: Item): TemplateResult {
  const off = !room.canEdit;
  const name = item.label.toLowerCase();
  const accepted = item.verdict === "accepted";
  const rejected = item.verdict === "rejected";
  return html`<span class="verdict" role="group" aria-label="Verdict on ${name}">
    <button class="tick" aria-pressed=${accepted} ?disabled=${off} aria-label="Accept ${name}" data-tip=${accepted ? "Take the verdict back" : "Accept (a)"} @click=${() => room.judge(item, "accept")}>${icon("check")}</button>
    <button class="cross" aria-pressed=${rejected} ?disabled=${off} aria-label="Reject ${name}" data-tip=${rejected ? "Take the verdict back" : "Reject (x)"} @click=${() => room.judge(item, "reject")}>${icon("cross")}</button>
  </span>`;
}

/** Up and down move through the rows while the keys are in the list; the stage has the arrows elsewhere. */
function arrows(room: Room, event: KeyboardEvent): void {
  const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const at = event.target as HTMLElement;
  if (!by || !at.classList.contains("finding-name")) return;
  event.preventDefault();
  event.stopPropagation();
  const names = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".finding-name")];
  const next = names[names.indexOf(at) + by];
  next?.focus();
  const key = next?.closest<HTMLElement>("[data-key]")?.dataset["key"];
  if (key) room.select(key);
}
