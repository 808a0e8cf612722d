"""The page of a judged claim: outcome, arms with intervals, pictures, evidence, and what to try next."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from hilum.app.bench_page import table
from hilum.app.interval_plot import Bar, plot, shown
from hilum.app.markup import Html, element, join
from hilum.app.page_shell import document
from hilum.measure.claim import Judged
from hilum.measure.stats import Interval
from hilum.measure.verdict import Verdict

_TONE = {"holds": "holds", "fails": "fails"}


def claim_page(verdict: Verdict, record: Mapping[str, Any], advice: str) -> str:
    """Return the page of a verdict as text.

    Args:
        verdict: what was judged.
        record: as in verdict.json.
        advice: what to try next.
    """
    outcome = element("b", verdict.outcome, class_=_TONE.get(verdict.outcome, "open"))
    data = record["data_fingerprint"] or "made by the recipe"
    made = (
        f"Seed {record['seed']}, settings {record['settings'] or 'as they are'}, {record['seconds']:,} s on "
        f"{record['cpus']} processors, hilum {record['hilum']}, data {data}."
    )
    body = join((
        element("p", f"{verdict.claim}: ", outcome, class_="counts"),
        *_judged(verdict.scores),
        *_figures(verdict.figures),
        element("section", element("h2", "Evidence"), element("pre", "\n".join(verdict.lines))),
        element("section", element("h2", "What to try next"), element("p", advice)),
        element("p", made, class_="fine"),
        element("p", "Intervals: 95 %, paired bootstrap over patients; the same draws for every arm.", class_="fine"),
    ))  # fmt: skip
    return document("report", f"Claim of {record['system']}", heading=record["system"], label="claim", body=body)


def _judged(scores: Mapping[str, Any]) -> Iterator[Html]:
    """A section for each claim that was judged; for older recipes one for each table of intervals."""
    for name, each in scores.items():
        if isinstance(each, Judged):
            yield _one(each)
        elif isinstance(each, Mapping):
            bars = list(_bars(each))
            if bars:
                yield element("section", element("h2", name), plot(bars, zero="gain" in name))


def _one(each: Judged) -> Html:
    claim = each.claim
    controls = set(claim.controls)
    rows = []
    for name, interval in each.arms.items():
        part = (
            "claimed" if name == claim.arm else "rival" if name == claim.better_than
            else "control" if name in controls else "other"
        )  # fmt: skip
        cells = (element("td", part), element("td", shown(interval), class_="count"))
        rows.append(
            element("tr", element("th", name, scope="row"), *cells, class_="control" if part == "control" else None)
        )
    why = f" ({each.reason})" if each.reason else ""
    outcome = element("span", each.outcome + why, class_=_TONE.get(each.outcome, "open"))
    said = f"Gain of {claim.arm} over {claim.better_than}: {shown(each.gain)}, seeds: {each.seeds}"
    return element(
        "section",
        element("h2", claim.text, element("small", outcome)),
        element("p", f"{claim.metric}, {claim.better} is better. {said}"),
        plot([Bar(name, interval, name in controls) for name, interval in each.arms.items()]),
        plot([Bar(f"gain over {claim.better_than}", each.gain)], zero=True),
        table(("Arm", "Part", claim.metric), rows),
    )  # fmt: skip


def _bars(scores: Mapping[str, Any], prefix: str = "") -> Iterator[Bar]:
    for name, each in scores.items():
        if isinstance(each, Interval):
            yield Bar(f"{prefix}{name}", each)
        elif isinstance(each, Mapping):
            yield from _bars(each, f"{prefix}{name}: ")


def _figures(figures: Mapping[str, bytes | str]) -> Iterator[Html]:
    for caption, picture in figures.items():
        drawn = _picture(picture, caption)
        yield element("section", element("h2", caption), drawn or element("p", "this picture cannot be shown"))


def _picture(picture: bytes | str, caption: str) -> Html | None:
    """An SVG, PNG or JPEG as an inline image, where no script of it runs; None for what is none of these."""
    if isinstance(picture, str):
        if "<svg" not in picture[:2000]:
            return None
        named = (
            picture if "xmlns=" in picture else picture.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
        )
        kind, content = "svg+xml", named.encode("utf-8", errors="replace")
    else:
        kind = "png" if picture.startswith(b"\x89PNG") else "jpeg" if picture.startswith(b"\xff\xd8") else ""
        content = picture
    if not kind:
        return None
    packed = base64.b64encode(content).decode("ascii")
    return element("img", src=f"data:image/{kind};base64,{packed}", alt=caption, style="max-width: 100%")
