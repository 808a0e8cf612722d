"""How the reader inside the package is made: studies, encoder, samples, words, guard, card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.core.errors import InputError
from hilum.core.registry import get
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.reader.absence import dropped
from hilum.learn.reader.encoder import label_encoder
from hilum.learn.reader.features import Features
from hilum.learn.reader.sample import Sample, with_answer
from hilum.learn.reader.sections import without_comparisons
from hilum.learn.reader.tasks import build
from hilum.learn.reader.train import Size, small_spec, train_reader
from hilum.learn.reader.trained import Trained
from hilum.measure.verdict import Verdict
from hilum.nets.small_vision import VisionSize
from hilum.phantom.scenes import scenes, split_of
from hilum.systems._reader_cohort import reworded
from hilum.systems._small_reader_recipe import PRESET, Recipe, resolve

Say = Callable[[str], None]
VERSION = "0.1"


def train(
    data: str | Path | None, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any],
    say: Say = lambda line: None,
) -> Path:  # fmt: skip
    """Make the reader and write it, its guard and its card into a folder; return it.

    Raises:
        InputError: if a setting or the data cannot be used.
    """
    recipe = resolve(settings)
    studies = studies_of(data, recipe, seed=seed, say=say)
    samples = samples_of(studies, recipe, seed=seed, wordings=recipe.wordings if made_up(data) else 1)
    size = VisionSize(recipe.vision_width, recipe.vision_layers, 4, recipe.px)
    encoder = label_encoder(studies, size=size, steps=recipe.encoder_steps, seed=seed, say=say)
    made = train_reader(
        samples, PRESET, features=Features(encoder), fit_spec=small_spec(recipe.steps, rate=recipe.rate), seed=seed,
        size=Size(recipe.width, recipe.depth, recipe.heads), batch=recipe.batch, folder=out / "state", resume=resume,
        say=say,
    )  # fmt: skip
    written = replace(made, features=Features(encoder))  # the shipped folder computes films afresh
    card = {
        "name": "small-reader", "version": VERSION, "hilum": __version__, "caution": RESEARCH_USE, "seed": seed,
        "settings": {**asdict(recipe), "pack": ""}, "scene_px": recipe.scene_px,
        "learned_from": f"{len(studies)} studies of {'made films (phantom.scenes)' if made_up(data) else data}",
        "parameters": sum(each.numel() for each in made.reader.parameters()),
    }  # fmt: skip
    written.save(out, **card)
    judged = guarded(written, out, recipe, seed=seed, say=say)
    written.save(out, **card, guard=judged)
    return out


def guarded(made: Trained, out: Path, recipe: Recipe, *, seed: int, say: Say) -> dict[str, Any]:
    """Return what the card says of the guard."""
    from hilum.systems._small_reader_guard import guard_card, judge_guard
    from hilum.systems._small_reader_writer import Writer

    verdict: Verdict = judge_guard(
        Writer.load(out), data=recipe.pack or None, patients=recipe.judged, seed=seed, say=say
    )
    return guard_card(list(verdict.scores.values()))


def made_up(data: str | Path | None) -> bool:
    """Return whether scenes are meant rather than a data set."""
    return data is None or str(data) in ("", "scenes")


def studies_of(data: str | Path | None, recipe: Recipe, *, seed: int, say: Say) -> list[Study]:
    """Return the studies to learn from: the training split of made patients, or of a data set named NAME:FOLDER.

    Raises:
        InputError: if the data set is not named so, or has no study with a film and a report.
    """
    if made_up(data):
        say(f"drawing {recipe.patients} made patients")
        drawn = scenes(recipe.patients, seed=seed, size=recipe.scene_px)
        return [study for study in drawn if split_of(study.patient) == "train"]
    name, colon, place = str(data).partition(":")
    if not colon:
        raise InputError(f"data are named NAME:FOLDER, such as mimic-cxr:/films, got '{data}'")
    cohort = get("dataset", name)(place)
    chosen = [study for study in cohort.split("train") if study.films and study.report and study.report.findings]
    if not chosen:
        raise InputError(f"'{data}' has no study with a film and findings in its training split: nothing to learn from")
    return chosen


def samples_of(studies: Sequence[Study], recipe: Recipe, *, seed: int, wordings: int = 1) -> list[Sample]:
    """Return the samples: inputs left out at random, and no comparison asked for where no prior is shown.

    Args:
        studies: to learn from.
        recipe: says how often inputs are left out.
        seed: of wordings and of what is left out.
        wordings: in which each scene is told; what is left out is drawn anew for each. 1 tells reports as they are.
    """
    found: list[Sample] = []
    share = dict.fromkeys(("cur_lat", "prior_front", "indication"), recipe.left_out)
    for number in range(wordings):
        told = [reworded(study, seed=1000 * (seed + 1) + number) if number else study for study in studies]
        rng = generator(seed, "small reader wording", *([number] if number else []))
        built = [build("findings", study, PRESET, rng) for study in told]
        found += dropped([sample for sample in built if sample is not None], share, seed=seed + 1000 * number)
    honest = [
        sample if sample.has("prior_front") else with_answer(sample, without_comparisons(sample.target))
        for sample in found
    ]
    return [sample for sample in honest if sample.target]
