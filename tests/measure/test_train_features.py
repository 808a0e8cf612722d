"""What fid-local is taught: films are altered as told, losses reward the right thing, and no withheld film is used."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hilum.data.pack import pack as cohort

torch = pytest.importorskip("torch")
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_features", SCRIPTS / "train_features.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_features"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def films() -> object:
    return torch.rand(12, 1, 96, 96, generator=torch.Generator().manual_seed(0))


def test_the_network_gives_what_its_users_expect(script, films) -> None:
    net = script.Network().eval()
    out = net(films)
    assert out.features.shape == (12, 128)
    assert out.identity.norm(dim=1).tolist() == pytest.approx([1.0] * 12, abs=1e-5)
    assert [layer.ndim for layer in out[2:]] == [4] * 4
    assert sum(p.numel() for p in net.parameters()) * 4 < 1_500_000


def test_left_is_kept_apart_from_right(script) -> None:
    """Means over a whole map could not tell a film from its mirror image; quarters can."""
    torch.manual_seed(0)
    net = script.Network().eval()
    film = torch.zeros(1, 1, 96, 96)
    film[..., :30] = 1.0
    with torch.inference_mode():
        gap = (net(film).features - net(film.flip(3)).features).abs().max()
    assert float(gap) > 0.01


def test_films_are_altered_as_told_and_stay_in_range(script, films) -> None:
    changed, told = script.alter(films, np.random.default_rng(0))
    assert changed.shape == films.shape
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert set(told) == {"mirrored", "blur", "noise"}
    assert set(told["mirrored"].flatten().tolist()) <= {0.0, 1.0}
    for name in ("blur", "noise"):
        assert 0 <= float(told[name].min()) <= float(told[name].max()) <= 1


def test_the_same_seed_alters_alike(script, films) -> None:
    first, second = (script.alter(films, np.random.default_rng(3))[0] for _ in range(2))
    assert torch.equal(first, second)


def test_blur_is_a_gaussian_of_the_sigma_asked(script) -> None:
    dot = torch.zeros(3, 1, 41, 41)
    dot[:, :, 20, 20] = 1.0
    spread = script.smear(dot, np.array([0.0, 1.0, 2.0]))
    reach = torch.arange(41) - 20.0
    variance = (spread.sum((1, 2)) * reach**2).sum(1)
    assert spread.sum((1, 2, 3)).tolist() == pytest.approx([1.0, 1.0, 1.0], abs=1e-4)
    assert variance.tolist() == pytest.approx([0.0, 1.0, 4.0], abs=0.05)


def test_identity_loss_is_low_where_patients_lie_together(script) -> None:
    patients = np.repeat(np.arange(4.0), 2)
    together = torch.eye(4).repeat_interleave(2, 0)
    apart = torch.nn.functional.normalize(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    assert float(script.identity_loss(together, patients)) < 0.01 < float(script.identity_loss(apart, patients))


def test_what_a_film_does_not_tell_teaches_nothing(script) -> None:
    heads = torch.nn.ModuleDict({"sex": torch.nn.Linear(4, 1), "age": torch.nn.Linear(4, 1)})
    features = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    unknown = {"sex": torch.full((5, 1), torch.nan), "age": torch.full((5, 1), torch.nan)}
    assert float(script.told_loss(features, heads, unknown)) == 0.0
    known = {"sex": unknown["sex"].clone(), "age": unknown["age"]}
    known["sex"][2] = 1.0
    loss = script.told_loss(features, heads, known)
    loss.backward()
    assert float(loss.detach()) > 0
    assert heads["age"].weight.grad is None


def test_only_films_that_may_be_learned_from_are(script, pack) -> None:
    chosen = script.usable(pack)
    split = cohort(pack).split_of
    assert len(chosen) > 3000
    assert not any("-NC" in row.licence for row in chosen)
    assert not any(split(row.patient) == "test" for row in chosen)
    assert not any(row.source in ("covid_cc", "nih1024") for row in chosen)
