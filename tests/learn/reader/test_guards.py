from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.learn.reader.guards import blank, guard_rows, no_prior, other_prior, reversed_prior, swapped
from hilum.learn.reader.layout import layout
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.sample import with_context
from hilum.learn.reader.tasks import build
from tests.learn.reader.case import study

MAIRA = PRESETS["maira-2"]


def made(patients: int = 4):
    given = [study(f"s{number}", patient=f"p{number}", day=9 + number, prior=number < 3) for number in range(patients)]
    return [build("findings", each, MAIRA, np.random.default_rng(0)) for each in given]


def films(samples, role):
    return [each.image.display().sum() for sample in samples for each in sample.shown if each.role == role]


@pytest.mark.parametrize("name", ["true", "blank", "swapped", "no prior", "other prior", "reversed prior"])
def test_a_guard_changes_inputs_and_nothing_that_is_scored(name):
    samples = made()
    rows = guard_rows(samples, seed=1)[name]
    assert [each.key for each in rows] == [each.key for each in samples]
    assert [each.target for each in rows] == [each.target for each in samples]
    assert [each.turns for each in rows] == [each.turns for each in samples]
    assert (rows == samples) == (name == "true")


def test_blank_films_hold_one_grey():
    for sample, given in zip(blank(made()), made(), strict=True):
        assert [each.role for each in sample.shown] == [each.role for each in given.shown]
        assert [each.size for each in sample.shown] == [each.size for each in given.shown]
        assert all(np.ptp(each.image.display()) == 0 for each in sample.shown)


def test_swapped_films_are_another_patients_of_the_same_role():
    samples = made()
    for sample, given in zip(swapped(samples, seed=2), samples, strict=True):
        assert [each.role for each in sample.shown] == [each.role for each in given.shown]
        assert [each.image.id for each in sample.shown] == [
            each.image.id for each in given.shown
        ]  # boxes still find them
        for role in ("cur_front", "cur_lat"):
            assert films([sample], role)[0] != films([given], role)[0]
            others = [films([each], role)[0] for each in samples if each.patient != given.patient]
            assert films([sample], role)[0] in others
    assert swapped(samples, seed=2) == swapped(samples, seed=2)


def test_the_lateral_alone_can_be_swapped():
    samples = made()
    mixed = swapped(samples, seed=2, roles=("cur_lat",))
    assert films(mixed, "cur_front") == films(samples, "cur_front")
    assert all(a != b for a, b in zip(films(mixed, "cur_lat"), films(samples, "cur_lat"), strict=True))


def test_no_prior_leaves_nothing_of_it():
    for sample in no_prior(made()):
        assert not sample.has("prior_front")
        assert {"prior_report", "comparison"}.isdisjoint(sample.context)
    dummy = layout(no_prior(made())[0], PRESETS["libra"])  # a copy of the current film in its place
    assert [each.role for each in dummy.shown] == ["cur_front", "prior_front"]


def test_another_patients_prior_comes_with_its_report():
    samples = made()
    told = [with_context(each, prior_report=f"of {each.patient}" * each.has("prior_front")) for each in samples]
    for sample, given in zip(other_prior(told, seed=5), told, strict=True):
        if not given.has("prior_front"):
            assert sample == given
            continue
        donor = sample.context["prior_report"].removeprefix("of ")
        (source,) = [each for each in told if each.patient == donor]
        assert donor != given.patient
        assert films([sample], "prior_front") == films([source], "prior_front")
        assert films([sample], "cur_front") == films([given], "cur_front")


def test_reversed_films_change_places_and_nothing_tells_the_order():
    for sample, given in zip(reversed_prior(made()), made(), strict=True):
        if not given.has("prior_front"):
            assert sample == given
            continue
        assert films([sample], "cur_front") == films([given], "prior_front")
        assert films([sample], "prior_front") == films([given], "cur_front")
        assert not sample.has("cur_lat")
        assert "prior_report" not in sample.context
    twice = reversed_prior(reversed_prior(made()))
    assert films(twice, "cur_front") == films(made(), "cur_front")


def test_one_patient_has_nobody_to_swap_with():
    with pytest.raises(InputError, match="no other patient has pictures of the roles cur_front"):
        swapped(made(1), seed=0)
