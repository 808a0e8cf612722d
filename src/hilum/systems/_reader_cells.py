"""What the second stages of SEI and MLRG share: an arm's answers under changed inputs, scored on the same studies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from hilum.core.errors import InputError, need
from hilum.core.study import Study
from hilum.learn.reader.sample import Sample, with_context
from hilum.learn.reader.trained import Trained
from hilum.measure.claim import verdict
from hilum.measure.metrics.bleu import bleu_4
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Scored
from hilum.measure.verdict import Verdict
from hilum.systems._reader_scores import score
from hilum.systems._reader_trials import Trials

FACTS, ECHO, FALSE_COMPARISONS, BLEU = "fact-f1", "indication-echo", "false-comparison", "BLEU-4"


def of_visit(studies: Sequence[Study], *, prior: bool) -> list[Study]:
    """Return the studies that have a prior, or those that have none; with a report either way."""
    return [study for study in studies if (study.prior is not None) == prior and study.report is not None]


def all_scores(studies: Sequence[Study], answers: Sequence[str]) -> dict[str, Scored]:
    """Return the scores of the scenes, and BLEU-4 against the whole findings section."""
    references = tuple(study.report.findings if study.report else "" for study in studies)
    pairs = ReportPairs(references, tuple(answers), tuple(study.id for study in studies))
    return {**score(studies, list(answers)), BLEU: bleu_4(pairs)}


def shuffled(samples: Sequence[Sample], section: str) -> list[Sample]:
    """Return samples with a section of the next patient's sample, a missing one included."""
    made = []
    for number, sample in enumerate(samples):
        later = [*samples[number + 1 :], *samples[:number]]
        other = next((each for each in later if each.patient != sample.patient), sample)
        made.append(with_context(sample, **{section: other.context.get(section, "")}))
    return made


def read(
    trials: Trials, studies: Sequence[Study], name: str, reader: Trained, samples: Sequence[Sample], *, cell: str = ""
) -> list[str]:
    """Let a reader write about samples, keep its scores under an arm's name, and return what it wrote.

    A study whose sample shows no prior is scored as one that has none, so that every comparison in it is false.

    Args:
        trials: to add to.
        studies: of the samples, in order.
        name: of the arm.
        reader: trained.
        samples: to write about.
        cell: follows the name of each metric, for an arm that is judged on several sets of inputs.
    """
    answers = reader.write(samples)
    seen = [
        study if sample.has("prior_front") else replace(study, prior=None)
        for study, sample in zip(studies, samples, strict=True)
    ]
    scored = all_scores(seen, answers)
    trials.take(name, {in_cell(metric, cell) if cell else metric: value for metric, value in scored.items()})
    return answers


def in_cell(metric: str, cell: str) -> str:
    """Return the name of a metric on one set of inputs."""
    return f"{metric}, {cell}"


def second_stage(
    name: str, stage: str, *, seed: int, seeds: int | str, settings: Mapping[str, Any], say: Callable[[str], None]
) -> Verdict:  # fmt: skip
    """Return the verdict on the second stage of a system: its claims, those beside them, and what to know of them.

    Args:
        name: 'sei' or 'mlrg'.
        stage: 'reader'.
        seed, seeds: the first training, and how many.
        settings: of the bench, see `_reader_lab.Scale`; 'trunk_steps' are its encoder's.
        say: told what is being done.

    Raises:
        InputError: if the stage is no stage, or a setting cannot be used.
        MissingError: if transformers is missing.
    """
    if stage != "reader":
        raise InputError(f"the stages of '{name}' are 'encoder' and 'reader', got '{stage}'")
    if find_spec("transformers") is None:
        raise need("transformers", "language", f"the reader of {name}")
    part = import_module(f"hilum.systems._{name}_reader")
    given = {"encoder_steps" if key == "trunk_steps" else key: value for key, value in settings.items()}
    parts, beside, lines = part.judge_reader(seed=seed, settings={**given, "seeds": seeds}, say=say)
    made, more = verdict(part.TEXT, parts, notes=(*lines, *part.NOTES)), verdict(part.TEXT, beside)
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores})
