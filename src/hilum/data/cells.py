"""Findings from the cells of a label table, and back: one place for 'blank is not mentioned'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from hilum.core.finding import Finding, State
from hilum.core.image import MadeBy
from hilum.core.vocabulary import ancestors, concepts, label_set, to_concept

_RANK: Mapping[str, int] = {"absent": 0, "uncertain": 1, "present": 2}
_NORMAL, _DEVICE = "no finding", "support device"


def findings_of(row: Mapping[str, str], name: str, made_by: MadeBy) -> tuple[Finding, ...]:
    """Return a Finding for every cell of a row that states something.

    Args:
        row: label -> cell; labels that the row lacks, or that are blank, are not mentioned.
        name: label set, e.g. 'chexpert-14'; its convention says what a cell means.
        made_by: the labeler.

    Raises:
        InputError: if a cell holds a value that the set's convention does not have.
    """
    cells = ((label, row.get(label)) for label in label_set(name).labels)
    stated = ((label, _state(name, cell)) for label, cell in cells if cell)
    return tuple(Finding(_concept(name, label), state, id=label, made_by=made_by) for label, state in stated if state)


def states_of(findings: Iterable[Finding], name: str) -> dict[str, State]:
    """Return the state of every label that findings state something of; the inverse of `findings_of`.

    A finding counts for the label of its own concept, or else for the nearest labels above it: a rib fracture is a
    fracture. Only presence and doubt rise; that there is no rib fracture says nothing of fractures. Of several
    statements the most positive one counts, as in the CheXpert labeler.

    Args:
        findings: of one study.
        name: label set, e.g. 'chexpert-14'.
    """
    labels: dict[str, list[str]] = {}
    for label in label_set(name).labels:
        labels.setdefault(_concept(name, label), []).append(label)
    found: dict[str, State] = {}
    for each in findings:
        for label in _labels_for(each, labels):
            if _RANK[each.state] >= _RANK[found.get(label, "absent")]:
                found[label] = each.state
    return {label: found[label] for label in label_set(name).labels if label in found}


def normal(findings: Iterable[Finding]) -> bool:
    """Whether findings say that nothing is wrong: something is stated, nothing but a device is present or in doubt."""
    stated = tuple(findings)
    wrong = [each for each in stated if each.state != "absent" and name_of(each.concept) != _NORMAL]
    return bool(stated) and all(_is_device(each.concept) for each in wrong)


@lru_cache(maxsize=1_024)
def _state(name: str, cell: str) -> State | None:
    return label_set(name).state(cell)


@lru_cache(maxsize=1_024)
def _concept(name: str, label: str) -> str:
    return to_concept(name, label).name


def _labels_for(finding: Finding, labels: Mapping[str, list[str]]) -> list[str]:
    own = name_of(finding.concept) or finding.concept
    if own in labels:
        return labels[own]
    if finding.state == "absent" or not name_of(own):
        return []
    above = [item.name for item in ancestors(own)]
    nearest = next((name for name in above if name in labels), "")
    return labels.get(nearest, [])


def name_of(words: str) -> str:
    """Return the concept that words name, whatever their case, '' where the vocabulary has none."""
    return _terms().get(" ".join(words.replace("_", " ").casefold().split()), "")


@cache
def _terms() -> Mapping[str, str]:
    return {term.casefold(): item.name for item in concepts() for term in (item.name, *item.synonyms)}


def _is_device(name: str) -> bool:
    own = name_of(name)
    return own == _DEVICE or (bool(own) and _DEVICE in (item.name for item in ancestors(own)))
