"""The nodule claim end to end at a small scale: every arm beside its control, both halves, bad choices."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hilum.core.errors import HilumError, InputError
from hilum.measure.verdict import Verdict
from hilum.systems._nodule_judge import CLAIMS, means
from hilum.systems._nodule_places import ARMS, BOTH, NEAR, NULL, SIZE
from hilum.systems.nodule_surroundings import reproduce

pytest.importorskip("skimage")


@cache
def small(seed: int = 0, seeds: int = 3) -> Verdict:
    return reproduce(seed=seed, parts="made", nodules=60, lungs=1, seeds=seeds, scale=0.4)


@pytest.mark.slow
def test_every_claim_names_its_control_and_every_arm_was_run() -> None:
    made = small()
    assert set(made.scores) == {claim.text for claim in CLAIMS}
    for claim in CLAIMS:
        judged = made.scores[claim.text]
        assert {claim.arm, claim.better_than, *claim.controls} <= set(judged.arms)
        assert judged.seeds == 3
    text = "\n".join(made.lines)
    assert all(f"  {arm}" in text for arm in ARMS)
    assert "published" in text
    assert all(picture.startswith(b"\x89PNG") for picture in made.figures.values())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers() -> None:
    first, again = small(), reproduce(seed=0, parts="made", nodules=60, lungs=1, seeds=3, scale=0.4)
    assert first.lines == again.lines


def test_size_alone_makes_raw_counts_differ_and_no_process_makes_none() -> None:
    """Twice the radius touches more of everything; two draws of one process do not differ."""
    judged = small().scores["vessel count separates the classes"].arms
    assert judged[SIZE].low > 0.5
    assert judged[NULL].low < 0.5 < judged[NULL].high
    assert set(ARMS) == {NEAR, BOTH, NULL, SIZE}


@pytest.mark.slow
def test_one_seed_is_not_enough_to_judge() -> None:
    assert small(seed=5, seeds=1).outcome == "cannot be tested here"


def test_means_say_none_where_there_is_no_distance() -> None:
    ill = np.array([True, False, False])
    columns = {"pleura_mm": np.array([2.0, 4.0, 6.0]), "airway_mm": np.full(3, np.nan), "vessel_mm": np.ones(3)}
    assert "pleura 5.00 / 2.00, airway none / none, vessel 1.00 / 1.00" in means([columns], ill)


@pytest.mark.parametrize("wrong", [{"parts": "moon"}, {"scale": 0.1}, {"seeds": 0}, {"lungs": 0}])
def test_choices_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="parts are of made"):
        reproduce(**wrong)  # type: ignore[arg-type]


def test_scans_that_are_not_there_are_refused() -> None:
    with pytest.raises(HilumError, match=r"LIDC-IDRI|pylidc"):
        reproduce("lidc-idri:/nowhere", parts="lidc")
