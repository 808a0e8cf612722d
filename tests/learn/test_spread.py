"""Two processes, started by torchrun over gloo, against one process on the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors")
if not torch.distributed.is_available():
    pytest.skip("this build of torch has no distributed package", allow_module_level=True)

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.learn.checkpoint import gather_shards, joined_shards, read_state  # noqa: E402
from hilum.learn.fit import fit  # noqa: E402
from hilum.learn.running import Running, current, running  # noqa: E402
from hilum.learn.spread import device_of, from_first, joined, lent, means, text_from_first, world  # noqa: E402
from tests.learn import spread_case  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
Runs = dict[str, dict[str, "torch.Tensor"]]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what two processes did."""
    folder = tmp_path_factory.mktemp("pair")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(ROOT / "tests" / "learn" / "spread_case.py"), str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def gap(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> float:
    assert one.keys() == two.keys()
    return max(float((one[name].double() - two[name].double()).abs().max()) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["ddp", "ddp-pieces", "fsdp", "fsdp-pieces", "shards", "stop-ddp", "stop-fsdp"])
def test_two_processes_end_where_one_does(pair: Path, tmp_path: Path, case: str) -> None:
    spread_case.run(case, tmp_path)
    assert gap(spread_case.ended(tmp_path), spread_case.ended(pair / case)) <= spread_case.TOLERANCE
    assert json.loads((pair / case / "fit.json").read_text())["processes"] == 2
    losses = [[float(line.split(",")[2]) for line in (at / "log.csv").read_text().splitlines()[1:]]
              for at in (tmp_path, pair / case)]  # fmt: skip
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("spread", ["ddp", "fsdp"])
def test_the_gradient_of_two_uneven_parts_is_that_of_the_whole_batch(pair: Path, spread: str) -> None:
    model = spread_case.net()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    spread_case.loss(model, spread_case.batches(0))[0].backward()
    after = spread_case.ended(pair / f"gradient-{spread}")
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(before[name] - after[name], parameter.grad, rtol=0, atol=spread_case.TOLERANCE)
        assert float(parameter.grad.abs().max()) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("case", ["budget", "budget-fsdp"])
def test_two_processes_agree_on_the_steps_that_a_time_has(pair: Path, tmp_path: Path, case: str) -> None:
    told = json.loads((pair / case / "fit.json").read_text())
    assert told["steps"] >= 1
    assert told["budget_s"] == 1.0
    spec, _ = spread_case.CASES[case]
    alone = fit(spread_case.net(), spread_case.batches, spread_case.loss, replace(spec, steps=told["steps"]), seed=1)
    assert gap(dict(alone.state_dict()), spread_case.ended(pair / case)) <= told["steps"] * spread_case.TOLERANCE


@pytest.mark.slow
def test_what_never_thaws_is_bit_identical_in_two_processes(pair: Path) -> None:
    start = spread_case.net().state_dict()
    for case in ("ddp", "fsdp"):
        end = spread_case.ended(pair / case)
        for name in ("encoder.0.weight", "encoder.0.bias"):
            assert torch.equal(start[name], end[name])
        assert not torch.equal(start["encoder.2.weight"], end["encoder.2.weight"])


@pytest.mark.slow
def test_parts_of_a_state_join_to_the_state_and_another_number_of_processes_goes_on(pair: Path, tmp_path: Path) -> None:
    spread_case.run("shards", tmp_path)
    whole, parts = read_state(tmp_path), joined_shards(pair / "shards")
    assert whole is not None
    assert gap(whole, parts) <= spread_case.TOLERANCE
    assert len(list((pair / "shards").glob("shard-*"))) == 2  # those of earlier steps are gone
    path = gather_shards(pair / "shards")
    assert gap(safetensors.torch.load_file(path), parts) == 0
    assert torch.equal(
        spread_case.ended(pair / "resumed")["head.weight"], spread_case.ended(pair / "shards")["head.weight"]
    )
    spread_case.run("ddp", pair / "half", resume=True)  # two processes began, one goes on
    assert gap(spread_case.ended(pair / "half"), spread_case.ended(pair / "ddp")) <= spread_case.TOLERANCE
    (pair / "shards" / next(iter((pair / "shards").glob("shard-*"))).name).unlink()
    with pytest.raises(InputError, match="a part of the state"):
        joined_shards(pair / "shards")


def test_parts_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no shards\.json"):
        joined_shards(tmp_path)
    assert read_state(tmp_path) is None


def test_alone_there_is_nothing_to_join_or_agree_on() -> None:
    with joined() as place:
        assert place == world() == (0, 1)
    assert from_first(2.5) == 2.5
    assert means([1.0, 2.0]) == [1.0, 2.0]
    assert text_from_first("ø") == "ø"


def test_a_device_that_is_not_here_is_told() -> None:
    net = torch.nn.Linear(1, 1)
    assert device_of(net, "").type == "cpu"
    with pytest.raises(InputError, match="'graphics' is no device: write cpu, cuda"):
        device_of(net, "graphics")
    if not torch.cuda.is_available():
        with pytest.raises(MissingError, match="no GPU that torch"):
            device_of(net, "cuda")


def test_how_fits_run_holds_within_its_context_only() -> None:
    plain = current()
    with running(Running(ahead=3)), running(Running(ahead=1)):
        assert current().ahead == 1
    assert current() is plain
    with pytest.raises(InputError, match="no way 'tp' to share a fit: choose from ddp, fsdp"):
        Running(spread="tp")


class _Traveller(torch.nn.Linear):  # type: ignore[misc]
    """Remembers where it was sent, and stays."""

    sent: tuple[str, ...] = ()

    def to(self, device: object) -> _Traveller:
        self.sent = (*self.sent, str(device))
        return self


def test_a_lent_network_works_where_the_command_does_and_comes_home() -> None:
    net = _Traveller(2, 2)
    with running(Running("meta")), lent(net) as device:
        assert str(device) == "meta"
        assert net.sent == ("meta",)
    assert net.sent == ("meta", "cpu")
    with pytest.raises(ValueError, match="within"), running(Running("meta")), lent(net):
        raise ValueError("within")
    assert net.sent[-1] == "cpu"
    with lent(plain := torch.nn.Linear(2, 2)) as device:
        assert device.type == plain.weight.device.type == "cpu"
