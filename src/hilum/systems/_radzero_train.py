"""How RadZero is trained: on virtual patients, a drawn cohort or any registered data set, and what is written."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from hilum.core.errors import InputError
from hilum.core.registry import get
from hilum.core.study import Study
from hilum.learn.label_trunk import label_trunk
from hilum.learn.pair_store import SMALL, place_for
from hilum.learn.pairs import Pairs, gather
from hilum.learn.running import unbudgeted
from hilum.learn.zero_shot import remember
from hilum.nets.similarity import Aligner
from hilum.systems._aligned import UNSEEN, aligned
from hilum.systems._radzero_claims import Arm
from hilum.systems._radzero_fit import Size, align, network
from hilum.systems._radzero_folder import write
from hilum.systems._radzero_look import cached, looking, standardised, too_many
from hilum.systems._radzero_model import Model, calibrated, concepts_told
from hilum.systems._radzero_recipe import EPOCHS, WARMUP_STEPS, Recipe, resolve, views_of
from hilum.systems._radzero_texts import told, wording_of
from hilum.systems._radzero_worth import worth
from hilum.text.parse import parse, to_findings

log = logging.getLogger(__name__)
VIRTUAL = "virtual patients"
SPLITS = {"train": 0.85, "val": 0.15}
"""Of patients, where a data set has none of its own."""


def films_of(data: str | Path | None, recipe: Recipe, *, seed: int) -> tuple[Pairs, Pairs, str]:
    """Return training and validation films, and what they are called.

    Args:
        data: None for virtual patients; a folder that `hilum draw` wrote; or 'name:/path' of a registered data set.
        recipe: size, views and number.
        seed: of virtual patients.

    Raises:
        InputError: if it holds no film of these views to learn from.
    """
    views = views_of(recipe)
    if data is None or not str(data):
        found = aligned(recipe.patients, size=recipe.px, seed=seed, views=views, say=log.info)
        return found.train, found.val, f"{VIRTUAL} of all families but '{UNSEEN}'"
    name, _, place = str(data).rpartition(":")
    name = name or "virtual"
    cohort = get("dataset", name)(Path(place))
    if not cohort.splits:
        cohort = replace(cohort, splits=SPLITS)

    def lost(film: str, reason: str) -> None:
        log.warning("%s is left out: %s", film, reason)

    every = gather(
        cohort, size=recipe.px, group=name, complete=name == "virtual", lost=lost, told=_with_findings,
        split=lambda study: cohort.split_of(study.patient or study.id), folder=place_for(name, place), small=SMALL,
    )  # fmt: skip
    wanted = every.take([str(view) in views or view == "unknown" for view in every.view])  # type: ignore[arg-type]
    train, val = (wanted.take(wanted.split == split) for split in ("train", "val"))
    if not len(train):
        raise InputError(f"'{data}' holds no {' or '.join(views)} film in its split 'train': there is nothing to learn "
                         f"from (splits: {', '.join(sorted(set(every.split.tolist())))})")  # fmt: skip
    return train, val, f"{name} ({cohort.licence or 'no licence stated'})"


def _with_findings(study: Study) -> Study:
    """A study, with the findings that its report states where it has none."""
    if study.findings or study.report is None:
        return study
    return study.add(findings=to_findings(parse(study.report)))


def train(data: str | Path | None, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]) -> Path:
    """Train, calibrate on validation films, and write; return the folder with model.safetensors, card.json, log.csv.

    Raises:
        InputError: if there is nothing to learn from, or a setting cannot be used.
        MissingError: if a package or weights are missing.
    """
    recipe = resolve(settings)
    films, val, source = films_of(data, recipe, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    began = time.time()
    net, words, size, shape = _built(films, recipe, seed)
    arm = Arm(recipe.how, recipe.whole, recipe.single, dedupe=recipe.dedupe)  # type: ignore[arg-type]
    texts = told(films, words, whole=recipe.whole)
    published = recipe.preset == "published"
    look = (looking(net.image, films.films, seed=seed) if published or too_many(net.image, films.films, size.versions)
            else cached(net.image, films.films, versions=size.versions, seed=seed))  # fmt: skip
    log.info("%d films, %d sentences, %d steps", len(films), len(texts.texts), size.steps)
    align(net, look, texts, arm, size, seed=seed, films=films, folder=out, resume=resume,
          validate=None if published else worth(net, words, val, concepts_told(films)))  # fmt: skip
    card = {
        "source": "RadZero (arXiv 2504.07416)", "data": source, "films": len(films), "size": recipe.px,
        "patients": len(set(films.patient.tolist())), "views": list(views_of(recipe)),
        "concepts": concepts_told(films), "open": published, "network": shape, "settings": asdict(recipe), "seed": seed,
        "steps": steps_taken(out, size.steps), "seconds": round(time.time() - began, 1), "torch": torch.__version__,
    }  # fmt: skip
    model = Model(net.cpu(), words, card)
    tuned = val if len(val) else films
    note = {} if len(val) else {"remark": "no validation film: probabilities are not calibrated"}
    scale = calibrated(model, tuned, source=f"validation films of {source}")
    model.card = {**card, **scale, **note, **({} if len(val) else {"calibration": {}})}
    remember(write(model, out))
    return out


def steps_taken(out: Path, planned: int) -> int:
    """Return the steps of the fit in a folder: a budget may have decided them."""
    try:
        return int(json.loads((out / "fit.json").read_text(encoding="utf-8"))["steps"])
    except (OSError, ValueError, KeyError):
        return planned


def _built(films: Pairs, recipe: Recipe, seed: int) -> tuple[Aligner, Any, Size, dict[str, Any]]:
    """The untrained network, its words, sizes, and what the card says of its shape."""
    chosen = {name: getattr(recipe, name) for name in ("width", "heads", "layers", "batch", "rate")}
    shape = {"how": recipe.how, **{name: chosen[name] for name in ("width", "heads", "layers")}}
    if recipe.preset == "published":
        from hilum.systems._radzero_published import published

        net, words = published(recipe, seed=seed)
        steps = recipe.steps or max(1, EPOCHS * -(-len(films) // recipe.batch))
        size = Size(**{**chosen, "width": net.head.norm.normalized_shape[0]}, steps=steps, absences=99, versions=1,
                    warmup=min(1.0, WARMUP_STEPS / steps), bf16=True)  # fmt: skip
        named = {name: getattr(recipe, name) for name in ("image", "text")}
        return net.to("cuda" if torch.cuda.is_available() else "cpu"), words, size, {**shape, **named}
    wording = wording_of(films)
    size = Size(**chosen, steps=recipe.steps)
    with unbudgeted():  # a budget is for aligning; the encoder is taught once and kept
        trunk = label_trunk(films, width=recipe.width, stride=size.stride, seed=seed, say=log.info)
    encoder = standardised(trunk, films.films, recipe.width)
    net = network(encoder, len(wording), size, recipe.how, seed=seed)  # type: ignore[arg-type]
    return net, wording, size, {**shape, "image": "small", "stride": size.stride}
