"""The training loop: it learns, repeats itself and resumes where it stopped."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.fit import Fit, fit, rate_at  # noqa: E402

SPEC = Fit(steps=12, rate=0.05, bf16=False, save_every=4, log_every=4, average=0.5, decay=0.0)


def net() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1)
    )


def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
    return x, x.sum(dim=1, keepdim=True)


def loss(model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
    value = torch.nn.functional.mse_loss(model(batch[0]), batch[1])
    return value, {"squared": float(value.detach())}


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_rate_rises_then_falls_to_zero() -> None:
    spec = Fit(steps=100, warmup=0.1)
    rates = [rate_at(step, spec) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert all(a >= b for a, b in pairwise(rates[10:]))
    assert rates[-1] < 0.001


def test_loss_falls() -> None:
    seen: list[float] = []
    spec = Fit(steps=60, rate=0.1, bf16=False, log_every=1)
    fit(torch.nn.Linear(3, 1), batches, loss, spec, seed=1, progress=lambda _, row: seen.append(row["loss"]))
    assert sum(seen[-10:]) < 0.5 * sum(seen[:10])


def test_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    first, second, other = (weights(fit(net(), batches, loss, SPEC, seed=s)) for s in (1, 1, 2))
    assert same(first, second)
    assert not same(first, other)


def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    whole = weights(fit(net(), batches, loss, SPEC, seed=1))

    def stops(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        if step == 9:
            raise KeyboardInterrupt
        return batches(step)

    with pytest.raises(KeyboardInterrupt):
        fit(net(), stops, loss, SPEC, seed=1, folder=tmp_path)
    resumed = weights(fit(net(), batches, loss, SPEC, seed=1, folder=tmp_path, resume=True))
    assert same(whole, resumed)


def test_log_has_one_header_and_a_row_per_interval(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    fit(net(), batches, loss, SPEC, seed=1, folder=tmp_path)
    with (tmp_path / "log.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["4", "8", "12"]
    assert set(rows[0]) == {"step", "seconds", "loss", "squared"}


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    fit(net(), batches, loss, SPEC, seed=1, folder=tmp_path)
    with pytest.raises(InputError, match="another network"):
        fit(torch.nn.Sequential(torch.nn.Linear(3, 1)), batches, loss, SPEC, seed=1, folder=tmp_path, resume=True)


def test_the_slow_part_moves_less() -> None:
    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = torch.nn.Linear(3, 3), torch.nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.encoder(x))

    torch.manual_seed(0)
    model = Two()
    before = weights(model)
    fit(model, batches, loss, Fit(steps=3, rate=0.01, slow=0.0, bf16=False, decay=0.0), seed=1)
    after = weights(model)
    assert torch.equal(before["encoder.weight"], after["encoder.weight"])
    assert not torch.equal(before["head.weight"], after["head.weight"])
