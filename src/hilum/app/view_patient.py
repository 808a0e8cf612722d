"""One virtual patient as pages: each visit with films, overlays, findings and report, and the course over time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from hilum import RESEARCH_USE
from hilum.app.bench_page import table
from hilum.app.draw_card import CAUTION
from hilum.app.markup import Html, element, join
from hilum.app.page import study_page
from hilum.app.page_film import inline
from hilum.app.page_shell import document
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.data.virtual import masks_of, virtual
from hilum.io.save import save_text

_TONE = {"worsened": "open", "new": "open", "improved": "holds", "resolved": "holds"}


def visits_of(path: str | Path, patient: str = "") -> tuple[Study, ...]:
    """Return the studies of one patient of a cohort, earliest first.

    Args:
        path: the cohort's folder.
        patient: his id; the first one who comes more than once when ''.

    Raises:
        InputError: if there is no such patient.
    """
    first: tuple[Study, ...] = ()
    for visits in virtual(path).timelines():
        first = first or visits
        if visits[0].patient == patient or (not patient and len(visits) > 1):
            return visits
    if patient or not first:
        raise InputError(f"the cohort in '{path}' has no patient '{patient}': ids look like '{_first_id(first)}'")
    return first


def _first_id(visits: Sequence[Study]) -> str:
    return visits[0].patient if visits else "virtual-0-000000"


def view(path: Path, patient: str, out: Path, *, as_json: bool = False, quiet: bool = False) -> None:
    """Write a page per visit and one of the course over time, and say where they are.

    Raises:
        MissingError: if the folder holds no cohort.
        InputError: if there is no such patient, or `out` cannot be written.
    """
    visits = visits_of(path, patient)
    for number, study in enumerate(visits, start=1):
        masks = tuple(mask for film in study.films for mask in masks_of(film) if mask.label in ("lung fields", "heart"))
        save_text(study_page(study, masks=masks, keep_identifiers=True), out / f"visit-{number}.html")
    page = save_text(timeline_page(visits), out / "index.html")
    if as_json:
        print(json.dumps({"out": str(out), "patient": visits[0].patient, "visits": len(visits)}))
    elif not quiet:
        print(f"Wrote {page} (open it in a browser) and a page for each of {len(visits)} visits. {RESEARCH_USE}")


def timeline_page(visits: Sequence[Study]) -> str:
    """Return the page of a patient's course: films of each visit, and each finding from visit to visit."""
    heads = ("", *(f"{visit.time:%Y-%m-%d %H:%M}" if visit.time else f"visit {n}" for n, visit in enumerate(visits, 1)))
    films = element("tr", element("th", "films", scope="row"), *(
        element("td", element("a", *_thumbnails(visit), href=f"./visit-{number}.html"))
        for number, visit in enumerate(visits, start=1)))  # fmt: skip
    keys = dict.fromkeys(each.id or each.concept for visit in visits for each in visit.findings)
    rows = [films, *(row for key in keys if (row := _course(key, visits)) is not None)]
    said = element("tr", element("th", "impression", scope="row"), *(
        element("td", visit.report.impression if visit.report else "") for visit in visits))  # fmt: skip
    body = join((
        element("p", f"{len(visits)} visits of {visits[0].patient}. A finding keeps its row from visit to visit.",
                class_="counts"),
        element("section", table(heads, [*rows, said])),
    ))  # fmt: skip
    return document(
        "report", "Virtual patient", caution=CAUTION, heading=visits[0].patient, label="timeline", body=body
    )


def _thumbnails(visit: Study) -> list[Html]:
    return [
        element("img", src=inline(film, long_side=200, limit=16_000), alt=f"{film.view} film") for film in visit.films
    ]


def _course(key: str, visits: Sequence[Study]) -> Html | None:
    """One finding's row, None where it is present at no visit."""
    found = [next((each for each in visit.findings if (each.id or each.concept) == key), None) for visit in visits]
    if not any(each is not None and each.state != "absent" for each in found):
        return None
    name = next(each.concept for each in found if each is not None)
    return element("tr", element("th", name, scope="row"), *(element("td", *_said(each)) for each in found))


def _said(finding: Finding | None) -> list[object]:
    if finding is None or (finding.state == "absent" and finding.change is None):
        return ["-"]
    words = [
        finding.attributes.get("severity", ""),
        finding.state if finding.state != "present" else "",
        *finding.sites,
    ]
    told: list[object] = [", ".join(word for word in words if word)]
    measured = "; ".join(f"{each.name} {each.value:.4g} {each.unit}" for each in finding.measurements)
    if measured:
        told += [element("br"), element("span", measured, class_="fine")]
    if finding.change:
        told += [element("br"), element("b", finding.change, class_=_TONE.get(finding.change))]
    return told
