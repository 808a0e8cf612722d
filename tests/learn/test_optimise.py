"""A plan moves rates, momenta and what learns; an average can be swapped in and out."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.fit import Fit, rate_at  # noqa: E402
from hilum.learn.optimise import Average, Plan, plan_of  # noqa: E402
from hilum.learn.schedule import Curve, Group, Optimizer, Schedule  # noqa: E402
from tests.learn.test_training import Blocks  # noqa: E402

SPEC = Fit(steps=10, rate=0.1, decay=0.2, warmup=0.0)


def rates(plan: Plan, step: int) -> dict[str, float]:
    """The learning rate of every parameter by name at a step."""
    plan.move(step)
    by_id = {id(each): group["lr"] for group in plan.optimizer.param_groups for each in group["params"]}
    return {name: by_id[id(parameter)] for name, parameter in plan.net.named_parameters()}


def test_every_parameter_has_one_group_and_its_rate_at_every_step() -> None:
    groups = (Group("head.*", rate=0.4), Group("stem.*", rate=0.05))
    plan = Plan(Blocks(), replace(SPEC, schedule=Schedule(groups, Curve("polynomial", warmup=0.0))))
    held = [id(each) for group in plan.optimizer.param_groups for each in group["params"]]
    assert sorted(held) == sorted(map(id, plan.net.parameters()))
    for step, share in ((0, 1.0), (5, 0.5), (9, 0.1)):
        found = rates(plan, step)
        assert found["head.bias"] == pytest.approx(0.4 * share)
        assert found["stem.0.weight"] == pytest.approx(0.05 * share)
        assert found["body.0.weight"] == pytest.approx(0.1 * share)


def test_without_a_schedule_the_fit_s_own_numbers_count() -> None:
    spec = replace(SPEC, warmup=0.3, slow=0.5, slow_prefix="stem.")
    plan = Plan(Blocks(), spec)
    for step in range(10):
        found = rates(plan, step)
        assert found["head.weight"] == pytest.approx(0.1 * rate_at(step, spec))
        assert found["stem.0.weight"] == pytest.approx(0.05 * rate_at(step, spec))
    assert plan_of(spec).curve == Curve("cosine", 0.3)


def test_a_move_tells_when_another_set_learns() -> None:
    groups = (Group("head.*"), Group("body.*", thaw=0.5), Group("stem.*", thaw=0.8, freeze=0.9))
    plan = Plan(Blocks(), replace(SPEC, schedule=Schedule(groups)))
    assert [step for step in range(10) if plan.move(step)] == [0, 5, 8, 9]
    assert not plan.net.stem[0].weight.requires_grad
    plan.release()
    assert all(parameter.requires_grad for parameter in plan.net.parameters())


def test_freezing_by_dropped_gradients_keeps_parameters_out_of_the_step() -> None:
    """As networks in parts need: gradients are computed and forgotten."""
    schedule = Schedule((Group("head.*"), Group("*", thaw=None)))
    plan = Plan(Blocks(), replace(SPEC, schedule=schedule), dropped=True)
    before = {name: value.clone() for name, value in plan.net.state_dict().items()}
    plan.move(0)
    plan.train()
    plan.net(torch.ones(4, 4)).sum().backward()
    assert plan.net.stem[0].weight.grad is not None
    plan.drop()
    plan.optimizer.step()
    after = plan.net.state_dict()
    assert [name for name in before if not torch.equal(before[name], after[name])] == ["head.weight", "head.bias"]


def test_decay_is_that_of_the_group_and_for_vectors_only_where_told() -> None:
    groups = (Group("head.*", decay=0.5),)
    for vectors in (False, True):
        plan = Plan(Blocks(), replace(SPEC, schedule=Schedule(groups, optimizer=Optimizer(vectors=vectors))))
        found = {id(each): group["weight_decay"] for group in plan.optimizer.param_groups for each in group["params"]}
        net = plan.net
        assert found[id(net.head.weight)] == 0.5
        assert found[id(net.head.bias)] == (0.5 if vectors else 0.0)
        assert found[id(net.body[0].weight)] == 0.2


def test_a_misspelt_group_is_refused_before_anything_is_made() -> None:
    with pytest.raises(InputError, match=r"'haed\.\*' has no parameter"):
        Plan(Blocks(), replace(SPEC, schedule=Schedule((Group("haed.*"),))))


def test_an_average_swapped_twice_is_as_it_was_and_none_costs_nothing() -> None:
    net = Blocks()
    average = Average(net, 0.9)
    with torch.no_grad():
        net.head.weight += 1
    live, kept = net.head.weight.clone(), average.kept["head.weight"].clone()
    average.swap()
    assert torch.equal(net.head.weight, kept)
    average.swap()
    assert torch.equal(net.head.weight, live)
    assert torch.equal(average.kept["head.weight"], kept)
    none = Average(net, 0.0)
    none.follow(3)
    none.swap()
    assert none.kept["head.weight"].data_ptr() == net.head.weight.data_ptr()
