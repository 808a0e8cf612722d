"""The commands that print the numbers of docs/metrics-images.md do what they say."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def speed() -> ModuleType:
    return loaded(ROOT / "benchmarks" / "images.py")


@pytest.fixture(scope="module")
def generators() -> ModuleType:
    return loaded(ROOT / "benchmarks" / "generators.py")


@pytest.fixture(scope="module")
def check() -> ModuleType:
    return loaded(ROOT / "scripts" / "check_features.py")


def test_the_speed_benchmark_compares_like_with_like(speed, draw, capsys) -> None:
    real, fake = draw.normal(size=(120, 8)), draw.normal(size=(120, 8)) * 1.2
    pytest.importorskip("torchmetrics")
    pytest.importorskip("prdc")
    assert speed.torchmetrics_fid(real, fake) == pytest.approx(speed.fid(real, fake), rel=1e-5)
    assert speed.torchmetrics_kid(real, fake) == pytest.approx(float(speed.mmd(real, fake)[0]), abs=0.05)
    assert speed.prdc_all(real, fake) == speed.ours(real, fake)
    speed.timed("a sum", lambda: 1 + 1)
    assert re.search(r"a sum +0\.00 s .* GiB +2\n", capsys.readouterr().out)


def test_made_films_are_films_and_the_sick_ones_are_whiter_below(generators) -> None:
    well, sick = (
        np.mean([generators.made_film(np.random.default_rng(n), state)[70:95] for n in range(20)])
        for state in (False, True)
    )
    film = generators.made_film(np.random.default_rng(0), False)
    assert film.dtype == np.uint8
    assert film.shape == (128, 128)
    assert sick > well + 8


def test_known_generators_are_what_their_names_say(generators) -> None:
    train, _, further = generators.made_parts(0, 30)
    made = generators.known(train, further, 0)
    assert set(made) == {
        "held-out", "blurred", "noisy", "mirrored", "collapsed", "memoriser", "label-shuffled"
    }  # fmt: skip
    gaps = [
        np.abs(a.astype(int) - b.astype(int)).max() for a, b in zip(made["memoriser"].films, train.films, strict=True)
    ]
    assert max(gaps) == 2
    assert len(set(made["collapsed"].patients)) <= 10
    assert made["label-shuffled"].films is further.films
    assert sorted(made["label-shuffled"].labels) == sorted(further.labels)
    assert np.array_equal(made["mirrored"].films[0], further.films[0][:, ::-1])
    assert all(film.dtype == np.uint8 for part in made.values() for film in part.films)


def test_no_patient_of_real_films_is_in_two_parts(generators, pack, monkeypatch) -> None:
    monkeypatch.setattr("hilum.data.pack.pixels", lambda root, row: np.zeros((2, 2), np.float32))
    parts = generators.real_parts(pack, 0)
    names = [set(part.patients) for part in parts]
    assert len(set.union(*names)) == sum(map(len, names))
    assert min(len(part.films) for part in parts) > 250
    assert all(0.2 < part.labels.mean() < 0.8 for part in parts)


def test_a_label_is_read_where_it_is_and_not_where_it_is_not(generators, draw) -> None:
    labels = draw.integers(0, 2, 200)
    features = draw.normal(size=(200, 5)) + labels[:, None] * 2.0
    assert generators.readable(features, labels, features[:100], labels[:100]) > 0.95
    noise = draw.normal(size=(200, 5))
    assert generators.readable(features, labels, noise, labels) == pytest.approx(0.5, abs=0.12)


def test_a_bad_instrument_fails_the_required_verdicts(generators) -> None:
    """Were every generator to score alike, nearly every required verdict would be missing."""
    names = ("held-out", "blurred", "noisy", "mirrored", "collapsed", "memoriser", "label-shuffled")
    flat = dict.fromkeys(
        [*generators.METRICS, *generators.PRIVATE, "radial-spectrum-slope", "alignment", "utility"], 1.0
    )
    calm = SimpleNamespace(outcome="no sign of copies")
    rows = [generators.Row(name, dict(flat), calm, calm) for name in names]
    assert sum(generators.required(rows).values()) <= 1


def test_halves_share_no_patient_and_are_of_one_size(check) -> None:
    patients = [f"p{n % 11}" for n in range(40)] + ["kermany-IM"] * 6
    unseen = SimpleNamespace(rows=[SimpleNamespace(patient=name) for name in patients])
    one, other = check.halves(unseen, range(46), seed=3)
    assert len(one) == len(other)
    named = [{patients[n] for n in part if n < 40} for part in (one, other)]
    assert not named[0] & named[1]
    assert check.halves(unseen, range(46), seed=3) == (one, other)
    assert check.halves(unseen, range(46), seed=4) != (one, other)


def test_the_card_says_what_the_network_is_not_for(check) -> None:
    assert any("findings" in line for line in check.ABOUT["not_for"])
    assert "research" in check.ABOUT["intended_use"]
    assert check.ABOUT["checked_by"].split()[1] == "scripts/check_features.py"


@pytest.mark.slow
def test_the_bone_table_is_that_of_the_page(pack) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "bone_suppression.py"), "--data", str(pack)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line for line in done.stdout.splitlines() if "the film untouched" in line]
    page = (ROOT / "docs" / "metrics-images.md").read_text(encoding="utf-8")
    published = " ".join(f"{float(row.split()[-4]):.3f}" for row in rows)
    assert f"| the film untouched | {published} | 0 0 0 0 |" in page
