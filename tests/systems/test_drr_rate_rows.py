"""DRR-RATE's films against Beer and Lambert, AUROC within strata against sklearn, folds, caches and refusals."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from sklearn.metrics import roc_auc_score

from hilum.core.errors import InputError, MissingError
from hilum.core.image import Volume
from hilum.measure.claim import Claim
from hilum.systems import _drr_rate_bodies as bodies
from hilum.systems import _drr_rate_claims as claims
from hilum.systems import _drr_rate_cohort as cohort
from hilum.systems import _drr_rate_contrast as contrast
from hilum.systems import _drr_rate_film as film
from hilum.systems import _drr_rate_judge as judge
from hilum.systems import _drr_rate_real as real
from hilum.systems import _drr_rate_scans as scans
from hilum.systems._drr_rate_learn import Effort, films
from hilum.systems._drr_rate_picture import as_png
from hilum.systems._drr_rate_render import THRESHOLD_HU, DrrRateRendering, eight_bit, thresholded
from tests.phantom.bodies import made_body

BODY = made_body()
SEEDS = st.integers(0, 10**6)


def paths(size: int = 48, seed: int = 0) -> film.Paths:
    """Smooth paths: water of 5 to 30 g/cm2, a bone in the middle."""
    draw = np.random.default_rng(seed)
    ramp = np.linspace(5, 30, size, dtype=np.float32)
    soft = np.tile(ramp, (size, 1)) + draw.uniform(0, 0.2, (size, size)).astype(np.float32)
    bone = np.zeros((size, size), np.float32)
    bone[size // 3 : size // 2] = 2.0
    return film.Paths(soft * 8, soft, bone)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_eight_bits_run_from_minimum_to_maximum_whatever_the_scale(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(9, 7))
    made = eight_bit(values)
    assert (made.min(), made.max()) == (0, 255)
    assert made.flat[int(values.argmin())] == 0
    assert made.flat[int(values.argmax())] == 255
    # one grey of difference may come from rounding
    assert np.abs(eight_bit(40 * values - 3).astype(int) - made.astype(int)).max() <= 1
    assert np.abs(255 - eight_bit(-values).astype(int) - made.astype(int)).max() <= 1


def test_a_flat_picture_is_black() -> None:
    assert eight_bit(np.full((3, 4), 7.0)).max() == 0


@pytest.mark.parametrize(("hardness", "water", "bone"), [(0.0, 0.206, 0.315), (1.0, 0.184, 0.223)])
def test_without_scatter_noise_and_blur_a_film_is_beer_and_lamberts_law(
    hardness: float, water: float, bone: float
) -> None:
    given_ = paths()
    look = film.Look(hardness=hardness, scatter=0, scatter_px=1, noise=0, blur_px=0, low=0, high=100)
    made = film.exposed(given_, look, np.random.default_rng(0))
    exact = water * given_.soft + bone * given_.bone
    scaled = 255 * (exact - exact.min()) / (exact.max() - exact.min())
    assert np.abs(made - scaled).max() <= 0.51


def test_scatter_lowers_contrast_and_a_root_keeps_order() -> None:
    given_ = paths()
    held = {"hardness": 0.5, "scatter_px": 200.0, "noise": 0.0, "blur_px": 0.0, "low": 0.0, "high": 100.0}
    plain, hazy = (
        film.exposed(given_, film.Look(scatter=s, **held), np.random.default_rng(0)).astype(float)  # type: ignore[arg-type]
        for s in (0.0, 1.0)
    )
    # even scatter adds one number to all signals: dense parts, where the signal is least, lose most contrast
    assert np.diff(hazy[0, -10:]).mean() < np.diff(plain[0, -10:]).mean()
    root = film.exposed(given_, film.Look(scatter=0.0, root=True, **held), np.random.default_rng(0))  # type: ignore[arg-type]
    assert (np.diff(root[0].astype(int))[np.diff(plain[0]) > 2] >= 0).all()


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_a_drawn_film_is_its_seed_and_name_and_uses_all_greys(seed: int) -> None:
    one = film.drawn_film(paths(), seed, "a", 1)
    assert np.array_equal(one, film.drawn_film(paths(), seed, "a", 1))
    assert not np.array_equal(one, film.drawn_film(paths(), seed, "a", 2))
    assert one.dtype == np.uint8
    assert (one.min(), one.max()) == (0, 255)
    hard = film.held_out_film(paths(), seed, "a", 1)
    assert np.array_equal(hard, film.held_out_film(paths(), seed, "a", 1))
    assert not np.array_equal(one, hard)


def test_a_small_film_is_not_made_coarser_and_a_look_is_its_numbers() -> None:
    small = eight_bit(np.random.default_rng(0).random((64, 64)))
    assert film.coarsened(small) is small
    large = eight_bit(np.random.default_rng(0).random((96, 96)))
    assert film.coarsened(large).shape == large.shape
    assert film.coarsened(large).std() < large.std()
    look = film.Look(0.5, 1.0, 2.0, 0.1, 0.3, knots=(0.5, 0.5))
    assert film.Look(**look.as_dict()) == look  # type: ignore[arg-type]


def test_every_other_version_of_a_training_film_is_coarse() -> None:
    given_ = [paths(96, n) for n in range(2)]
    made = films(claims.THRESHOLD, given_, 0, "train", versions=2)
    assert made.shape == (4, 96, 96)
    assert np.array_equal(made[0], film.threshold_film(given_[0]))
    assert np.array_equal(made[2], film.coarsened(made[0]))
    assert np.array_equal(films(claims.LINEAR, given_, 0, "train")[1], film.linear_film(given_[1]))
    drawn = films(claims.DRAWN, given_[:1], 0, "train", versions=3)
    assert not np.array_equal(drawn[0], drawn[2])


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_in_one_stratum_auroc_is_sklearns_and_in_several_strata_the_mean_by_pairs(seed: int) -> None:
    draw = np.random.default_rng(seed)
    target, score = draw.random((40, 2)) < 0.5, np.round(draw.random((40, 2)), 1)
    target[:4] = [[True, True], [False, False], [True, False], [False, True]]
    whole = real.mean_within(("",) * 40, target, score, (0, 1), metric="m")
    assert whole.value == pytest.approx(roc_auc_score(target, score, average="macro"))
    strata = np.array(["a", "b"])[np.arange(40) // 20]
    target[20:22] = [[True, True], [False, False]]
    found = real.mean_within(strata.tolist(), target, score, (0,), metric="m").value
    sides = [strata == name for name in ("a", "b")]
    pairs = [int(target[s, 0].sum() * (~target[s, 0]).sum()) for s in sides]
    each = [roc_auc_score(target[s, 0], score[s, 0]) for s in sides]
    assert found == pytest.approx(np.average(each, weights=pairs))


def test_what_goes_with_the_stratum_alone_is_worth_nothing_within() -> None:
    strata = ["ill"] * 50 + ["well"] * 50
    target = (np.arange(100) < 50)[:, None] ^ (np.arange(100) % 10 == 0)[:, None]
    score = np.repeat([1.0, 0.0], 50)[:, None]
    assert roc_auc_score(target[:, 0], score[:, 0]) > 0.85
    assert real.mean_within(strata, target, score, (0,), metric="m").value == 0.5
    alone = real.mean_within(strata, score > 0, score, (0,), metric="m").value
    assert np.isnan(alone)  # no stratum has films with and without


def test_films_of_a_patient_share_a_fold_and_folds_are_even() -> None:
    people = tuple(f"p{n // 3}" for n in range(90))
    made = real.RealFilms(np.zeros((90, 2, 2), np.uint8), np.zeros((90, 5), bool), people, ("",) * 90)
    fold = made.folds(3, seed=1)
    assert np.bincount(fold).tolist() == [30, 30, 30]
    assert all(len(set(fold[np.array(people) == who])) == 1 for who in set(people))
    assert np.array_equal(fold, made.folds(3, seed=1))
    assert not np.array_equal(fold, made.folds(3, seed=2))


def test_a_mass_counts_as_a_nodule_and_unlisted_findings_as_absent() -> None:
    def study(*names: str) -> SimpleNamespace:
        return SimpleNamespace(findings=[SimpleNamespace(concept=name) for name in names])

    assert real._target(study("lung mass", "cardiomegaly")) == [True, False, False, True, False]  # type: ignore[arg-type]
    assert real._target(study()) == [False] * 5  # type: ignore[arg-type]
    assert real._target(study("pneumothorax"))[4] is True  # type: ignore[arg-type]


def test_folders_without_films_give_none_or_a_sentence(tmp_path: Path) -> None:
    assert real.real_films(None, size=32) is None
    assert real.real_films(tmp_path, size=32) is None
    (tmp_path / "manifest.csv").write_text("file,licence,patient,view,labels,boxes,mask,extra\n")
    with pytest.raises(MissingError, match="lists no NIH film"):
        real.real_films(tmp_path, size=32)


def scan(number: int, target: tuple[float, ...] = (1.0,)) -> scans.Scan:
    return scans.Scan(f"s{number}", f"p{number}", target, lambda: Volume(np.zeros((2, 2, 2), np.float32), np.eye(4)))


def test_scans_are_rendered_once_and_read_back_as_they_were(tmp_path: Path) -> None:
    drawn: list[int] = []

    def render(volume: Volume) -> np.ndarray:
        drawn.append(len(drawn))
        return np.full((6, 6), 10 * len(drawn), np.uint8)

    made = scans.cached_films([scan(0), scan(1)], render, tmp_path / "films")
    assert [path.name for path in made] == ["s0.png", "s1.png"]
    assert scans.load(made)[:, 0, 0].tolist() == [10, 20]
    more = scans.cached_films([scan(0), scan(1), scan(2)], render, tmp_path / "films")
    assert drawn == [0, 1, 2]  # the first two were kept
    assert scans.load(more).shape == (3, 6, 6)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(6, 40), SEEDS)
def test_every_fold_has_its_share_of_patients(count: int, people: int, seed: int) -> None:
    fold = scans.folds_of([scan(n) for n in range(people)], count, seed=seed)
    sizes = np.bincount(fold, minlength=count)
    assert sizes.sum() == people
    assert sizes.max() - sizes.min() <= 1


def test_labels_with_too_few_scans_are_refused_before_anything_is_rendered() -> None:
    pytest.importorskip("torch")
    from hilum.systems._drr_rate_recipe import Recipe, network

    recipe = Recipe(net="small", size=32, epochs=1, folds=2)
    some = [scan(n, (float(n < 4),) * 18) for n in range(20)]
    with pytest.raises(InputError, match="no label has 5 CTs with it and 5 without"):
        cohort.judge_cohort(some, recipe, seed=0, seeds=1, say=lambda line: None)
    assert network(recipe, 3).eval() is not None
    for wrong in ({"folds": 1}, {"crop": 0.0}, {"crop": 1.1}, {"epochs": 0}):
        with pytest.raises(InputError, match="two folds and a crop in"):
            Recipe(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="net must be densenet121 or small, got 'vgg'"):
        Recipe(net="vgg")


def test_both_arms_of_a_cohort_share_all_but_the_threshold() -> None:
    ct = Volume(np.full((12, 12, 12), -500.0, np.float32), np.diag([20.0, 20.0, 20.0, 1.0]))
    assert cohort.renderer(cohort.THRESHOLD, 16)(ct).max() == 0  # nothing lies above -100 HU
    assert cohort.renderer(cohort.LINEAR, 16)(ct).max() == 255


def test_a_view_that_is_neither_is_refused_and_pixels_keep_the_field() -> None:
    made = DrrRateRendering()
    with pytest.raises(InputError, match="a frontal and a lateral view, not 'oblique'"):
        made.geometry(BODY.volume, view="oblique")
    for pixels in (64, 256):
        assert made.sized(pixels).pixels * made.sized(pixels).pitch_mm == pytest.approx(made.pixels * made.pitch_mm)


@settings(max_examples=20, deadline=None)
@given(st.floats(-1000, 1000), st.floats(-900, 500))
def test_what_is_above_the_threshold_counts_by_how_far(hu: float, threshold: float) -> None:
    field = thresholded(Volume(np.full((2, 2, 2), hu, np.float32), np.eye(4)), threshold)
    assert float(np.asarray(field.values).max()) == pytest.approx(
        max(np.float32(hu) - np.float32(threshold), 0), abs=1e-3
    )


def test_findings_are_what_their_names_say_and_a_seed_repeats_them() -> None:
    body, found = bodies.with_findings(BODY, 3, "f", 1)
    again, names = bodies.with_findings(BODY, 3, "f", 1)
    assert found == names
    assert np.array_equal(body.volume.voxels, again.volume.voxels)
    assert found <= set(bodies.NAMES[1:])
    shares = np.mean([[name in bodies.with_findings(BODY, 0, "f", n)[1] for name in bodies.NAMES[1:]]
                      for n in range(30)], axis=0)  # fmt: skip
    assert shares == pytest.approx(bodies.CHANCE, abs=0.25)


def test_no_lung_is_left_to_put_a_finding_into() -> None:
    full = np.ones(BODY.volume.voxels.shape, bool)
    with pytest.raises(InputError, match="no lung is left"):
        bodies._in_lung(BODY, full, np.random.default_rng(0), 20.0, 30.0, veil=False, lobar=False)


def test_a_law_that_ignores_a_change_has_no_contrast_and_a_doubled_one_has_twice() -> None:
    lesion = contrast.blob(BODY, (36 + 14, 30, 36), diameter_mm=40.0, hu=-400.0, within=BODY.mask("lung"))
    assert contrast.contrast(BODY, lesion, contrast.LAWS[contrast.THRESHOLD]) == 0.0  # all of it is below -100 HU
    one = contrast.contrast(BODY, lesion, lambda hu: hu)
    assert one > 0
    assert contrast.contrast(BODY, lesion, lambda hu: 2 * hu) == pytest.approx(2 * one)
    assert THRESHOLD_HU == -100.0


def test_a_png_is_read_back_by_pillow_pixel_by_pixel(draw: np.random.Generator) -> None:
    grey = draw.integers(0, 256, (7, 9)).astype(np.uint8)
    with Picture.open(BytesIO(as_png(grey))) as opened:
        assert np.array_equal(np.asarray(opened), grey)


def test_every_claim_is_about_arms_that_are_trained_and_a_column_that_is_there() -> None:
    for where, claim in claims.CLAIMS:
        assert where in (claims.OWN, claims.PHYSICS, claims.FILMS)
        assert claim.metric in claims.COLUMNS
        assert claims.SHUFFLED in (claim.better_than, *claim.controls)
        assert (claims.REAL_ONLY in claim.controls) == (where == claims.FILMS)


def test_without_real_films_their_claims_cannot_be_tested_and_sets_are_chosen_by_where() -> None:
    draw = np.random.default_rng(0)
    target = draw.random((30, len(bodies.NAMES))) < 0.5
    drawn = bodies.Rendered((), (), target, tuple(str(n) for n in range(30)))
    claim = next(claim for where, claim in claims.CLAIMS if where == claims.FILMS)
    part = judge._one(claims.FILMS, claim, {}, drawn, None, 0)
    assert part.outcome == "cannot be tested here"
    assert "--data" in part.reason
    assert judge._set(claims.OWN, drawn, None)[0] is target
    own = Claim("own", claims.THRESHOLD, claims.SHUFFLED, "mean AUROC")
    arms = {claims.THRESHOLD: [target.astype(float)] * 3, claims.SHUFFLED: [draw.random(target.shape)] * 3}
    held = judge._one(claims.OWN, own, arms, drawn, None, 0)
    assert (held.outcome, held.arms[claims.THRESHOLD].value) == ("holds", 1.0)
    assert Effort(seed=0, seeds=1, steps=1).folds == 2
