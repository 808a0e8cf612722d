"""Early stopping keeps the best weights; a resumed fit stops where the whole one does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.fit import Fit, fit  # noqa: E402
from hilum.learn.stopping import Best, Stop  # noqa: E402
from tests.learn import test_resume as case  # noqa: E402

SPEC = Fit(steps=40, rate=0.02, bf16=False, average=0.5, save_every=5, log_every=10)


class Says:
    """A validation whose values are known beforehand; it keeps the weights it was shown."""

    def __init__(self, *values: float) -> None:
        self.values, self.shown = list(values), list[dict[str, torch.Tensor]]()

    def __call__(self, net: torch.nn.Module) -> float:
        assert not net.training
        assert not torch.is_grad_enabled()
        self.shown.append({name: value.clone() for name, value in net.state_dict().items()})
        return self.values[len(self.shown) - 1]


def run(validate: Callable[[torch.nn.Module], float], stop: Stop, folder: Path | None = None, **more: object) -> object:
    given = {"seed": 1, "folder": folder, "validate": validate, "stop": stop, **more}
    return fit(case.net(), given.pop("make", case.batches), case.loss, SPEC, **given).state_dict()  # type: ignore[arg-type]


@pytest.mark.parametrize("on_disk", [False, True])
def test_patience_ends_a_fit_and_the_best_weights_stay(tmp_path: Path, on_disk: bool) -> None:
    says = Says(5.0, 3.0, 4.0, 3.0, 1.0)
    folder = tmp_path if on_disk else None
    weights = run(says, Stop(every=4, patience=2), folder)
    assert len(says.shown) == 4  # 3.0 again is no better
    assert case.same(weights, says.shown[1])  # type: ignore[arg-type]
    if on_disk:
        told = json.loads((tmp_path / "fit.json").read_text())
        assert (told["best_step"], told["best_validation"]) == (8, 3.0)
        assert [row["validation"] for row in case.curve(tmp_path, "validation.csv")] == ["5", "3", "4", "3"]


def test_higher_can_be_better_by_a_least_amount() -> None:
    says = Says(0.50, 0.505, 0.60, 0.1, 0.1)
    weights = run(says, Stop(every=4, patience=2, better="higher", least=0.01))
    assert case.same(weights, says.shown[2])  # type: ignore[arg-type]


def test_without_patience_all_steps_are_made_and_the_last_is_validated() -> None:
    says = Says(*range(9, 0, -1))
    weights = run(says, Stop(every=15, patience=0))
    assert len(says.shown) == 3  # after 15, 30 and the last, 40
    assert case.same(weights, says.shown[2])  # type: ignore[arg-type]


def test_validations_that_are_no_numbers_leave_the_averaged_weights() -> None:
    says = Says(*[float("nan")] * 5)
    weights = run(says, Stop(every=4, patience=3))
    assert len(says.shown) == 3
    assert case.same(weights, says.shown[2])  # type: ignore[arg-type]


def test_looking_at_validation_does_not_change_what_is_learned() -> None:
    looked = run(Says(*range(9, 0, -1)), Stop(every=5, patience=0))
    plain = fit(case.net(), case.batches, case.loss, SPEC, seed=1).state_dict()
    assert case.same(looked, dict(plain))  # type: ignore[arg-type]


def test_a_resumed_fit_stops_where_the_whole_one_does(tmp_path: Path) -> None:
    values = (5.0, 3.0, 4.0, 3.5, 9.0)

    class At:
        """The value depends on how often the weights were averaged, not on how often it was asked."""

        def __init__(self, folder: Path) -> None:
            self.folder = folder

        def __call__(self, net: torch.nn.Module) -> float:
            return values[int(net.state_dict()["1.num_batches_tracked"]) // 6 - 1]

    def stops(step: int) -> object:
        if step == 14:
            raise KeyboardInterrupt
        return case.batches(step)

    whole = run(At(tmp_path / "whole"), Stop(every=6, patience=2), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(At(tmp_path / "part"), Stop(every=6, patience=2), tmp_path / "part", make=stops)
    part = run(At(tmp_path / "part"), Stop(every=6, patience=2), tmp_path / "part", resume=True)
    assert case.same(whole, part)  # type: ignore[arg-type]
    assert case.curve(tmp_path / "whole", "validation.csv") == case.curve(tmp_path / "part", "validation.csv")
    assert [row["step"] for row in case.curve(tmp_path / "part", "validation.csv")] == ["6", "12", "18", "24"]
    again = run(At(tmp_path / "part"), Stop(every=6, patience=2), tmp_path / "part", resume=True)
    assert case.same(part, again)  # type: ignore[arg-type]


def test_the_best_file_of_another_fit_is_not_taken(tmp_path: Path) -> None:
    best = Best(Stop(), tmp_path)
    best.take(case.net(), 1.0, 8)
    assert case.same(dict(best.weights({})), dict(case.net().state_dict()))
    best.step = 16
    with pytest.raises(InputError, match="not of step 16, the best one of this fit"):
        best.weights({})


def test_a_stop_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="better 'lower' or 'higher', not 'more'"):
        Stop(better="more")
    with pytest.raises(InputError, match="at least 1 step"):
        replace(Stop(), every=0)
