"""hilum train: a recipe of one file, trained within a budget, stopped, resumed, and its errors as sentences."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

ROOT = Path(__file__).resolve().parents[2]
RECIPE = '''
"""Two small fits on drawn numbers."""
import torch
from hilum import register
from hilum.core.errors import InputError
from hilum.learn.fit import Fit, fit

def batches(step):
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
    return x, x.sum(1, keepdim=True)

def loss(net, batch):
    return torch.nn.functional.mse_loss(net(batch[0]), batch[1]), {}

@register.system("toy-drawn", summary="Learns from drawn numbers")
class Drawn:
    fits, next_step = 2, "hilum read film.dcm --model {out}"

    @staticmethod
    def train(*, out, data=None, seed=0, resume=False, settings=None):
        if settings.get("crowded"):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        for name in ("first", "second"):
            torch.manual_seed(seed)
            net = torch.nn.Linear(3, 1)
            spec = Fit(steps=int(settings.get("steps", 30)), bf16=False, log_every=5, save_every=5)
            fit(net, batches, loss, spec, seed=seed, folder=out / name, resume=resume)
        (out / "card.json").write_text("{}")
        return out

@register.system("toy-films", summary="Needs films")
class Films:
    @staticmethod
    def train(*, data, out, seed=0, resume=False, settings=None):
        return out
'''


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "toy_recipes.py"
    path.write_text(RECIPE)
    return path


def ended(folder: Path) -> bytes:
    from safetensors.torch import load_file, save

    return save(
        {name: value for name, value in load_file(folder / "second" / "state.safetensors").items() if "net" in name}
    )


def test_a_recipe_that_draws_its_own_data_trains_without_any_and_says_what_it_did(
    hilum: Any, recipe: Path, tmp_path: Path
) -> None:
    done = hilum("train", "toy-drawn", "--plugin", recipe, "-o", tmp_path / "o", "--device", "cpu")
    assert done.code == 0, done.err
    assert f"Wrote {tmp_path / 'o'}: card.json" in done.out
    assert re.search(r"30 \+ 30 steps in \d+ s, [\d.]+ % of it waiting for batches", done.out)
    assert f"Next: hilum read film.dcm --model {tmp_path / 'o'}" in done.out
    assert "step 30 of 30  loss" in done.err
    assert "left" in done.err


def test_event_files_are_written_where_they_are_asked_for(hilum: Any, recipe: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="event files need the extra log (tensorboard)")
    done = hilum("train", "toy-drawn", "--plugin", recipe, "-o", tmp_path / "o", "--tensorboard", "--device", "cpu")
    assert done.code == 0, done.err
    assert list((tmp_path / "o" / "first" / "tensorboard").iterdir())


@pytest.mark.slow
def test_a_budget_is_shared_by_the_fits_and_the_same_weights_come_again(
    hilum: Any, recipe: Path, tmp_path: Path
) -> None:
    first = hilum(
        "train", "toy-drawn", "--plugin", recipe, "-o", tmp_path / "a", "--budget", "2s", "-q", "--set", "steps=25"
    )
    assert first.code == 0, first.err
    assert first.err == ""
    again = re.search(
        r"The same weights again: hilum train toy-drawn --budget (\d+\+\d+steps) --seed 0 --set steps=25", first.out
    )
    assert again, first.out
    second = hilum("train", "toy-drawn", "--plugin", recipe, "-o", tmp_path / "b", "--budget", again[1])
    assert second.code == 0, second.err
    assert ended(tmp_path / "a") == ended(tmp_path / "b")


def test_a_stopped_run_goes_on_with_resume(hilum: Any, recipe: Path, tmp_path: Path) -> None:
    hilum("train", "toy-drawn", "--plugin", recipe, "-o", tmp_path / "whole")
    hilum("train", "toy-drawn", "--plugin", recipe, "-o", tmp_path / "part")
    (tmp_path / "part" / "second" / "state.safetensors").unlink()
    done = hilum("train", "toy-drawn", "--plugin", recipe, "-o", tmp_path / "part", "--resume")
    assert done.code == 0, done.err
    assert ended(tmp_path / "whole") == ended(tmp_path / "part")


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("toy-films",), 1, "'toy-films' learns from films that you have: give their folder with --data FOLDER"),
        (("embedded",), 1, "'embedded' learns from films that you have"),
        (("toy-drawn", "--budget", "soon"), 1, "'soon' is no budget: write a time as 90s, 10min or 1h30min"),
        (("toy-drawn", "--budget", "9steps"), 1, "the budget names 1 fits, and this is number 2"),
        (("toy-drawn", "--device", "abacus"), 1, "'abacus' is no device: write cpu, cuda"),
        (("toy-drawn", "--spread", "tp"), 1, "no way 'tp' to share a fit: choose from ddp, fsdp"),
        (("toy-drawn", "--set", "crowded=1"), 1, "the device ran out of memory (CUDA out of memory"),
        (("lunguage",), 2, "has nothing to train"),
    ],
)
def test_errors_are_one_sentence(
    hilum: Any, recipe: Path, tmp_path: Path, given: tuple[str, ...], code: int, said: str
) -> None:
    done = hilum("train", *given, "--plugin", recipe, "-o", tmp_path / "o")
    assert (done.code, "Traceback" in done.err) == (code, False)
    assert said in done.err


@pytest.mark.slow
def test_two_processes_started_by_torchrun_write_once_and_speak_once(recipe: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch.distributed", reason="this build of torch has no distributed package")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "hilum"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    given = ["train", "toy-drawn", "--plugin", str(recipe), "-o", str(tmp_path / "o"), "--spread", "fsdp"]
    done = subprocess.run([*command, *given], env=env, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Wrote") == 1
    assert done.stderr.count("step 30 of 30") == 2  # two fits, one voice
    assert '"processes": 2' in (tmp_path / "o" / "first" / "fit.json").read_text()
