"""MLRG, second stage, ported: what stands for a missing indication or prior, judged in the four cells of presence.

Every arm learns from the same studies, which have an indication and a prior; all but one lose each of them at random,
half of the time. The honest contrast is a gain where an input is missing at no loss where both are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hilum.learn.reader.absence import dropped, without
from hilum.learn.reader.guards import blank, other_prior, swapped
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample
from hilum.measure.claim import Claim, Judged
from hilum.systems._reader_cells import BLEU, FACTS, FALSE_COMPARISONS, in_cell, of_visit, read
from hilum.systems._reader_lab import SMALL, arm, lab, samples_of, scaled, small_preset
from hilum.systems._reader_trials import Trials, settings_line

SCALE = replace(SMALL, patients=900, steps=300, encoder_steps=600)
DROPPED = 0.5
"""Share of samples that lose the indication, and the prior, each on its own."""
TOKENS, EMPTY, WORDS, KEPT = "absence tokens", "empty headings", "N/A", "no dropout"
BOTH, NO_HINT, NO_PRIOR, NEITHER = "both there", "no indication", "no prior", "neither"
CELLS: Mapping[str, tuple[str, ...]] = {
    BOTH: (), NO_HINT: ("indication",), NO_PRIOR: ("prior_front",), NEITHER: ("indication", "prior_front"),
}  # fmt: skip
BLANK, SWAPPED, OTHER = "absence tokens, blank films", "absence tokens, swapped films", "absence tokens, other prior"
METRICS = (FACTS, FALSE_COMPARISONS, BLEU)
TEXT = "absence tokens handle a missing indication or prior (ported to a language model)"
CLAIMS = (
    Claim("tokens beat no dropout where both are missing", TOKENS, KEPT, f"{FACTS}, {NEITHER}", (EMPTY, WORDS)),
    Claim("tokens beat empty headings where both are missing", TOKENS, EMPTY, f"{FACTS}, {NEITHER}", (WORDS,)),
    Claim("tokens beat N/A where both are missing", TOKENS, WORDS, f"{FACTS}, {NEITHER}", (EMPTY,)),
)
BESIDE = (
    *(Claim(f"tokens beat no dropout: {cell}", TOKENS, KEPT, f"{FACTS}, {cell}", (EMPTY, WORDS))
      for cell in (BOTH, NO_HINT, NO_PRIOR)),
    Claim("fewer false comparisons than without dropout where there is no prior", TOKENS, KEPT,
          f"{FALSE_COMPARISONS}, {NO_PRIOR}", (EMPTY, WORDS), "lower"),
    Claim("the films are looked at: true over swapped", TOKENS, SWAPPED, f"{FACTS}, {BOTH}", (BLANK, OTHER)),
)  # fmt: skip
NOTES = (
    "ported: MLRG is an encoder-decoder; here the anchor looks at the other films in the connector, the rest is prompt",
    "its first part, better reports from multi-view longitudinal pretraining, cannot be tested here: stage 1 learns "
    "other films, by another encoder",
    "with a prior taken away the true report still compares, as in the published data; facts are of the current study",
    "published ablation on MIMIC-CXR (CheXbert F1): full .505, no indication .484, no indication and prior report "
    ".479, no prior image .503: other data, so not the numbers here",
)  # fmt: skip


def arms_of(samples: Sequence[Sample], *, seed: int) -> dict[str, tuple[Preset, list[Sample]]]:
    """Return each arm's preset and what it learns from; those with dropout lose the same inputs of the same samples."""
    lost = dropped(samples, {"indication": DROPPED, "prior_front": DROPPED}, seed=seed)
    tokens = small_preset("mlrg")
    return {
        TOKENS: (tokens, lost), EMPTY: (tokens.changed(missing="empty"), lost),
        WORDS: (tokens.changed(missing="na_text"), lost), KEPT: (tokens.changed(missing="empty"), list(samples)),
    }  # fmt: skip


def judge_reader(
    *, seed: int, settings: Mapping[str, Any], say: Callable[[str], None]
) -> tuple[list[Judged], list[Judged], list[str]]:
    """Train every arm for every seed and judge what it writes in each cell.

    Args:
        seed: of the cohort, the dropout, the bootstrap and the first training.
        settings: of the bench, see `_reader_lab.Scale`.
        say: told what is being done.

    Returns:
        The judged claims, those beside them, and lines for people.
    """
    scale = scaled(SCALE, settings)
    bench = lab(scale, seed=seed, say=say)
    learned, asked = (
        [study for study in of_visit(studies, prior=True) if study.report and study.report.indication]
        for studies in (bench.train, bench.test)
    )
    trials, preset = Trials([study.patient for study in asked]), small_preset("mlrg")
    train, test = samples_of(learned, preset), samples_of(asked, preset)
    for number in range(seed, seed + scale.seeds):
        for name, (changed, given) in arms_of(train, seed=seed).items():
            say(f"{name}, seed {number}")
            reader = arm(bench, changed, given, seed=number)
            for cell, gone in CELLS.items():
                read(trials, asked, name, reader, [without(sample, *gone) for sample in test], cell=cell)
            if name == TOKENS:
                for guard, rows in ((BLANK, blank(test)), (SWAPPED, swapped(test, seed=seed)),
                                    (OTHER, other_prior(test, seed=seed))):  # fmt: skip
                    read(trials, asked, guard, reader, rows, cell=BOTH)
    people, metrics = len(set(trials.patients)), [in_cell(metric, cell) for cell in CELLS for metric in METRICS]
    lines = [
        f"{len(learned)} studies to learn from, {len(asked)} of {people} patients to ask about, all with an indication "
        "and a prior", settings_line(reader), "every arm:",
        *trials.table(list(trials.scores[in_cell(FACTS, BOTH)]), metrics, seed=seed),
    ]  # fmt: skip
    return trials.judged(CLAIMS, seed=seed), trials.judged(BESIDE, seed=seed), lines
