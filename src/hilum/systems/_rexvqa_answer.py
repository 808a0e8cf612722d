"""Models that answer multiple-choice questions: with the film, blind, or from the report; kept in folders."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from hilum import RESEARCH_USE, __version__
from hilum.core.cache import cache_folder
from hilum.core.errors import InputError, MissingError, need
from hilum.core.image import MadeBy
from hilum.core.report import Question
from hilum.core.study import Study
from hilum.io.save import save_bytes
from hilum.measure.choice.blind import BlindReader, learn_blind
from hilum.measure.choice.cascade import bare

log = logging.getLogger(__name__)
NAME, VERSION, MOST = "rexvqa", "1", 4
CARD, WEIGHTS, BLIND = "card.json", "model.safetensors", "blind.json"
_BLIND_FILMS = 800


@dataclass(frozen=True, eq=False)
class Choosing:
    """A model that answers the questions of a study that have two to four choices, by the likeliest option.

    Args:
        reader: a `learn.choice.train.ChoiceReader`.
        made_by: signs the answers.
    """

    reader: Any = field(repr=False)
    made_by: MadeBy
    needs: tuple[str, ...] = ("images",)
    adds: tuple[str, ...] = ("questions",)

    def __call__(self, study: Study) -> Study:
        """Add an answer to each such question; of a study without a frontal film to none, with a note."""
        from hilum.learn.reader.roles import frontal_of

        film = frontal_of(study)
        if film is None:
            return study.add(made_by=self.made_by, notes=["there is no frontal film to answer from"])
        made = []
        for question in asked(study):
            told = self.reader.logits([question.text], [[bare(each) for each in question.choices]], [film])
            made.append(answer(question, question.choices[int(told[0].argmax())]))
        return study.add(questions=made, made_by=self.made_by, notes=_left(study, made))


def asked(study: Study) -> list[Question]:
    """Return the questions with two to four choices."""
    return [question for question in study.questions if 2 <= len(question.choices) <= MOST]


def answer(question: Question, said: str) -> Question:
    """Return an answer to a question, as a model adds it."""
    return Question(question.text, (), said, question.family, question.id, category=question.category)


def _left(study: Study, made: Sequence[Question]) -> list[str]:
    left = len(study.questions) - len(made)
    return [f"{left} questions without two to {MOST} choices were left unanswered"] if left else []


def answered_blind(study: Study, reader: BlindReader) -> Study:
    """Add what a blind reader answers: from question and options alone."""
    made = [answer(question, question.choices[reader.answer(question)]) for question in asked(study)]
    return study.add(questions=made, made_by=MadeBy("blind", VERSION), notes=_left(study, made))


def save(reader: Any, folder: Path, *, scale: Any, data: str, seed: int, seconds: float) -> Path:
    """Write a reader with its encoder and card; return the folder."""
    from safetensors.torch import save as packed

    net = {f"net.{name}": value for name, value in reader.net.state_dict().items()}
    eyes = {f"encoder.{name}": value for name, value in reader.features.encoder.state_dict().items()}
    config = reader.features.encoder.config
    card = {
        "name": NAME, "version": VERSION, "hilum": __version__, "caution": RESEARCH_USE, "data": data, "seed": seed,
        "settings": asdict(scale), "seconds": round(seconds, 1), "words": list(reader.words.known),
        "vision": {"width": config.hidden_size, "layers": config.num_hidden_layers, "size": config.image_size,
                   "heads": config.num_attention_heads, "patch": config.patch_size},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().contiguous().clone() for name, value in (net | eyes).items()}
    save_bytes(packed(tensors), folder / WEIGHTS)
    save_bytes((json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode(), folder / CARD)
    return folder


def opened(folder: Path) -> Choosing:
    """Return the model that `save` wrote.

    Raises:
        MissingError: if there is none, or torch or transformers is not installed.
        InputError: if its files are damaged or do not fit each other.
    """
    if not (folder / CARD).is_file() or not (folder / WEIGHTS).is_file():
        raise MissingError(f"no reader of questions in '{folder}': train one with 'hilum train {NAME} -o {folder}'")
    needs_torch()
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from hilum.learn.choice.train import ChoiceReader, Words, grid_of
    from hilum.learn.reader.encoder import frozen
    from hilum.learn.reader.features import Features
    from hilum.nets.choice import ChoiceNet
    from hilum.nets.small_vision import VisionSize, small_vision

    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        held = load_file(folder / WEIGHTS)
        words, encoder = Words(tuple(card["words"])), small_vision(VisionSize(**card["vision"]))
        parts = {part: {name.removeprefix(part): value for name, value in held.items() if name.startswith(part)}
                 for part in ("net.", "encoder.")}  # fmt: skip
        encoder.load_state_dict(parts["encoder."])
        features = Features(frozen(encoder))
        net = ChoiceNet(len(words), features.shape[2], grid_of(features))
        net.load_state_dict(parts["net."])
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise InputError(f"the reader in '{folder}' is damaged ({str(error).splitlines()[0]}): train it anew") from None
    return Choosing(ChoiceReader(net.eval(), words, features), MadeBy(NAME, VERSION))


def needs_torch() -> None:
    """Say what is missing where torch or transformers is not installed."""
    from importlib.util import find_spec

    for package, extra in (("torch", "train"), ("transformers", "language")):
        if find_spec(package) is None:
            raise need(package, extra, NAME)


@cache
def kept_reader(seed: int) -> Choosing:
    """Return the reader of made films that is kept in the cache; the first use teaches it, and says so."""
    needs_torch()
    from hilum.systems._rexvqa_train import train

    folder = cache_folder(NAME) / f"reader-{VERSION}-{seed}"
    if not (folder / CARD).is_file():
        log.warning("the model 'reader' is taught on made films once, about 3 minutes of one processor; kept in %s. "
                    "Name the folder of 'hilum train rexvqa' instead for one of your own.", folder)  # fmt: skip
        _once(folder, lambda place: train(None, place, seed=seed, settings={}))
    return opened(folder)


@cache
def kept_blind(seed: int) -> BlindReader:
    """Return the blind reader of questions about made films; the first use teaches it, and says so."""
    folder = cache_folder(NAME) / f"blind-{VERSION}-{seed}"
    if not (folder / BLIND).is_file():
        log.warning("the model 'blind' learns the words of questions about made films once, about half a minute; kept "
                    "in %s", folder)  # fmt: skip
        _once(folder, lambda place: _teach_blind(place, seed))
    try:
        return BlindReader(np.array(json.loads((folder / BLIND).read_text(encoding="utf-8")), dtype=np.float64))
    except ValueError:
        raise InputError(f"'{folder / BLIND}' is damaged: remove the folder, and it is made again") from None


def _teach_blind(place: Path, seed: int) -> None:
    from hilum.measure.choice.films import film_cohort
    from hilum.measure.choice.items import Design, make_items

    studies = film_cohort(_BLIND_FILMS, seed=104_729)
    reader = learn_blind(make_items(studies, Design(2 * _BLIND_FILMS, per_study=8), seed=seed))
    save_bytes(json.dumps(reader.weights.tolist()).encode(), place / BLIND)


def _once(folder: Path, make: Callable[[Path], object]) -> None:
    """Make a folder whole or not at all; where another process was quicker, its folder stands."""
    place = Path(mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        make(place)
        if not folder.exists():
            place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
