"""The measures of generators give the known verdicts on generators of known quality (benchmarks/generators.py)."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hilum.data.pack import pack as cohort
from hilum.data.pack import pixels, rows
from hilum.measure import privacy
from hilum.measure.features import features
from hilum.measure.frechet import fid
from hilum.measure.metrics.privacy import identities
from hilum.measure.pictures import rms, shrunk

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generators", BENCHMARKS / "generators.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["generators"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_made_films_of_known_generators(bench) -> None:
    scored = bench.run(bench.made_parts(0, 120))
    required = bench.required(scored)
    assert [text for text, held in required.items() if not held] == []
    by = {row.name: row for row in scored}
    assert by["memoriser"].pixel.outcome == "copies"
    assert by["collapsed"].scores["recall"] < 0.1
    assert by["memoriser"].scores["authenticity"] < 0.05


@pytest.mark.slow
def test_real_films_of_known_generators(bench, pack) -> None:
    required = bench.required(bench.run(bench.real_parts(pack, 0)))
    assert [text for text, held in required.items() if not held] == []


@pytest.fixture(scope="module")
def visits(pack) -> tuple[list[np.ndarray], list[str]]:
    """Adult films at 512 px of patients that the network has not seen."""
    split = cohort(pack).split_of
    chosen = [row for row in rows(pack, ("nih512",)) if split(row.patient) == "test"]
    return [pixels(pack, row) for row in chosen], [row.patient for row in chosen]


def test_copy_is_nearer_than_the_same_patient_and_that_than_another(visits) -> None:
    films, patients = visits
    named = np.array(patients)
    table, identity = features(films), identities(films)
    low = np.stack([shrunk(film, 32, 32) for film in films])
    first, second = np.triu_indices(len(films), 1)
    same = named[first] == named[second]
    copies = [np.clip(film + np.random.default_rng(0).integers(-2, 3, film.shape) / 255, 0, 1) for film in films[:40]]
    by_pixel = np.sqrt(np.mean((low[first] - low[second]) ** 2, axis=(1, 2)))
    by_feature = privacy.latent_distance(table[first], table[second])
    by_person = 1 - privacy.likeness(identity[first], identity[second])
    of_copies = {
        "pixel": [rms(a, b) for a, b in zip(films, copies, strict=False)],
        "feature": privacy.latent_distance(table[:40], features(copies)),
        "person": 1 - privacy.likeness(identity[:40], identities(copies)),
    }
    for name, distance in (("pixel", by_pixel), ("feature", by_feature), ("person", by_person)):
        order = [np.median(of_copies[name]), np.median(distance[same]), np.median(distance[~same])]
        assert order == sorted(order), name
        assert order[0] < 0.5 * order[1], name


@pytest.mark.parametrize("how", ["grey", "nudged", "flipped"])
def test_planted_copies_of_real_films_are_found(visits, how) -> None:
    films, patients = visits
    train_patients = set(sorted(set(patients))[::2])
    small = [shrunk(film, 128, 128) for film in films]
    train = [f for f, p in zip(small, patients, strict=True) if p in train_patients]
    real = [f for f, p in zip(small, patients, strict=True) if p not in train_patients]
    change = {"grey": lambda f: f + 2 / 255, "nudged": lambda f: np.roll(f, 3, axis=1), "flipped": lambda f: f[:, ::-1]}
    planted = [np.clip(change[how](film), 0, 1) for film in train[:20]]
    made, held_out = (privacy.nearest_pixels(s, train) for s in (planted + real[:20], real))
    judged = privacy.verdict(made.distance, held_out.distance)
    assert judged.outcome == "copies"
    assert (made.distance[:20] < judged.threshold).sum() >= 19
    assert (made.which[:20] == np.arange(20)).sum() >= 19


def test_a_real_copy_fools_the_released_eight_bit_distance(visits) -> None:
    first, second = (np.rint(film * 255).astype(np.uint8) for film in (visits[0][0], visits[0][-1]))
    rng = np.random.default_rng(1)
    copy = np.clip(first.astype(int) + rng.integers(-2, 3, first.shape), 0, 255).astype(np.uint8)
    wrapped = [float(np.sqrt(np.mean((first - other).astype(float) ** 2))) for other in (copy, second)]
    assert wrapped[0] > 0.85 * wrapped[1]  # the copy seems as far away as a stranger
    assert rms(first, copy) < 0.05 * rms(first, second)


def test_distance_grows_with_every_fault_on_unseen_films(visits) -> None:
    films, patients = visits
    first = set(sorted(set(patients))[::2])
    real = features([f for f, p in zip(films, patients, strict=True) if p in first])
    other = [shrunk(f, 128, 128) for f, p in zip(films, patients, strict=True) if p not in first]
    rng = np.random.default_rng(0)
    blurred = [fid(real, features([gaussian_filter(f, sd) for f in other])) for sd in (0.0, 2.0, 4.0)]
    noisy = [fid(real, features([np.clip(f + rng.normal(0, s, f.shape), 0, 1) for f in other])) for s in (0.08, 0.2)]
    assert blurred == sorted(blurred)
    assert blurred[0] < noisy[0] < noisy[1]
    assert fid(real, features([f[:, ::-1] for f in other])) > 2 * blurred[0]
    assert fid(real, features([np.full((64, 64), 0.5)] * 20)) > 3 * blurred[0]


def test_the_card_is_reproduced_on_the_same_films(visits) -> None:
    from hilum.measure.features import WEIGHTS
    from hilum.measure.stats import auroc_interval

    films, patients = visits
    card = json.loads((WEIGHTS.parent / "card.json").read_text(encoding="utf-8"))["checks"]["same patient"][0]
    identity, named = identities(films), np.array(patients)
    first, second = np.triu_indices(len(films), 1)
    scores = privacy.likeness(identity[first], identity[second])
    found = auroc_interval(named[first] == named[second], scores, named[first], replicates=20)
    assert found.value == pytest.approx(float(card["identity, all pairs"]["auroc"].split()[0]), abs=0.002)


def test_the_example_on_the_page_runs_as_written() -> None:
    page = (BENCHMARKS.parent / "docs" / "metrics-images.md").read_text(encoding="utf-8")
    exec(re.search(r"```python\n(.*?)```", page, re.S)[1], {})
