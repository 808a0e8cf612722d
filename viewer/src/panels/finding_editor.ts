/** What opens under a selected finding: its state, side, severity and change, its boxes, and what stands behind it. */
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { Room } from "../room";
import type { Item } from "../sheet";
import { icon } from "./icons";
import { evidence } from "./words.js";

export const STATES: readonly Item["state"][] = ["present", "uncertain", "absent"];
export const SIDES: readonly [Item["side"], string][] = [["", "none"], ["right", "right"], ["left", "left"], ["bilateral", "both"]];
const SEVERITIES = ["", "mild", "moderate", "severe"];
const CHANGES: Record<Item["state"], readonly Item["change"][]> = {
  present: ["", "new", "worsened", "unchanged", "improved"],
  uncertain: ["", "new", "worsened", "unchanged", "improved"],
  absent: ["", "unchanged", "resolved"],
};

/** One of a few values: a row of radio buttons that looks like one control. */
export function segments<T extends string>(
  name: string, label: string, options: readonly (readonly [T, string])[], value: T, disabled: boolean, choose: (value: T) => void,
): TemplateResult {
  return html`<fieldset class="segments" ?disabled=${disabled}>
    <legend>${label}</legend>
    <span class="segment-row">
      ${options.map(
        ([each, text]) => html`<label class=${each === value ? "on" : ""}>
          <input type="radio" name=${name} .checked=${live(each === value)} @change=${() => choose(each)} />${text}
        </label>`,
      )}
    </span>
  </fieldset>`;
}

function choice<T extends string>(label: string, options: readonly T[], value: T, disabled: boolean, choose: (value: T) => void): TemplateResult {
  const known = options.includes(value) ? options : [...options, value];
  return html`<label class="choice"><span>${label}</span>
    <select ?disabled=${disabled} @change=${(event: Event) => choose((event.target as HTMLSelectElement).value as T)}>
      ${known.map((each) => html`<option value=${each} .selected=${live(each === value)}>${each || "not stated"}</option>`)}
    </select>
  </label>`;
}

export function editor(room: Room, item: Item): TemplateResult {
  const told = evidence(item).slice(item.probability === null ? 0 : 1).join(" · ");
  const off = !room.canEdit || item.verdict === "rejected";
  const set = (change: object) => void room.act({ do: "set", key: item.key, ...change });
  const asked = room.concepts?.find((each) => each.concept === item.concept)?.sided;
  const sided = asked ?? (item.side !== "" || item.state !== "absent");
  if (room.session?.readonly) return html`<div class="editor">${measurements(item)}<p class="behind">${told}</p></div>`;
  return html`<div class="editor">
    ${item.verdict === "rejected" ? html`<p class="note">Rejected: it is left out of the report. Take the verdict back to edit it.</p>` : nothing}
    ${segments(`state-${item.key}`, "State", STATES.map((each) => [each, each] as const), item.state, off, (state) => set({ state }))}
    ${sided ? segments(`side-${item.key}`, "Side", SIDES, item.side, off, (side) => set({ side })) : nothing}
    <div class="choices">
      ${choice("Severity", SEVERITIES, item.attributes["severity"] ?? "", off || item.state === "absent", (severity) => set({ severity }))}
      ${choice("Change", CHANGES[item.state], item.change, off || !room.shown?.prior, (change) => set({ change }))}
    </div>
    ${measurements(item)}
    <div class="boxes">
      <span class="boxes-count">${item.boxes.length ? `${item.boxes.length} box${item.boxes.length > 1 ? "es" : ""}` : "No box"}</span>
      <button class="button quiet" ?disabled=${off || !room.stage} @click=${() => void room.drawFor(item)}>${icon("box")}Draw box</button>
      ${item.boxes.length
        ? html`<button class="button quiet" aria-pressed=${room.status?.edit ?? false} ?disabled=${off || !room.stage} data-tip="Drag boxes and their corners on the film" @click=${() => room.stage?.edit(!room.status?.edit)}>${icon("move")}Move</button>
            <button class="button quiet" ?disabled=${off} @click=${() => void room.act({ do: "move", key: item.key, boxes: [] })}>${icon("cross")}Remove</button>`
        : nothing}
    </div>
    <p class="behind">${told}</p>
  </div>`;
}

function measurements(item: Item): TemplateResult | typeof nothing {
  if (!item.measurements.length) return nothing;
  const told = item.measurements.map((each) => `${each.name} ${Number(each.value.toPrecision(3))}${each.unit && each.unit !== "1" ? ` ${each.unit}` : ""}`);
  return html`<p class="measured">${told.join(" · ")}</p>`;
}
