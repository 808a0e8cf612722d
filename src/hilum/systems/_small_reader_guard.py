"""The guard: what the reader writes with the true films, with other patients' and with none, made or real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import MissingError
from hilum.core.study import Study
from hilum.core.vocabulary import ancestors
from hilum.data import pack
from hilum.learn.reader import guards
from hilum.learn.reader.sample import Sample
from hilum.measure.claim import SEEDS, Judged, judge, verdict
from hilum.measure.scored import Scored
from hilum.measure.verdict import Verdict
from hilum.phantom.scenes import scenes, split_of
from hilum.systems import _small_reader_claims as claims
from hilum.systems._reader_scores import score
from hilum.systems._small_reader_writer import Writer, asked

Floats = NDArray[np.float64]
Say = Callable[[str], None]
OPACITY = "lung opacity"
NORMAL = "Normal heart size. There is no pleural effusion, consolidation or pneumothorax."
TEXT = "what the shipped reader writes comes from the films"
_FIRST = 1_000_000
"""Number of the first made patient to judge on: far from those that are learned from."""


def judge_guard(
    writer: Writer, *, data: str | Path | None, patients: int, seed: int, say: Say = lambda line: None
) -> Verdict:  # fmt: skip
    """Judge the three claims; the third cannot be tested without real films.

    Args:
        writer: the reader.
        data: pack of real films, or None.
        patients: made ones.
        seed: of the films, donors and bootstrap.
        say: told what is being done.
    """
    parts = made_films(writer, patients=patients, seed=seed, say=say)
    notes = ["one reader, whose training draws once: three seeds are three draws of other patients' films"]
    if data is not None:
        parts.append(real_films(writer, Path(data), seed=seed, say=say))
    else:
        notes.append(f"{claims.REAL.text}: cannot be tested here: name a pack of real films with --data")
    return verdict(TEXT, parts, notes=notes)


def made_films(writer: Writer, *, patients: int, seed: int, say: Say) -> list[Judged]:
    """Judge on scenes of patients that nobody learned from."""
    drawn = scenes(patients, seed=seed, size=int(writer.card.get("scene_px", 64)), first=_FIRST)
    studies = [study for study in drawn if split_of(study.patient) == "test"] or list(drawn)
    samples = [asked(study, writer.trained.preset) for study in studies]
    arms: dict[str, list[list[Sample]]] = {
        "true films": [samples], "grey films": [guards.blank(samples)], "no prior": [guards.no_prior(samples)],
        "other patients' films": [guards.swapped(samples, seed=seed + each) for each in range(SEEDS)],
        "other patients' prior": [guards.other_prior(samples, seed=seed + each) for each in range(SEEDS)],
    }  # fmt: skip
    facts: dict[str, list[Scored]] = {}
    change: dict[str, list[Scored]] = {}
    for name, runs in arms.items():
        say(f"{len(studies)} made studies, {name}")
        told = [score(studies, writer.trained.write(run)) for run in runs]
        facts[name], change[name] = [each["fact-f1"] for each in told], [each["change-accuracy"] for each in told]
    facts["constant normal draft"] = [score(studies, [NORMAL] * len(studies))["fact-f1"]]
    people = [study.patient for study in studies]
    return [judge(claims.FACTS, facts, people, seed=seed), judge(claims.PRIOR, change, people, seed=seed)]


def real_films(writer: Writer, root: Path, *, seed: int, say: Say = lambda line: None) -> Judged:
    """Judge on the pack's films that radiologists read for opacity; the reader learned from none of them.

    Raises:
        MissingError: if the pack holds none.
    """
    rows = [row for row in pack.rows(root, ("nih512",)) if row.read_opacity is not None]
    rows = [row for row in rows if row.view.startswith(("PA", "AP"))]
    if not rows:
        raise MissingError(f"the pack {root} holds no frontal film that was read for opacity: copy it anew")
    studies = [pack.study(root, row) for row in rows]
    truth = np.array([bool(row.read_opacity) for row in rows])
    samples = [asked(study, writer.trained.preset) for study in studies]
    arms = {
        "true films": [samples], "grey films": [guards.blank(samples)],
        "other patients' films": [guards.swapped(samples, seed=seed + each) for each in range(SEEDS)],
    }  # fmt: skip
    trials: dict[str, list[Scored]] = {}
    for name, runs in arms.items():
        say(f"{len(studies)} real films, {name}")
        trials[name] = [_balanced(truth, _opaque(writer.trained.write(run))) for run in runs]
    return judge(claims.REAL, trials, _people(studies), seed=seed)


def _people(studies: Sequence[Study]) -> list[str]:
    return [study.patient or study.id for study in studies]


def _opaque(drafts: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each draft says that there is an opacity, of whatever kind."""
    from hilum.text.parse import parse

    def says(text: str) -> bool:
        there = [fact.concept for fact in parse(text).facts if fact.state == "present"]
        return any(OPACITY in {name, *(each.name for each in ancestors(name))} for name in there)

    return np.array([says(text) for text in drafts])


def _balanced(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> Scored:
    """Mean of sensitivity and specificity, for a paired bootstrap over patients."""
    right = (truth == said).astype(np.float64)
    at = partial(_halves, truth, right)
    return Scored(claims.OPACITY, right, at, "mean of sensitivity and specificity of 'opacity' in the draft")


def _halves(truth: NDArray[np.bool_], right: Floats, weights: Floats) -> Floats:
    with np.errstate(all="ignore"):
        each = [(weights[:, rows] @ right[rows]) / weights[:, rows].sum(1) for rows in (truth, ~truth)]
    return np.asarray(np.mean(each, axis=0), np.float64)


def guard_card(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return what the card says of the guard: gain and outcome of each claim, and whether real films are drafted."""
    told: dict[str, Any] = {
        part.claim.text: f"{part.outcome}: gain {part.gain} of {part.claim.metric}" for part in judged
    }
    real = next((part for part in judged if part.claim is claims.REAL), None)
    told["offered on real films"] = bool(real and real.outcome == "holds")
    if real is not None:
        told["real films"] = (
            f"balanced accuracy of opacity {real.arms['true films']}, gain over other patients' films {real.gain}"
        )
    return told
