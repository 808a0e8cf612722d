"""The index page of a batch: one row per study, those refused or failed included."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import quote

from hilum.app.markup import Html, element, join
from hilum.app.page_film import inline
from hilum.app.page_findings import percent
from hilum.app.page_shell import document
from hilum.core.errors import InputError
from hilum.core.finding import UNCALIBRATED, Finding
from hilum.core.image import Image

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


def thumbnail(film: Image) -> str:
    """Return a film as a small inline picture, at most 160 pixels a side, for an `IndexRow`."""
    return inline(film, long_side=160, limit=12_000)


def _index_row(row: IndexRow) -> Html:
    # A path is quoted and anchored to this folder, so it can name neither another site nor a script.
    address = f"./{quote(row.page)}" if row.page else ""
    name = element("a", row.name, href=address) if address else row.name
    picture = (
        element("img", src=row.thumbnail, alt="") if row.thumbnail else element("span", "no picture", class_="empty")
    )
    chips = [
        element("span", f"{item.concept}{_chance(item)}", class_=f"chip {state}")
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


def _chance(finding: Finding) -> str:
    if finding.probability is None:
        return ""
    return " (not calibrated)" if finding.calibration == UNCALIBRATED else f" {percent(finding.probability)}"


def index_page(rows: Sequence[IndexRow]) -> str:
    """Return the index page of a batch: one row per study, with those refused or failed and why.

    Args:
        rows: in the order to show; each links to its report by a path relative to this page.

    Returns:
        The page as text, to be written as UTF-8.
    """
    counts = ", ".join(f"{sum(row.outcome == name for row in rows)} {name}" for name in get_args(Outcome))
    return document(
        "index",
        f"Hilum batch: {len(rows)} studies",
        heading="Hilum batch",
        what="Study",
        last="Present and uncertain findings, or the reason",
        hint="a name, a finding, refused, failed",
        counts=f"{len(rows)} studies: {counts}",
        rows=join(map(_index_row, rows)),
    )
