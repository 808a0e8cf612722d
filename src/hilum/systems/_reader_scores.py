"""Scores of generated reports on the scenes: facts by the text reader, changes, comparisons with nothing, boxes.

Every score is one of `measure.scored.Scored` with a value for each study, so that arms can be judged by a bootstrap
over patients. What the text reader cannot read is counted, never passed over.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hilum.core.errors import InputError
from hilum.core.study import Study
from hilum.measure.scored import Floats, Scored, ratio, signature, summed
from hilum.phantom.scenes_facts import CONCEPTS
from hilum.systems._reader_boxes import Boxes, box_scores, pooled, share
from hilum.systems._reader_said import Said, keyed, said, true_facts
from hilum.text.loop import stated

CHANGES = ("none", "new", "improved", "worsened", "unchanged", "resolved")


def score(
    studies: Sequence[Study], answers: Sequence[str], *, boxes: Sequence[Boxes] | None = None
) -> dict[str, Scored]:
    """Score generated findings sections of scenes.

    Args:
        studies: of `phantom.scenes`.
        answers: the text for each.
        boxes: what was drawn on each frontal film, for the two scores of boxes.

    Returns:
        By name: 'fact-precision', 'fact-recall', 'fact-f1' on (finding, side); 'frontal-poor-recall' and
        'other-recall'; 'attribute-accuracy', 'size-accuracy', 'zone-accuracy' of facts that were found;
        'change-accuracy' (balanced over the kinds of change, of studies with a prior), 'false-comparison' (of those
        without), 'indication-echo' (of those whose indication misleads), 'unparsed', 'repeats', 'words'; with boxes
        'box-iou' and 'box-f1'.

    Raises:
        InputError: if there is not one answer, and one set of boxes, for each study.
    """
    if len(studies) != len(answers) or (boxes is not None and len(boxes) != len(studies)):
        raise InputError(f"{len(studies)} studies need as many answers, got {len(answers)}")
    read = [said(answer) for answer in answers]
    made = _facts(studies, read) | _attributes(studies, read)
    made["change-accuracy"] = _changes(studies, read)
    made["false-comparison"] = share("false-comparison", [
        (float(bool(each.compares)), float(study.prior is None)) for study, each in zip(studies, read, strict=True)
    ], "lower")  # fmt: skip
    made["indication-echo"] = share(
        "indication-echo", [_echo(*pair) for pair in zip(studies, read, strict=True)], "lower"
    )
    made["unparsed"] = share("unparsed", [(len(each.unread), len(each.sentences)) for each in read], "lower")
    made["repeats"] = share("repeats", [
        (len(each.sentences) - len(set(each.sentences)), len(each.sentences)) for each in read
    ], "lower")  # fmt: skip
    made["words"] = share("words", [(len(answer.split()), 1.0) for answer in answers], "lower")
    return made if boxes is None else made | box_scores(studies, boxes)


def _facts(studies: Sequence[Study], read: Sequence[Said]) -> dict[str, Scored]:
    truths = [true_facts(study) for study in studies]
    counts = [(len(t.keys() & e.facts.keys()), len(e.facts.keys() - t.keys()), len(t.keys() - e.facts.keys()))
              for t, e in zip(truths, read, strict=True)]  # fmt: skip
    poor = [{key for f in study.findings if f.attributes.get("frontal") == "poor" for key, _ in keyed(stated(f))}
            for study in studies]  # fmt: skip
    found = [truth.keys() & each.facts.keys() for truth, each in zip(truths, read, strict=True)]
    return {
        "fact-precision": share("fact-precision", [(hit, hit + wrong) for hit, wrong, _ in counts]),
        "fact-recall": share("fact-recall", [(hit, hit + missed) for hit, _, missed in counts]),
        "fact-f1": pooled("fact-f1", counts, "f1"),
        "frontal-poor-recall": share("frontal-poor-recall", [
            (len(h & p), len(p)) for h, p in zip(found, poor, strict=True)]),
        "other-recall": share("other-recall", [
            (len(h - p), len(t.keys() - p)) for h, p, t in zip(found, poor, truths, strict=True)]),
    }  # fmt: skip


def _attributes(studies: Sequence[Study], read: Sequence[Said]) -> dict[str, Scored]:
    """Of facts that were found, how often size, zone and tip are as they are."""
    names = ("size", "zone", "tip")
    table = np.zeros((len(studies), len(names), 2))
    for number, (study, each) in enumerate(zip(studies, read, strict=True)):
        for key, told in true_facts(study).items():
            for place, name in enumerate(names):
                if key in each.facts and name in told:
                    table[number, place] += (each.facts[key].get(name) == told[name], 1)
    made = {f"{name}-accuracy": table[:, place] for place, name in enumerate(names)}
    made["attribute-accuracy"] = table.sum(1)
    return {name: share(name, [(float(a), float(b)) for a, b in rows]) for name, rows in made.items()}


def _changes(studies: Sequence[Study], read: Sequence[Said]) -> Scored:
    """Balanced accuracy over the kinds of change; a fact that is not mentioned is told no change."""
    table = np.zeros((len(studies), 2, len(CHANGES)))
    for number, (study, each) in enumerate(zip(studies, read, strict=True)):
        for finding in study.findings if study.prior else ():
            true = finding.change or "none"
            table[number, :, CHANGES.index(true)] += (each.changes.get(finding.concept, {"none"}) == {true}, 1)
    hits, asked = table[:, 0].sum(1), table[:, 1].sum(1)
    line = signature("change-accuracy", 1, reader="hilum", balanced="kinds of change")
    return summed("change-accuracy", ratio(hits, asked), table.reshape(len(studies), -1), _balanced, line)


def _balanced(sums: Floats) -> Floats:
    hit, asked = np.split(sums, 2, axis=1)
    there = (asked > 0).sum(1).astype(float)
    return ratio(np.where(asked > 0, hit / np.maximum(asked, 1e-12), 0.0).sum(1), there)


def _echo(study: Study, each: Said) -> tuple[float, float]:
    """Whether a misleading hint of the indication comes back as a finding."""
    hint = study.report.indication.lower() if study.report else ""
    named = [finding for finding in study.findings if finding.concept in hint and finding.concept in CONCEPTS]
    misled = [finding.concept for finding in named if finding.state == "absent"]
    return float(any(concept in misled for concept, _ in each.facts)), float(bool(misled))
