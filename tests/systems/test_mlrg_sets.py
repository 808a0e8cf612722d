"""Sets of films over drawn cohorts: whatever visits, views and order, no prior is later, no film its own other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")

from hilum.learn.pairs import Pairs  # noqa: E402
from hilum.nets.views import CURRENT, LATEST, VIEWS  # noqa: E402
from hilum.systems._mlrg_fit import views_of  # noqa: E402
from hilum.systems._mlrg_parts import others_of, picture  # noqa: E402
from hilum.systems._mlrg_score import nearest_other_view, view_to_study  # noqa: E402
from hilum.systems._mlrg_sets import films_of, sets_of  # noqa: E402
from hilum.systems._stage1_picture import ASKED, NEAR, RIGHT, WRONG, Cell, sheet  # noqa: E402
from tests.systems.made_films import pairs  # noqa: E402


@st.composite
def cohorts(draw: st.DrawFn) -> Pairs:
    """Some rows of a whole cohort, in any order, with visit numbers that skip and views that vary."""
    whole = pairs(patients=4, visits=3)
    keep = draw(st.lists(st.integers(0, len(whole) - 1), min_size=2, max_size=14, unique=True))
    gaps = np.cumsum(draw(st.lists(st.integers(1, 4), min_size=3, max_size=3)))
    some = whole.take(np.array(keep))
    view = some.view.copy()
    for row in range(len(view)):
        if view[row] == "PA" and draw(st.booleans()):
            view[row] = "AP"
    return replace(some, visit=gaps[some.visit].astype(np.int32), view=view)


@given(made=cohorts())
def test_a_prior_is_earlier_of_the_same_patient_and_the_latest_there_is(made: Pairs) -> None:
    sets = sets_of(made)
    for row, prior in enumerate(sets.prior):
        if prior < 0:
            continue
        assert made.patient[prior] == made.patient[row]
        assert made.visit[prior] < made.visit[row]
        kind = np.isin(made.view, ["PA", "AP"]) == np.isin(made.view[prior], ["PA", "AP"])
        between = kind & (made.patient == made.patient[row])
        between &= (made.visit > made.visit[prior]) & (made.visit < made.visit[row])
        assert not between.any()


@given(made=cohorts())
def test_mates_are_the_other_films_of_the_study(made: Pairs) -> None:
    for row, mates in enumerate(sets_of(made).mates):
        assert row not in mates
        assert set(made.study[list(mates)].tolist()) <= {made.study[row]}
        assert len(mates) == int((made.study == made.study[row]).sum()) - 1


@given(made=cohorts(), views=st.booleans(), priors=st.booleans())
def test_a_batch_holds_each_role_once_and_no_anchor_among_its_others(made: Pairs, views: bool, priors: bool) -> None:
    sets = sets_of(made)
    films = films_of(sets, range(len(made)), views=views, priors=priors)
    roles = list(zip(films.rows.tolist(), films.when.tolist(), strict=True))
    assert len(roles) == len(set(roles))
    assert films.rows[films.anchors].tolist() == list(range(len(made)))
    assert (films.when[films.anchors] == CURRENT).all()
    assert not (films.others == films.anchors[:, None]).any()
    for at, row in enumerate(range(len(made))):
        held = [roles[place] for place in films.others[at].tolist() if place >= 0]
        assert sorted(r for r, when in held if when == CURRENT) == (sorted(sets.mates[row]) if views else [])
        earlier = [r for r, when in held if when == LATEST]
        assert earlier == ([int(sets.prior[row])] if priors and sets.prior[row] >= 0 else [])


@given(made=cohorts(), seed=st.integers(0, 99))
def test_what_is_nearest_is_of_the_other_kind(made: Pairs, seed: int) -> None:
    found = nearest_other_view(made, np.random.default_rng(seed).normal(size=(len(made), 3)))
    frontal = np.isin(made.view, ["PA", "AP"])
    for row, other in enumerate(found):
        mate = any(made.study[at] == made.study[row] and frontal[at] != frontal[row] for at in range(len(made)))
        assert (other >= 0) == mate
        if other >= 0:
            assert frontal[other] != frontal[row]


def test_chance_is_one_in_the_number_of_films_of_the_other_kind() -> None:
    made = pairs(patients=30, visits=1)
    draw = np.random.default_rng(0)
    values = [view_to_study(made, draw.normal(size=(60, 8))).value for _ in range(60)]
    assert float(np.mean(values)) == pytest.approx(1 / 30, abs=0.012)


def test_numbers_of_views_are_those_of_the_fusion() -> None:
    made = pairs(patients=1, visits=1)
    odd = replace(made, view=np.array(["AP", "XX"]))
    assert views_of(made).tolist() == [VIEWS.index("PA"), VIEWS.index("LL")]
    assert views_of(odd).tolist() == [VIEWS.index("AP"), VIEWS.index("unknown")]


def test_a_swap_gives_every_patient_another_and_the_same_again_for_a_seed() -> None:
    made = pairs(patients=7, visits=2)
    one, two, other = others_of(made, seed=0), others_of(made, seed=0), others_of(made, seed=5)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    lateral = np.setdiff1d(np.arange(len(made)), made.frontal)
    assert np.array_equal(one[lateral], lateral)


def test_the_sheet_frames_each_film_in_its_colour() -> None:
    from io import BytesIO

    from PIL import Image

    film = np.full((40, 40), 200, np.uint8)
    cells = [[Cell(film, ASKED, "one"), Cell(film, RIGHT, "two"), Cell(film, NEAR), Cell(film, WRONG, "word " * 60)]]
    shown = np.asarray(Image.open(BytesIO(sheet(("a", "b", "c", "d"), cells))))
    wide = shown.shape[1] // 4
    for column, colour in enumerate((ASKED, RIGHT, NEAR, WRONG)):
        assert tuple(shown[19, column * wide + 1]) == colour
        assert tuple(shown[40, column * wide + 20]) == (200, 200, 200)


def test_the_picture_shows_one_film_a_patient() -> None:
    made = pairs(patients=3, visits=2)
    found = nearest_other_view(made, np.eye(len(made)))
    few, many = (picture(made, {"arm": found}, rows=rows) for rows in (1, 6))
    assert len(few) < len(many)
