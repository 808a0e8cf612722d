"""The self-contained HTML report of one read study, and the index page of a batch."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Literal, get_args
from urllib.parse import quote

from hilum import __version__
from hilum.app.markup import Html, element, join, text
from hilum.app.page_film import fields_of, figure, hung, inline, letters, regions_on, spacing
from hilum.app.page_findings import Clean, Numbered, findings_list, numbered, percent, prose, skills
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy, Volume
from hilum.core.region import Mask
from hilum.core.study import Study

CAUTION = "AI-made · Research use only · not a medical device"
Outcome = Literal["read", "refused", "failed"]


@dataclass(frozen=True)
class IndexRow:
    """One study of a batch, as its index page shows it.

    Args:
        name: shown name, e.g. a file name.
        outcome: 'read', 'refused' or 'failed'.
        page: relative file path of its report page, or ''.
        thumbnail: from `thumbnail`, or ''.
        findings: what was found; those present or uncertain are listed.
        sentence: why it was refused or failed, or a remark.

    Raises:
        InputError: if the outcome is unknown or the thumbnail is not an inline picture.
    """

    name: str
    outcome: Outcome = "read"
    page: str = ""
    thumbnail: str = ""
    findings: tuple[Finding, ...] = ()
    sentence: str = ""

    def __post_init__(self) -> None:
        if self.outcome not in get_args(Outcome):
            raise InputError(
                f"index row '{self.name}': outcome must be one of {get_args(Outcome)}, got '{self.outcome}'"
            )
        if self.thumbnail and not re.fullmatch(r"data:image/(jpeg|png);base64,[A-Za-z0-9+/=]+", self.thumbnail):
            raise InputError(
                f"index row '{self.name}': the thumbnail must be an inline picture; make it with thumbnail(film)"
            )
        object.__setattr__(self, "findings", tuple(self.findings))


@cache
def _static(name: str) -> str:
    """Return a text file of `static/` with newlines as the HTML parser sees them, so that its hash holds."""
    return files("hilum.app").joinpath("static", name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _document(kind: str, title: str, **slots: object) -> str:
    """Fill a page template; slots are escaped unless they are markup, and only the page's own script may run."""
    script = _static("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    filled = {name: text(value) for name, value in slots.items()}
    return Template(_static(f"{kind}.html")).substitute(
        filled,
        title=text(title),
        css=_static("page.css"),
        js=script,
        digest=digest,
        caution=CAUTION,
        version=text(__version__),
    )


def _cleaner(study: Study, names: Mapping[str, str], keep_identifiers: bool) -> Clean:
    """Return the function that replaces identifiers in free text by shown names.

    Identifiers below four characters are left: they would match ordinary words and numbers.
    """
    if keep_identifiers:
        return str
    replacements: dict[str, str] = {}
    for each in (study.prior, study) if study.prior else (study,):
        replacements |= {each.id: "this study", each.patient: "this patient"}
        replacements |= {image.id: names.get(image.id, "this film") for image in each.images}
    known = sorted((key for key in replacements if len(key) >= 4), key=len, reverse=True)
    if not known:
        return str
    pattern = re.compile(r"(?<![\w.])(?:" + "|".join(map(re.escape, known)) + r")(?![\w]|\.\w)")
    return lambda words: pattern.sub(lambda match: replacements[match.group()], words)


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
            shown[film.id] = names.get(film.id) or f"{prefix} {place}"
    return shown


def _refusals(study: Study, names: Mapping[str, str], refused: Mapping[str, str]) -> dict[str, str]:
    """Return why films were not read: as given, or from a note that says refused and names the film by id or name."""
    reasons = dict(refused)
    for note in (note for signed in study.provenance for note in signed.notes):
        if "refus" in note.lower():
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


def _definitions(pairs: Sequence[tuple[str, object]]) -> Html:
    return element("dl", *[join([element("dt", name), element("dd", value)]) for name, value in pairs if value])


def _signature(made_by: MadeBy) -> Html:
    digest = element("code", made_by.sha256) if made_by.sha256 else None
    return join(
        [
            f"{made_by.name} {made_by.version}".strip(),
            element("br") if digest else None,
            "SHA-256 " if digest else None,
            digest,
        ]
    )


def _film_facts(film: Image) -> str:
    height, width = film.pixels.shape
    left, right, _, assumed = letters(film)
    side = (
        f"image left is {left}, right is {right}" + (" (assumed)" if assumed else "") if left else "orientation unknown"
    )
    view = f"view {film.view}"
    polarity = "MONOCHROME1, shown inverted" if film.inverted else ""
    source = f"synthetic, made by {film.made_by or 'an unnamed generator'}" if film.synthetic else ""
    return " · ".join(filter(None, (f"{width} × {height} px", view, spacing(film), side, polarity, source)))


def _card_facts(card: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return the model card's single-valued facts, each under its key in plain words."""
    facts: list[tuple[str, object]] = []
    for key, value in card.items():
        if isinstance(value, (str, int, float)) and str(value):
            shown = element("code", value) if key == "sha256" else value
            facts.append((f"Model card: {key.replace('_', ' ')}", shown))
    return facts


def _provenance(study: Study, names: Mapping[str, str], card: Mapping[str, Any], clean: Clean) -> Html:
    """Return who made what, from which films and with which calibration."""
    films = (*study.films, *(study.prior.films if study.prior else ()))
    volumes = sum(isinstance(image, Volume) for image in study.images)
    calibrations = sorted({finding.calibration for finding in study.findings if finding.calibration})
    pairs: list[tuple[str, object]] = []
    for signed in study.provenance:
        added = f"added {', '.join(signed.added)}" if signed.added else "added nothing"
        pairs.append(("Made by", join([_signature(signed.made_by), element("br"), added])))
    pairs += _card_facts(card)
    pairs += [("Calibration", ", ".join(calibrations)), ("Software", f"Hilum {__version__}")]
    pairs += [(names[film.id], _film_facts(film)) for film in films]
    pairs += [("Not shown", f"{volumes} CT volume{'s' if volumes > 1 else ''}")] if volumes else []
    notes = dict.fromkeys(clean(note) for signed in study.provenance for note in signed.notes)
    listed = join([element("h3", "Notes"), element("ul", *[element("li", note) for note in notes])]) if notes else None
    return join([_definitions(pairs), listed])


def _alerts(study: Study, refusals: Mapping[str, str], clean: Clean) -> Html | None:
    """Return the sentences a reader must see before any finding: refusals and why there are no findings."""
    notes = [note for signed in study.provenance for note in signed.notes if "refus" in note.lower()]
    reasons = dict.fromkeys(clean(reason) for reason in (*refusals.values(), *notes))
    if not reasons:
        return None
    return element("ul", *[element("li", reason) for reason in reasons], class_="alerts", role="status")


def _counted(rows: Sequence[Numbered]) -> str:
    counts = [(state, sum(row[1].state == state for row in rows)) for state in ("present", "uncertain", "absent")]
    return ", ".join(f"{number} {state}" for state, number in counts if number) or "none stated"


def study_page(
    study: Study,
    *,
    masks: Sequence[Mask] = (),
    names: Mapping[str, str] | None = None,
    card: Mapping[str, Any] | None = None,
    refused: Mapping[str, str] | None = None,
    keep_identifiers: bool = False,
) -> str:
    """Return one HTML file that shows a study: films with drawings, findings, draft prose, provenance.

    The page asks for nothing from anywhere, runs only its own script, and is the same bytes for
    the same input.

    Args:
        study: the read study; its `prior` is shown beside it.
        masks: anatomy outlines (lung fields); `Mask.image` is a film's id.
        names: shown file name by film id; other films are called by their place.
        card: model-card facts. Single values are listed as they are; `card["findings"]` maps a concept
            to `threshold`, `auroc`, `interval` (low, high) and `n`, all optional.
        refused: reason by film id for films that were not read; notes of the study's provenance that
            say 'refused' and name a film are used too.
        keep_identifiers: show study and patient identifiers and the time; otherwise they, and image
            identifiers, appear nowhere on the page.

    Returns:
        The page as text, to be written as UTF-8.
    """
    card = card or {}
    shown = _shown_names(study, names or {})
    clean = _cleaner(study, shown, keep_identifiers)
    refusals = _refusals(study, shown, refused or {})
    rows = numbered(study)
    films = (*study.films, *(study.prior.films if study.prior else ()))
    label = shown[study.films[0].id] if study.films else "study"
    if keep_identifiers:
        label = " · ".join(
            filter(None, (study.id, study.patient, study.time and f"{study.time:%Y-%m-%d %H:%M}", label))
        )
    listed = findings_list(
        study, rows, known=skills(card), shown=frozenset(film.id for film in films if film.id), clean=clean
    )
    report = study.report
    status = "Draft report, unsigned" if report and report.status == "draft" else "Report"
    words = join([element("h2", status), prose(report, rows, clean)]) if report else Html("")
    return _document(
        "page",
        f"Chest radiograph: {label}",
        label=label,
        synthetic=element("strong", "SYNTHETIC", class_="badge") if any(film.synthetic for film in films) else "",
        stage=_stage(study, rows, shown, masks, refusals, clean),
        prior_button="" if study.prior and study.prior.films else "hidden",
        alerts=_alerts(study, refusals, clean) or "",
        counts=_counted(rows),
        findings=listed,
        report=words,
        provenance=_provenance(study, shown, card, clean),
    )


def thumbnail(film: Image) -> str:
    """Return a film as a small inline picture, at most 160 pixels a side, for an `IndexRow`."""
    return inline(film, long_side=160, limit=12_000)


def _index_row(row: IndexRow) -> Html:
    # A path is quoted and anchored to this folder, so it can name neither another site nor a script.
    address = f"./{quote(row.page)}" if row.page else ""
    name = element("a", row.name, href=address) if address else row.name
    picture = (
        element("img", src=row.thumbnail, alt="", width=None)
        if row.thumbnail
        else element("span", "no picture", class_="empty")
    )
    chips = [
        element(
            "span",
            f"{item.concept}{' ' + percent(item.probability) if item.probability is not None else ''}",
            class_=f"chip {state}",
        )
        for state in ("present", "uncertain")
        for item in sorted(row.findings, key=lambda finding: -(finding.probability or 0.0))
        if item.state == state
    ]
    quiet = (
        element("span", "nothing present or uncertain", class_="empty") if row.outcome == "read" and not chips else None
    )
    sentence = element("p", row.sentence, class_="sentence") if row.sentence else None
    cells = [
        element("td", picture, class_="thumb"),
        element("th", name, scope="row"),
        element("td", element("span", row.outcome, class_=f"outcome {row.outcome}")),
        element("td", *chips, quiet, sentence),
    ]
    return element("tr", *cells, class_=row.outcome)


def index_page(rows: Sequence[IndexRow]) -> str:
    """Return the index page of a batch: one row per study, with those refused or failed and why.

    Args:
        rows: in the order to show; each links to its report by a path relative to this page.

    Returns:
        The page as text, to be written as UTF-8.
    """
    counts = ", ".join(f"{sum(row.outcome == name for row in rows)} {name}" for name in get_args(Outcome))
    return _document(
        "index",
        f"Hilum batch: {len(rows)} studies",
        counts=f"{len(rows)} studies: {counts}",
        rows=join(map(_index_row, rows)),
    )
