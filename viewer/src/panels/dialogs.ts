/** One modal dialog at a time: keys, adding a finding, marking final, a version that moved, a session that ended. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Room } from "../room";
import { KEYS } from "../stage";
import { addForm, resetAdd } from "./add";
import { reviewed } from "./groups.js";
import { icon } from "./icons";
import { OWN_KEYS } from "./keys";
import { date, edited } from "./words.js";

export function dialogs(room: Room): TemplateResult {
  const { open } = room.dialog;
  return html`<dialog
    class="dialog ${open}"
    aria-labelledby="dialog-title"
    @cancel=${(event: Event) => {
      event.preventDefault();
      if (open !== "expired") room.close();
    }}
    @click=${(event: Event) => {
      if (event.target === event.currentTarget && open !== "expired") room.close();
    }}
  >
    ${open === "none" ? nothing : html`<div class="dialog-body">${content(room)}</div>`}
  </dialog>`;
}

/** Open or close the element as the room says; showModal keeps the focus inside and gives it back. */
export function settleDialog(room: Room, root: ParentNode): void {
  const element = root.querySelector<HTMLDialogElement>("dialog.dialog");
  if (!element) return;
  const open = room.dialog.open !== "none";
  if (open && !element.open) {
    element.showModal();
    element.querySelector<HTMLElement>("[data-first]")?.focus();
  } else if (!open && element.open) {
    element.close();
    resetAdd();
  }
}

function content(room: Room): TemplateResult {
  switch (room.dialog.open) {
    case "help":
      return help(room);
    case "add":
      return html`${head(room, "Add a finding")}${addForm(room)}`;
    case "final":
      return final(room);
    case "moved":
      return moved(room);
    case "leave":
      return leave(room);
    case "expired":
      return expired(room);
    default:
      return html``;
  }
}

function head(room: Room, title: string, close = true): TemplateResult {
  return html`<header>
    <h2 id="dialog-title">${title}</h2>
    ${close ? html`<button class="button quiet square" aria-label="Close" @click=${() => room.close()}>${icon("cross")}</button>` : nothing}
  </header>`;
}

function help(room: Room): TemplateResult {
  const all = [...OWN_KEYS, ...KEYS];
  const groups: [string, string][] = [["study", "Study and report"], ["findings", "Findings"], ["film", "Film"], ["view", "Hanging"]];
  return html`${head(room, "Keys")}
    <div class="keys">
      ${groups.map(
        ([group, title]) => html`<section>
          <h3>${title}</h3>
          <dl>
            ${all.filter((each) => each.group === group).map((each) => html`<dt>${each.keys.map((key) => html`<kbd>${key}</kbd>`)}</dt><dd>${each.does}</dd>`)}
          </dl>
        </section>`,
      )}
    </div>
    <p class="note">Hilum ${room.session?.version ?? ""}. ${room.session?.caution ?? ""} Films are drawn by the ${room.status?.renderer === "cpu" ? "processor" : "graphics card"}.</p>`;
}

function final(room: Room): TemplateResult {
  const { seen, of } = reviewed(room.shown?.findings ?? []);
  return html`${head(room, "Mark this report final?")}
    <p>It is written as final and signed by <strong>${room.session?.user || "you"}</strong>, with ${room.edits.now.length || "no"} unsaved edit${room.edits.now.length === 1 ? "" : "s"}.</p>
    ${of > seen ? html`<p class="note warn">${icon("alert")}${of - seen} of ${of} findings of the model have no verdict of yours yet.</p>` : nothing}
    <p class="note">${room.shown?.caution || room.session?.caution}</p>
    <footer>
      <button class="button quiet" data-first @click=${() => room.close()}>Not yet</button>
      <button class="button primary" @click=${() => void room.save(true)}>${icon("seal")}Mark final</button>
    </footer>`;
}

function moved(room: Room): TemplateResult {
  const theirs = room.dialog.open === "moved" ? room.dialog.theirs : null;
  const known = room.saved?.edits.length ?? 0;
  const fresh = theirs?.edits.slice(known) ?? [];
  return html`${head(room, "Someone saved this study meanwhile")}
    <p>You edited version ${room.saved?.revision ?? "?"}; ${theirs ? `version ${theirs.revision} is there now` : "there is a newer one now"}. Nothing of yours is lost.</p>
    ${fresh.length
      ? html`<ol class="log">${fresh.map((each) => html`<li><span class="who">${each.who}</span> <time>${date(each.when, { hour: true })}</time> <span class="what">${edited(each, theirs?.findings ?? [])}</span></li>`)}</ol>`
      : nothing}
    <footer>
      <button class="button quiet" @click=${() => room.close()}>Keep editing</button>
      <button class="button" ?disabled=${!theirs} @click=${() => theirs && void room.takeTheirs(theirs, false)}>Load theirs, drop mine</button>
      <button class="button primary" data-first ?disabled=${!theirs} @click=${() => theirs && void room.takeTheirs(theirs, true)}>Put mine on top</button>
    </footer>`;
}

function leave(room: Room): TemplateResult {
  const to = room.dialog.open === "leave" ? room.dialog.to : null;
  const count = room.edits.now.length + (room.typed ? 1 : 0);
  return html`${head(room, "Leave without saving?")}
    <p>${count} edit${count === 1 ? " is" : "s are"} not saved.</p>
    <footer>
      <button class="button quiet" @click=${() => room.close()}>Stay here</button>
      <button class="button" @click=${() => to && room.leave(to)}>Leave, drop edits</button>
      <button class="button primary" data-first @click=${() => void room.save(false).then(() => to && !room.unsaved && room.go(to))}>${icon("save")}Save and leave</button>
    </footer>`;
}

function expired(room: Room): TemplateResult {
  const count = room.edits.now.length;
  return html`${head(room, "Your session has ended", false)}
    <p>Sign in again in another tab, then continue here. ${count ? `Your ${count} unsaved edit${count === 1 ? "" : "s"} stay in this page.` : ""}</p>
    <footer>
      <a class="button" href="./" target="_blank" rel="noopener">Sign in</a>
      <button class="button primary" data-first @click=${() => void room.again()}>Continue</button>
    </footer>`;
}
