"""Films teach findings only where clear films were taken alike, and come alike by view and label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.learn.batch import FilmSet
from hilum.systems._embedded_labels import FINDINGS
from hilum.systems._embedded_sampling import by_view_and_label, comparable

OPACITY = FINDINGS.index("Lung Opacity")


def films(numbers: list[int], opaque: list[int], views: list[str], group: str = "nih512") -> FilmSet:
    count = len(numbers)
    target = np.zeros((count, len(FINDINGS)), np.float32)
    target[:, OPACITY] = opaque
    blank = np.zeros((count, 4, 4), np.uint8)
    return FilmSet(
        frames=blank,
        target=target,
        known=np.ones(target.shape, np.bool_),
        chest=np.ones(count, np.bool_),
        views=np.array([[view == "PA", view == "AP", view == "lateral"] for view in views]),
        lung=blank,
        lung_weight=np.zeros(count, np.float32),
        group=np.full(count, group),
        patient=np.array([f"nih-{number}" for number in numbers]),
        split=np.full(count, "train"),
        name=np.array([str(number) for number in numbers]),
    )


def test_films_outside_the_clear_films_stretch_say_nothing_of_findings() -> None:
    kept = comparable(films([100, 1500, 2000, 2500, 9000], [1, 0, 1, 0, 1], ["PA"] * 5))
    assert kept.known[:, OPACITY].tolist() == [False, True, True, True, False]
    assert kept.target.tolist() == films([100, 1500, 2000, 2500, 9000], [1, 0, 1, 0, 1], ["PA"] * 5).target.tolist()


def test_other_sources_and_sets_without_clear_films_stay_as_they_are() -> None:
    other = films([1, 9000], [0, 1], ["PA"] * 2, group="kermany224")
    assert comparable(other).known.all()
    assert comparable(films([5, 7], [1, 1], ["PA"] * 2)).known.all()


def test_a_film_with_unknown_findings_is_no_clear_film() -> None:
    given = films([10, 20, 30], [0, 0, 1], ["PA"] * 3)
    given = replace(given, known=given.known & (np.arange(3) != 0)[:, None])
    assert comparable(given).known[:, OPACITY].tolist() == [False, True, False]


@pytest.mark.parametrize(
    "view, opaque, group",
    [("PA", 0, "nih512/PA/clear"), ("AP", 1, "nih512/AP/opaque"), ("lateral", 0, "nih512")],
)
def test_groups_are_named_by_view_and_label(view: str, opaque: int, group: str) -> None:
    named = by_view_and_label(films([1], [opaque], [view]), ("nih512",))
    assert named.group.tolist() == [group]


def test_only_named_groups_with_known_opacity_and_one_view_are_split() -> None:
    given = films([1, 2, 3], [1, 1, 1], ["PA"] * 3)
    unknown = replace(given, known=np.zeros_like(given.known))
    assert by_view_and_label(unknown, ("nih512",)).group.tolist() == ["nih512"] * 3
    assert by_view_and_label(given, ("nih64",)).group.tolist() == ["nih512"] * 3
    either = replace(given, views=np.ones_like(given.views))
    assert by_view_and_label(either, ("nih512",)).group.tolist() == ["nih512"] * 3
