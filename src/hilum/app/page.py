"""The self-contained HTML report of one read study; the index page of a batch is offered here too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hilum.app.markup import Html, element, join
from hilum.app.page_draft import draft_panel
from hilum.app.page_facts import cleaner, provenance
from hilum.app.page_film import fields_of, figure, hung, regions_on
from hilum.app.page_findings import STATES, Clean, Numbered, findings_list, numbered, prose, skills
from hilum.app.page_index import IndexRow, index_page, thumbnail
from hilum.app.page_shell import document
from hilum.core.region import Mask
from hilum.core.study import Study

if TYPE_CHECKING:
    from hilum.learn.reader.draft import Draft

__all__ = ["IndexRow", "index_page", "study_page", "thumbnail"]

_REFUSED = "refus"
"""A note with this in it is a refusal: 'refused', 'refuses', 'refusal'."""


def _interval(gap: timedelta) -> str:
    if gap.days >= 1:
        return f"{gap.days} day{'s' if gap.days > 1 else ''} earlier"
    hours = gap.seconds // 3600
    return f"{hours} hour{'s' if hours > 1 else ''} earlier" if hours else "less than an hour earlier"


def _when(study: Study) -> str:
    """Return how a prior is called: with its distance in time where both times are known, never with its date."""
    prior = study.prior
    if prior and prior.time and study.time:
        return f"prior, {_interval(study.time - prior.time)}"
    return "prior"


def _shown_names(study: Study, names: Mapping[str, str]) -> dict[str, str]:
    """Return a name for every film of the study and its prior: the given one, or its place in the study."""
    shown = {}
    for prefix, each in (("prior film", study.prior), ("film", study)):
        for place, film in enumerate(each.films if each else (), start=1):
            shown[film.id] = names.get(film.id) or (f"{prefix} {place}" if film.id else "unnamed film")
    return shown


def _refusals(study: Study, names: Mapping[str, str], refused: Mapping[str, str]) -> dict[str, str]:
    """Return why films were not read: as given, or from a note that says refused and names the film by id or name."""
    reasons = dict(refused)
    for note in (note for signed in study.provenance for note in signed.notes):
        if _REFUSED in note.lower():
            for film in study.films:
                if any(key and key in note for key in (film.id, names[film.id])):
                    reasons.setdefault(film.id, note)
    return reasons


def _group(kind: str, figures: Sequence[Html], beside: bool) -> Html | None:
    """Return one study's films: side by side, or stacked in half the width when a prior is beside them."""
    if not figures:
        return None
    alone = min(len(figures), 2 if len(figures) < 5 else 3)
    columns = (1 if len(figures) <= 2 else 2) if beside else alone
    label = "Prior films" if kind == "then" else "Current films"
    return element(
        "div",
        *figures,
        class_=f"group {kind}",
        style=f"--cols:{columns};--alone:{alone}",
        aria_label=label,
        role="group",
    )


def _stage(
    study: Study,
    rows: Sequence[Numbered],
    names: Mapping[str, str],
    masks: Sequence[Mask],
    refusals: Mapping[str, str],
    clean: Clean,
) -> Html:
    """Return all films in hanging order, current first, then the prior's."""
    prior = study.prior
    fields = fields_of((*study.films, *(prior.films if prior else ())), masks)
    now = [
        figure(
            film,
            name=names[film.id],
            when="current",
            drawn=regions_on(film, rows),
            fields=fields[film.id],
            refusal=clean(refusals.get(film.id, "")),
        )
        for film in hung(study.films)
    ]
    old = [(0, finding) for finding in prior.findings] if prior else []
    then = [
        figure(film, name=names[film.id], when=_when(study), drawn=regions_on(film, old), fields=fields[film.id])
        for film in hung(prior.films if prior else ())
    ]
    none = element("p", "This study has no film to show.", class_="empty") if not now else None
    return join([none, _group("now", now, bool(then)), _group("then", then, bool(now))])


def _alerts(study: Study, names: Mapping[str, str], refusals: Mapping[str, str], clean: Clean) -> list[str]:
    """Return the sentences a reader must see before any finding: what was refused and why."""
    reasons = [f"{names.get(film, 'a film')} was not read: {reason}" for film, reason in refusals.items()]
    notes = [note for signed in study.provenance for note in signed.notes if _REFUSED in note.lower()]
    reasons += [note for note in notes if not any(reason in note for reason in refusals.values() if reason)]
    return list(dict.fromkeys(map(clean, reasons)))


def _counted(rows: Sequence[Numbered]) -> str:
    counts = [(state, sum(row[1].state == state for row in rows)) for state in STATES]
    return ", ".join(f"{number} {state}" for state, number in counts if number) or "none stated"


def study_page(
    study: Study,
    *,
    masks: Sequence[Mask] = (),
    names: Mapping[str, str] | None = None,
    card: Mapping[str, Any] | None = None,
    refused: Mapping[str, str] | None = None,
    keep_identifiers: bool = False,
    draft: Draft | None = None,
    undrafted: str = "",
) -> str:
    """Return one HTML file that shows a study: films with drawings, findings, draft prose, provenance.

    The page asks for nothing from anywhere, runs only its own script, and is the same bytes for
    the same input.

    Args:
        study: the read study; its `prior` is shown beside it.
        masks: anatomy outlines (lung fields); `Mask.image` is a film's id.
        names: shown file name by film id; other films are called by their place.
        card: model-card facts. Single values are listed as they are; `card["findings"]` maps a concept
            to `threshold`, `auroc`, `interval` (low, high), `n`, `positives`, `source`, all optional.
        refused: reason by film id for films that were not read; notes of the study's provenance that
            say 'refused' and name a film are used too.
        keep_identifiers: show study and patient identifiers and the time; otherwise they, and image
            identifiers, appear nowhere on the page.
        draft: what a reader wrote, with what was remarked of it.
        undrafted: why nothing was written where a draft was asked for.

    Returns:
        The page as text, to be written as UTF-8.
    """
    card = card or {}
    shown = _shown_names(study, names or {})
    clean = cleaner(study, shown, keep_identifiers)
    refusals = _refusals(study, shown, refused or {})
    rows = numbered(study)
    films = (*study.films, *(study.prior.films if study.prior else ()))
    label = shown[hung(study.films)[0].id] if study.films else "study"
    if keep_identifiers:
        taken = f"{study.time:%Y-%m-%d %H:%M}" if study.time else ""
        label = " · ".join(filter(None, (study.id, study.patient, taken, label)))
    listed = findings_list(
        study, rows, known=skills(card), shown=frozenset(film.id for film in films if film.id), clean=clean
    )
    alerts = _alerts(study, shown, refusals, clean)
    report = study.report
    status = "Draft report, unsigned" if report and report.status == "draft" else "Report"
    words = join([element("h2", status), prose(report, rows, clean)]) if report else Html("")
    return document(
        "page",
        f"Chest radiograph: {label}",
        label=label,
        synthetic=element("strong", "SYNTHETIC", class_="badge") if any(film.synthetic for film in films) else "",
        stage=_stage(study, rows, shown, masks, refusals, clean),
        prior_button=Html("") if study.prior and study.prior.films else Html("hidden"),
        alerts=element("ul", *[element("li", each) for each in alerts], class_="alerts", role="status")
        if alerts
        else "",
        counts=_counted(rows),
        findings=listed,
        report=join([words, draft_panel(draft, undrafted, clean)]),
        provenance=provenance(study, shown, card, clean, said=(*alerts, *refusals.values())),
    )
