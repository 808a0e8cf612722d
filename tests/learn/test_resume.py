"""A fit that is killed, or runs out of disk, goes on to the same weights and the same curve."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.fit import Fit, fit  # noqa: E402
from hilum.learn.schedule import Curve, Group, Optimizer, Schedule  # noqa: E402
from hilum.learn.stopping import Stop  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SPEC = Fit(steps=40, rate=0.02, bf16=True, save_every=7, log_every=1, average=0.9)
KILLED = """
import sys, time
from pathlib import Path
from tests.learn import test_resume as case
def slow(step):
    time.sleep(0.03)
    return case.batches(step)
case.run(Path(sys.argv[1]), slow)
"""


def net() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1)
    return torch.nn.Sequential(*layers)


def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
    return x, x.sum(dim=1, keepdim=True)


def loss(model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
    return torch.nn.functional.mse_loss(model(batch[0]).float(), batch[1]), {}


def worth(model: torch.nn.Module) -> float:
    x, y = batches(10_000)
    return float(torch.nn.functional.mse_loss(model(x), y))


def run(folder: Path, make: object = batches, spec: Fit = SPEC, *, resume: bool = False) -> dict[str, torch.Tensor]:
    torch.set_num_threads(1)
    given = {"validate": worth, "stop": Stop(every=5, patience=0), "folder": folder, "resume": resume}
    trained = fit(net(), make, loss, spec, seed=1, **given)  # type: ignore[arg-type]
    return dict(trained.state_dict())


def curve(folder: Path, name: str = "log.csv") -> list[dict[str, str]]:
    with (folder / name).open(newline="") as stream:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)]


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_the_curve_is_the_same_after_kill_9_and_resume(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    killed = tmp_path / "killed"
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(killed)], env=env, cwd=ROOT)
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if (killed / "log.csv").exists() and len((killed / "log.csv").read_text().splitlines()) > 18:
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 18 <= len(curve(killed)) < SPEC.steps
    assert same(run(killed, resume=True), whole)
    assert curve(killed) == curve(tmp_path / "whole")
    assert curve(killed, "validation.csv") == curve(tmp_path / "whole", "validation.csv")
    assert json.loads((killed / "fit.json").read_text())["finished"]
    assert list(killed.glob("*.part*")) == []


@pytest.mark.parametrize("name", ["adamw", "adam", "amsgrad", "radam", "sgd"])
def test_every_optimiser_goes_on_exactly_with_groups_that_thaw(tmp_path: Path, name: str) -> None:
    groups = (Group("3.*", rate=0.05), Group("0.*", thaw=0.4), Group("1.*", freeze=0.5))
    schedule = Schedule(groups, Curve("one-cycle", 0.3, momentum=(0.95, 0.85)), Optimizer(name))
    spec = replace(SPEC, steps=15, save_every=4, schedule=schedule)

    def stops(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        if step == 10:
            raise KeyboardInterrupt
        return batches(step)

    whole = run(tmp_path / "whole", spec=spec)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "part", stops, spec)
    assert same(run(tmp_path / "part", spec=spec, resume=True), whole)
    assert curve(tmp_path / "part") == curve(tmp_path / "whole")


def test_half_precision_goes_on_with_its_scale(tmp_path: Path) -> None:
    spec = replace(SPEC, bf16=False, fp16=True, steps=12, save_every=5)
    whole = run(tmp_path / "whole", spec=spec)

    def stops(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        if step == 8:
            raise KeyboardInterrupt
        return batches(step)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "part", stops, spec)
    from safetensors.torch import load_file

    assert float(load_file(tmp_path / "part" / "state.safetensors")["number.scale_scale"]) > 1
    assert same(run(tmp_path / "part", spec=spec, resume=True), whole)


def test_a_finished_fit_is_not_made_again(tmp_path: Path) -> None:
    first = run(tmp_path)

    def never(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        raise AssertionError(f"step {step} was made again")

    assert same(run(tmp_path, never, resume=True), first)


def test_without_resume_a_fit_begins_anew(tmp_path: Path) -> None:
    run(tmp_path)
    run(tmp_path, spec=replace(SPEC, steps=3))
    assert [row["step"] for row in curve(tmp_path)] == ["1", "2", "3"]


def test_a_fit_that_begins_anew_cannot_go_on_from_the_state_of_another(tmp_path: Path) -> None:
    run(tmp_path, spec=replace(SPEC, rate=0.5))

    def stops(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stops)
    assert same(run(tmp_path, resume=True), run(tmp_path / "whole"))


def test_going_on_with_other_settings_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path)
    run(tmp_path, spec=replace(SPEC, rate=0.5), resume=True)
    assert "other settings than the fit began with: rate was 0.02 and is 0.5" in caplog.text


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ((3, 9), r"'0\.weight' is \(8, 3\) there and \(9, 3\) here"),
        ((4, 8), r"'0\.weight' is \(8, 3\) there and \(8, 4\) here"),
    ],
)
def test_a_checkpoint_of_other_shapes_names_the_first_mismatch(
    tmp_path: Path, other: tuple[int, int], said: str
) -> None:
    run(tmp_path)
    model = net()
    model[0] = torch.nn.Linear(*other)
    with pytest.raises(InputError, match=said):
        fit(model, batches, loss, SPEC, seed=1, folder=tmp_path, resume=True)


def test_a_checkpoint_with_more_or_less_in_it_names_the_first(tmp_path: Path) -> None:
    run(tmp_path)
    more, less = net(), net()
    more.append(torch.nn.Linear(1, 1))
    with pytest.raises(InputError, match=r"it has no '4\.weight', which is \(1, 1\) here"):
        fit(more, batches, loss, SPEC, seed=1, folder=tmp_path, resume=True)
    del less[3]
    with pytest.raises(InputError, match=r"'3\.(weight|bias)' is not in this one"):
        fit(less, batches, loss, SPEC, seed=1, folder=tmp_path, resume=True)


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "state.safetensors").write_bytes(b"half a file")
    with pytest.raises(InputError, match=r"cannot read the state .* delete it to begin anew"):
        run(tmp_path, resume=True)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let the system refuse writes beyond a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_last_good_state(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    part = tmp_path / "part"

    def fills(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        if step == 10:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return batches(step)

    with (
        no_file_larger_than(1 << 30),
        pytest.raises(InputError, match=r"cannot write the state of step 14 .*earlier step"),
    ):
        run(part, fills, replace(SPEC, log_every=40))
    from safetensors.torch import load_file

    assert int(load_file(part / "state.safetensors")["step"]) == 7
    assert not list(part.glob("*.partial"))
    assert same(run(part, spec=replace(SPEC, log_every=40), resume=True), whole)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs the rights of root")
def test_a_small_disk_that_is_full_leaves_the_last_good_state(tmp_path: Path) -> None:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:

        def fills(step: int) -> tuple[torch.Tensor, torch.Tensor]:
            if step == 10:
                (tmp_path / "other").write_bytes(bytes(44_000))
            return batches(step)

        with pytest.raises(InputError, match=r"cannot write the state of step 14 .*No space left"):
            run(tmp_path, fills)
        from safetensors.torch import load_file

        assert int(load_file(tmp_path / "state.safetensors")["step"]) == 7
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
