"""How a cohort falls into splits and shards: by patient, by family, and without moving when it grows."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.phantom.imaging import is_unusual
from hilum.phantom.recipe import HELD_OUT, Recipe

SIZES = st.integers(1, 300)


@given(patients=SIZES, seed=st.integers(0, 99), per_shard=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_each_patient_stands_in_one_shard_of_his_split(patients: int, seed: int, per_shard: int) -> None:
    recipe = Recipe(patients, seed, per_shard=per_shard)
    shards = recipe.shards()
    everyone = [patient for shard in shards for patient in shard.patients]
    assert sorted(everyone) == [recipe.patient(n) for n in range(patients)]
    assert all(recipe.split_of(patient) == shard.split for shard in shards for patient in shard.patients)
    assert all(1 <= len(shard.patients) <= per_shard for shard in shards)
    assert len({shard.name for shard in shards}) == len(shards)


@given(patients=SIZES, more=st.integers(1, 200))
@settings(max_examples=40, deadline=None)
def test_a_larger_cohort_keeps_every_full_shard(patients: int, more: int) -> None:
    small = {s.name: s for s in Recipe(patients, 5).shards()}
    large = {s.name: s for s in Recipe(patients + more, 5).shards()}
    for name, shard in small.items():
        assert large[name].patients[: len(shard.patients)] == shard.patients


def test_splits_have_their_shares() -> None:
    recipe = Recipe(4000, 3)
    counted = Counter(recipe.split_of(recipe.patient(n)) for n in range(4000))
    for name, share in recipe.shares.items():
        assert counted[name] / 4000 == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)


def test_a_family_that_is_held_out_is_in_no_other_split() -> None:
    recipe = Recipe(600, 1, families=("parametric", "warped", "hybrid"), hold_out=("warped",))
    seen = {(recipe.family_of(p), recipe.split_of(p)) for p in map(recipe.patient, range(600))}
    assert {family for family, split in seen if split == HELD_OUT} == {"warped"}
    assert {split for family, split in seen if family == "warped"} == {HELD_OUT}
    assert {split for family, split in seen if family == "hybrid"} == {"train", "val", "test"}


def test_looks_and_shapes_that_are_held_out_are_seen_nowhere_else() -> None:
    recipe = Recipe(400, 1, hold_out=("looks", "spiculated"))
    for patient in map(recipe.patient, range(recipe.patients)):
        visits = recipe.drawn(patient).visits
        unusual = any(is_unusual(v.pose.processing_seed, view) for v in visits for view in v.views)
        shaped = any(plan.kind == "spiculated" for v in visits for plan in v.plans)
        assert (recipe.split_of(patient) == HELD_OUT) == (unusual or shaped)
        assert recipe.held_out(patient) == (("looks",) if unusual else ()) + (("spiculated",) if shaped else ())
    seen = {name for n in range(recipe.patients) for name in recipe.held_out(recipe.patient(n))}
    assert seen == {"looks", "spiculated"}


def test_what_is_held_out_is_still_the_same_patient() -> None:
    plain, strict = Recipe(20, 1), Recipe(20, 1, hold_out=("looks",))
    assert all(plain.drawn(plain.patient(n)) == strict.drawn(strict.patient(n)) for n in range(20))


def test_families_are_drawn_alike() -> None:
    recipe = Recipe(3000, 2, families=("parametric", "hybrid"))
    counted = Counter(recipe.family_of(recipe.patient(n)) for n in range(3000))
    assert counted["hybrid"] == pytest.approx(1500, abs=4 * 750**0.5)


def test_the_fingerprint_tells_settings_apart_but_not_numbers_of_patients() -> None:
    assert Recipe(10, 1).fingerprint("a") == Recipe(500, 1).fingerprint("a")
    prints = {
        Recipe(10, 1).fingerprint("a"), Recipe(10, 2).fingerprint("a"), Recipe(10, 1).fingerprint("b"),
        Recipe(10, 1, size=256).fingerprint("a"), Recipe(10, 1, bones=True).fingerprint("a"),
        Recipe(10, 1, families=("warped",)).fingerprint("a"),
    }  # fmt: skip
    assert len(prints) == 6


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"patients": 0}, "patients must lie"), ({"size": 8}, "size must lie"), ({"bits": 12}, "8 or 16 bits"),
        ({"spacing_mm": 0.1}, "spacing must lie"), ({"families": ("cubist",)}, "no anatomy family 'cubist'"),
        ({"families": ()}, "at least one family"), ({"hold_out": ("warped",)}, "only families that are drawn"),
        ({"hold_out": ("square",)}, "cannot hold out square"),
        ({"families": ("warped",), "hold_out": ("warped",)}, "nothing would be left"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Recipe(**{"patients": 4, **wrong})  # type: ignore[arg-type]
