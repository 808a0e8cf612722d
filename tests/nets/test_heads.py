"""LSE pooling against its limits, and the film reader's contract."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from hilum.nets.heads import FilmReader, FindingHead, LungField, lse_pool  # noqa: E402


@pytest.fixture
def maps() -> torch.Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_lse_tends_to_the_mean_for_small_r(maps: torch.Tensor) -> None:
    assert torch.allclose(lse_pool(maps, r=1e-4), maps.mean(dim=(2, 3)), atol=1e-3)


def test_lse_tends_to_the_maximum_for_large_r(maps: torch.Tensor) -> None:
    assert torch.allclose(lse_pool(maps, r=1e4), maps.amax(dim=(2, 3)), atol=1e-3)


def test_lse_lies_between_mean_and_maximum_and_rises_with_r(maps: torch.Tensor) -> None:
    pooled = [lse_pool(maps, r=r) for r in (0.1, 1.0, 10.0)]
    assert (pooled[0] >= maps.mean(dim=(2, 3))).all()
    assert (pooled[0] <= pooled[1]).all()
    assert (pooled[1] <= pooled[2]).all()
    assert (pooled[2] <= maps.amax(dim=(2, 3))).all()


def test_lse_is_the_papers_formula(maps: torch.Tensor) -> None:
    peak = maps.amax(dim=(2, 3), keepdim=True)
    direct = peak[..., 0, 0] + torch.log(torch.exp(10 * (maps - peak)).mean(dim=(2, 3))) / 10
    assert torch.allclose(lse_pool(maps, r=10.0), direct)


def test_lse_of_a_very_negative_map_is_finite_where_the_papers_shift_underflows() -> None:
    maps = torch.full((1, 1, 4, 4), -50.0)
    shift = maps.abs().amax()
    papers = shift + torch.log(torch.exp(10 * (maps - shift)).mean()) / 10
    assert math.isinf(float(papers))
    assert float(lse_pool(maps, r=10.0)) == pytest.approx(-50.0, abs=1e-4)


def test_lse_gradient_goes_to_the_brightest_place() -> None:
    maps = torch.zeros(1, 1, 2, 2, requires_grad=True)
    with torch.no_grad():
        maps[0, 0, 1, 1] = 2.0
    lse_pool(maps, r=10.0).sum().backward()
    assert float(maps.grad[0, 0, 1, 1]) == pytest.approx(1.0, abs=1e-6)


def test_finding_head_starts_near_five_percent() -> None:
    head = FindingHead(4, 6, width=8, classes=3).eval()
    maps, logits = head(torch.rand(2, 4, 8, 8), torch.rand(2, 6, 4, 4))
    assert maps.shape == (2, 3, 8, 8)
    assert torch.allclose(logits.sigmoid(), torch.tensor(0.05), atol=0.02)


def test_reader_answers_every_head_in_one_pass() -> None:
    net = FilmReader(15).eval()
    with torch.inference_mode():
        out = net(torch.rand(2, 1, 64, 64))
    shapes = {name: tuple(value.shape) for name, value in out._asdict().items()}
    assert shapes == {
        "chest": (2,), "inverted": (2,), "rotation": (2, 4), "view": (2, 3), "findings": (2, 15),
        "maps": (2, 15, 4, 4), "lung": (2, 1, 64, 64), "features": (2, 1280), "distance": (2,),
    }  # fmt: skip


def test_distance_is_squared_and_counted_from_the_centre() -> None:
    net = FilmReader(2, directions=3).eval()
    with torch.inference_mode():
        out = net(torch.rand(1, 1, 64, 64))
        whiten = torch.zeros(3, 1280)
        whiten[0, 5] = 2.0
        center = out.features[0].clone()
        center[5] -= 3.0
        film = torch.rand(1, 1, 64, 64)
        before = net(film)
        net.set_distance(center, whiten)
        after = net(film)
    assert float(before.distance) == 0.0
    assert float(after.distance) == pytest.approx(4 * float(before.features[0, 5] - center[5]) ** 2, rel=1e-4)


def test_the_lung_field_trains_the_decoder_and_leaves_the_encoder_alone() -> None:
    reader = FilmReader(2).train()
    before = {name: value.clone() for name, value in reader.encoder.state_dict().items()}
    field = LungField(reader)
    assert {name.split(".")[0] for name, _ in field.named_parameters()} == {"decoder"}
    optimizer = torch.optim.SGD(field.parameters(), lr=0.1)
    logits = field(torch.rand(2, 1, 64, 64))
    assert logits.shape == (2, 1, 64, 64)
    logits.mean().backward()
    optimizer.step()
    assert all(torch.equal(before[name], value) for name, value in reader.encoder.state_dict().items())
    assert reader.decoder.predict.weight.grad is not None
