"""PSNR, SSIM and MS-SSIM agree with scikit-image and torchmetrics, and 8-bit values are never wrapped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.measure.metric import metric
from hilum.measure.pairs import Pairs
from hilum.measure.pictures import ms_ssim, psnr, rms, shrunk, ssim, unit


@pytest.fixture
def two(draw) -> tuple[np.ndarray, np.ndarray]:
    first = shrunk(draw.random((24, 26)), 200, 220).astype(float)
    return first, np.clip(first + draw.normal(0, 0.08, first.shape), 0, 1)


def test_psnr_and_ssim_are_those_of_scikit_image(two) -> None:
    skimage = pytest.importorskip("skimage.metrics")
    first, second = two
    assert psnr(first, second) == pytest.approx(skimage.peak_signal_noise_ratio(first, second, data_range=1))
    wanted = skimage.structural_similarity(
        first, second, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
    )
    assert ssim(first, second) == pytest.approx(wanted, abs=1e-12)


def test_ssim_and_ms_ssim_are_those_of_torchmetrics(two) -> None:
    """torchmetrics averages over windows that reach past the border as well; inside, its map is ours."""
    torch = pytest.importorskip("torch")
    images = pytest.importorskip("torchmetrics.functional.image")
    first, second = (torch.from_numpy(picture)[None, None] for picture in two)
    _, inside = images.structural_similarity_index_measure(first, second, data_range=1.0, return_full_image=True)
    assert ssim(*two) == pytest.approx(float(inside[..., 5:-5, 5:-5].mean()), abs=1e-9)
    wanted = images.multiscale_structural_similarity_index_measure(first, second, data_range=1.0)
    assert ms_ssim(*two) == pytest.approx(float(wanted), abs=0.02)
    assert psnr(*two) == pytest.approx(float(images.peak_signal_noise_ratio(first, second, data_range=1.0)))


def test_eight_bit_films_are_not_wrapped() -> None:
    """The released PSNR squares wrapped uint8 differences: 2 grey levels up and down then differ by 254."""
    first = np.full((32, 32), 100, np.uint8)
    second = first + np.where(np.indices((32, 32)).sum(0) % 2, 2, 254).astype(np.uint8)  # up by 2, down by 2
    wrapped = np.sqrt(np.mean((first - second).astype(float) ** 2))
    assert wrapped > 100  # what the released script sees
    assert rms(first, second) * 255 == pytest.approx(2.0)
    assert psnr(first, second) == pytest.approx(20 * np.log10(255 / 2))


def test_the_same_film_scores_alike_in_every_type(draw) -> None:
    first, second = (draw.integers(0, 256, (64, 64)).astype(np.uint8) for _ in range(2))
    deep = [(film.astype(np.uint16) * 257) for film in (first, second)]
    floats = [film / 255 for film in (first, second)]
    for measure in (psnr, ssim, rms):
        assert measure(*deep) == pytest.approx(measure(first, second))
        assert measure(*floats) == pytest.approx(measure(first, second))
    assert ssim(first.astype(float), second.astype(float), data_range=255) == pytest.approx(ssim(first, second))


def test_a_hilum_image_is_taken_as_displayed(draw) -> None:
    film = Image(draw.random((40, 40)).astype(np.float32), view="PA")
    assert rms(film, film.display()) == pytest.approx(0.0, abs=1e-6)


@given(st.integers(0, 1000))
def test_equal_pictures_are_perfect_and_order_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.random((2, 48, 48))
    assert ssim(first, first) == pytest.approx(1.0)
    assert ms_ssim(first, first, scales=2) == pytest.approx(1.0)
    assert psnr(first, first) == np.inf
    assert ssim(first, second) == pytest.approx(ssim(second, first))
    assert -1 <= ssim(first, second) < 1


@pytest.mark.parametrize(
    ("film", "data_range", "said"),
    [
        (np.zeros((4, 4, 3)), None, "give one channel"),
        (np.array([[np.nan, 0.0]]), None, "1 values that are NaN"),
        (np.array([[-3.0, 210.0]]), None, "from -3 to 210"),
        (np.array([[1, 300]], dtype=np.int32), None, "give data_range"),
        (np.zeros((4, 4)), 0.0, "above 0"),
        (np.array([["a"]]), None, "numbers"),
        (np.zeros((0, 4)), None, "shape"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(film, data_range, said) -> None:
    with pytest.raises(InputError, match=said):
        unit(film, data_range)


def test_small_pictures_are_refused_with_the_size_needed() -> None:
    small = np.zeros((100, 100))
    with pytest.raises(InputError, match="at least 176"):
        ms_ssim(small, small)
    assert ms_ssim(small, small, scales=4) == pytest.approx(1.0)
    with pytest.raises(InputError, match="at least 11"):
        ssim(small[:8], small[:8])
    with pytest.raises(InputError, match="1 to 5 scales"):
        ms_ssim(small, small, scales=9)


def test_metrics_leave_out_what_cannot_be_scored_and_say_why(two) -> None:
    first, second = two
    bad = np.full_like(first, np.nan)
    pairs = Pairs((first, first, first, first), (second, second[:-1], bad, None))
    for name in ("psnr", "ssim", "ms-ssim", "pixel-rms"):
        scored = metric(name)(pairs)
        assert np.isfinite(scored.value)
        assert set(scored.unscored) == {1, 2, 3}
        assert "bring them to one size" in scored.unscored[1]
        assert "NaN" in scored.unscored[2]
    assert "infinite" in metric("psnr")(Pairs((first,), (first,))).unscored[0]
    assert "data_range:1" in metric("ssim")(pairs, data_range=1).signature


def test_a_constant_picture_is_scored_like_any_other(two) -> None:
    first, _ = two
    assert 0 < ssim(first, np.full_like(first, 0.5)) < 0.5
    assert psnr(np.zeros((16, 16)), np.ones((16, 16))) == pytest.approx(0.0)
