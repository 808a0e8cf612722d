"""The data card of a cohort of virtual patients, made from the cohort itself: figures as JSON, a page, a README."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hilum.app.bench_page import table
from hilum.app.draw_run import rows_of
from hilum.app.markup import Html, element, join
from hilum.app.page_film import inline
from hilum.app.page_shell import document
from hilum.data.virtual import manifest, virtual
from hilum.io.save import save_text

CARD, PAGE, README = "card.json", "card.html", "README.md"
CAUTION = "Virtual patients, never exposed · Research use only · not a medical device"
LIMITS = (
    "Labels are read from the volume that was projected, not from pixels: a finding may be labelled and yet not be "
    "visible; its detectability says how well it shows.",
    "Shapes, densities and physics are models. What is learnt here about disease must be measured on films of patients "
    "before it is believed; docs/virtual-patients.md shows what carried over and what did not.",
    "Prevalence, combinations and change are drawn for training, not those of any hospital.",
)
_THUMBNAILS = 24


def spread_of(values: Sequence[float]) -> dict[str, float]:
    """Return mean, SD and the 5th, 50th and 95th percentile of finite values; empty where there are none."""
    known = np.asarray([value for value in values if value is not None and np.isfinite(value)], dtype=float)
    if not known.size:
        return {}
    low, middle, high = np.percentile(known, (5, 50, 95))
    facts = {"n": known.size, "mean": known.mean(), "sd": known.std(), "p5": low, "median": middle, "p95": high}
    return {name: round(float(value), 3) for name, value in facts.items()}


def card(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of a cohort from its rows, one per study.

    Args:
        rows: as `draw_run.rows_of` gives them.

    Returns:
        counts by split, family, sex, view and number of visits; spread of age, BMI, cardiothoracic ratio, lung volume
        and words; per concept how many studies have it present, visible, by severity and by change.
    """
    patients = {row["patient"]: row for row in rows}
    visits = Counter(row["patient"] for row in rows)
    concepts: dict[str, dict[str, Any]] = {}
    for row in rows:
        for each in row["findings"]:
            found = concepts.setdefault(
                each["concept"], {"present": 0, "visible": 0, "severity": Counter(), "change": Counter()}
            )
            found["present"] += 1
            found["visible"] += bool(each["visible"])
            found["severity"][each.get("severity") or "not graded"] += 1
            found["change"][each.get("change") or "no prior"] += 1
    return {
        "studies": len(rows), "patients": len(patients),
        "splits": {name: {"patients": sum(p["split"] == name for p in patients.values()),
                          "studies": sum(row["split"] == name for row in rows)}
                   for name in dict.fromkeys(row["split"] for row in rows)},
        "families": dict(Counter(p["family"] for p in patients.values())),
        "sex": dict(Counter(p["sex"] for p in patients.values())),
        "visits": {str(k): v for k, v in sorted(Counter(visits.values()).items())},
        "views": dict(Counter("+".join(row["views"]) for row in rows)),
        "without_finding": sum(not row["findings"] for row in rows),
        "findings_per_study": spread_of([len(row["findings"]) for row in rows]),
        "measures": {name: spread_of([row["measures"].get(name) for row in rows])
                     for name in sorted({key for row in rows for key in row["measures"]})},
        "person": {name: spread_of([p[name] for p in patients.values()]) for name in ("age_years", "bmi")},
        "words": spread_of([row["words"] for row in rows]),
        "concepts": {name: {**facts, "severity": dict(facts["severity"]), "change": dict(facts["change"])}
                     for name, facts in sorted(concepts.items(), key=lambda item: -item[1]["present"])},
    }  # fmt: skip


def write_card(out: Path) -> Path:
    """Write card.json, card.html and README.md into a finished cohort and return the page's path."""
    told, figures = manifest(out), card(rows_of(out))
    save_text(json.dumps(figures, indent=1) + "\n", out / CARD)
    save_text(_readme(told, figures), out / README)
    return save_text(card_page(out, told, figures), out / PAGE)


def card_page(out: Path, told: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """Return the page of a cohort: films of its first patients, figures, limits."""
    films = [film for study in islice(virtual(out), _THUMBNAILS) for film in study.films][:_THUMBNAILS]
    shown = [element("img", src=inline(film, long_side=220, limit=20_000), alt=f"{film.view} of {film.id}")
             for film in films]  # fmt: skip
    count = [
        element("tr", element("th", name, scope="row"), *(element("td", value, class_="count") for value in (
            each["present"], f"{each['present'] / max(figures['studies'], 1):.1%}", each["visible"],
            _told(each["severity"]), _told(each["change"]))))
        for name, each in figures["concepts"].items()
    ]  # fmt: skip
    spreads = {**figures["person"], **figures["measures"], "words": figures["words"],
               "findings per study": figures["findings_per_study"]}  # fmt: skip
    body = join((
        element("p", f"{figures['patients']:,} patients, {figures['studies']:,} studies; seed "
                f"{told['recipe']['seed']}, {told['recipe']['size']} px, hilum {told['hilum']}.", class_="counts"),
        element("section", element("h2", "First films"), element("div", *shown, class_="sheet")),
        element("section", element("h2", "Who and how"), table(("", ""), list(_counted(figures)))),
        element("section", element("h2", "Findings"), table(
            ("Concept", "Studies", "Share", "Visible", "Severity", "Change"), count)),
        element("section", element("h2", "Spread"), table(
            ("", "n", "Mean", "SD", "5 %", "Median", "95 %"), [_spread(n, s) for n, s in spreads.items() if s])),
        element("section", element("h2", "Limits"), element("ul", *(element("li", line) for line in LIMITS))),
        element("section", element("h2", "Recipe"), element("pre", json.dumps(told["recipe"], indent=1))),
        element("p", f"Licence: {told['licence']}. {told['citation']}.", class_="fine"),
    ))  # fmt: skip
    return document(
        "report", "Virtual patients", caution=CAUTION, heading="Virtual patients", label="data card", body=body
    )


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items(), key=lambda item: -item[1]))


def _counted(figures: Mapping[str, Any]) -> list[Html]:
    splits = {
        name: f"{each['patients']} patients, {each['studies']} studies" for name, each in figures["splits"].items()
    }
    lines = {
        **{f"split {name}": said for name, said in splits.items()},
        "families": _told(figures["families"]), "sex": _told(figures["sex"]), "visits": _told(figures["visits"]),
        "views": _told(figures["views"]), "studies without a finding": figures["without_finding"],
    }  # fmt: skip
    return [element("tr", element("th", name, scope="row"), element("td", said)) for name, said in lines.items()]


def _spread(name: str, facts: Mapping[str, float]) -> Html:
    cells = (f"{facts['n']:.0f}", *(f"{facts[key]:.4g}" for key in ("mean", "sd", "p5", "median", "p95")))
    return element("tr", element("th", name, scope="row"), *(element("td", cell, class_="count") for cell in cells))


def _readme(told: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    lines = [
        "# Virtual patients", "", f"{CAUTION}.", "",
        f"{figures['patients']:,} patients, {figures['studies']:,} studies, drawn with seed {told['recipe']['seed']} "
        f"by hilum {told['hilum']}. Shards are WebDataset tar files; per study: `.json` (record, masks, truth), `.txt` "
        "(report), a PNG per film.", "",
        "| finding | studies | visible |", "|---|---|---|",
        *(f"| {name} | {each['present']} | {each['visible']} |" for name, each in figures["concepts"].items()), "",
        "## Limits", "", *(f"- {line}" for line in LIMITS), "",
        f"Licence: {told['licence']}.", "", f"Cite: {told['citation']}.", "",
    ]  # fmt: skip
    if told["behind_it"]:
        lines.insert(4, f"Warped and hybrid patients descend from {told['behind_it']}.\n")
    return "\n".join(lines)
