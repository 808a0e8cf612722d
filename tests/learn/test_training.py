"""What a step does: pieces, freezing, norms, averages, precisions and recomputation, against plain torch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.fit import Fit, fit  # noqa: E402
from hilum.learn.running import Running  # noqa: E402
from hilum.learn.schedule import Curve, Group, Optimizer, Schedule, linear_probe  # noqa: E402

SPEC = Fit(steps=10, rate=0.02, bf16=False, average=0.0, decay=0.0, clip=1e9)


class Blocks(torch.nn.Module):
    """Two blocks with batch norms and a head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU())
        self.body = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.BatchNorm1d(8, affine=False), torch.nn.ReLU())
        self.head = torch.nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.stem(x)))


def plain() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))


def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(15, 4, generator=torch.Generator().manual_seed(step)) + 1
    return x, x.sum(dim=1, keepdim=True)


def loss(model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
    value = torch.nn.functional.mse_loss(model(batch[0]).float(), batch[1])
    return value, {"squared": float(value.detach())}


def gap(one: torch.nn.Module, two: torch.nn.Module) -> float:
    pairs = zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    return max(float((a.double() - b.double()).abs().max()) for a, b in pairs)


@pytest.mark.parametrize("pieces", [2, 4, 15])
def test_pieces_of_a_batch_sum_to_the_batch(pieces: int) -> None:
    """Of unequal size too: 15 rows in 4 pieces."""
    rows: list[list[float]] = [[], []]
    nets = [fit(plain(), batches, loss, replace(SPEC, accumulate=count, log_every=1), seed=1,
                progress=lambda _, row, at=at: rows[at].append(row["squared"]))
            for at, count in enumerate((1, pieces))]  # fmt: skip
    assert gap(*nets) <= 1e-6
    assert rows[0] == pytest.approx(rows[1], rel=1e-5)


def test_more_pieces_than_rows_are_refused() -> None:
    with pytest.raises(InputError, match="a batch of 15 rows cannot be split into 16 parts"):
        fit(plain(), batches, loss, replace(SPEC, accumulate=16), seed=1)


@pytest.mark.parametrize(
    ("how", "make"),
    [
        (Optimizer("sgd", momentum=0.8, nesterov=True), lambda p: torch.optim.SGD(p, 0.02, 0.8, nesterov=True)),
        (Optimizer("adam"), lambda p: torch.optim.Adam(p, 0.02)),
        (Optimizer("amsgrad"), lambda p: torch.optim.Adam(p, 0.02, amsgrad=True)),
        (Optimizer("radam"), lambda p: torch.optim.RAdam(p, 0.02, decoupled_weight_decay=True)),
        (Optimizer(betas=(0.8, 0.9)), lambda p: torch.optim.AdamW(p, 0.02, (0.8, 0.9), weight_decay=0)),
    ],
)
def test_the_loop_is_the_bare_loop_with_the_same_optimiser(how: Optimizer, make: object) -> None:
    schedule = Schedule(curve=Curve("constant", warmup=0.0), optimizer=how)
    ours, bare = fit(plain(), batches, loss, replace(SPEC, schedule=schedule), seed=1), plain()
    optimizer = make(bare.parameters())  # type: ignore[operator]
    for step in range(SPEC.steps):
        optimizer.zero_grad()
        loss(bare, batches(step))[0].backward()
        optimizer.step()
    assert gap(ours, bare) == 0


def test_groups_learn_at_their_own_rates() -> None:
    """One step of plain descent: each weight moves by its group's rate times its gradient."""
    groups = (Group("0.*", rate=0.5), Group("2.bias", rate=0.25))
    descent = Schedule(groups, Curve("constant", warmup=0.0), Optimizer("sgd", momentum=0.0))
    ours, start = plain(), plain()
    loss(start, batches(0))[0].backward()
    fit(ours, batches, loss, replace(SPEC, steps=1, rate=0.1, schedule=descent), seed=1)
    for name, rate in (("0.weight", 0.5), ("0.bias", 0.5), ("2.bias", 0.25), ("2.weight", 0.1)):
        before, after = start.get_parameter(name), ours.get_parameter(name)
        torch.testing.assert_close(before.detach() - after.detach(), rate * before.grad)


def test_decay_shrinks_what_its_group_says_and_no_vectors_unless_told() -> None:
    silent = Schedule((Group("0.*", decay=0.5),), Curve("constant", warmup=0.0))
    spec = replace(SPEC, steps=1, rate=0.1, decay=0.2, schedule=silent)

    def nothing(model: torch.nn.Module, batch: object) -> tuple[torch.Tensor, dict[str, float]]:
        return sum(parameter.sum() for parameter in model.parameters()) * 0.0, {}  # type: ignore[return-value]

    start, ours = plain(), fit(plain(), batches, nothing, spec, seed=1)
    for name, shrunk in (("0.weight", 0.95), ("2.weight", 0.98), ("0.bias", 1.0), ("2.bias", 1.0)):
        torch.testing.assert_close(ours.get_parameter(name), start.get_parameter(name) * shrunk)
    all_of_it = replace(silent, optimizer=Optimizer(vectors=True))
    ours = fit(plain(), batches, nothing, replace(spec, schedule=all_of_it), seed=1)
    torch.testing.assert_close(ours.get_parameter("0.bias"), start.get_parameter("0.bias") * 0.95)


def test_a_probe_keeps_everything_but_the_head_bit_identical_with_its_norms() -> None:
    start, ours = Blocks(), Blocks()
    fit(ours, batches, loss, replace(SPEC, decay=0.1, schedule=linear_probe("head.*", rate=0.05)), seed=1)
    before, after = start.state_dict(), ours.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if not name.startswith("head."))
    assert not torch.equal(before["head.weight"], after["head.weight"])
    assert all(parameter.requires_grad for parameter in ours.parameters())  # as it was given


def test_norms_of_frozen_blocks_move_only_where_told() -> None:
    """The trap: a frozen block whose norms still train gives other features at every step."""
    groups = (Group("head.*"), Group("*", thaw=None))
    kept, moving = (fit(Blocks(), batches, loss, replace(SPEC, schedule=Schedule(groups, norms=norms)), seed=1)
                    for norms in ("kept", "moving"))  # fmt: skip
    for name in ("stem.1.running_mean", "body.1.running_var"):
        assert torch.equal(kept.get_buffer(name), Blocks().get_buffer(name))
        assert not torch.equal(moving.get_buffer(name), Blocks().get_buffer(name))
    assert torch.equal(kept.get_parameter("stem.1.weight"), moving.get_parameter("stem.1.weight"))


def test_a_plan_thaws_and_freezes_at_its_steps_and_the_norms_go_with_it() -> None:
    groups = (Group("head.*"), Group("body.*", thaw=0.5), Group("stem.*", freeze=0.3))
    seen: list[dict[str, torch.Tensor]] = []

    def watching(
        model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return loss(model, batch)

    last = fit(Blocks(), batches, watching, replace(SPEC, schedule=Schedule(groups)), seed=1)
    seen.append(dict(last.state_dict()))

    def moves(name: str) -> list[int]:
        return [step for step in range(10) if not torch.equal(seen[step][name], seen[step + 1][name])]

    assert moves("head.weight") == list(range(10))
    assert moves("body.0.weight") == moves("body.1.running_mean") == [5, 6, 7, 8, 9]
    assert moves("stem.0.weight") == moves("stem.1.running_mean") == [0, 1, 2]


def test_averaged_weights_follow_their_formula() -> None:
    ours, live = plain(), plain()
    held: dict[str, torch.Tensor] = {}

    def watching(
        model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        for name, value in model.state_dict().items():
            if step := len(seen):
                share = min(0.6, step / (9.0 + step))
                held[name] = share * held[name] + (1 - share) * value
            else:
                held[name] = value.clone()
        seen.append(0)
        return loss(model, batch)

    seen: list[int] = []
    fit(ours, batches, watching, replace(SPEC, average=0.6), seed=1)
    seen_all, live = len(seen), fit(live, batches, loss, replace(SPEC, average=0.0), seed=1)
    share = min(0.6, seen_all / (9.0 + seen_all))
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(value, share * held[name] + (1 - share) * live.state_dict()[name])


@pytest.mark.slow
def test_recomputed_activations_change_nothing_not_even_norms_and_dropout() -> None:
    class Dropping(Blocks):
        def __init__(self) -> None:
            super().__init__()
            self.body.append(torch.nn.Dropout(0.3))

    kept = fit(Dropping(), batches, loss, SPEC, seed=1)
    again = Dropping()
    fit(again, batches, loss, replace(SPEC, recompute=("stem", "bo*")), seed=1)
    assert gap(kept, again) == 0
    assert int(again.get_buffer("stem.1.num_batches_tracked")) == SPEC.steps
    assert "forward" not in vars(again.stem)
    with pytest.raises(InputError, match=r"no module to compute again is called 'layer\*': the network has stem, body"):
        fit(again, batches, loss, replace(SPEC, recompute=("layer*",)), seed=1)


def test_recomputation_keeps_fewer_activations() -> None:
    class Deep(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = torch.nn.ModuleList(
                torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.GELU(), torch.nn.Linear(64, 4)) for _ in range(6)
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                x = x + block(x)
            return x.sum(dim=1, keepdim=True)

    held = []
    for patterns in ((), ("blocks.*",)):
        sizes: list[int] = []

        def counted(
            model: torch.nn.Module, batch: object, sizes: list[int] = sizes
        ) -> tuple[torch.Tensor, dict[str, float]]:
            def keep(value: torch.Tensor) -> torch.Tensor:
                sizes.append(value.numel())
                return value

            with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
                return loss(model, batch)  # type: ignore[arg-type]

        fit(Deep(), batches, counted, replace(SPEC, steps=1, recompute=patterns), seed=1)
        held.append(sum(sizes))
    assert held[1] < 0.2 * held[0]


@pytest.mark.parametrize("kind", ["bf16", "fp16"])
def test_half_precision_learns_and_keeps_weights_whole(kind: str) -> None:
    ours = fit(plain(), batches, loss, replace(SPEC, steps=60, **{kind: True}), seed=1)
    whole = fit(plain(), batches, loss, replace(SPEC, steps=60), seed=1)
    x, y = batches(999)
    with torch.no_grad():
        start, end, best = (float(torch.nn.functional.mse_loss(each(x), y)) for each in (plain(), ours, whole))
    assert end < 0.3 * start
    assert end == pytest.approx(best, rel=0.2)
    assert ours.get_parameter("0.weight").dtype == torch.float32
    with pytest.raises(InputError, match="in bf16 or in fp16, not in both"):
        fit(plain(), batches, loss, replace(SPEC, bf16=True, fp16=True), seed=1)


class Named:
    """A batch that says which rows it has."""

    def __init__(self, step: int) -> None:
        (self.x, self.y), self.ids = batches(step), [f"film-{step}-{row}" for row in range(15)]

    def __getitem__(self, at: int) -> torch.Tensor:
        return (self.x, self.y)[at]


def test_a_loss_that_is_no_number_stops_and_tells_its_rows(tmp_path: Path) -> None:
    def breaks(model: torch.nn.Module, batch: Named) -> tuple[torch.Tensor, dict[str, float]]:
        value, parts = loss(model, (batch[0], batch[1]))
        return (value * float("inf") if batch.ids[0] == "film-6-0" else value), parts

    with pytest.raises(InputError) as told:
        fit(plain(), Named, breaks, replace(SPEC, save_every=3), seed=1, folder=tmp_path)
    assert "the loss of step 7 is inf, where a finite number was expected" in str(told.value)
    assert "film-6-0, film-6-1" in str(told.value)
    assert "the batch itself is finite: try a lower rate than 0.02" in str(told.value)
    facts = json.loads((tmp_path / "bad-batch.json").read_text())
    assert facts == {"step": 7, "loss": "inf", "ids": Named(6).ids, "not_finite": [], "seed": 1}
    from safetensors.torch import load_file

    state = load_file(tmp_path / "state.safetensors")
    assert int(state["step"]) == 6
    assert all(bool(torch.isfinite(value).all()) for value in state.values() if value.is_floating_point())


def test_values_in_a_batch_that_are_no_numbers_are_named() -> None:
    def bad(step: int) -> dict[str, object]:
        x, y = batches(step)
        return {"film": x * float("nan") if step == 2 else x, "age": np.zeros(15), "target": y}

    def named(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        return loss(model, (batch["film"], batch["target"]))

    with pytest.raises(InputError, match=r"step 3 is nan.*give it 'ids'; film of the batch already hold such values"):
        fit(plain(), bad, named, SPEC, seed=1)


def test_losses_on_a_gpu_are_looked_at_when_something_is_written() -> None:
    """What a processor can show of it: its own losses are not kept, since the step itself has looked."""
    from hilum.learn.faults import Watch

    watch = Watch()
    watch.see(torch.tensor(float("nan")), 3)  # a processor's losses are looked at in the step
    watch.look()
    assert watch.first is None


def test_batches_drawn_ahead_give_the_same_weights() -> None:
    one, two = (fit(plain(), batches, loss, replace(SPEC, bf16=True), seed=1, how=Running(ahead=n)) for n in (0, 3))
    assert gap(one, two) == 0


def test_the_share_of_time_waited_for_batches_is_said_and_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import time

    def slow(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        time.sleep(0.02)
        return batches(step)

    with caplog.at_level("INFO"):
        fit(plain(), slow, loss, SPEC, seed=1, folder=tmp_path)
    told = json.loads((tmp_path / "fit.json").read_text())
    assert 0.3 < told["waiting_for_batches"] <= 1
    assert "of the time was spent waiting for batches: draw them ahead" in caplog.text
    assert "step 10 of 10  loss" in caplog.text
    assert "0 s left" in caplog.text


def test_a_record_says_how_the_fit_was_made(tmp_path: Path) -> None:
    schedule = Schedule((Group("0.*", thaw=0.2),))
    fit(plain(), batches, loss, replace(SPEC, schedule=schedule), seed=4, folder=tmp_path)
    told = json.loads((tmp_path / "fit.json").read_text())
    assert (told["steps"], told["spec"]["seed"], told["processes"], told["finished"]) == (10, 4, 1, True)
    assert Schedule.from_json(told["spec"]["schedule"]) == schedule


def test_frozen_parameters_keep_their_moments_out_of_the_state(tmp_path: Path) -> None:
    """What never learns has no moments to keep, and decay does not reach it."""
    from safetensors.torch import load_file

    groups = (Group("head.*"), Group("body.*", thaw=0.5), Group("*", thaw=None))
    spec = replace(SPEC, decay=0.3, save_every=4, schedule=Schedule(groups))
    fit(Blocks(), batches, loss, spec, seed=1, folder=tmp_path)
    names = {name for name in load_file(tmp_path / "state.safetensors") if name.startswith("moment.")}
    assert {name.split(".")[1] for name in names} == {"head", "body"}


def test_a_momentum_that_cycles_reaches_the_optimiser() -> None:
    """Plain descent with momentum, by hand, along a one-cycle of rate and momentum."""
    curve = Curve("one-cycle", warmup=0.4, momentum=(0.95, 0.85))
    schedule = Schedule(curve=curve, optimizer=Optimizer("sgd", momentum=0.95))
    ours, bare = fit(plain(), batches, loss, replace(SPEC, schedule=schedule), seed=1), plain()
    optimizer = torch.optim.SGD(bare.parameters(), 0.02, 0.95)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.02, total_steps=SPEC.steps, pct_start=0.4, final_div_factor=1e15
    )
    for step in range(SPEC.steps):
        optimizer.zero_grad()
        loss(bare, batches(step))[0].backward()
        optimizer.step()
        if step + 1 < SPEC.steps:
            cycle.step()
    assert gap(ours, bare) <= 1e-6


def test_a_network_with_slow_parts_and_groups_obeys_the_group() -> None:
    groups = (Group("stem.*", rate=0.0),)
    spec = replace(SPEC, slow=0.0, slow_prefix="body.", schedule=Schedule(groups))
    start, ours = Blocks(), fit(Blocks(), batches, loss, spec, seed=1)
    for name, moved in (("stem.0.weight", False), ("body.0.weight", False), ("head.weight", True)):
        assert torch.equal(start.get_parameter(name), ours.get_parameter(name)) is not moved


def test_progress_is_told_at_each_logged_step_and_at_the_last() -> None:
    seen: list[tuple[int, list[str]]] = []
    spec = replace(SPEC, log_every=4)
    fit(plain(), batches, loss, spec, seed=1, progress=lambda step, row: seen.append((step, list(row))))
    assert seen == [(step, ["step", "seconds", "loss", "squared"]) for step in (4, 8, 10)]


def test_the_caller_s_module_is_the_one_trained_and_ends_in_evaluation_mode() -> None:
    model = Blocks()
    ended = fit(model, batches, loss, SPEC, seed=1)
    assert ended is model
    assert not any(module.training for module in model.modules())
    assert all(parameter.grad is None or parameter.requires_grad for parameter in model.parameters())


def test_parameters_that_came_frozen_stay_so() -> None:
    model = Blocks()
    model.body.requires_grad_(False)
    start = model.body[0].weight.clone()
    fit(model, batches, loss, replace(SPEC, schedule=Schedule((Group("body.*", thaw=0.2),))), seed=1)
    assert torch.equal(model.body[0].weight, start)
    assert [parameter.requires_grad for parameter in model.body.parameters()] == [False, False]
