"""Schedules against torch's own schedulers and closed forms."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hilum.core.errors import InputError
from hilum.learn.schedule import ONE_CYCLE, Curve, Group, Optimizer, Schedule, discriminative, linear_probe

STEPS = 50
NAMES = ("stem.weight", "layer1.weight", "layer2.weight", "layer2.bias", "head.weight", "head.bias")


def of_torch(make: Callable[..., object]) -> tuple[list[float], list[float]]:
    """The rates (peak 1) and first momenta that a scheduler of torch gives over the steps."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0, betas=(0.95, 0.999))
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates, momenta = [], []
    for _ in range(STEPS):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        momenta.append(float(optimizer.param_groups[0]["betas"][0]))
        optimizer.step()
        scheduler.step()  # type: ignore[attr-defined]
    return rates, momenta


def ours(curve: Curve) -> list[float]:
    return [curve.at(step, STEPS) for step in range(STEPS)]


def test_cosine_is_torch_s() -> None:
    theirs, _ = of_torch(lambda s, o: s.CosineAnnealingLR(o, STEPS, eta_min=0.1))
    assert ours(Curve("cosine", warmup=0.0, floor=0.1)) == pytest.approx(theirs, abs=1e-9)


def test_warm_up_then_cosine_is_torch_s_linear_then_cosine() -> None:
    theirs, _ = of_torch(
        lambda s, o: s.SequentialLR(
            o, [s.LinearLR(o, 1 / 10, 1.0, total_iters=9), s.CosineAnnealingLR(o, STEPS - 10)], [10]
        )
    )
    assert ours(Curve("cosine", warmup=0.2)) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("power", [0.9, 1.0, 2.0])
def test_polynomial_is_torch_s(power: float) -> None:
    theirs, _ = of_torch(lambda s, o: s.PolynomialLR(o, STEPS, power))
    assert ours(Curve("polynomial", warmup=0.0, power=power)) == pytest.approx(theirs, abs=1e-9)


def test_one_cycle_is_torch_s_with_its_momentum() -> None:
    theirs, momenta = of_torch(lambda s, o: s.OneCycleLR(o, 1.0, total_steps=STEPS + 1 - 1))
    assert ours(ONE_CYCLE) == pytest.approx(theirs, abs=1e-9)
    cycled = Curve("one-cycle", warmup=0.3, momentum=(0.95, 0.85))
    assert [cycled.momentum_at(step, STEPS) for step in range(STEPS)] == pytest.approx(momenta, abs=1e-9)


def test_constant_stays_after_its_warm_up_and_only_a_cycle_moves_the_momentum() -> None:
    rates = ours(Curve("constant", warmup=0.1))
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert set(rates[5:]) == {1.0}
    assert Curve("cosine", momentum=(0.95, 0.85)).momentum_at(3, 9) is None


@pytest.mark.parametrize("shape", ["cosine", "one-cycle", "polynomial", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 1000])
def test_every_curve_stays_within_0_and_1_whatever_the_number_of_steps(shape: str, steps: int) -> None:
    for warmup in (0.0, 0.3, 1.0):
        curve = Curve(shape, warmup=warmup)
        rates = [curve.at(step, steps) for step in range(steps)]
        assert all(math.isfinite(rate) and -1e-12 <= rate <= 1 + 1e-12 for rate in rates)


def test_a_cosine_falls_after_its_peak_to_its_floor() -> None:
    rates = [Curve("cosine", warmup=0.1, floor=0.2).at(step, 1000) for step in range(1000)]
    assert all(later <= earlier for earlier, later in pairwise(rates[100:]))
    assert rates[-1] == pytest.approx(0.2, abs=1e-4)


def test_the_first_group_that_holds_a_parameter_has_it() -> None:
    schedule = Schedule((Group("head.*"), Group("layer2.*|layer1.*"), Group("*.weight")))
    assert schedule.assign(NAMES) == (2, 1, 1, 1, 0, 0)
    assert Schedule((Group("head.*"),)).assign(NAMES) == (-1, -1, -1, -1, 0, 0)


def test_a_pattern_that_nothing_answers_to_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"'haed\.\*' has no parameter.*stem\.weight"):
        Schedule((Group("haed.*"),)).assign(NAMES)
    with pytest.raises(InputError, match=r"'head\.\*' has no parameter"):
        Schedule((Group("*"), Group("head.*"))).assign(NAMES)


def test_a_plan_thaws_blocks_at_their_shares_of_the_steps() -> None:
    """The plan of the bronchopulmonary dysplasia study: layer4 at .10, layer3 at .30, layer2 at .60, the stem never."""
    blocks = ("head.*", "layer4.*", "layer3.*", "layer2.*", "*")
    groups = discriminative(blocks, rate=1e-3, factor=2, thaw=(0.0, 0.1, 0.3, 0.6, None))
    assert [group.rate for group in groups] == pytest.approx([1e-3, 5e-4, 2.5e-4, 1.25e-4, 6.25e-5])
    begins = [[group.learns(step, 20) for step in range(20)] for group in groups]
    assert [row.index(True) if True in row else None for row in begins] == [0, 2, 6, 12, None]
    assert all(row == sorted(row) for row in begins)


def test_a_group_that_freezes_learns_only_until_then() -> None:
    group = Group("stem.*", thaw=0.25, freeze=0.75)
    assert [group.learns(step, 8) for step in range(8)] == [False, False, True, True, True, True, False, False]
    assert Group("a", thaw=0.29).learns(29, 100)
    assert not Group("a", thaw=0.29).learns(28, 100)


def test_a_probe_lets_the_head_alone_learn() -> None:
    probe = linear_probe("head.*", rate=1e-3, decay=1e-4)
    learning = [probe.learns(at, 0, 10) for at in probe.assign(NAMES)]
    assert learning == [False, False, False, False, True, True]
    assert ours(probe.curve) == [1.0] * STEPS


def test_a_schedule_survives_json() -> None:
    curve = Curve("one-cycle", 0.3, momentum=(0.95, 0.85))
    groups = (Group("head.*", 1e-3, 1e-5), Group("*", thaw=None))
    schedule = Schedule(groups, curve, Optimizer("sgd", nesterov=True), "moving")
    assert Schedule.from_json(json.loads(json.dumps(schedule.to_json()))) == schedule
    assert Schedule.from_json(json.loads(json.dumps(Schedule().to_json()))) == Schedule()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Curve("sine"), "no curve 'sine': choose from cosine, one-cycle"),
        (lambda: Curve(warmup=2.0), "'warmup' of a curve is a share of the steps, from 0 to 1; got 2.0"),
        (lambda: Group("*", thaw=-0.1), "'thaw' of '\\*' is a share"),
        (lambda: Optimizer("lion"), "no optimiser 'lion': choose from adamw"),
        (lambda: Schedule(norms="frozen"), "no policy for the norms of frozen blocks 'frozen'"),
        (lambda: discriminative(("a", "b"), rate=1.0, thaw=(0.0,)), "2 blocks and 1 thaws"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


def test_the_page_s_example_runs_as_written() -> None:
    pytest.importorskip("torch")
    page = Path(__file__).resolve().parents[2] / "docs" / "training.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    made: dict[str, Any] = {}
    exec(code, made)
    assert [stage.steps for stage in made["stages"]] == [200, 400]
    assert made["falling"][2].rate == pytest.approx(1e-3 / 2.6**2)
