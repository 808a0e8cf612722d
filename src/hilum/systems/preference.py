"""Preference fine-tuning without human feedback: a judge's pairs from a reader's own samples, and what they cost.

Source: Hein et al., Preference Fine-Tuning for Factuality in Chest X-Ray Interpretation Models Without Human Feedback
(arXiv 2410.07025, later CheXalign). Method: sample four reports a study, judge them beside the reference, learn from
the best and the worst by a direct-alignment loss. Here: a small reader of virtual patients, judges that count facts by
rule. Published losses: DPO, R-DPO, IPO, KTO, ORPO (SimPO in its first version).
Data: scenes, virtual patients with reports. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import need
from hilum.core.registry import register
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.systems._preference_claims import OTHERS, claims_of

if TYPE_CHECKING:
    from hilum.learn.reader.trained import Trained

__all__ = ["PreferenceSystem", "reproduce", "train", "trained"]
TEXT = "judge-made pairs raise factuality, and plain DPO exploits length where the judge pays for it"
NOTES = (
    "a small reader of one film and an indication, scenes of our own, judges by rule: not the published reader, films "
    "or judge, and no figure here is to be held against a published one",
    "'matched-repeats' pays for repetition on purpose; GREEN's own judge is a language model, see docs/preference.md",
    "a loss that moves nowhere in the gate is no control of length: it may still keep reports shorter",
)


def train(
    *, out: str | Path, data: str | Path | None = None, seed: int = 0, resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Teach a small reader of scenes, tune it by one judge's pairs, and write it to a folder.

    Args:
        out: folder for weights and card.
        data: of no effect: the cohort is drawn.
        seed: of everything.
        resume: of no effect: a run takes minutes.
        settings: of `hilum.systems._preference_recipe.Recipe`.

    Raises:
        MissingError: if torch or transformers is not installed.
        InputError: if a setting cannot be used, or no pair came about.
    """
    _packages()
    from hilum.systems._preference_train import train as run

    return run(Path(out), seed=seed, settings=settings or {})


def trained(folder: str | Path) -> Trained:
    """Return the reader that `train` wrote.

    Raises:
        MissingError: if torch or transformers is not installed, or the folder holds none.
    """
    _packages()
    from hilum.learn.reader.trained import Trained as Held

    return Held.load(Path(folder))


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = 900, asked: int | str = 150, size: int | str = 72, encoder_steps: int | str = 800,
    steps: int | str = 400, pairs: int | str = 60, rate: float | str = 2e-4, count: int | str = 4,
    questions: int | str = 1_000, longest: int | str = 90, seeds: int | str = 3, losses: str = OTHERS,
    judge: str = "fact-f1", full: int | str = 0,
) -> Verdict:  # fmt: skip
    """Judge preference fine-tuning on virtual patients, every control in one run.

    Args:
        data: of no effect: the cohort is drawn.
        seed: of the patients, the first training and the bootstrap.
        say: told what is being done.
        patients, asked, size: virtual patients, test studies written about at most, and columns of a film.
        encoder_steps, steps, pairs: optimiser steps of the frozen encoder, of the policy, and of each arm.
        rate: peak learning rate of each arm.
        count, questions, longest: answers sampled for each of so many questions, and their most tokens.
        seeds: policies, each with all arms.
        losses: besides DPO, parted by commas.
        judge: one more for DPO: a metric of reports, or 'chat:URL#MODEL'.
        full: 1 judges every loss by every judge.

    Raises:
        InputError: if a choice cannot be used.
        MissingError: if torch or transformers is missing.
    """
    _packages()
    from hilum.systems._preference_judge import judge_preference
    from hilum.systems._preference_recipe import settings_of

    recipe = settings_of({
        "patients": patients, "asked": asked, "size": size, "encoder_steps": encoder_steps, "steps": steps,
        "pairs": pairs, "rate": rate, "count": count, "questions": questions, "longest": longest, "losses": losses,
        "judge": judge, "full": full,
    })  # fmt: skip
    parts, beside, lines, figures = judge_preference(recipe, seed=seed, seeds=max(1, int(seeds)), say=say)
    made, other = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, beside)
    return replace(made, lines=(*made.lines, *other.lines), scores={**made.scores, **other.scores}, figures=figures)


def _packages() -> None:
    for package, extra in (("torch", "train"), ("transformers", "language")):
        if find_spec(package) is None:
            raise need(package, extra, "preference fine-tuning")


@register.system(
    "preference", summary="A reader tuned by a judge's pairs of its own reports: factuality, length, forgetting",
    source="Preference fine-tuning without human feedback (Hein et al. 2024, arXiv 2410.07025)",
)  # fmt: skip
class PreferenceSystem:
    """`train` tunes a small reader by one judge and loss, `reproduce` judges what judges and losses do to it."""

    claims, minutes = sum(claims_of(), ()), 20.0
    train, trained, reproduce = staticmethod(train), staticmethod(trained), staticmethod(reproduce)
