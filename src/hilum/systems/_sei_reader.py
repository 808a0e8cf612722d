"""SEI, second stage, ported: what an indication and a similar case are worth to a reader, and what they cost.

The paper's cross-attention of film, case and indication is self-attention over tagged text here, so nothing is
reproduced; cases are those of other patients of the training split, told as facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.seed import generator
from hilum.learn.reader.guards import blank, swapped
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, with_context
from hilum.learn.reader.sections import facts_of
from hilum.learn.retrieve import index_of
from hilum.measure.claim import Claim, Judged
from hilum.systems._reader_cells import BLEU, ECHO, FACTS, of_visit, read, shuffled
from hilum.systems._reader_lab import SMALL, Lab, arm, lab, samples_of, scaled, small_preset
from hilum.systems._reader_trials import Trials, settings_line

SCALE = replace(SMALL, patients=700, steps=300, encoder_steps=600)
NONE, TRUE, SHUFFLED = "film alone", "indication", "indication, shuffled"
CASE, RANDOM = "indication and similar case", "indication and random case"
UNTOLD, MIXED = "indication, none at test", "indication, shuffled at test"
BLANK, SWAPPED = "indication, blank film at test", "indication, swapped film at test"
CONTROLS = (SHUFFLED, UNTOLD, MIXED, BLANK, SWAPPED)
METRICS = (FACTS, BLEU, ECHO, "unparsed", "words")
TEXT = "an indication and a similar case help a reader (ported to a language model)"
CLAIMS = (
    Claim("the indication brings a report nearer to its words", TRUE, NONE, BLEU, CONTROLS),
    Claim("the indication brings facts", TRUE, NONE, FACTS, CONTROLS),
    Claim("a similar case brings facts", CASE, TRUE, FACTS, (RANDOM,)),
)
BESIDE = (
    Claim("the film is looked at: true over swapped", TRUE, SWAPPED, FACTS, (BLANK,)),
    Claim("the reader uses the indication: true over shuffled at test", TRUE, MIXED, FACTS),
    Claim("a misleading indication is echoed, more than by a reader that never saw it", TRUE, NONE, ECHO),
    Claim("a similar case brings more than a random one", CASE, RANDOM, FACTS),
    Claim("a similar case brings a report nearer to its words", CASE, TRUE, BLEU, (RANDOM,)),
)
NOTES = (
    "ported: SEI is an encoder-decoder with cross-attention; here film, indication and case stand in one prompt",
    "cases: the nearest film by the frozen encoder's mean patch, of another patient of the training split, as facts",
    "studies without a prior only, so that no target compares; greedy decoding (published: 3 beams, no trigram twice)",
    "published on MIMIC-CXR: BLEU-4 .128 with and .109 without indication, CheXbert-14 F1 .460 and .474; one case "
    "against none .128 and .123: other data, so not the numbers here",
)  # fmt: skip


def mean_patches(bench: Lab, samples: Sequence[Sample]) -> NDArray[np.float32]:
    """Return one row for each sample's frontal film: the mean of its patches at the encoder's last layer, (N, D)."""
    seen = bench.features.of([sample.shown[0].image for sample in samples])
    rows: NDArray[np.float32] = seen[:, -1].mean(1).numpy()
    return rows


def similar(bench: Lab, held: Sequence[Sample], asked: Sequence[Sample]) -> list[int]:
    """Return for each asked sample the number of the held one whose film is nearest, of another patient."""
    patients = [sample.patient for sample in held]
    index = index_of(mean_patches(bench, held), [sample.study for sample in held], patients,
                     ["train"] * len(held), encoder="bench")  # fmt: skip
    rows, _ = index.find(mean_patches(bench, asked), [s.patient for s in asked], encoder="bench", keep=1)
    return [int(row) for row in rows[:, 0]]


def anyone(held: Sequence[Sample], asked: Sequence[Sample], *, seed: int) -> list[int]:
    """Return for each asked sample the number of any held one of another patient."""
    made = []
    for sample in asked:
        others = [number for number, each in enumerate(held) if each.patient != sample.patient]
        made.append(others[int(generator(seed, "any case", sample.key).integers(len(others)))])
    return made


def with_cases(samples: Sequence[Sample], rows: Sequence[int], texts: Sequence[str]) -> list[Sample]:
    """Return samples with the text of a case each."""
    return [with_context(sample, retrieved_case=texts[row]) for sample, row in zip(samples, rows, strict=True)]


def judge_reader(
    *, seed: int, settings: Mapping[str, Any], say: Callable[[str], None]
) -> tuple[list[Judged], list[Judged], list[str]]:
    """Train every arm for every seed and judge what it writes.

    Args:
        seed: of the cohort, the bootstrap and the first training.
        settings: of the bench, see `_reader_lab.Scale`.
        say: told what is being done.

    Returns:
        The judged claims, those beside them, and lines for people.
    """
    scale = scaled(SCALE, settings)
    bench = lab(scale, seed=seed, say=say)
    learned, asked = (of_visit(studies, prior=False) for studies in (bench.train, bench.test))
    trials = Trials([study.patient for study in asked])
    with_hint, bare = small_preset("sei", sections=("indication",)), small_preset("sei", sections=())
    both = small_preset("sei")
    train, test = samples_of(learned, both), samples_of(asked, both)
    texts = [facts_of(study.report) for study in learned if study.report is not None]
    near = [with_cases(each, similar(bench, train, each), texts) for each in (train, test)]
    random = [with_cases(each, anyone(train, each, seed=seed), texts) for each in (train, test)]
    arms: dict[str, tuple[Preset, Sequence[Sample], Sequence[Sample]]] = {
        NONE: (bare, train, test), TRUE: (with_hint, train, test),
        SHUFFLED: (with_hint, shuffled(train, "indication"), shuffled(test, "indication")),
        CASE: (both, near[0], near[1]), RANDOM: (both, random[0], random[1]),
    }  # fmt: skip
    untold = [with_context(sample, indication="") for sample in test]
    for number in range(seed, seed + scale.seeds):
        for name, (preset, given, wanted) in arms.items():
            say(f"{name}, seed {number}")
            reader = arm(bench, preset, given, seed=number)
            read(trials, asked, name, reader, wanted)
            if name == TRUE:
                read(trials, asked, UNTOLD, reader, untold)
                read(trials, asked, MIXED, reader, shuffled(test, "indication"))
                read(trials, asked, BLANK, reader, blank(test))
                read(trials, asked, SWAPPED, reader, swapped(test, seed=seed))
    people = len(set(trials.patients))
    lines = [
        f"{len(learned)} studies to learn from, {len(asked)} of {people} patients to ask about", settings_line(reader),
        "every arm:", *trials.table(list(trials.scores[FACTS]), METRICS, seed=seed),
    ]  # fmt: skip
    return trials.judged(CLAIMS, seed=seed), trials.judged(BESIDE, seed=seed), lines
