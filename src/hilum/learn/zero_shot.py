"""Asking an aligned model about a film in words: probability, map and box, from any model that films and texts share.

A folder with `card.json` (which names its system) and `model.safetensors` is enough. The card says what the model was
told of, on which views, and how its logits become probabilities:

    system          registered name; its `aligned(folder)` returns the `AlignedModel`
    size            side of the square frame
    views           views it saw, e.g. ["PA", "AP"]
    concepts        {concept: films it was told of in training}
    open            whether its text encoder can take findings that it was never told of
    calibration     {concept or 'concept, sided': fields of `learn.calibrate.Platt`}
    map             {"threshold": logit of the box, "low": logit shown as nothing, "high": logit shown in full}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hilum.core.cache import cache_folder
from hilum.core.errors import InputError, MissingError, RefusedError
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box
from hilum.core.registry import get
from hilum.io.save import save_text
from hilum.learn.calibrate import Platt
from hilum.learn.frame import frame, unframe
from hilum.text.minimal import minimal_sentence
from hilum.text.parse import Fact, parse

CARD = "card.json"
TRAIN = "train one with 'hilum train radzero -o FOLDER' and name it by --model FOLDER"
_LATEST = "latest.json"
_LONGEST = 2_000
Floats = NDArray[np.float32]


class AlignedModel(Protocol):
    """What can be asked: a card, and films matched with sentences."""

    @property
    def card(self) -> Mapping[str, Any]:
        """What the model is and was told of; see the module's text."""

    @property
    def made_by(self) -> MadeBy:
        """Name, version and hash of the weights."""

    def match(self, films: Floats, sentences: Sequence[str]) -> tuple[Floats, Floats]:
        """Return logits (B, M) and maps (B, M, S, S) in logits, of films (B, S, S) in [0, 1] and M sentences."""

    def words_unknown(self, sentence: str) -> tuple[str, ...]:
        """Return the words of a sentence that the model cannot read; () for one with a vocabulary of its own."""


@dataclass(frozen=True)
class Question:
    """One finding at one place that is asked for.

    Args:
        text: as asked.
        concept: of the vocabulary.
        side: 'right', 'left' or ''.
        zone: as the lexicon calls it, or ''.
        remarks: what was read into the text.
    """

    text: str
    concept: str
    side: str = ""
    zone: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of one question on one film.

    Args:
        question: as it was understood.
        sentence: as the model was asked.
        probability: in [0, 1].
        calibration: id of what made it from the logit, '' where there is none.
        logit: likeness of film and sentence over the temperature.
        heat: float32 (H, W) in [0, 1] over the film's own pixels.
        peak: x and y of the map's highest point, pixels of the film.
        box: around the peak, in pixels of the film; None where the map is nowhere high enough.
        made_by: the model.
        remarks: what a reader must know.
    """

    question: Question
    sentence: str
    probability: float
    calibration: str
    logit: float
    heat: Floats
    peak: tuple[float, float]
    box: Box | None
    made_by: MadeBy
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return all but the map, ready for JSON."""
        box = None if self.box is None else [round(each, 1) for each in self.box.corners]
        return {
            "question": self.question.text, "concept": self.question.concept, "side": self.question.side,
            "zone": self.question.zone, "sentence": self.sentence, "probability": round(self.probability, 4),
            "calibrated": bool(self.calibration), "calibration": self.calibration or None,
            "logit": round(self.logit, 4), "peak": [round(each, 1) for each in self.peak], "box": box,
            "model": {"name": self.made_by.name, "version": self.made_by.version, "sha256": self.made_by.sha256},
            "remarks": list(self.remarks),
        }  # fmt: skip


def questions(text: str) -> tuple[Question, ...]:
    """Return what a text asks for, each finding at each side by itself.

    Raises:
        InputError: if it names no finding that the parser knows.
    """
    plain = " ".join(text.split())
    if not plain or len(plain) > _LONGEST:
        raise InputError(f"a question has 1 to {_LONGEST:,} characters, this one has {len(plain):,}: name a finding, "
                         "e.g. 'right upper lobe nodule'")  # fmt: skip
    facts = [fact for fact in parse(plain).facts if fact.kind != "study"]
    if not facts:
        raise InputError(
            f"'{_short(plain)}' names no finding that can be asked for: name one and, if you like, its side and zone, "
            "e.g. 'left pleural effusion' or 'right upper lobe nodule'"
        )
    found = [_question(plain, fact, side, zone) for fact in facts
             for side in fact.sides or ("",) for zone in fact.zones or ("",)]  # fmt: skip
    return tuple({(each.concept, each.side, each.zone): each for each in found}.values())


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _question(text: str, fact: Fact, side: str, zone: str) -> Question:
    remarks = []
    if fact.state == "absent":
        remarks.append("asked for an absence: the probability is of the finding being there")
    if fact.attributes.get("change"):
        remarks.append("change is not looked for: one film is read by itself")
    if fact.sizes or fact.severity:
        remarks.append("size and grade are not looked for")
    return Question(text, fact.concept, side, zone, tuple(remarks))


def sentence_for(model: AlignedModel, asked: Question) -> tuple[str, Question, tuple[str, ...]]:
    """Return the minimal sentence that asks a model for a finding, the question as it stands in it, and remarks.

    A place that the model has no words for is left out, and said.

    Raises:
        InputError: if the model was never told of the finding.
    """
    known: Mapping[str, int] = model.card["concepts"]
    remarks: list[str] = []
    if asked.concept not in known:
        if not model.card.get("open", False):
            raise InputError(
                f"{model.made_by.name} was never told of '{asked.concept}', so it cannot say: it knows "
                f"{', '.join(sorted(known))}"
            )
        remarks.append(f"the model was never told of '{asked.concept}': its text encoder is trusted alone")
    for side, zone in dict.fromkeys(((asked.side, asked.zone), (asked.side, ""), ("", ""))):
        sentence = minimal_sentence(asked.concept, "present", side, zone)
        if not sentence or model.words_unknown(sentence):
            continue
        said = asked.side in ("", side) and asked.zone in ("", zone)
        if not said:
            remarks.append(f"no words for '{' '.join(filter(None, (asked.side, asked.zone)))}': asked without "
                           f"{'place' if not side else 'zone'}")  # fmt: skip
        return sentence, Question(asked.text, asked.concept, side, zone, asked.remarks), tuple(remarks)
    raise InputError(f"{model.made_by.name} has no words for '{asked.concept}': ask for another finding")


def ask(model: AlignedModel, film: Image, asked: Sequence[Question]) -> tuple[Answer, ...]:
    """Return a model's answers on one film, in the order asked.

    Raises:
        InputError: if the model was never told of a finding.
        RefusedError: if it never saw films of this view, or there is nothing on the film.
    """
    card = model.card
    views = tuple(card.get("views", ()))
    if views and film.view != "unknown" and film.view not in views:
        raise RefusedError(f"{model.made_by.name} has seen {' and '.join(views)} films only, this one is {film.view}: "
                           "give a frontal film")  # fmt: skip
    phrased = [sentence_for(model, each) for each in asked]
    square, box = frame(film.display(), int(card["size"]))
    if not np.isfinite(square).all() or float(square.max() - square.min()) < 1e-3:
        raise RefusedError("the film is empty: every pixel has one value")
    logits, maps = model.match(square[None], [sentence for sentence, _, _ in phrased])
    unseen = () if film.view != "unknown" or not views else ("view unknown: taken for a frontal film",)
    made = []
    for (sentence, stands, remarks), logit, map_ in zip(phrased, logits[0], maps[0], strict=True):
        spread = unframe(np.ascontiguousarray(map_, np.float32), box)
        platt = calibration_of(card, stands)
        chance = float(platt(float(logit))) if platt else float(1.0 / (1.0 + np.exp(-np.clip(logit, -60, 60))))
        y, x = np.unravel_index(int(np.argmax(spread)), spread.shape)
        made.append(Answer(
            stands, sentence, chance, platt.id if platt else "", float(logit), shown(spread, card), (x + 0.5, y + 0.5),
            box_of(spread, float(card["map"]["threshold"]), image=film.id), model.made_by,
            (*stands.remarks, *remarks, _tied(platt), *unseen),
        ))  # fmt: skip
    return tuple(made)


def _tied(platt: Platt | None) -> str:
    if platt is None:
        return "uncalibrated: no film with a known answer has tied this score to a chance"
    return (f"the probability was fitted on {platt.fitted_on} ({platt.films} films, {platt.positives} with it): "
            "on films unlike those it says little")  # fmt: skip


def calibration_of(card: Mapping[str, Any], asked: Question) -> Platt | None:
    """Return what makes a probability of a question's logit; None where the card has nothing that fits it."""
    if asked.zone:
        return None
    key = f"{asked.concept}, sided" if asked.side else asked.concept
    found = card.get("calibration", {}).get(key)
    return Platt(**found) if found else None


def shown(spread: Floats, card: Mapping[str, Any]) -> Floats:
    """Return a map in logits as heat in [0, 1], on the card's own scale, so that films can be compared."""
    low, high = float(card["map"]["low"]), float(card["map"]["high"])
    found: Floats = np.clip((spread - low) / max(high - low, 1e-6), 0.0, 1.0).astype(np.float32)
    return found


def box_of(spread: Floats, threshold: float, *, image: str = "") -> Box | None:
    """Return the box around the part of a map (H, W) above a threshold that holds its peak; None if there is none."""
    from scipy.ndimage import label

    above = spread > threshold
    peak = np.unravel_index(int(np.argmax(spread)), spread.shape)
    if not above[peak]:
        return None
    parts, _ = label(above)
    rows, columns = np.nonzero(parts == parts[peak])
    return Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1), image=image)


def open_aligned(folder: str | Path | None = None) -> AlignedModel:
    """Return the model in a folder; without one the package's own, else the last that was trained on this machine.

    Raises:
        MissingError: if there is none.
        InputError: if the folder holds something else.
    """
    place = Path(folder) if folder else _default()
    path = place / CARD
    if not path.is_file():
        raise MissingError(f"no {CARD} in '{place}': it takes an aligned model; {TRAIN}")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        system = get("system", str(card["system"]))
    except (ValueError, KeyError, TypeError):
        raise InputError(f"'{path}' is no card of an aligned model: it names no system; {TRAIN}") from None
    if not hasattr(system, "aligned"):
        raise InputError(f"a model of '{card['system']}' cannot be asked in words; {TRAIN}")
    model: AlignedModel = system.aligned(place)
    return model


def remember(folder: Path) -> None:
    """Keep where the latest aligned model was written, for `open_aligned` without a folder."""
    save_text(json.dumps({"folder": str(folder.resolve())}), cache_folder("aligned") / _LATEST)


def _default() -> Path:
    shipped = Path(__file__).resolve().parents[1] / "weights" / "aligned"
    if (shipped / CARD).is_file():
        return shipped
    try:
        told = json.loads((cache_folder("aligned") / _LATEST).read_text(encoding="utf-8"))["folder"]
    except (OSError, ValueError, KeyError, TypeError):
        told = ""
    if told and (Path(told) / CARD).is_file():
        return Path(told)
    raise MissingError(f"no aligned model to ask: {TRAIN}")
