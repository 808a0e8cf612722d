/** Short messages in the corner: what was done, or what went wrong with how to mend it. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Room } from "../room";
import { icon } from "./icons";

export function toasts(room: Room): TemplateResult {
  return html`<div class="toasts">
      ${repeat(
        room.toasts,
        (toast) => toast.id,
        (toast) => html`<div class="toast ${toast.kind}" role=${toast.kind === "problem" ? "alert" : "status"}>
          ${icon(toast.kind === "problem" ? "alert" : "check")}
          <div><strong>${toast.text}</strong>${toast.fix ? html`<p>${toast.fix}</p>` : nothing}</div>
          <button class="close" aria-label="Close this message" @click=${() => room.dismiss(toast.id)}>${icon("cross")}</button>
        </div>`,
      )}
    </div>
    <div class="unseen" aria-live="polite">${room.said}</div>`;
}
