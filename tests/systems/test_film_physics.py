"""Films that the systems make: grey levels that keep order, poses that keep distances, folds that keep patients."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from scipy import ndimage

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.learn.batch import FilmSet
from hilum.measure.surroundings import Lung, Surroundings, Tubes
from hilum.systems import _drr_rate_film as physics
from hilum.systems import _drr_rate_render as render
from hilum.systems import _drr_rate_scans as scans
from hilum.systems import _embedded_sampling as sampling
from hilum.systems import _embedded_simulated as simulated
from hilum.systems import _nodule_places as nodules
from hilum.systems import _paxray_tone as tone
from hilum.systems._drr_rate_contrast import FLOORED, LAWS, LINEAR, THRESHOLD
from hilum.systems._drr_rate_picture import as_png
from hilum.systems._embedded_labels import FINDINGS

seeds = st.integers(0, 5000)
QUIET = physics.Look(hardness=0.5, scatter=0.0, scatter_px=8.0, noise=0.0, blur_px=0.0, low=0.0, high=100.0)


def paths(seed: int = 0, size: int = 96) -> physics.Paths:
    rng = np.random.default_rng(seed)
    soft = ndimage.gaussian_filter(rng.uniform(0, 40, (size, size)), 6).astype(np.float32)
    bone = np.maximum(ndimage.gaussian_filter(rng.normal(0, 8, (size, size)), 4), 0).astype(np.float32)
    return physics.Paths(soft * 30, soft, bone)


# -- DRR-RATE's pictures ----------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(0.01, 100), st.floats(-500, 500))
def test_eight_bits_do_not_see_scale_and_offset(seed: int, scale: float, offset: float) -> None:
    values = np.random.default_rng(seed).random((12, 10))
    picture = render.eight_bit(values)
    assert (picture.min(), picture.max(), picture.dtype) == (0, 255, np.uint8)
    assert np.abs(picture.astype(int) - render.eight_bit(values * scale + offset).astype(int)).max() <= 1
    assert np.allclose(picture, (values - values.min()) / np.ptp(values) * 255, atol=0.51)
    assert not render.eight_bit(np.full((3, 3), offset)).any()


def test_the_threshold_leaves_nothing_of_lung_and_a_straight_line_above() -> None:
    hu = np.array([-1000, -600, -100, -99, 0, 900], np.float32).reshape(1, 2, 3)
    assert render.thresholded(Volume(hu, np.eye(4))).values.ravel().tolist() == [0, 0, 0, 1, 100, 1000]
    assert render.thresholded(Volume(hu, np.eye(4)), -600.0).values.ravel()[1] == 0.0


@pytest.mark.parametrize("pixels", [64, 256, 1024])
def test_another_size_sees_the_same_field(pixels: int) -> None:
    published = render.DrrRateRendering()
    sized = published.sized(pixels)
    assert sized.pixels * sized.pitch_mm == pytest.approx(published.pixels * published.pitch_mm)
    volume = Volume(np.zeros((20, 20, 20), np.float32), np.diag([10.0, 10.0, 10.0, 1.0]))
    one, two = (each.geometry(volume) for each in (published, sized))
    assert np.allclose(one.pixel(-0.5, -0.5), two.pixel(-0.5, -0.5))
    assert np.allclose(one.source, two.source)


@pytest.mark.parametrize(("view", "beam"), [("frontal", (0, 1, 0)), ("lateral", (-1, 0, 0))])
def test_pixels_are_half_a_millimetre_in_the_isocentres_plane(view: str, beam: tuple[int, int, int]) -> None:
    volume = Volume(np.zeros((20, 20, 20), np.float32), np.diag([10.0, 10.0, 10.0, 1.0]))
    geometry = render.DrrRateRendering().geometry(volume, view=view)
    assert np.allclose(geometry.normal, beam)
    at_isocentre = geometry.pitch_mm[0] * 1000.0 / geometry.source_detector_mm
    assert at_isocentre == pytest.approx(0.51)
    assert geometry.source_isocentre_mm == pytest.approx(1300)  # the volume's middle lies 300 mm behind
    wider = render.DrrRateRendering().geometry(volume, view=view, zoom=1.2)
    assert wider.pitch_mm[0] == pytest.approx(1.2 * geometry.pitch_mm[0])
    with pytest.raises(InputError, match="a frontal and a lateral view, not 'oblique'"):
        render.DrrRateRendering().geometry(volume, view="oblique")


# -- drawn physics ----------------------------------------------------------------------------------------------------


def test_a_quiet_film_is_the_log_of_its_beam() -> None:
    crossed = paths()
    shown = physics.exposed(crossed, QUIET, generator(0))
    water, bone = (0.206 + 0.184) / 2, (0.315 + 0.223) / 2
    assert (
        np.abs(shown.astype(int) - render.eight_bit(water * crossed.soft + bone * crossed.bone).astype(int)).max() <= 1
    )


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0.4, 2.5), st.lists(st.floats(0.05, 1.0), min_size=3, max_size=6))
def test_curves_never_turn_grey_levels_round(seed: int, power: float, steps: list[float]) -> None:
    knots = tuple(step / sum(steps) for step in steps)
    crossed = paths(seed, 48)
    plain = physics.exposed(crossed, QUIET, generator(0)).astype(int)
    for change in ({"power": power}, {"knots": knots}, {"sigmoid": 5.0}, {"root": True}):
        shown = physics.exposed(crossed, replace(QUIET, **change), generator(0)).astype(int)  # type: ignore[arg-type]
        order = np.argsort(crossed.soft * 0.195 + crossed.bone * 0.269, axis=None)
        assert (np.diff(shown.ravel()[order]) >= 0).all()
        assert (shown.min(), shown.max()) == (plain.min(), plain.max())


@pytest.mark.parametrize("make", [physics.drawn_film, physics.held_out_film])
def test_drawn_films_are_their_seeds_and_names(make: Callable[..., np.ndarray]) -> None:
    crossed = paths(1, 48)
    one = make(crossed, 3, "a", 1)
    assert np.array_equal(one, make(crossed, 3, "a", 1))
    assert not np.array_equal(one, make(crossed, 4, "a", 1))
    assert not np.array_equal(one, make(crossed, 3, "a", 2))
    assert one.dtype == np.uint8
    assert np.corrcoef(one.ravel(), physics.linear_film(crossed).ravel())[0, 1] > 0.5


def test_plain_films_show_what_they_are_named_for() -> None:
    crossed = paths(2, 40)
    assert np.array_equal(physics.threshold_film(crossed), render.eight_bit(crossed.above))
    assert np.array_equal(physics.linear_film(crossed), render.eight_bit(crossed.soft + crossed.bone))


@pytest.mark.parametrize("size", [32, 64, 96, 200])
def test_a_coarse_film_keeps_its_size_and_its_mean(size: int) -> None:
    film = physics.linear_film(paths(3, size))
    coarse = physics.coarsened(film)
    assert coarse.shape == film.shape
    assert float(coarse.mean()) == pytest.approx(float(film.mean()), abs=3.0)
    if size <= 64:
        assert coarse is film
    else:
        rough = np.random.default_rng(0).integers(0, 256, (size, size)).astype(np.uint8)
        assert physics.coarsened(rough).std() < 0.5 * rough.std()


def test_laws_of_projection_agree_on_bone_and_part_on_lung() -> None:
    hu = np.array([-1000, -850, -700, 0, 1000], np.float32)
    for law in (LINEAR, FLOORED, THRESHOLD):
        assert (np.diff(LAWS[law](hu)) >= 0).all()
    assert LAWS[FLOORED](hu)[0] == LAWS[FLOORED](hu)[1] < LAWS[FLOORED](hu)[2]
    assert LAWS[THRESHOLD](hu)[:3].tolist() == [0.0, 0.0, 0.0]
    assert (np.diff(LAWS[LINEAR](hu)) > 0).all()


# -- PAXRay's tones ---------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.1, 50), st.floats(-20, 20))
def test_a_stretched_film_runs_between_its_percentiles(seed: int, scale: float, offset: float) -> None:
    film = np.random.default_rng(seed).random((24, 24)).astype(np.float32)
    shown = tone.stretched(film)
    assert (shown.min(), shown.max()) == (0.0, 1.0)
    assert np.allclose(tone.stretched(film * np.float32(scale) + np.float32(offset)), shown, atol=2e-3)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_random_tones_keep_the_shape_of_the_chest(seed: int) -> None:
    film = tone.stretched(paths(seed, 64).soft)
    made = tone.random_tone(film, generator(seed))
    assert made.shape == film.shape
    assert 0 <= made.min() <= made.max() <= 1
    assert np.array_equal(made, tone.random_tone(film, generator(seed)))
    ranks = [ndimage.gaussian_filter(each, 3).ravel().argsort().argsort() for each in (film, made)]
    assert np.corrcoef(*ranks)[0, 1] > 0.6


def test_burned_films_change_only_borders_and_markers() -> None:
    film = np.full((96, 96), 0.5, np.float32)
    changed = []
    for seed in range(12):
        made = tone.burned(film, generator(seed))
        assert film.max() == 0.5
        changed.append(bool((made != film).any()))
        inner = made[30:-7, 10:20]
        assert (inner == 0.5).all()  # below the marker's reach, within every border
    assert any(changed)
    assert not all(changed)


def test_unseen_tones_are_one_for_each_film() -> None:
    films = np.stack([tone.stretched(paths(n, 32).soft) for n in range(3)])
    shown = tone.unseen_tone(films, 5)
    assert shown.shape == films.shape
    assert 0 <= shown.min() <= shown.max() <= 1
    assert np.array_equal(shown[:2], tone.unseen_tone(films[:2], 5))
    assert all(np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.7 for a, b in zip(films, shown, strict=True))


# -- CTs --------------------------------------------------------------------------------------------------------------


def test_a_header_of_nrrd_places_the_voxels(tmp_path: Path) -> None:
    voxels = np.arange(24, dtype="<i2").reshape(2, 3, 4)
    head = "NRRD0004\nsizes: 2 3 4\nspace directions: (2,0,0) (0,3,0) (0,0,-4)\nencoding: gzip\n\n"
    path = tmp_path / "cip_ct-1.nrrd"
    path.write_bytes(head.encode() + gzip.compress(voxels.tobytes(order="F")))
    found = simulated._nrrd(path)
    assert np.array_equal(found.voxels, voxels)
    assert found.spacing_mm == (2.0, 3.0, 4.0)
    assert found.affine[2, 2] == -4.0
    assert found.id == "cip_ct-1"


def test_a_thinned_volume_keeps_its_voxels_places() -> None:
    affine = np.diag([0.8, 1.2, 5.0, 1.0])
    affine[:3, 3] = (3, 4, 5)
    volume = Volume(np.arange(10 * 8 * 6, dtype=np.float32).reshape(10, 8, 6), affine, id="ct")
    thin = simulated.coarse(volume)
    assert thin.spacing_mm == pytest.approx((2.4, 2.4, 5.0))
    assert np.array_equal(thin.voxels, volume.voxels[::3, ::2])
    assert np.allclose((thin.affine @ [1, 1, 1, 1]), volume.affine @ [3, 2, 1, 1])
    assert thin.id == "ct"


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_film_curves_rise_and_stay_between_black_and_white(seed: int) -> None:
    integrals = np.tile(np.linspace(0.4, 9, 64, dtype=np.float32), (64, 1))
    shown = simulated.film_curve(integrals, generator(seed))
    assert 0 <= shown.min() <= shown.max() <= 1
    column = shown.mean(axis=0)
    assert np.corrcoef(column, np.arange(column.size))[0, 1] > 0.85
    assert column[-5:].mean() > column[:5].mean() + 0.5
    assert min(shown.shape) >= 64 * 0.75  # at most an eighth is cropped from each side


def test_a_png_holds_its_picture_exactly() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 7)).astype(np.uint8)
    with Picture.open(io.BytesIO(as_png(picture))) as read:
        assert read.mode == "L"
        assert np.array_equal(np.asarray(read), picture)


def scan(name: str, patient: str, level: int, calls: list[str]) -> scans.Scan:
    def volume() -> Volume:
        calls.append(name)
        return Volume(np.full((2, 2, 2), level, np.float32), np.eye(4))

    return scans.Scan(name, patient, (1.0,), volume)


def test_films_are_rendered_once_and_read_back(tmp_path: Path) -> None:
    calls: list[str] = []
    known = [scan(f"s{n}", f"p{n // 2}", n, calls) for n in range(4)]

    def picture(volume: Volume) -> np.ndarray:
        return np.full((5, 6), int(volume.voxels[0, 0, 0]) * 10, np.uint8)

    made = scans.cached_films(known, picture, tmp_path / "films")
    again = scans.cached_films(known, picture, tmp_path / "films")
    assert made == again
    assert calls == ["s0", "s1", "s2", "s3"]
    films = scans.load(made)
    assert films.shape == (4, 5, 6)
    assert films[:, 0, 0].tolist() == [0, 10, 20, 30]


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 12), st.integers(2, 5), seeds)
def test_folds_keep_patients_whole_and_are_even(patients: int, count: int, seed: int) -> None:
    known = [scan(f"s{n}", f"p{n % patients}", 0, []) for n in range(3 * patients)]
    folds = scans.folds_of(known, count, seed=seed)
    by_patient = {s.patient: set() for s in known}
    for s, fold in zip(known, folds.tolist(), strict=True):
        by_patient[s.patient].add(fold)
    assert all(len(found) == 1 for found in by_patient.values())
    sizes = np.bincount(folds, minlength=count)
    assert sizes.max() - sizes.min() <= 3
    assert np.array_equal(folds, scans.folds_of(known, count, seed=seed))
    with pytest.raises(InputError, match=f"need {patients + 1} patients or more, got {patients}"):
        scans.folds_of(known, patients + 1, seed=seed)


# -- nodules ----------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 300), seeds)
def test_a_layout_has_as_many_nodules_as_asked(count: int, seed: int) -> None:
    given_layout = nodules.layout(count, seed=seed)
    assert len(given_layout.patients) == len(given_layout.malignant) == count
    each = np.unique(given_layout.patients, return_counts=True)[1]
    assert each.max() <= 4
    again = nodules.layout(count, seed=seed)
    assert np.array_equal(given_layout.malignant, again.malignant)
    with pytest.raises(InputError, match="must be 20 or more, got 19"):
        nodules.layout(19, seed=seed)


def cube(step: float = 1.0, size: int = 40) -> Lung:
    spacing = (step, step, step)
    none = Tubes(np.zeros((size,) * 3, bool), spacing)
    return Lung(np.ones((size,) * 3, bool), none, none, spacing)


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(12, 27)] * 3), st.floats(2.0, 9.0))
def test_a_nodule_is_a_ball_where_it_was_put(centre: tuple[float, float, float], radius: float) -> None:
    mask, corner = nodules.sphere(np.array(centre), radius, cube())
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.25)
    assert np.allclose(np.argwhere(mask).mean(axis=0) + corner, centre, atol=0.6)
    away = np.linalg.norm(np.argwhere(mask) + corner - np.array(centre), axis=1)
    assert away.max() <= radius


def test_a_nodule_at_the_edge_is_cut_to_the_lung() -> None:
    lung = cube()
    half = lung.lung.copy()
    half[:20] = False
    cut = Lung(half, lung.airways, lung.vessels, lung.spacing_mm)
    whole, _ = nodules.sphere(np.array([20.0, 20, 20]), 6.0, lung)
    mask, corner = nodules.sphere(np.array([20.0, 20, 20]), 6.0, cut)
    assert 0.4 < mask.sum() / whole.sum() < 0.65
    assert (np.argwhere(mask)[:, 0] + corner[0]).min() == 20
    outside, at = nodules.sphere(np.array([0.0, 0, 0]), 5.0, lung)
    assert at == (0, 0, 0)
    assert (
        outside.sum() == ((np.indices((6, 6, 6)) ** 2).sum(axis=0) <= 25).sum()
    )  # an eighth of the ball, axes included


def test_a_pool_lies_in_its_mask_and_fills_it_evenly() -> None:
    mask = np.zeros((20, 20, 20), bool)
    mask[4:16, 2:18, 5:15] = True
    pool = nodules.even_pool(mask, (2.0, 1.0, 3.0), 1, 0)
    index = np.rint(pool / (2.0, 1.0, 3.0)).astype(int)
    assert mask[tuple(index.T)].all()
    assert np.allclose(index.mean(axis=0), (9.5, 9.5, 9.5), atol=0.3)
    assert np.array_equal(pool, nodules.even_pool(mask, (2.0, 1.0, 3.0), 1, 0))
    assert not np.array_equal(pool, nodules.even_pool(mask, (2.0, 1.0, 3.0), 1, 1))


def test_measured_nodules_become_columns() -> None:
    from dataclasses import fields

    names = [each.name for each in fields(Surroundings)]
    rows = [Surroundings(*(float(10 * n + k) for k in range(len(names)))) for n in range(3)]
    table = nodules.table(rows)
    assert list(table) == names
    assert table[names[0]].tolist() == [0.0, 10.0, 20.0]


# -- sampling ---------------------------------------------------------------------------------------------------------


def films(count: int = 8) -> FilmSet:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (count, 4, 4)).astype(np.uint8)
    target = np.zeros((count, len(FINDINGS)), np.float32)
    target[count // 2 :, FINDINGS.index("Lung Opacity")] = 1.0
    views = np.zeros((count, 3), bool)
    views[np.arange(count), np.arange(count) % 2] = True
    return FilmSet(
        frames, target, np.ones_like(target, bool), np.ones(count, bool), views, frames, np.ones(count, np.float32),
        np.array(["nih512"] * count), np.array([f"nih-{n * 100}" for n in range(count)]),
        np.array(["train"] * count), np.array([str(n) for n in range(count)]),
    )  # fmt: skip


def test_films_from_another_time_teach_no_finding() -> None:
    kept = sampling.comparable(films())
    assert kept.known.all(axis=1).tolist() == [True] * 4 + [False] * 4  # clear films end at patient 300
    assert np.array_equal(kept.target, films().target)
    others = replace(films(), group=np.array(["nih64"] * 8))
    assert sampling.comparable(others).known.all()


def test_groups_name_view_and_opacity_where_both_are_known() -> None:
    finer = sampling.by_view_and_label(films(), ("nih512",))
    assert finer.group.tolist()[:2] == ["nih512/PA/clear", "nih512/AP/clear"]
    assert finer.group.tolist()[-1] == "nih512/AP/opaque"
    unknown = replace(films(), views=np.ones((8, 3), bool))
    assert set(sampling.by_view_and_label(unknown, ("nih512",)).group.tolist()) == {"nih512"}
    assert set(sampling.by_view_and_label(films(), ("nih64",)).group.tolist()) == {"nih512"}
