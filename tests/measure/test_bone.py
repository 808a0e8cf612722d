"""Bone suppression: the published ratio rewards doing nothing, the others do not; made films and real pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from scipy.ndimage import gaussian_filter

from hilum.core.errors import InputError
from hilum.measure.bone import BoneTruth, bsr2, bsr_published, rib_contrast_residual, vessel_preservation
from hilum.measure.metric import metric
from hilum.measure.pairs import Pairs

NAMES = ("bsr/published", "bsr2", "psnr/float", "rib-contrast-residual", "vessel-preservation")


@pytest.fixture
def truth(draw) -> BoneTruth:
    """A soft-tissue film with fine vessels, and bright ribs on top of it."""
    y, x = np.mgrid[0:160, 0:160]
    vessels = gaussian_filter(draw.normal(size=(160, 160)), 2)
    soft = 0.4 + 0.1 * np.sin(x / 40) + 0.02 * vessels / vessels.std()
    ribs = (y % 40) < 10
    film = soft + 0.15 * ribs
    lungs = np.hypot(x - 80, y - 80) < 70
    return BoneTruth(film, soft, ribs, lungs, (1.0, 1.0), 1.0)


def test_the_verdicts_on_doing_nothing_and_on_perfection(truth) -> None:
    assert bsr2(truth, truth.film) == 0.0
    assert bsr2(truth, truth.soft) == 1.0
    assert rib_contrast_residual(truth, truth.film) == pytest.approx(1.0)
    assert rib_contrast_residual(truth, truth.soft) < 0.05
    assert vessel_preservation(truth, truth.soft) == pytest.approx(1.0)
    assert bsr_published(truth, truth.soft) == 1.0
    assert bsr_published(truth, truth.film) > 0.6  # the fault: nothing was done


def test_the_published_ratio_is_blind_to_offsets_and_to_what_is_too_bright(truth) -> None:
    assert bsr_published(truth, truth.soft + 0.3) == pytest.approx(1.0)
    assert bsr2(truth, truth.soft + 0.3) < 0
    spikes = truth.soft.copy()
    spikes[:4] += 1.0  # far too bright in some rows: a small constant shift is all that it sees
    assert bsr_published(truth, spikes) > 0.5
    assert bsr2(truth, spikes) < -0.1


def test_harm_is_below_zero(truth, draw) -> None:
    for harm in (np.zeros_like(truth.film), np.ones_like(truth.film), truth.film + 0.2 * draw.normal(size=(160, 160))):
        assert bsr2(truth, harm) < 0


def test_half_of_the_bone_left_is_three_quarters_of_its_energy(truth) -> None:
    half = 0.5 * (truth.film + truth.soft)
    assert bsr2(truth, half) == pytest.approx(0.75)
    assert rib_contrast_residual(truth, half) == pytest.approx(0.5, abs=0.03)


def test_blur_loses_vessels_and_keeps_ribs(truth) -> None:
    blurred = gaussian_filter(truth.soft, 4)
    assert vessel_preservation(truth, blurred) < 0.9
    assert vessel_preservation(truth, truth.soft + 0.1) == pytest.approx(1.0)
    everywhere = BoneTruth(truth.film, truth.soft, None, truth.lungs)
    assert vessel_preservation(everywhere, truth.film) < vessel_preservation(truth, truth.film)


def test_the_ring_is_in_millimetres(truth) -> None:
    fine = BoneTruth(truth.film, truth.soft, truth.ribs, truth.lungs, (0.5, 0.5), 1.0)
    wide = rib_contrast_residual(fine, truth.soft, ring_mm=5.0)
    assert wide == pytest.approx(rib_contrast_residual(truth, truth.soft, ring_mm=10.0))


@pytest.mark.parametrize(
    ("change", "measure", "said"),
    [
        ({"ribs": None}, rib_contrast_residual, "mask of the ribs"),
        ({"spacing_mm": None}, rib_contrast_residual, "spacing_mm"),
        ({"ribs": np.zeros((160, 160), bool)}, rib_contrast_residual, "empty"),
        ({"film": np.full((160, 160), 0.5)}, rib_contrast_residual, "no rib contrast"),
        ({"lungs": None}, vessel_preservation, "give their mask"),
        ({"lungs": np.zeros((160, 160), bool)}, vessel_preservation, "only 0 lung pixels"),
        ({"film": np.zeros((160, 160)), "soft": np.zeros((160, 160))}, bsr2, "no bone to suppress"),
        ({"film": np.zeros((160, 160)), "soft": np.zeros((160, 160))}, bsr_published, "no bone to suppress"),
    ],
)
def test_what_cannot_be_measured_is_said(truth, change, measure, said) -> None:
    fields = {name: getattr(truth, name) for name in ("film", "soft", "ribs", "lungs", "spacing_mm", "data_range")}
    with pytest.raises(InputError, match=said):
        measure(BoneTruth(**{**fields, **change}), np.full((160, 160), 0.5))


def test_bad_answers_are_unscored_with_the_reason(truth) -> None:
    answers = (truth.soft * 0.99, truth.soft[:-1], np.full((160, 160), np.nan), None)
    for name in NAMES:
        scored = metric(name)(Pairs((truth,) * 4, answers))
        assert np.isfinite(scored.value), name
        assert "one size" in scored.unscored[1]
        assert "NaN" in scored.unscored[2]
        assert set(scored.unscored) == {1, 2, 3}
    assert "constant" in metric("vessel-preservation")(Pairs((truth,), (np.full((160, 160), 0.5),))).unscored[0]
    assert "BoneTruth" in metric("bsr2")(Pairs((truth.film,), (truth.film,))).unscored[0]
    with pytest.raises(InputError, match="'ribs' is"):
        BoneTruth(truth.film, truth.soft, truth.ribs[:-1])


def real_pairs(pack: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    def read(path: Path) -> np.ndarray:
        with Picture.open(path) as picture:
            return np.asarray(picture.convert("L"))

    films = sorted((pack / "bonesupp").glob("*_cxr.png"))
    return [(f.stem, read(f), read(f.with_name(f.name.replace("_cxr", "_bone_suppressed")))) for f in films]


def test_on_real_pairs_the_untouched_film_scores_high_as_published_and_nothing_by_ours(pack) -> None:
    pairs = real_pairs(pack)
    assert len(pairs) >= 4
    for name, film, soft in pairs:
        truth = BoneTruth(film, soft)
        assert 0.6 < bsr_published(truth, film) < 0.95, name
        assert bsr2(truth, film) == 0.0
        # the published codes square differences that have wrapped around in 8 bits, and read 4 to 9 dB too much
        wrapped = np.mean(np.square(film - soft).astype(float))
        assert 10 * np.log10(255**2 / wrapped) - metric("psnr/float")(Pairs((truth,), (film,))).value > 3, name
