/** Buttons over the films: the same that the stage's keys do, for the mouse and the finger. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Room } from "../room";
import { icon, type IconName } from "./icons";

export function tools(room: Room): TemplateResult | typeof nothing {
  const { stage, status } = room;
  if (!stage || !status || !room.shown?.films.length) return nothing;
  const button = (name: IconName, label: string, key: string, act: () => void, pressed?: boolean) =>
    html`<button class="tool" aria-label=${label} aria-pressed=${pressed === undefined ? nothing : pressed} data-tip="${label} (${key})" @click=${act}>${icon(name)}</button>`;
  return html`<div class="tools" role="toolbar" aria-label="Film tools">
    ${windows(room)}
    <span class="tool-group">
      ${button("invert", "Invert", "i", () => stage.invert(), status.inverted)}
      ${button("turn", "Rotate right", "r", () => stage.rotate(90))}
      ${button("flip", "Mirror", "f", () => stage.flip())}
      ${button("ruler", "Measure", "m", () => stage.ruler(), status.ruler)}
      ${button("reset", "As it was hung", "space", () => stage.reset())}
    </span>
    <span class="tool-group">
      ${button("eye", "Boxes and masks", "o", () => stage.overlays(), status.overlays)}
      <label class="slider" data-tip="How strong boxes and masks are ([ and ])">
        <span class="unseen">Strength of boxes and masks</span>
        <input type="range" min="0" max="1" step="0.1" .value=${String(status.opacity)} ?disabled=${!status.overlays} @input=${(event: Event) => stage.opacity(Number((event.target as HTMLInputElement).value))} />
      </label>
    </span>
    ${status.bones === null
      ? nothing
      : html`<label class="slider tool-group" data-tip="From the film as it is to the film without bones (b)">${icon("bone")}
          <span class="unseen">Bones</span>
          <input type="range" min="0" max="1" step="0.05" .value=${String(status.bones)} @input=${(event: Event) => stage.bones(Number((event.target as HTMLInputElement).value))} />
        </label>`}
    ${status.prior === "none"
      ? nothing
      : html`<span class="tool-group">
          ${button("beside", "Prior beside", "P", () => stage.prior(status.prior === "off" ? "beside" : "off"), status.prior !== "off")}
          ${button("swap", "Swap with the prior", "p", () => stage.prior("swap"), status.prior === "swapped")}
        </span>`}
    <span class="grow"></span>
    <span class="stage-says" role="status">${room.drawing ? html`<strong>Draw a box for ${room.drawing.toLowerCase()}</strong> · Escape stops` : status.edit ? html`Drag a box or its corners <button class="link" @click=${() => stage.edit(false)}>done</button>` : status.message}</span>
  </div>`;
}

function windows(room: Room): TemplateResult | typeof nothing {
  const presets = room.status?.presets ?? [];
  if (!presets.length) return nothing;
  return html`<span class="tool-group" role="group" aria-label="Windows">
    ${presets.slice(0, 4).map((name, index) => html`<button class="tool word" data-tip="Window ${name} (${index + 1})" @click=${() => room.stage?.preset(index + 1)}>${name}</button>`)}
  </span>`;
}
