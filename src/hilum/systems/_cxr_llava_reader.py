"""CXR-LLaVA's reader on scenes: two styles of prompt, temperatures and nuclei, a random encoder, blank films.

One reader learns both styles: an open request, answered by the impression, which tells what is there; and a request
that names six findings, answered finding by finding, absent ones too. At test each style is decoded in every way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.learn.decode import Decoding
from hilum.learn.reader.encoder import label_encoder
from hilum.learn.reader.features import Features
from hilum.learn.reader.guards import blank, swapped
from hilum.learn.reader.material import noun_of, sample_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, Turn
from hilum.measure.claim import Judged
from hilum.measure.scored import Scored, ratio, signature, summed
from hilum.nets.small_vision import VisionSize
from hilum.phantom.scenes_facts import CONCEPTS
from hilum.systems._cxr_llava_claims import GAP, LABEL_TAUGHT, MENTIONED, NAMED, OPEN, READER, READER_BESIDE, UNTAUGHT
from hilum.systems._reader_jobs import Answered, worked
from hilum.systems._reader_lab import Lab, Scale, arm, jobs_of, small_preset
from hilum.systems._reader_said import said
from hilum.systems._reader_trials import Trials, settings_line

SIX = f"Report this film. Comment on {', '.join(CONCEPTS[:-1])} and {CONCEPTS[-1]}."
FREE = "Report this film."
LONGEST, SAMPLES = 90, 5
WAYS = tuple((heat, top) for heat in (0.2, 0.8) for top in (0.8, 1.0))
"""Temperatures above 0, and shares of the probability drawn from."""
Say = Callable[[str], None]


def told(finding: Finding) -> str:
    """Return one sentence about a finding, there or not."""
    if finding.state != "present":
        return f"No {finding.concept}."
    noun = noun_of(finding, graded=True)
    return f"{noun[:1].upper()}{noun[1:]}."


def asked_openly(study: Study, preset: Preset) -> Sample:
    """Return a sample that asks for a report and is answered by the impression without its changes."""
    here = [told(finding) for finding in study.findings if finding.state == "present"]
    sample = sample_of("findings", study, preset, [Turn(FREE, " ".join(here) or "No acute disease.")])
    return replace(sample, key=f"open/{study.id}")


def asked_by_name(study: Study, preset: Preset) -> Sample:
    """Return a sample that names six findings and is answered by a sentence on each."""
    sample = sample_of("findings", study, preset, [Turn(SIX, " ".join(told(finding) for finding in study.findings))])
    return replace(sample, key=f"named/{study.id}")


STYLES = {OPEN: asked_openly, NAMED: asked_by_name}


def mentioned(studies: Sequence[Study], answers: Sequence[str]) -> Scored:
    """Return how often what an answer says of a finding that it mentions at all is right: seen, not merely said."""
    table = []
    for study, answer in zip(studies, answers, strict=True):
        read = said(answer)
        there = {finding.concept for finding in study.findings if finding.state == "present"}
        spoken = [concept for concept in read.changes if concept in CONCEPTS]
        stated = {concept for concept, _ in read.facts}
        table.append((sum((concept in stated) == (concept in there) for concept in spoken), len(spoken)))
    rows = [[float(hit), float(count)] for hit, count in table]
    values = [hit / count if count else float("nan") for hit, count in rows]
    line = signature(MENTIONED, 1, reader="hilum")
    return summed(MENTIONED, values, np.array(rows).reshape(-1, 2), lambda s: ratio(s[:, 0], s[:, 1]), line)


def way_of(style: str, heat: float, top: float) -> str:
    """Return the name of a style decoded in one way."""
    return f"{style}, temperature {heat:g}, top-p {top:g}"


def arm_of(bench: Lab, name: str, seed: int) -> Answered:
    """Train a reader of both styles and decode each in every way; that over a random encoder greedily only."""
    if name == UNTAUGHT:
        size = VisionSize(size=bench.scale.side)
        bench = replace(bench, features=Features(label_encoder((), size=size, steps=0, seed=bench.seed)))
    preset = small_preset("cxr-llava", sections=())
    learned = [make(study, preset) for study in bench.train for make in STYLES.values()]
    reader = arm(bench, preset, learned, seed=seed)
    texts: dict[str, list[str]] = {}
    for style, make in STYLES.items():
        asked = [make(study, preset) for study in bench.test]
        greedy = Decoding(longest=LONGEST)
        if name == UNTAUGHT:
            texts[f"{style}, {UNTAUGHT}"] = reader.write(asked, decoding=greedy)
            continue
        texts[style] = reader.write(asked, decoding=greedy)
        texts[f"{style}{GAP[0]}"] = reader.write(blank(asked), decoding=greedy)
        texts[f"{style}{GAP[1]}"] = reader.write(swapped(asked, seed=seed), decoding=greedy)
        for heat, top in WAYS:
            drawn = reader.write(asked, seed=seed, decoding=Decoding(longest=LONGEST, temperature=heat, top_p=top,
                                                                     samples=SAMPLES))  # fmt: skip
            for number in range(SAMPLES):
                texts[f"{way_of(style, heat, top)}#{number}"] = drawn[number::SAMPLES]
    return Answered(texts, line=settings_line(reader))


def judge_reader(bench: Lab, scale: Scale, *, seed: int, say: Say) -> tuple[list[Judged], list[Judged], list[str]]:
    """Train and judge the readers.

    Args:
        bench: the lab.
        scale: steps and seeds.
        seed: the first.
        say: told what is being done.

    Returns:
        The claims and what stands beside them as judged, and lines.
    """
    trials, line = Trials(bench.patients), ""
    for _, made in worked(arm_of, jobs_of((LABEL_TAUGHT, UNTAUGHT), scale, seed=seed), bench, workers=scale.workers,
                          say=say):  # fmt: skip
        line = line or made.line
        for name, texts in made.texts.items():
            way = name.split("#")[0]
            trials.read(bench.test, Answered({way: texts}))
            trials.take(way, {MENTIONED: mentioned(bench.test, texts)})
    arms = list(trials.scores[MENTIONED])
    metrics = ("fact-f1", MENTIONED, "fact-recall", "fact-precision", "unparsed", "words")
    lines = ["the reader:", *bench.lines(), line, *trials.table(arms, metrics, seed=seed)]
    return trials.judged(READER, seed=seed), trials.judged(READER_BESIDE, seed=seed), lines
