"""The made patients of benchmarks/timeline_gold.py: their truth is sound, and the timeline does as published."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hilum.text.timeline import timeline

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "timeline_gold.py"


@pytest.fixture(scope="module")
def gold() -> ModuleType:
    spec = importlib.util.spec_from_file_location("timeline_gold", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def counts(gold: ModuleType, wording: str, patients: int = 60) -> tuple[np.ndarray, np.ndarray, int]:
    """Pair counts for entities and episodes, and sentences without a row or with too many."""
    entity, episode, wrong = np.zeros(3), np.zeros(3), 0
    for number in range(patients):
        visits, truth = gold.patient(1, number, wording)
        pairs, none, more = gold.labels(timeline(visits), truth)
        wrong += none + more
        entity += gold.pair_counts(pairs, lambda label: label[0])
        episode += gold.pair_counts(pairs, lambda label: label)
    return entity, episode, wrong


def f1(three: np.ndarray) -> float:
    tp, fp, fn = three
    return float(2 * tp / (2 * tp + fp + fn))


@pytest.mark.parametrize("wording, entity_floor, episode_floor", [("seen", 0.99, 0.99), ("held out", 0.99, 0.97)])
def test_placed_wordings_are_followed(
    gold: ModuleType, wording: str, entity_floor: float, episode_floor: float
) -> None:
    entity, episode, wrong = counts(gold, wording)
    assert wrong == 0
    assert f1(entity) >= entity_floor
    assert f1(episode) >= episode_floor


def test_leaving_the_place_out_costs_and_is_published_as_such(gold: ModuleType) -> None:
    entity, episode, _ = counts(gold, "vague")
    placed, _, _ = counts(gold, "held out")
    assert 0.8 <= f1(entity) < f1(placed)
    assert f1(episode) >= 0.75


def test_the_same_seed_makes_the_same_patients(gold: ModuleType) -> None:
    first, second = gold.patient(3, 5, "held out"), gold.patient(3, 5, "held out")
    assert [visit.parsed.text for visit in first[0]] == [visit.parsed.text for visit in second[0]]
    assert first[1] == second[1]
    assert gold.patient(4, 5, "held out")[1] != first[1]


def test_held_out_wordings_are_not_the_seen_ones(gold: ModuleType) -> None:
    for name, each in gold.WORDINGS["entities"].items():
        seen = {text for texts in each["seen"].values() for text in texts}
        held = {text for texts in each["held out"].values() for text in texts}
        assert not seen & held, name
        assert set(each["seen"]) == set(each["held out"]), name


@pytest.mark.parametrize(
    "kind, before, state, far, splits",
    [
        ("finding", "present", "same", False, False),
        ("finding", "present", "same", True, True),
        ("finding", "present", "resolved", False, False),
        ("finding", "resolved", "present", False, True),
        ("finding", "present", "absent", False, True),
        ("finding", "absent", "present", False, True),
        ("organ", "absent", "absent", True, False),
        ("device", "same", "same", True, False),
        ("device", "same", "resolved", True, False),
        ("device", "resolved", "present", False, True),
    ],
)
def test_the_hidden_course_splits_by_the_sheet(
    gold: ModuleType, kind: str, before: str, state: str, far: bool, splits: bool
) -> None:
    assert gold.Hidden._splits(kind, before, state, far) is splits


def test_pairs_are_counted_by_hand(gold: ModuleType) -> None:
    pairs = [(("a", 1), (0, 1)), (("a", 1), (0, 1)), (("a", 2), (0, 1)), (("b", 1), (0, 1))]
    assert gold.pair_counts(pairs, lambda label: label).tolist() == [1, 5, 0]
    assert gold.pair_counts(pairs, lambda label: label[0]).tolist() == [3, 3, 0]
