"""The loop on a GPU: half precision, a loss that is no number, and the network back where it lay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("no GPU here", allow_module_level=True)

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.fit import fit  # noqa: E402
from hilum.learn.running import Running  # noqa: E402
from tests.learn import test_training as case  # noqa: E402

GPU = Running("cuda", ahead=2)


@pytest.mark.parametrize("kind", ["", "bf16", "fp16"])
def test_a_gpu_ends_near_where_a_processor_does_and_gives_the_network_back(kind: str) -> None:
    spec = replace(case.SPEC, steps=40, **({kind: True} if kind else {}))
    here, there = fit(case.plain(), case.batches, case.loss, case.SPEC, seed=1), case.plain()
    fit(there, case.batches, case.loss, replace(spec, steps=case.SPEC.steps), seed=1, how=GPU)
    assert all(value.device.type == "cpu" for value in there.state_dict().values())
    assert case.gap(here, there) <= (0.05 if kind else 1e-4)


def test_a_bad_loss_is_found_before_anything_is_written(tmp_path: Path) -> None:
    def breaks(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = case.batches(step)
        return (x * float("nan") if step == 4 else x), y

    with pytest.raises(InputError, match="the loss of step 5 is nan"):
        fit(case.plain(), breaks, case.loss, replace(case.SPEC, save_every=3), seed=1, folder=tmp_path, how=GPU)
    from safetensors.torch import load_file

    assert int(load_file(tmp_path / "state.safetensors")["step"]) == 3
