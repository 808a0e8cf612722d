/** The draft report: it follows the list; each sentence leads to its findings, and the text can be written by hand too. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { Room } from "../room";
import { icon } from "./icons";
import { sentencesOf } from "./groups.js";
import { plain, sectionsOf, upper } from "./words.js";

type Section = ReturnType<typeof sectionsOf>[number];

const WRITABLE = new Set(["findings", "impression"]);

export function report(room: Room): TemplateResult {
  const sheet = room.shown;
  if (!sheet) return html``;
  const sections = sectionsOf(sheet.report).filter(({ name, text }) => text || (WRITABLE.has(name) && room.canEdit));
  const told = sections.some(({ text }) => text);
  return html`<div class="report" aria-busy=${room.drafting} lang="en">
    ${told ? nothing : html`<p class="empty-line">No text yet. It is written from the findings as you add them, or by your own hand.</p>`}
    ${sections.map((section) => one(room, section))}
  </div>`;
}

/** What stands beside the tabs: the report's status, and its text to take away. */
export function reportTools(room: Room): TemplateResult {
  const sheet = room.shown;
  if (!sheet) return html``;
  const final = sheet.report.status === "final" && !room.unsaved;
  const none = sheet.report.status === "none" && !room.unsaved;
  const told = Object.values(sheet.report.sections).some(Boolean) || sheet.report.sentences.length > 0;
  return html`<span class="chip ${final ? "final" : "draft"}" role="status">${room.drafting ? "Writing…" : final ? "Final" : none ? "No report" : "Draft"}</span>
    <span class="grow"></span>
    <button class="button quiet" ?disabled=${!told} data-tip="Copy the report with its caution line" @click=${() => void copy(room)}>${icon("copy")}Copy</button>
    <button class="button quiet square" aria-label="Print" data-tip="Print the report with its films, on white" @click=${() => print()}>${icon("print")}</button>`;
}

function one(room: Room, section: Section): TemplateResult {
  const name = section.name as "findings" | "impression";
  const writing = room.writing?.section === name;
  const byHand = room.edits.now.some((action) => action.do === "write" && action.section === name);
  return html`<section class="report-section" aria-label="Report, ${name}">
    <h3>${upper(name)}
      ${byHand ? html`<span class="chip mine" data-tip="Your words stay. Only sentences of findings that you change later are written anew.">${icon("pen")}written by hand</span>` : nothing}
      ${byHand && !writing ? html`<button class="link" @click=${() => room.unwrite(name)}>follow the list again</button>` : nothing}
      ${WRITABLE.has(name) && room.canEdit && !writing
        ? html`<button class="pen" aria-label="Edit the text of ${name}" data-tip="Edit the text${name === "findings" ? " (e)" : ""}" @click=${() => begin(room, name, section.text)}>${icon("pen")}</button>`
        : nothing}
    </h3>
    ${writing ? paper(room) : prose(room, section)}
  </section>`;
}

/** Open a section for typing and put the cursor into it. */
export function begin(room: Room, section: "findings" | "impression", text: string): void {
  room.tab = "report";
  room.writing = { section, text };
  room.changed(true);
  document.querySelector<HTMLTextAreaElement>(".paper textarea")?.focus();
}

function paper(room: Room): TemplateResult {
  const writing = room.writing;
  if (!writing) return html``;
  const type = (event: Event) => {
    writing.text = (event.target as HTMLTextAreaElement).value;
    room.changed();
  };
  const stop = () => {
    room.writing = null;
    room.changed();
  };
  const keys = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === "Escape") stop();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void room.write();
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      void room.save(false);
    }
  };
  const rows = Math.max(4, Math.ceil(writing.text.length / 52) + 1);
  return html`<div class="paper">
    <textarea aria-label="Text of ${writing.section}" rows=${rows} spellcheck="true" .value=${live(writing.text)} @input=${type} @keydown=${keys}></textarea>
    <div class="paper-tools">
      <span class="hint">Ctrl + Enter keeps, Escape drops. The list stays as it is.</span>
      <button class="button quiet" @click=${stop}>Drop</button>
      <button class="button" ?disabled=${!room.typed} @click=${() => void room.write()}>Keep text</button>
    </div>
  </div>`;
}

function prose(room: Room, section: Section): TemplateResult {
  if (!section.sentences.length) return html`<p class=${section.text ? "" : "empty-line"}>${section.text || "Nothing written."}</p>`;
  const picked = new Set(sentencesOf(room.shown?.report.sentences ?? [], room.selected));
  const lit = new Set(sentencesOf(room.shown?.report.sentences ?? [], room.hovered));
  return html`<p>
    ${section.sentences.map(({ index, text, findings }) => {
      const linked = findings.filter((key) => room.item(key));
      if (!linked.length) return html`<span>${text} </span>`;
      // A span, not a button: only text that is inline wraps as prose does.
      return html`<span
          role="button"
          tabindex="0"
          class="sentence ${picked.has(index) ? "selected" : ""} ${lit.has(index) ? "lit" : ""}"
          aria-pressed=${picked.has(index)}
          @click=${() => room.selectSentence(index)}
          @keydown=${(event: KeyboardEvent) => press(event, () => room.selectSentence(index))}
          @mouseenter=${() => room.hover(linked.includes(room.selected) ? room.selected : (linked[0] ?? ""))}
          @mouseleave=${() => room.hover("")}
        >${text}</span> `;
    })}
  </p>`;
}

function press(event: KeyboardEvent, act: () => void): void {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

async function copy(room: Room): Promise<void> {
  const sheet = room.shown;
  if (!sheet) return;
  try {
    await navigator.clipboard.writeText(plain(sheet.report, sheet.caution || (room.session?.caution ?? "")));
    room.tell("done", "The report is copied, with its caution line.");
  } catch {
    room.tell("problem", "The browser did not let the page copy.", "Select the text and copy it with Ctrl + C.");
  }
}
