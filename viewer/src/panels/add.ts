/** The form that adds a finding: a concept searched by name, its state, side and severity, and a box to draw. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Concept } from "../api";
import type { Room } from "../room";
import type { Item } from "../sheet";
import { SIDES, STATES, segments } from "./finding_editor";
import { search } from "./groups.js";
import { icon } from "./icons";
import { upper } from "./words.js";

type Form = { typed: string; at: number; chosen: Concept | null; state: Item["state"]; side: Item["side"]; severity: string };

const BLANK: Form = { typed: "", at: 0, chosen: null, state: "present", side: "", severity: "" };
const SEVERITIES: readonly (readonly [string, string])[] = [["", "not stated"], ["mild", "mild"], ["moderate", "moderate"], ["severe", "severe"]];

let form: Form = { ...BLANK };

/** An empty form for the next time. */
export function resetAdd(): void {
  form = { ...BLANK };
}

function change(room: Room, to: Partial<Form>): void {
  form = { ...form, ...to };
  room.changed();
}

export function addForm(room: Room): TemplateResult {
  const concepts = room.concepts;
  const found = concepts ? search(concepts, form.typed) : [];
  const chosen = form.chosen;
  return html`<form class="add" @submit=${(event: Event) => { event.preventDefault(); void add(room, false); }}>
    <label class="field"><span>What do you see?</span>
      <input data-first type="text" role="combobox" autocomplete="off" aria-autocomplete="list" aria-controls="concepts" aria-expanded=${!chosen}
        aria-activedescendant=${!chosen && found.length ? `concept-${form.at}` : nothing} placeholder="Type a finding or device"
        .value=${form.typed} @input=${(event: Event) => change(room, { typed: (event.target as HTMLInputElement).value, at: 0, chosen: null })}
        @keydown=${(event: KeyboardEvent) => keys(room, event, found)} />
    </label>
    ${chosen
      ? nothing
      : html`<ul id="concepts" role="listbox" aria-label="Findings that fit">
          ${found.map(
            (each, index) => html`<li id="concept-${index}" role="option" aria-selected=${index === form.at} @click=${() => choose(room, each)} @mousemove=${() => index !== form.at && change(room, { at: index })}>
              <span>${each.label}</span>${listed(room, each) ? html`<span class="faint">already listed</span>` : nothing}
            </li>`,
          )}
          ${concepts ? (found.length ? nothing : html`<li class="faint none">No finding of that name. Try another word.</li>`) : html`<li class="faint none">Loading the names…</li>`}
        </ul>`}
    ${chosen ? already(room, chosen) : nothing}
    <div class="add-rest" ?hidden=${!chosen}>
      ${segments("add-state", "State", STATES.map((each) => [each, each] as const), form.state, false, (state) => change(room, { state }))}
      ${chosen?.sided ? segments("add-side", "Side", SIDES, form.side, false, (side) => change(room, { side })) : nothing}
      ${form.state === "absent" ? nothing : segments("add-severity", "Severity", SEVERITIES, form.severity, false, (severity) => change(room, { severity }))}
    </div>
    <footer>
      <button type="button" class="button quiet" @click=${() => room.close()}>Cancel</button>
      <button type="button" class="button" ?disabled=${!chosen || !room.stage || form.state === "absent"} @click=${() => void add(room, true)}>${icon("box")}Add and draw a box</button>
      <button type="submit" class="button primary" ?disabled=${!chosen}>${icon("plus")}Add</button>
    </footer>
  </form>`;
}

function listed(room: Room, concept: Concept): boolean {
  return room.shown?.findings.some((item) => item.concept === concept.concept) ?? false;
}

/** A concept that is in the list already is better changed there than said twice. */
function already(room: Room, concept: Concept): TemplateResult | typeof nothing {
  const item = room.shown?.findings.find((each) => each.concept === concept.concept);
  if (!item) return nothing;
  const go = () => {
    room.close();
    room.select(item.key);
  };
  return html`<p class="note warn">${icon("alert")}<span>${item.label} is listed already (${item.state}${item.verdict === "rejected" ? ", rejected" : ""}). <button type="button" class="link" @click=${go}>Change it there</button>, or add a second one.</span></p>`;
}

function choose(room: Room, concept: Concept): void {
  change(room, { chosen: concept, typed: concept.label, side: "" });
}

function keys(room: Room, event: KeyboardEvent, found: Concept[]): void {
  const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const here = found[form.at];
  if (by && !form.chosen) {
    event.preventDefault();
    change(room, { at: Math.min(found.length - 1, Math.max(0, form.at + by)) });
  } else if (event.key === "Enter" && !form.chosen) {
    event.preventDefault();
    if (here) choose(room, here);
  }
}

async function add(room: Room, draw: boolean): Promise<void> {
  const { chosen, state, side, severity } = form;
  if (!chosen) return;
  room.close();
  const box = draw ? await room.draw(chosen.label) : null;
  if (draw && !box) {
    room.tell("done", `No box was drawn, so ${chosen.label.toLowerCase()} was not added.`);
    return;
  }
  const done = await room.act({ do: "add", concept: chosen.concept, state, side, boxes: box ? [box] : [] });
  if (done && severity && room.selected) await room.act({ do: "set", key: room.selected, severity });
  if (done) room.said = `${upper(chosen.label)} was added.`;
}
