"""The index page of projected CTs: one row each, with its first film, those that failed included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from hilum.app.markup import Html, element, join
from hilum.app.page_index import thumbnail
from hilum.app.page_shell import COMPUTED, document
from hilum.app.project_run import Row
from hilum.data.drr_cohort import film_at
from hilum.io.save import save_text

_MOST = 500
"""Rows on the page; of a large cohort the rest is in studies.jsonl."""


def write_index(out: Path, rows: Sequence[Row]) -> Path:
    """Write `index.html` for the CTs of a run and return its path."""
    failed = [row for row in rows if row.status == "failed"]
    shown = [*failed, *(row for row in rows if row.status != "failed")][:_MOST]
    counts = f"{len(rows)} CTs: {len(rows) - len(failed)} projected, {len(failed)} failed"
    more = f"; {len(rows) - len(shown)} more in studies.jsonl" if len(rows) > len(shown) else ""
    page = document(
        "index",
        f"Projected CTs: {len(rows)}",
        caution=COMPUTED,
        heading="Projected CTs",
        what="CT",
        last="Films and remarks, or the reason",
        hint="a name, a remark, failed",
        counts=counts + more,
        rows=join(_row(out, row) for row in shown),
    )
    return save_text(page, out / "index.html")


def _row(out: Path, row: Row) -> Html:
    folder = out / row.folder if row.folder else out
    page = folder / "page.html"
    name = element("a", row.id, href=f"./{quote(row.folder)}/page.html") if row.folder and page.is_file() else row.id
    picture = element("span", "no picture", class_="empty")
    if row.films and row.folder:
        film = film_at(folder, row.films[0])
        picture = element("img", src=thumbnail(film), alt=f"Synthetic chest radiograph, {row.films[0]}")
    said = row.reason or " ".join(f"{remark[0].upper()}{remark[1:]}." for remark in row.remarks)
    cells = [
        element("td", picture, class_="thumb"),
        element("th", name, scope="row"),
        element("td", element("span", row.status, class_=f"outcome {'failed' if row.reason else 'read'}")),
        element("td", ", ".join(row.films) or None, element("p", said, class_="sentence") if said else None),
    ]
    return element("tr", *cells, class_="failed" if row.reason else "read")
