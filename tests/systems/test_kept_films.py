"""Recipes that train on a named data set learn the same from rows on disk as from rows in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
pytest.importorskip("safetensors", reason="safetensors (extra 'train') is not installed")

from hilum.learn.pairs import Pairs  # noqa: E402
from hilum.learn.stored import StoredArray  # noqa: E402
from hilum.systems import _benchx_data, _label_text, _radzero_train, _stage1, cxr_llava, mlrg, sei  # noqa: E402
from hilum.systems._radzero_look import cached, standardised, too_many  # noqa: E402
from hilum.systems._radzero_recipe import Recipe  # noqa: E402
from tests.learn.test_pair_store import assert_same  # noqa: E402
from tests.systems.made_films import made_dataset  # noqa: E402

LOADERS = (_label_text, _stage1, _radzero_train, _benchx_data)
STAGE = {"size": 32, "steps": 3, "batch": 6, "trunk_steps": 2, "grid": 2, "save_every": 2}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HILUM_CACHE", str(place))
    return place


def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in LOADERS:
        monkeypatch.setattr(each, "SMALL", 0)


def loaded(name: str, data: str) -> Pairs:
    """The rows that a recipe's loader gives."""
    if name == "label text":
        return _label_text.films_of(data, size=32, patients=1, seed=0)
    if name == "first stages":
        return _stage1.pairs_of(data, _stage1.Stage1(size=32), seed=0, say=lambda line: None)
    if name == "benchx":
        return _benchx_data.pairs_of(data, size=32)
    return _radzero_train.films_of(data, Recipe(px=64), seed=0)[0]


@pytest.mark.parametrize("name", ["label text", "first stages", "benchx", "radzero"])
def test_a_named_set_is_the_same_on_disk(name: str, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = made_dataset()
    held = loaded(name, data)
    assert not (own_cache / "films").exists() or not list((own_cache / "films").glob("*/*"))
    on_disk(monkeypatch)
    kept = loaded(name, data)
    assert isinstance(kept.films, StoredArray)
    assert len(list((own_cache / "films").glob("made-studies-*/*"))) == 1
    assert_same(kept, held)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "settings", "file"),
    [
        (sei, STAGE, "encoder.safetensors"),
        (mlrg, STAGE, "encoder.safetensors"),
        (cxr_llava, {"size": 32, "steps": 2, "clip_steps": 2, "batch": 4, "save_every": 2}, "model.safetensors"),
    ],
)
def test_a_recipe_learns_the_same_from_disk(
    system: object, settings: Mapping[str, object], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    data = made_dataset()
    made = [tmp_path / "memory", tmp_path / "disk"]
    for place in made:
        system.train(data=data, out=place, settings=settings)  # type: ignore[attr-defined]
        on_disk(monkeypatch)
    one, two = (load_file(place / file) for place in made)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_what_is_too_much_to_keep_is_looked_at_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from hilum.nets.towers import SmallImage
    from hilum.systems import _radzero_look, _radzero_texts

    encoder, films = SmallImage(16), np.random.default_rng(0).integers(0, 255, (12, 32, 32), np.uint8)
    held = cached(encoder, films, versions=2).patches
    for bytes_, expected in ((held.numel() * 2, False), (held.numel() * 2 - 1, True)):
        monkeypatch.setattr(_radzero_look, "IN_MEMORY", bytes_)
        assert too_many(encoder, films, 2) is expected
    whole = standardised(encoder, films, 16)
    assert torch.allclose(whole.mean, held[0].float().mean((0, 1)), atol=1e-5)
    monkeypatch.setattr(_radzero_look, "ENOUGH", 4)
    assert torch.allclose(standardised(encoder, films, 16).mean, held[0, ::3].float().mean((0, 1)), atol=1e-5)
    monkeypatch.setattr(_radzero_texts, "IN_MEMORY", 10)
    table = _radzero_texts._table(3, 4)
    assert isinstance(table, np.memmap)
    table[1, 2] = True
    assert np.argwhere(table).tolist() == [[1, 2]]
