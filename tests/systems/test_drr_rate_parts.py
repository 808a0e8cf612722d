"""The parts of DRR-RATE's judge: contrast, drawn physics, bodies, strata and the published recipe, on made bodies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.attenuation import WATER_PER_MM
from hilum.measure.binary import auroc
from hilum.phantom.lesions import blob, lung
from hilum.phantom.warp import cardiothoracic_ratio
from hilum.systems import _drr_rate_bodies as bodies
from hilum.systems import _drr_rate_contrast as contrast
from hilum.systems import _drr_rate_exposure as exposed
from hilum.systems import _drr_rate_film as film
from hilum.systems import _drr_rate_real as real
from tests.phantom.bodies import STEP, made_body


def test_contrast_is_the_mean_change_over_the_shadow() -> None:
    """A ball of 40 HU in lung of -850 HU: its mean chord is two thirds of its diameter."""
    body = made_body()
    ball = blob(body, (50, 30, 40), diameter_mm=48.0, hu=40.0, within=lung(body, "left"))
    found = contrast.contrast(body, ball, contrast.LAWS[contrast.LINEAR]) * STEP
    assert found == pytest.approx(0.89 * WATER_PER_MM * 48.0 * 2 / 3, rel=0.08)
    cut = contrast.contrast(body, ball, contrast.LAWS[contrast.THRESHOLD]) * STEP
    assert 0.75 < cut / (140 * 48.0 * 2 / 3) < 1.0  # half-filled voxels of the edge fall under the threshold
    veil = blob(body, (50, 30, 40), diameter_mm=48.0, hu=-600.0, within=lung(body, "left"), veil=True)
    assert contrast.contrast(body, veil, contrast.LAWS[contrast.THRESHOLD]) == 0.0


def test_the_bodies_of_the_contrast_are_different_ones() -> None:
    found = contrast.bodies(made_body(), 4, seed=0)
    assert list(found) == ["as scanned", "mirrored", "warp 2", "warp 3"]
    voxels = [body.volume.voxels for body in found.values()]
    assert all(np.abs(a - b).mean() > 1 for n, a in enumerate(voxels) for b in voxels[:n])


def made_set(**given: int) -> bodies.Rendered:
    return bodies.rendered(made_body(), given.get("families", 4), 2, size=32, seed=0, part="test", upright=True)


def test_bodies_carry_what_their_labels_say() -> None:
    made = made_set()
    assert made.target.shape == (8, len(bodies.NAMES))
    assert len(set(made.families)) == 4
    for number, family in enumerate(made.families):
        body = bodies.new_body(made_body(), 0, family)
        _, found = bodies.with_findings(body, 0, family, number % 2)
        large = cardiothoracic_ratio(body) > 0.50
        assert made.target[number].tolist() == [large, *(name in found for name in bodies.NAMES[1:])]


def test_findings_change_the_paths_as_they_should() -> None:
    """Fluid and blobs add mass to what rays cross, none adds bone, and the threshold sees no ground glass."""
    body = made_body()
    seen = {}
    for family in range(30):
        changed, found = bodies.with_findings(body, 0, str(family), 0)
        if len(found) == 1:
            seen.setdefault(next(iter(found)), (family, changed))
    assert {"pleural effusion", "ground glass opacity"} <= set(seen)
    before = exposed.exposure(exposed.materials(body), exposed.pose(body, 32, 0, "x", 0))
    for name, sign in {"pleural effusion": 1, "ground glass opacity": 1, "consolidation": 1}.items():
        if name in seen:
            after = exposed.exposure(exposed.materials(seen[name][1]), exposed.pose(body, 32, 0, "x", 0))
            assert np.sign((after.soft - before.soft).sum()) == sign
            assert np.abs(after.bone - before.bone).max() < 1e-3
            same = np.allclose(after.above, before.above, atol=1e-2)
            assert same == (name == "ground glass opacity")


def test_materials_hold_all_mass_and_bone_only_in_bones() -> None:
    body = made_body()
    above, soft, bone = (field.float32() for field in exposed.materials(body))
    assert np.allclose(soft + bone, np.maximum(1 + body.volume.voxels / 1000, 0), atol=1e-5)
    assert not bone[~body.mask("vertebrae")].any()
    assert bone.max() == pytest.approx(1.5 * 460 / 1460, rel=1e-4)  # 500 HU
    assert above.max() == pytest.approx(600.0)


def test_an_exposure_follows_its_physics() -> None:
    """Without scatter, noise, blur and curve a film is the line integral from its minimum to its maximum."""
    paths = made_set(families=1).upright[0]
    plain = film.Look(hardness=0.0, scatter=0.0, scatter_px=1.0, noise=0.0, blur_px=0.0, low=0.0, high=100.0)
    rng = np.random.default_rng(0)
    expected = film.eight_bit(0.206 * paths.soft + 0.315 * paths.bone)
    assert np.abs(film.exposed(paths, plain, rng).astype(int) - expected).max() <= 1
    hazy = film.exposed(paths, film.Look(0.0, 2.0, 1000.0, 0.0, 0.0, low=0.0, high=100.0), rng).astype(int)
    order = np.argsort(expected.ravel(), kind="stable")
    assert (np.diff(hazy.ravel()[order]) >= -2).all()  # an even haze keeps the order
    between = (expected > 60) & (expected < 200)
    assert (hazy[between] > expected[between]).all()  # and takes contrast among what is dense
    assert "scatter" in plain.as_dict()


def test_films_are_drawn_anew_for_every_name_and_alike_for_one() -> None:
    paths = made_set(families=1).published[0]
    assert np.array_equal(film.drawn_film(paths, 0, "a"), film.drawn_film(paths, 0, "a"))
    assert not np.array_equal(film.drawn_film(paths, 0, "a"), film.drawn_film(paths, 0, "b"))
    assert not np.array_equal(film.held_out_film(paths, 0, "a"), film.drawn_film(paths, 0, "a"))
    assert film.threshold_film(paths).dtype == film.linear_film(paths).dtype == np.uint8


def test_a_coarse_film_has_lost_what_is_fine_and_kept_the_rest(draw: np.random.Generator) -> None:
    noise = draw.integers(0, 256, (96, 96)).astype(np.uint8)
    smooth = np.rint(127 + 100 * np.sin(np.linspace(0, 3, 96))[:, None] * np.ones((1, 96))).astype(np.uint8)
    assert film.coarsened(noise).shape == (96, 96)
    assert film.coarsened(noise).std() < 0.6 * noise.std()
    assert np.abs(film.coarsened(smooth).astype(int) - smooth).max() < 8
    small = noise[:64, :64]
    assert film.coarsened(small) is small


def test_pairs_count_within_strata_only(draw: np.random.Generator) -> None:
    target, score = draw.random(200) < 0.3, draw.random(200)
    strata = draw.choice(["a", "b"], 200)
    one = real.within(["x"] * 200, target, score, np.ones((1, 200)))[0]
    assert one == pytest.approx(auroc(target, score))
    wins = pairs = 0.0
    for i in np.flatnonzero(target):
        for j in np.flatnonzero(~target & (strata == strata[i])):
            wins, pairs = wins + (score[i] > score[j]) + 0.5 * (score[i] == score[j]), pairs + 1
    assert real.within(strata, target, score, np.ones((1, 200)))[0] == pytest.approx(wins / pairs)
    shifted = np.where(strata == "a", score + 10, score)  # a source told apart wins nothing
    assert real.within(strata, target, shifted, np.ones((1, 200)))[0] == pytest.approx(wins / pairs)
    assert np.isnan(real.within(["x"] * 5, np.zeros(5, bool), np.zeros(5), np.ones((1, 5)))).all()


def test_weights_count_copies_within_strata(draw: np.random.Generator) -> None:
    target, score, strata = draw.random(30) < 0.4, draw.random(30), draw.choice(["a", "b"], 30)
    weights = draw.integers(0, 3, 30)
    copied = [np.repeat(each, weights) for each in (strata, target, score)]
    expected = real.within(copied[0], copied[1], copied[2], np.ones((1, int(weights.sum()))))
    assert real.within(strata, target, score, weights[None].astype(float)) == pytest.approx(expected)


@pytest.mark.slow
def test_real_films_of_the_pack(pack: Path) -> None:
    found = real.real_films(pack, size=32)
    assert found is not None
    assert found.pixels.shape[1:] == (32, 32)
    assert found.target.any(axis=0).all()
    folds = found.folds(3, seed=0)
    assert set(folds) == {0, 1, 2}
    assert all(len(set(folds[np.array(found.patients) == name])) == 1 for name in set(found.patients))


def test_a_folder_without_films_has_none(tmp_path: Path) -> None:
    assert real.real_films(tmp_path, size=32) is None
    assert real.real_films(None, size=32) is None


def scans(count: int) -> list[object]:
    from hilum.systems import _drr_rate_scans as recipe

    rng = np.random.default_rng(0)

    def volume(number: int) -> Volume:
        voxels = rng.normal(0, 20, (24, 24, 24)).astype(np.float32) - 1000 * (np.abs(np.arange(24) - 12) > 8)
        if number % 2:
            voxels[12:20, 8:16, 12:20] = 900.0
        return Volume(np.maximum(voxels, -1000), np.diag([12.0, 12.0, 12.0, 1.0]))

    return [recipe.Scan(f"scan{n}", f"patient {n // 2}", tuple([float(n % 2)] * 17 + [float("nan")]),
                        lambda n=n: volume(n)) for n in range(count)]  # fmt: skip


def test_the_published_recipe_learns_what_is_there_beside_its_control(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from hilum.systems import _drr_rate_cohort as cohort
    from hilum.systems._drr_rate_recipe import Recipe

    recipe = Recipe(net="small", size=32, epochs=8, batch=8, folds=2, rate=1e-2)
    parts, lines = cohort.judge_cohort(scans(32), recipe, seed=0, seeds=1, cache=str(tmp_path), say=lambda line: None)  # type: ignore[arg-type]
    arms = parts[0].arms
    assert arms[cohort.THRESHOLD].value > 0.9
    assert set(arms) == {cohort.THRESHOLD, cohort.LINEAR, cohort.SHUFFLED}
    assert "did not group" in lines[0]
    assert len(list(tmp_path.rglob("*.png"))) == 64  # rendered once for each convention and kept


def test_folds_keep_patients_together_and_crops_keep_their_share() -> None:
    torch = pytest.importorskip("torch")
    from hilum.systems import _drr_rate_recipe as recipe
    from hilum.systems import _drr_rate_scans as split

    given = scans(20)
    fold = split.folds_of(given, 5, seed=1)  # type: ignore[arg-type]
    assert set(fold) == set(range(5))
    assert all(fold[n] == fold[n + 1] for n in range(0, 20, 2))
    with pytest.raises(InputError, match="11 folds need 11 patients"):
        split.folds_of(given, 11, seed=1)  # type: ignore[arg-type]
    ramp = torch.linspace(0, 1, 40)[None, None, None, :].expand(8, 1, 40, 40)
    cropped = recipe.random_crop(ramp, np.random.default_rng(0), least=0.8)
    assert cropped.shape == ramp.shape
    kept = (cropped[:, 0, 0, -1] - cropped[:, 0, 0, 0]).numpy()
    assert (kept >= 0.75).all()  # 0.8 of the area at 3:4 leaves 0.77 of a side
    assert kept.std() > 0.01
    published = recipe.Recipe()
    assert (published.size, published.rate, published.decay, published.epochs, published.batch, published.folds) == (
        512, 1e-4, 1e-5, 20, 32, 5,
    )  # fmt: skip
    with pytest.raises(InputError, match="densenet121 or small"):
        recipe.Recipe(net="resnet")
