"""The page of films that were asked about: each with the heat map of each question, its box, and what was said."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum import __version__
from hilum.app.markup import Html, element, join
from hilum.app.page_film import Drawn, figure
from hilum.app.page_findings import percent
from hilum.app.page_shell import document
from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.study import Study

if TYPE_CHECKING:
    from hilum.learn.zero_shot import Answer

HEAT_SIDE = 384
"""Most pixels a side of the map on the page; it is stretched over the film."""
_FACTS = ("source", "data", "films", "patients", "steps", "licence")


def state_of(answer: Answer) -> Literal["present", "absent", "uncertain"]:
    """Return present or absent for a calibrated probability above or below .5, uncertain without a calibration."""
    if not answer.calibration:
        return "uncertain"
    return "present" if answer.probability >= 0.5 else "absent"


def tinted(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return heat (H, W) in [0, 1] as RGBA (H, W, 4): clear where cold, yellow, then red where hot."""
    red = np.full(heat.shape, 255.0)
    green = 220.0 * (1.0 - heat) + 30.0
    blue = np.full(heat.shape, 30.0)
    made = np.stack((red, green, blue, 165.0 * np.sqrt(heat)), axis=-1)
    found: NDArray[np.uint8] = np.rint(made).astype(np.uint8)
    return found


def heat_image(heat: NDArray[np.float32]) -> Html:
    """Return heat over a film's pixels as an SVG image of the film's size, within the page."""
    height, width = heat.shape
    picture = Picture.fromarray(tinted(heat), "RGBA")
    picture.thumbnail((HEAT_SIDE, HEAT_SIDE))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    address = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    return element("image", href=address, width=width, height=height, preserveAspectRatio="none")


def _place(answer: Answer) -> str:
    return " ".join(filter(None, (answer.question.side, answer.question.zone)))


def _row(number: int, answer: Answer, film: str) -> Html:
    tied = f"calibrated ({answer.calibration})" if answer.calibration else "uncalibrated"
    where = "no box: the map is nowhere above its threshold" if answer.box is None else (
        "box " + ", ".join(f"{each:.0f}" for each in answer.box.corners) + " px"
    )  # fmt: skip
    facts = [tied, f"asked as “{answer.sentence}”", where, film, *answer.remarks]
    parts = [
        element("span", number, class_="number"),
        element("span", " ".join(filter(None, (_place(answer), answer.question.concept))), class_="concept"),
        element("span", percent(answer.probability), class_="chance"),
        element("span", *[element("span", each, class_="fact") for each in facts], class_="facts"),
    ]
    link = element("a", *parts, href=f"#finding={number}")
    return element("li", link, id=f"finding={number}", class_=f"finding {state_of(answer)}", data_f=number)


def asked_page(
    study: Study, answered: Sequence[tuple[Image, Sequence[Answer]]], *, names: Mapping[str, str],
    reasons: Sequence[str] = (), card: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """Return one HTML file: a film for each question with its heat map and box; it asks for nothing from anywhere.

    Args:
        study: whose films they are.
        answered: films with their answers.
        names: shown name by film id.
        reasons: why other films were not read.
        card: of the model.
    """
    figures: list[Html] = []
    rows: list[Html] = []
    for film, answers in answered:
        for answer in answers:
            number = len(rows) + 1
            finding = Finding(answer.question.concept, state_of(answer))
            shows = answer.box is not None and finding.state != "absent"
            drawn = [Drawn(number, finding, (answer.box,))] if answer.box and shows else []
            figures.append(figure(film, name=names[film.id], when=f"{number}: {answer.question.concept}", drawn=drawn,
                                  under=heat_image(answer.heat)))  # fmt: skip
            rows.append(_row(number, answer, names[film.id]))
    columns = min(2, max(1, len(figures)))
    made_by = answered[0][1][0].made_by if answered and answered[0][1] else None
    told = card or {}
    pairs: list[tuple[str, object]] = [("Asked", answered[0][1][0].question.text)] if made_by else []
    pairs += [("Model", made_by), ("SHA-256", element("code", made_by.sha256))] if made_by else []
    pairs += [(f"Model card: {name}", told[name]) for name in _FACTS if told.get(name)]
    pairs += [("Map", "likeness of each patch of the film to the sentence, on one scale for all films"),
              ("Software", f"Hilum {__version__}")]  # fmt: skip
    alerts = element("ul", *[element("li", each) for each in reasons], class_="alerts", role="status")
    listed = element("dl", *[join([element("dt", name), element("dd", value)]) for name, value in pairs if value])
    label = names[answered[0][0].id] if answered else "study"
    return document(
        "page", f"Asked of a film: {label}", label=label,
        synthetic=element("strong", "SYNTHETIC", class_="badge") if any(f.synthetic for f in study.films) else "",
        stage=element("div", *figures, class_="group now", style=f"--cols:{columns};--alone:{columns}"),
        prior_button=Html("hidden"), alerts=alerts if reasons else "",
        counts=f"{len(rows)} asked for", findings=element("ol", *rows), report="", provenance=listed,
    )  # fmt: skip
