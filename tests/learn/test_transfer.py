"""The protocol of fine-tuning: lists of patients, heads, early stopping, and that it finds what is there."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.transfer import (  # noqa: E402
    TINY,
    Head,
    Labelled,
    Tuning,
    as_input,
    choose,
    fine_tune,
    fit_until_enough,
    kept_patients,
    mean_auroc,
    predicted,
    tunings,
)
from hilum.nets.towers import SmallImage  # noqa: E402

PATIENTS = np.array([f"p{number % 40}" for number in range(100)])


def test_a_share_is_of_patients_and_a_smaller_one_lies_in_a_larger_one() -> None:
    kept = {share: kept_patients(PATIENTS, share, seed=3) for share in (0.01, 0.1, 0.5, 1.0)}
    counts = [len(set(PATIENTS[rows])) for rows in kept.values()]
    assert counts == [1, 4, 20, 40]
    assert kept[1.0].all()
    for small, large in ((0.01, 0.1), (0.1, 0.5)):
        assert not bool((kept[small] & ~kept[large]).any())
    for rows in kept.values():  # all films of a patient, or none
        assert not set(PATIENTS[rows]) & set(PATIENTS[~rows])


def test_the_list_is_fixed_by_its_seed_and_not_by_the_order_of_films() -> None:
    order = np.random.default_rng(0).permutation(100)
    one, two = kept_patients(PATIENTS, 0.3), kept_patients(PATIENTS[order], 0.3)
    assert set(PATIENTS[one]) == set(PATIENTS[order][two])
    assert set(PATIENTS[kept_patients(PATIENTS, 0.3, seed=1)]) != set(PATIENTS[one])
    for share in (0.0, 1.1):
        with pytest.raises(InputError, match="above 0 and at most 1"):
            kept_patients(PATIENTS, share)


def test_settings_multiply_and_refuse_names_they_do_not_have() -> None:
    made = tunings(Tuning(steps=5), norm=(False, True), rate=(1e-3, 1e-2, 1e-1))
    assert len(made) == 6
    assert all(each.steps == 5 for each in made)
    assert (made[0].norm, made[0].rate, made[-1].norm, made[-1].rate) == (False, 1e-3, True, 1e-1)
    with pytest.raises(InputError, match="no setting 'lr'"):
        tunings(Tuning(), lr=(1,))
    with pytest.raises(InputError, match="1 or more"):
        Tuning(steps=0)


def test_a_head_starts_where_the_setting_says() -> None:
    torch.manual_seed(0)
    tiny = Head(400, 5, norm=True, truncated=True)
    assert float(tiny.linear.weight.detach().std()) == pytest.approx(TINY, rel=0.1)
    assert float(tiny.linear.bias.detach().abs().max()) == 0.0
    features = 7 + 3 * torch.randn(4, 400)
    normal = tiny.norm(features)
    torch.testing.assert_close(normal.mean(1), torch.zeros(4), atol=1e-5, rtol=0)
    assert float(Head(400, 5).linear.weight.detach().std()) == pytest.approx(1 / np.sqrt(3 * 400), rel=0.1)
    assert torch.equal(Head(400, 5).norm(features), features)


def test_auroc_is_of_what_is_known() -> None:
    target = np.array([[1, 0], [0, 0], [1, 1], [0, 0]], np.float32)
    known = np.array([[True, True], [True, True], [True, False], [True, True]])
    logits = np.array([[2.0, 0], [1, 0], [0, 0], [-1, 0]])
    data = Labelled(logits, target, known)
    assert mean_auroc(data, logits) == pytest.approx(0.75)  # the second finding has no known positive
    assert np.isnan(mean_auroc(data.take(np.array([1, 3])), logits[[1, 3]]))


def test_the_best_weights_come_back_and_patience_ends() -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    seen = []

    def score(model: nn.Module) -> float:
        seen.append(float(next(model.parameters()).detach()))
        return float("nan") if len(seen) == 1 else -len(seen)  # no number, then worse and worse

    def loss(model: nn.Module, rows: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        return (model(rows) - 5).pow(2).mean(), {}

    how = Tuning(rate=0.1, steps=50, check_every=1, patience=3, frozen=True)
    best = fit_until_enough(net, lambda step: torch.ones(2, 1), loss, how, seed=0, score=score)
    assert best == -2.0
    assert len(seen) == 5  # the second is the best; three without a gain end it
    assert float(net.weight.detach()) == pytest.approx(seen[1])


def features(seed: int, count: int = 120) -> Labelled:
    """Two findings that two of eight features tell, one of them on a scale a thousand times smaller."""
    rng = np.random.default_rng(seed)
    target = (rng.random((count, 2)) < 0.5).astype(np.float32)
    inputs = rng.normal(size=(count, 8)).astype(np.float32)
    inputs[:, :2] += 3 * target
    return Labelled(inputs, target, np.ones_like(target, bool))


def test_a_linear_probe_finds_what_features_tell_and_repeats_itself() -> None:
    train, val, test = features(0), features(1), features(2)
    how = Tuning(rate=0.1, steps=200, batch=64, frozen=True)  # no head can pass Phi(3 / sqrt 2) = 0.983
    net, best = fine_tune(None, train, val, how, width=8)
    assert best > 0.95
    assert mean_auroc(test, predicted(net, test.inputs)) > 0.93
    again, _ = fine_tune(None, train, val, how, width=8)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
    noise = Labelled(np.random.default_rng(5).normal(size=(120, 8)).astype(np.float32), train.target, train.known)
    net, _ = fine_tune(None, noise, val, how, width=8)
    assert abs(mean_auroc(test, predicted(net, test.inputs)) - 0.5) < 0.45  # nothing was learnt of these


def films(count: int, seed: int) -> Labelled:
    """Films with a bright square where the finding is."""
    rng = np.random.default_rng(seed)
    target = (rng.random((count, 1)) < 0.5).astype(np.float32)
    made = rng.integers(0, 120, (count, 32, 32)).astype(np.uint8)
    made[target[:, 0] > 0, 8:20, 8:20] += 110
    return Labelled(made, target, np.ones_like(target, bool))


def test_an_encoder_is_tuned_on_a_copy_and_slower_where_asked() -> None:
    torch.manual_seed(0)
    encoder = SmallImage(16, stride=16, channels=(4, 8))
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    train, val = films(40, 0), films(30, 1)
    moved = {}
    for slow in (1.0, 0.01):
        how = Tuning(rate=3e-3, slow=slow, steps=30, batch=16, check_every=10)
        net, best = fine_tune(encoder, train, val, how, width=16)
        after = dict(net.encoder.state_dict())  # type: ignore[union-attr]
        moved[slow] = sum(float((after[name] - value).abs().sum()) for name, value in before.items())
        if slow == 1.0:
            assert best > 0.9
    assert moved[0.01] < 0.2 * moved[1.0]
    assert all(torch.equal(value, encoder.state_dict()[name]) for name, value in before.items())


def test_the_setting_that_validation_likes_best_is_chosen_and_the_spread_told() -> None:
    train, val = features(0), features(1)
    base = Tuning(steps=20, batch=32, frozen=True)
    found = choose(None, train, val, tunings(base, rate=(1e-6, 0.05)), width=8)
    assert found.how.rate == 0.05
    values = [value for _, value in found.tried]
    assert found.spread == pytest.approx(max(values) - min(values))
    assert found.spread > 0.1
    with pytest.raises(InputError, match="no setting to try"):
        choose(None, train, val, (), width=8)


def test_what_cannot_be_tuned_is_said() -> None:
    train = features(0)
    with pytest.raises(InputError, match="no film to fine-tune"):
        fine_tune(None, train.take(np.zeros(0, int)), train, Tuning(), width=8)
    with pytest.raises(InputError, match="frozen encoder"):
        fine_tune(SmallImage(16), films(4, 0), films(4, 0), Tuning(frozen=True), width=16)


def test_films_become_input_in_one_way() -> None:
    data = films(3, 0)
    plain = as_input(data.inputs)
    torch.testing.assert_close(plain, torch.from_numpy(data.inputs)[:, None] / 255.0)
    varied = as_input(data.inputs, seed=1, step=4, vary=True)
    assert varied.shape == plain.shape
    assert not torch.equal(varied, plain)
    assert torch.equal(varied, as_input(data.inputs, seed=1, step=4, vary=True))
