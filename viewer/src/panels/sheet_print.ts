/** What goes on paper: the report with its films and boxes on white, the caution line first. */
import { html, nothing, svg, type TemplateResult } from "lit-html";
import type { Room } from "../room";
import type { Film, Item } from "../sheet";
import { groups } from "./groups.js";
import { date, place, probability, sectionsOf, upper } from "./words.js";

export function paper(room: Room): TemplateResult | typeof nothing {
  const sheet = room.shown;
  if (!sheet || room.place.at !== "study") return nothing;
  const kept = sheet.findings.filter((item) => item.verdict !== "rejected");
  return html`<article class="on-paper" aria-hidden="true">
    <p class="paper-caution">${sheet.caution || room.session?.caution}${sheet.synthetic ? " Synthetic films of a virtual patient." : ""}</p>
    <h1>${sheet.patient || sheet.label}</h1>
    <p class="paper-facts">${[sheet.label, date(sheet.time, { hour: true }), sheet.films.map((film) => film.view).join(", ")].filter(Boolean).join(" · ")} · ${sheet.report.status === "final" ? "Final report" : "Draft, not signed"}${room.unsaved ? ", with edits not yet saved" : ""}</p>
    <div class="paper-films">${sheet.films.map((film) => picture(film, kept))}</div>
    ${kept.length
      ? html`<table>
          <thead><tr><th>Finding</th><th>State</th><th>Where</th><th>Change</th><th>Probability</th></tr></thead>
          <tbody>
            ${groups(kept).flatMap((group) => group.items).map(
              (item) => html`<tr><td>${item.label}</td><td>${item.state}</td><td>${item.state === "absent" ? "" : place(item)}</td><td>${item.change}</td><td>${probability(item.probability)}${item.probability !== null && (!item.calibration || item.calibration === "uncalibrated") ? " (not calibrated)" : ""}</td></tr>`,
            )}
          </tbody>
        </table>`
      : nothing}
    ${sheet.not_assessed.length ? html`<p class="paper-facts">Not assessed: ${sheet.not_assessed.map((each) => each.label.toLowerCase()).join(", ")}.</p>` : nothing}
    ${sectionsOf(sheet.report).filter((section) => section.text).map((section) => html`<h2>${upper(section.name)}</h2><p>${section.text}</p>`)}
    <p class="paper-facts">${sheet.made_by ? `Read by ${sheet.made_by.name} ${sheet.made_by.version}. ` : ""}Hilum ${room.session?.version ?? ""}.</p>
  </article>`;
}

function picture(film: Film, items: Item[]): TemplateResult {
  const boxes = items.flatMap((item) => item.boxes.filter((box) => box.film === film.id).map((box) => ({ box, label: item.label })));
  return html`<figure>
    <span class="paper-film">
      <img src=${film.thumbnail} alt="" loading="lazy" />
      <svg viewBox="0 0 ${film.columns} ${film.rows}">
        ${boxes.map(
          ({ box, label }) => svg`<rect x=${box.x0} y=${box.y0} width=${box.x1 - box.x0} height=${box.y1 - box.y0}></rect><text x=${box.x0} y=${box.y0 - film.rows / 120} font-size=${film.rows / 40}>${label}</text>`,
        )}
      </svg>
    </span>
    <figcaption>${film.view}${film.synthetic ? " · synthetic" : ""}</figcaption>
  </figure>`;
}
