from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from hilum.core.errors import InputError, RefusedError
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.roles import ROLES, Shown, frontal_of, paired, shown_of, token_of
from hilum.learn.reader.tasks import build
from tests.learn.reader.case import film, study

ALL = ("cur_front", "cur_lat", "cur_other", "prior_front")


def loose(prior: Study, **changes) -> Study:
    """A study whose prior does not belong to it, as a broken data set could hold one."""
    made = replace(study(prior=False), **changes)
    object.__setattr__(made, "prior", prior)
    return made


def test_the_tokens_are_those_of_the_network():
    pytest.importorskip("torch")
    from hilum.nets import fuse

    assert [token_of(role) for role in ROLES] == [fuse.role_token(role) for role in fuse.ROLES]


def test_pictures_take_their_roles_in_the_order_asked():
    given = study()
    seen = shown_of(given, ("prior_front", "cur_lat", "cur_front"))
    assert [(each.role, each.image.id) for each in seen] == [
        ("prior_front", given.prior.films[0].id), ("cur_lat", "s2-ll"), ("cur_front", "s2-pa"),
    ]  # fmt: skip


def test_pa_goes_before_ap_and_the_rest_are_others():
    films = (film("ap", "AP"), film("pa"), film("ll", "LL"), film("rl", "RL"), film("odd", "RAO"))
    given = replace(study(prior=False), images=films)
    seen = [(each.role, each.image.id) for each in shown_of(given, ALL)]
    assert seen == [
        ("cur_front", "pa"),
        ("cur_lat", "ll"),
        ("cur_other", "ap"),
        ("cur_other", "rl"),
        ("cur_other", "odd"),
    ]
    assert frontal_of(replace(given, images=films[2:])) is None


def test_a_study_without_a_frontal_film_is_refused_in_a_sentence():
    given = replace(study(prior=False), images=(film("ll", "LL"),))
    with pytest.raises(RefusedError, match=r"'s2' has no frontal film \(PA or AP\).* it has LL: add one"):
        shown_of(given, ALL)
    with pytest.raises(RefusedError, match="it has no films"):
        shown_of(replace(given, images=()), ALL, frontal=False)
    anchor = shown_of(given, ALL, frontal=False)
    assert [(each.role, each.image.id) for each in anchor] == [("cur_other", "ll")]


def test_two_patients_are_never_mixed():
    other = study("s1", patient="p2", day=2, prior=False)
    with pytest.raises(RefusedError, match=r"'p2' .*'p1': films of two patients are never read together"):
        shown_of(loose(other), ALL)
    with pytest.raises(RefusedError, match="two patients"):
        paired(study(prior=False), other)
    with pytest.raises(RefusedError, match="two patients"):  # nothing says that they are one
        paired(replace(study(prior=False), patient=""), replace(other, patient=""))


@pytest.mark.parametrize("days", [0, 1])
def test_a_prior_that_is_not_earlier_is_refused(days):
    current = study(prior=False)
    later = replace(study("s3", prior=False), time=current.time + timedelta(days=days))
    with pytest.raises(RefusedError, match=r"not before the study 's2' of 2020-03-09 10:00: a prior must be strictly"):
        shown_of(loose(later), ALL)
    with pytest.raises(RefusedError, match="strictly earlier; swap the two or leave it out"):
        paired(current, later)


def test_a_prior_without_a_time_is_refused_and_an_identifier_tells_nothing():
    undated = replace(study("s0", day=2, prior=False), time=None)
    with pytest.raises(RefusedError, match="'s0' has no date-time"):
        shown_of(loose(undated), ALL)
    high = replace(study("s9", day=2, prior=False))  # a later name, an earlier film
    assert paired(study("s1", prior=False), high).prior.id == "s9"


def test_only_readers_that_compare_look_at_the_prior():
    broken = loose(study("s1", patient="p2", day=2, prior=False))
    assert len(shown_of(broken, ("cur_front",))) == 1
    for name in ("findings", "impression", "progression", "grounded"):
        with pytest.raises(RefusedError, match="two patients"):
            build(name, broken, PRESETS["maira-2"], np.random.default_rng(0))


def test_a_paired_prior_comes_without_its_own():
    third = replace(study("s3", prior=False), time=study().time + timedelta(days=3))
    assert paired(third, study()).prior.prior is None
    assert paired(third, None) is third


def test_a_lesion_crop_shows_its_part_alone():
    whole = film("a")
    part = Shown("lesion_crop", whole, Box(10.4, 5, 20, 9.2)).film
    assert np.allclose(part.display(), whole.display()[5:10, 10:20], atol=1e-6)
    assert Shown("lesion_crop", whole, Box(200, 200, 300, 300)).film.pixels.shape == (1, 1)
    assert Shown("cur_front", whole).film is whole


def test_an_unknown_role_is_refused():
    with pytest.raises(InputError, match="'side' is no role of a picture"):
        Shown("side", film("a"))
