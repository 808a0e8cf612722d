"""A conversation of three turns: the report, whether something is there, and where it is."""

from __future__ import annotations

import numpy as np

from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.learn.reader.material import denied, noun_of, placed, present, sample_of, target_text
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Located, Said, Sample, Turn
from hilum.learn.reader.tasks import one_of, task
from hilum.learn.reader.tasks.findings import PLAIN
from hilum.learn.reader.tasks.presence import WORDINGS as ASKED

WHERE = ("Where is it?", "Where does it lie?", "On which part of the film is it?", "Can you show me where?")
YES, NO = "yes, there is {noun}.", "no, there is no {noun}."
NOWHERE = "it is not seen on the frontal film."


@task("chat")
def chat(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask for the report, then about one fact, then where it is: by a box, or by its place where no box is written.

    What is said to be absent is asked about as often as what is there; then the third answer says that it is not seen.
    """
    text = target_text(study.report.findings, preset) if study.report else ""
    here, gone = present(study), denied(study)
    if not text or not (here or gone):
        return None
    there = bool(here) and (not gone or rng.random() < 0.5)
    fact = here[int(rng.integers(len(here)))] if there else Finding(one_of(gone, rng), "absent")
    noun = noun_of(Finding(fact.concept), placed=False)
    turns = [
        Turn(one_of(PLAIN, rng), text),
        Turn(one_of(ASKED, rng).format(noun=noun), (YES if there else NO).format(noun=noun)),
        Turn(one_of(WHERE, rng), _where(study, preset, fact) if there else NOWHERE),
    ]
    return sample_of("chat", study, preset, turns)


def _where(study: Study, preset: Preset, fact: Finding) -> Said:
    """The boxes of a fact, its place in words, or that the frontal film does not show it."""
    if preset.codec is not None:
        found = placed(study, [fact])
        return (Located("", found[0][1]),) if found else NOWHERE
    return f"{', '.join(fact.sites)}." if fact.sites else NOWHERE
