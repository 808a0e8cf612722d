"""States as files: round trips by name, files of earlier versions, and writes that fail."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.checkpoint import fill, forget, load_state, read_state, save_state, write_tensors  # noqa: E402


def made(seed: int = 0) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """A small network after three steps, its parameters in groups of another order than theirs."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    vectors = [parameter for parameter in net.parameters() if parameter.ndim == 1]
    kernels = [parameter for parameter in net.parameters() if parameter.ndim > 1]
    optimizer = torch.optim.AdamW([{"params": vectors}, {"params": kernels}], lr=0.1)
    for step in range(3):
        optimizer.zero_grad()
        net(torch.randn(8, 3, generator=torch.Generator().manual_seed(step + seed))).square().mean().backward()
        optimizer.step()
    return net, optimizer


def moments(net: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {f"{name}.{key}": value for name, parameter in net.named_parameters()
            for key, value in optimizer.state[parameter].items()}  # fmt: skip


def test_a_state_comes_back_whole(tmp_path: Path) -> None:
    net, optimizer = made()
    average = {name: value * 2 for name, value in net.state_dict().items()}
    path = tmp_path / "state.safetensors"
    save_state(path, step=7, net=net, average=average, optimizer=optimizer, numbers={"best_value": float("inf")})
    other, its = made(seed=5)
    held = read_state(tmp_path)
    assert held is not None
    kept = {name: torch.zeros_like(value) for name, value in other.state_dict().items()}
    assert load_state(held, net=other, average=kept, optimizer=its) == (7, {"best_value": float("inf")})
    for one, two in (
        (net.state_dict(), other.state_dict()),
        (average, kept),
        (moments(net, optimizer), moments(other, its)),
    ):
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_moments_find_their_parameters_by_name_whatever_the_order_of_the_groups(tmp_path: Path) -> None:
    net, optimizer = made()
    save_state(tmp_path / "state.safetensors", step=1, net=net, average=None, optimizer=optimizer)
    other, _ = made(seed=5)
    its = torch.optim.AdamW(other.parameters(), lr=0.1)
    held = read_state(tmp_path)
    assert held is not None
    load_state(held, net=other, average={}, optimizer=its)
    assert all(torch.equal(value, moments(other, its)[name]) for name, value in moments(net, optimizer).items())


def test_a_state_of_an_earlier_version_that_counts_its_moments_is_read(tmp_path: Path) -> None:
    net, optimizer = made()
    tensors = {"step": torch.tensor(3)} | {f"net.{name}": value for name, value in net.state_dict().items()}
    tensors |= {f"average.{name}": value.clone() for name, value in net.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"moment.{index}.{key}": value for key, value in state.items()}
    other, its = made(seed=5)
    assert load_state(tensors, net=other, average={}, optimizer=its)[0] == 3
    assert all(torch.equal(value, moments(other, its)[name]) for name, value in moments(net, optimizer).items())
    tensors["moment.99.step"] = torch.tensor(1.0)
    with pytest.raises(InputError, match="it has moments of '99', which does not learn here"):
        load_state(tensors, net=other, average={}, optimizer=its)


def test_filling_names_the_first_that_differs() -> None:
    net, _ = made()
    weights = dict(net.state_dict())
    with pytest.raises(InputError, match=r"x belongs to another network: it has no '2\.bias', which is \(1,\) here"):
        fill(net, {name: value for name, value in weights.items() if name != "2.bias"}, "x")
    with pytest.raises(InputError, match=r"'1\.weight' is \(9,\) there and \(4,\) here"):
        fill(net, weights | {"1.weight": torch.zeros(9)}, "x")
    with pytest.raises(InputError, match=r"'3\.weight' is not in this one"):
        fill(net, weights | {"3.weight": torch.zeros(9)}, "x")


def test_a_place_that_cannot_be_written_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write the state of step 4 .* no earlier state is there"):
        write_tensors({"a": torch.zeros(1)}, tmp_path / "nowhere" / "state.safetensors", step=4)
    (tmp_path / "state.safetensors").mkdir()
    with pytest.raises(InputError, match="cannot write the state of step 5"):
        write_tensors({"a": torch.zeros(1)}, tmp_path / "state.safetensors", step=5)
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]


def test_views_and_shared_weights_are_written_as_values(tmp_path: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    write_tensors({"a": base.T, "b": base[0], "c": base}, tmp_path / "x.safetensors", step=0, facts={"step": "0"})
    read = safetensors.load_file(tmp_path / "x.safetensors")
    assert torch.equal(read["a"], base.T)
    assert torch.equal(read["b"], base[0])


def test_forgetting_takes_states_and_leaves_the_rest(tmp_path: Path) -> None:
    (tmp_path / "shards.json").write_text('{"step": 1, "files": ["shard-1-1-of-1.safetensors"]}')
    for name in ("state.safetensors", "best.safetensors", "shard-1-1-of-1.safetensors", "card.json"):
        (tmp_path / name).write_bytes(b"")
    forget(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]
    forget(tmp_path)
