"""RadGraph's claim is judged on three seeds beside shuffled labels, in two strata."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.systems.radgraph import RadGraphSystem


def test_the_recipe_names_its_claims_and_its_control() -> None:
    assert {claim.better_than for claim in RadGraphSystem.claims} == {
        "entities, all attached", "entities, nearest attached"
    }  # fmt: skip
    assert all(claim.controls == ("labels shuffled within sentence",) for claim in RadGraphSystem.claims)


def test_steps_that_are_no_number_are_refused() -> None:
    pytest.importorskip("torch", reason="training needs hilum[train]")
    with pytest.raises(InputError, match="steps and size are numbers"):
        RadGraphSystem.reproduce(steps="many")


def test_a_run_of_seconds_judges_both_rivals_in_both_strata() -> None:
    pytest.importorskip("torch", reason="training needs hilum[train]")
    told: list[str] = []
    made = RadGraphSystem.reproduce(steps=0, size=40, say=told.append)
    assert len(told) == 6
    parts = list(made.scores.values())
    assert len(parts) == 4
    assert all(part.seeds == 3 for part in parts)
    assert all("labels shuffled within sentence" in part.arms for part in parts)
    assert all(np.isfinite(part.gain.value) or part.outcome == "cannot be tested here" for part in parts)
