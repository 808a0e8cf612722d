"""Copies are caught however they are dressed up; the released 8-bit distance would miss them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from hilum.core.errors import InputError
from hilum.measure import privacy
from hilum.measure.metric import metric
from hilum.measure.pictures import rms
from hilum.measure.sets import FeatureSets, ImageSets


def films(rng: np.random.Generator, count: int, side: int = 96) -> list[np.ndarray]:
    """Smooth 8-bit pictures of no two alike."""
    made = []
    for _ in range(count):
        picture = gaussian_filter(rng.normal(size=(side, side)), side / 12)
        made.append(np.rint(60 + 130 * (picture - picture.min()) / np.ptp(picture)).astype(np.uint8))
    return made


def distance_in_eight_bits(first: np.ndarray, second: np.ndarray) -> float:
    """What the released script computes: the difference is taken, and squared, in the type of the files."""
    gap = first - second
    return float(np.sqrt(np.sum((gap * gap).astype(np.float64)) / gap.size))


def released(first: np.ndarray, second: np.ndarray) -> float:
    """The same with the square taken later, the milder of two ways to read it; the subtraction still wraps."""
    return float(np.sqrt(np.mean((first - second).astype(np.float64) ** 2)))


def test_the_released_distance_cannot_tell_a_copy_from_a_stranger(draw) -> None:
    """A film and itself with 2 grey levels more or less: truly 2 apart, by wrapped differences about 180."""
    film, stranger = films(draw, 2)
    copy = (film.astype(int) + np.where(draw.random(film.shape) < 0.5, -2, 2)).astype(np.uint8)
    assert released(film, copy) > 150
    assert released(film, copy) > 0.8 * released(film, stranger)  # no telling which is the copy
    assert distance_in_eight_bits(film, copy) == pytest.approx(2.0)  # 4 for either sign, as 254 x 254 wraps to 4 ...
    assert distance_in_eight_bits(film, stranger) < 16  # ... but then no two films are ever more than 16 apart
    assert rms(film, copy) * 255 == pytest.approx(2.0)
    assert rms(film, copy) < 0.1 * rms(film, stranger)


def dressed(film: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    changes = {
        "two grey levels": lambda f: f + rng.integers(-2, 3, f.shape),
        "nudged": lambda f: shift(f.astype(float), (2, -3), mode="nearest", order=1),
        "flipped": lambda f: f[:, ::-1],
        "flipped and nudged": lambda f: shift(f[:, ::-1].astype(float), (-2, 2), mode="nearest", order=1),
        "blurred": lambda f: gaussian_filter(f.astype(float), 2),
        "recompressed": lambda f: (f // 8) * 8 + 4,
    }
    return np.clip(np.rint(changes[how](film)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "how", ["two grey levels", "nudged", "flipped", "flipped and nudged", "blurred", "recompressed"]
)
def test_planted_copies_are_found_and_named(how, draw) -> None:
    train, held_out, made = films(draw, 60), films(draw, 80), films(draw, 40)
    planted = draw.choice(60, 12, replace=False)
    made[:12] = [dressed(train[n], how, draw) for n in planted]
    sets = ImageSets(held_out, made, train)
    scored = metric("copies/pixel")(sets)
    assert list(scored.values[:12]) == [1.0] * 12
    assert [note["train"] for note in scored.notes[:12]] == list(planted)
    assert scored.values[12:].mean() < 0.15
    near = [privacy.nearest_pixels(s, train).distance for s in (made, held_out)]
    judged = privacy.verdict(*near)
    assert judged.outcome == "copies"
    assert "copies: 1" in str(judged)
    assert privacy.verdict(near[0][12:], near[1]).outcome == "no sign of copies"


def test_flips_are_looked_for_only_where_asked(draw) -> None:
    train = films(draw, 5)
    flipped = [film[:, ::-1] for film in train]
    assert privacy.nearest_pixels(flipped, train).distance.max() == pytest.approx(0.0, abs=1e-6)
    assert privacy.nearest_pixels(flipped, train, mirrored=False).distance.min() > 0.02


def test_the_distance_of_unshifted_films_is_their_rms(draw) -> None:
    low = [film.astype(float) / 255 for film in films(draw, 3, 32)]
    found = privacy.nearest_pixels([low[0] + 0.05], [low[0]], data_range=1.0)
    assert found.distance[0] == pytest.approx(0.05, abs=1e-6)


def test_the_threshold_is_a_quantile_of_real_neighbours() -> None:
    held_out = np.arange(1.0, 101.0)
    assert privacy.threshold(held_out) == 2.0
    assert privacy.verdict(np.full(50, 50.0), held_out).outcome == "no sign of copies"
    found = privacy.verdict(np.full(50, 0.5), held_out)
    assert (found.outcome, found.made, found.held_out) == ("copies", 50, 1)
    with pytest.raises(InputError, match="takes 50 of them or more, got 30"):
        privacy.threshold(held_out[:30])


def test_honest_generators_are_rarely_called_copiers(draw) -> None:
    calls = [privacy.verdict(draw.normal(10, 1, 200), draw.normal(10, 1, 200)).outcome for _ in range(200)]
    assert calls.count("copies") <= 10


@pytest.fixture
def spaces(draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(draw.normal(size=(3, 200, 10)))  # type: ignore[return-value]


def test_copies_by_features_authenticity_and_closeness(spaces, draw) -> None:
    train, real, honest = spaces
    copied = train + draw.normal(0, 0.01, train.shape)
    good, bad = FeatureSets(real, honest, train), FeatureSets(real, copied, train)
    assert metric("copies/latent")(bad).value == 1.0
    assert metric("copies/latent")(good).value < 0.1
    assert metric("authenticity")(bad).value == 0.0
    assert metric("authenticity")(good).value > 0.5
    assert metric("nearest-in-train")(bad).value == 1.0
    assert metric("nearest-in-train")(good).value == pytest.approx(0.5, abs=0.12)
    assert max(note["ratio"] for note in metric("nearest-in-train")(bad).notes) < 0.1


def test_closeness_is_not_moved_by_how_many_films_either_side_has(spaces) -> None:
    train, real, honest = spaces
    uneven = FeatureSets(real[:60], honest, train)
    assert metric("nearest-in-train")(uneven).value == pytest.approx(0.5, abs=0.15)


def test_latent_distance_and_likeness_are_their_formulas(draw) -> None:
    first, second = draw.normal(size=(2, 7, 16))
    assert privacy.latent_distance(first, second) == pytest.approx(np.sqrt(np.mean((first - second) ** 2, axis=1)))
    assert privacy.likeness(first, first) == pytest.approx(np.ones(7))
    assert privacy.likeness(first, -first) == pytest.approx(np.zeros(7))
    near = privacy.nearest_likeness(first, second)
    table = np.array([[privacy.likeness(a[None], b[None])[0] for b in second] for a in first])
    assert near.distance == pytest.approx(table.max(axis=1))
    assert list(near.which) == list(table.argmax(axis=1))


def test_worst_over_the_seeds_of_a_prompt() -> None:
    values, prompts = np.array([0.3, 0.1, 0.9, 0.5]), ["a", "b", "a", "b"]
    assert list(privacy.worst(values, prompts, worst_is="highest")) == [0.9, 0.5]
    assert list(privacy.worst(values, prompts, worst_is="lowest")) == [0.3, 0.1]
    with pytest.raises(InputError, match="one for each"):
        privacy.worst(values, ["a"], worst_is="lowest")


def test_privacy_without_training_films_is_refused_in_a_sentence(draw) -> None:
    pictures = films(draw, 3)
    for name in ("copies/pixel", "reid"):
        with pytest.raises(InputError, match="'train'"):
            metric(name)(ImageSets(pictures, pictures))
    for name in ("copies/latent", "authenticity", "nearest-in-train"):
        with pytest.raises(InputError, match="'train'"):
            metric(name)(FeatureSets(np.eye(3), np.eye(3)))
    with pytest.raises(InputError, match="give made and training films"):
        privacy.nearest_pixels([], pictures)
    with pytest.raises(InputError, match="NaN"):
        privacy.nearest_pixels([np.full((40, 40), np.nan)], pictures)
