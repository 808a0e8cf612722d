"""Films and masks of virtual patients for training: what every physics leaves out, and where lungs end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.phantom.imaging import shoot
from hilum.phantom.patient import Shot
from hilum.systems import _virtual_films as films
from hilum.systems._virtual_shots import CLASSES, RAYS, Taken, opacity_of, shots
from tests.phantom.simple_chest import ball, chest_anatomy, still, with_lesion

pytest.importorskip("numba")
SIZE = 64


@pytest.fixture(scope="module")
def taken() -> Taken:
    ill, placed = with_lesion(chest_anatomy(), ball((66.0, 0.0, 30.0), (20.0,) * 3), 40.0, concept="consolidation")
    classes = [name for name in CLASSES if name != "spleen"]
    shot = shoot(ill, [placed], still(), "PA", size=SIZE, supersample=3, classes=classes)
    shot = replace(
        shot, paths={**shot.paths, "spleen": np.zeros((SIZE, SIZE), np.float32)},
        log={**shot.log, "present": {"nodule-1": "consolidation"}},
    )  # fmt: skip
    return Taken("p", "parametric", still(), shot, opacity_of(shot), 0.45)


def _said(shot: Shot, visible: dict[str, float], present: dict[str, str]) -> bool | None:
    return opacity_of(replace(shot, visible=visible, log={"present": present}))


def test_an_opacity_counts_where_it_is_present_and_visible(taken: Taken) -> None:
    assert taken.opacity is True
    assert _said(taken.shot, {"a": 2.0}, {"a": "pleural effusion"}) is True
    assert _said(taken.shot, {"a": 0.4}, {"a": "pleural effusion"}) is None
    assert _said(taken.shot, {"a": 0.4, "b": 3.0}, {"a": "pleural effusion", "b": "atelectasis"}) is True
    assert _said(taken.shot, {"a": 9.0}, {"a": "pacemaker"}) is False
    assert _said(taken.shot, {}, {}) is False


@pytest.mark.parametrize("physics", films.PHYSICS)
def test_every_physics_shows_the_same_chest(taken: Taken, physics: str) -> None:
    """Lungs are darker than what is around them, whatever the physics; the film fills [0, 1] and repeats itself."""
    made = films.film_of(taken, physics, 5)
    masks = dict(zip(films.MASKS, films.masks_of(taken.shot), strict=True))
    assert made.shape == (SIZE, SIZE)
    assert 0 <= made.min() < 0.05 < 0.95 < made.max() <= 1
    lung = masks["lungs above the dome"] & ~masks["heart"]
    assert made[lung].mean() < made[masks["heart"]].mean() - 0.1
    assert np.array_equal(made, films.film_of(taken, physics, 5))


def test_only_what_is_drawn_changes_with_the_seed(taken: Taken) -> None:
    assert np.array_equal(films.film_of(taken, films.RAW, 1), films.film_of(taken, films.RAW, 2))
    for physics in films.PHYSICS[:-1]:
        assert not np.array_equal(films.film_of(taken, physics, 1), films.film_of(taken, physics, 2))


def test_a_film_without_noise_is_smoother(taken: Taken) -> None:
    def rough(name: str) -> float:
        made = [films.film_of(taken, name, seed) for seed in range(4)]
        return float(np.mean([np.abs(np.diff(film, 2, axis=0)).mean() for film in made]))

    assert rough(films.NO_NOISE) < rough(films.FULL)


def test_lungs_end_where_rays_run_through_the_abdomen(taken: Taken) -> None:
    masks = dict(zip(films.MASKS, films.masks_of(taken.shot), strict=True))
    whole = masks["right lung"] | masks["left lung"]
    dome = masks["lungs above the dome"]
    below = taken.shot.paths["liver"] + taken.shot.paths["stomach"]
    assert not (dome & ~whole).any()
    assert (whole & ~dome).any()
    left_out = whole & ~dome
    thin = taken.shot.paths["lungs"] < films.LUNG_MM
    assert ((below[left_out] > films.DOME_MM - 1e-3) | thin[left_out]).all()
    assert thin[left_out].any()
    assert np.flatnonzero(dome.any(axis=1)).max() < np.flatnonzero(whole.any(axis=1)).max()
    right, left = (np.argwhere(masks[f"{side} lung"])[:, 1].mean() for side in ("right", "left"))
    assert right < left  # as viewed from in front


def test_masks_of_lesions_follow_their_own_rule(taken: Taken) -> None:
    path = np.zeros(taken.shot.size, np.float32)
    path[10:20, 10:20], path[20:25, 10:20] = 12.0, 2.0
    shot = replace(
        taken.shot, lesions={"a": path, "b": path.T}, least_mm={"a": 5.0, "b": 1.0},
        log={"present": {"a": "consolidation", "b": "lung mass"}},
    )  # fmt: skip
    masks = dict(zip(films.MASKS, films.masks_of(shot), strict=True))
    assert np.array_equal(masks["consolidation"], path > 5)
    assert np.array_equal(masks["nodule or mass"], path.T > 1)
    assert not any(masks[name].any() for name in ("edema", "effusion", "atelectasis"))
    assert (masks["lung fields"] <= (taken.shot.paths["lungs"] >= films.FIELD_MM)).all()


def test_versions_follow_each_other_and_families_are_found(taken: Taken) -> None:
    other = replace(taken, patient="q", family="warped", opacity=None)
    made = films.virtual_films([taken, other], physics=(films.FULL, films.RAW), versions=2)
    assert {name: film.shape for name, film in made.films.items()} == {films.FULL: (4, SIZE, SIZE),
                                                                       films.RAW: (4, SIZE, SIZE)}  # fmt: skip
    assert made.patients.tolist() == ["p", "q", "p", "q"]
    assert np.array_equal(made.masks[0], made.masks[2])
    assert np.array_equal(made.films[films.RAW][0], made.films[films.RAW][2])
    assert not np.array_equal(made.films[films.FULL][0], made.films[films.FULL][2])
    assert made.opacity[0] == 1
    assert np.isnan(made.opacity[1])
    assert made.of(["warped"]).tolist() == [1, 3]


def test_a_tone_keeps_size_and_range(taken: Taken) -> None:
    film = films.film_of(taken, films.FULL, 1)
    changed = films.toned(film, generator(0, "tone"))
    assert changed.shape == film.shape
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not np.array_equal(changed, film)


def test_shots_are_kept_and_read_again(tmp_path: Path) -> None:
    told: list[str] = []
    families = ("parametric",)
    first = next(shots(2, size=SIZE, seed=3, base=None, folder=tmp_path, families=families, say=told.append))
    kept = list(tmp_path.glob("*/*.npz"))
    assert len(kept) == 1
    stamp = kept[0].stat().st_mtime_ns
    again = next(shots(2, size=SIZE, seed=3, base=None, folder=tmp_path, families=families))
    assert kept[0].stat().st_mtime_ns == stamp
    assert told == ["virtual patients: 0 of 2"]
    assert (first.opacity, first.patient, first.pose) == (again.opacity, again.patient, again.pose)
    assert first.shot.size == (SIZE, SIZE)
    assert first.shot.geometry.shape[0] >= RAYS
    for name, areal in first.shot.maps.items():
        assert np.array_equal(areal, again.shot.maps[name]), "a first run must give the numbers of the next"
    assert first.ctr == pytest.approx(again.ctr)
    assert 0.3 < first.ctr < 0.75


def test_a_family_that_needs_a_ct_is_refused_without_one() -> None:
    with pytest.raises(InputError, match="real CT"):
        next(shots(1, size=SIZE, seed=0, base=None))
