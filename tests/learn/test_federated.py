"""Training over sites: the average against one by hand, what travels, what stays, and Flower's simulation itself."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("flwr", reason="flwr (extra 'federated') is not installed")
from torch import nn  # noqa: E402

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.learn.federated import exchanged, federate  # noqa: E402

SAMPLES = (10, 30, 60)


class Tiny(nn.Module):
    """A norm, a block that stays, a block that thaws and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.early = nn.BatchNorm1d(3), nn.Linear(3, 3)
        self.late, self.head = nn.Linear(3, 3), nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.late(self.early(self.norm(x))))


def start() -> Tiny:
    torch.manual_seed(0)
    return Tiny()


def share(at: int) -> Sequence[str]:
    return ("head.*",) if at == 0 else ("head.*", "late.*")


def data(site: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(site)
    x = torch.randn(SAMPLES[site], 3, generator=draw) * (1 + site) + site
    return x, x.sum(1, keepdim=True)


def train(net: nn.Module, site: int, at: int) -> int:
    """Three steps of gradient on the site's data, of what is exchanged in the round."""
    x, y = data(site)
    names = exchanged(net, share(at))
    opt = torch.optim.SGD([p for name, p in net.named_parameters() if name in names], lr=0.01)
    net.train()
    for _ in range(3):
        loss = ((net(x) - y) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return len(x)


def read(net: nn.Module, site: int) -> list[float]:
    net.eval()
    with torch.no_grad():
        return [float(each) for each in net(data(site)[0])[:4, 0]] + net.norm.running_mean.tolist()


def by_hand(rounds: int) -> tuple[dict[str, torch.Tensor], list[dict[str, torch.Tensor]]]:
    """The weighted mean of the sites' weights, round for round, and each site's own buffers."""
    shared: dict[str, torch.Tensor] = {}
    buffers: list[dict[str, torch.Tensor]] = [{} for _ in SAMPLES]
    for at in range(rounds):
        given = []
        for site in range(len(SAMPLES)):
            net = start()
            net.load_state_dict(shared | buffers[site], strict=False)
            train(net, site, at)
            buffers[site] = {name: value.clone() for name, value in net.named_buffers()}
            held = dict(net.named_parameters())
            given.append({name: held[name].detach() for name in exchanged(net, share(at))})
        shared = {name: sum(each[name] * count for each, count in zip(given, SAMPLES, strict=True)) / sum(SAMPLES)
                  for name in given[0]}  # fmt: skip
    return shared, buffers


def test_the_average_is_the_mean_weighted_by_samples() -> None:
    made = federate(start, train, read, sites=3, rounds=3, share=share)
    want, buffers = by_hand(3)
    assert set(made.shared) == set(want) == {"head.weight", "head.bias", "late.weight", "late.bias"}
    for name, value in want.items():
        torch.testing.assert_close(made.shared[name], value, rtol=1e-5, atol=1e-6)
    for site, told in enumerate(made.answers):
        net = start()
        net.load_state_dict(want | buffers[site], strict=False)
        assert told == pytest.approx(read(net, site), rel=1e-4, abs=1e-5)


def test_statistics_of_norms_never_travel_and_differ_by_site() -> None:
    made = federate(start, train, read, sites=3, rounds=2, share=share)
    assert not any("running" in name or "norm" in name for name in made.shared)
    means = [told[4:] for told in made.answers]
    assert means[0] != pytest.approx(means[1], abs=0.05)
    with pytest.raises(InputError, match="nothing would be exchanged"):
        exchanged(start(), ("norm.running_*",))


def test_bytes_of_a_round_are_those_of_what_has_thawed() -> None:
    made = federate(start, train, read, sites=3, rounds=3, share=share)
    head, late = 4 * (3 + 1), 4 * (9 + 3)
    assert made.up == (3 * head, 3 * (head + late), 3 * (head + late))
    assert made.down == (3 * head, 3 * head, 3 * (head + late))


def test_the_same_comes_of_the_same() -> None:
    first, again = (federate(start, train, read, sites=3, rounds=2, share=share) for _ in range(2))
    assert all(torch.equal(value, again.shared[name]) for name, value in first.shared.items())
    assert first.answers == again.answers


def test_what_cannot_be_is_refused() -> None:
    for sites, rounds, way in ((1, 1, "in process"), (2, 0, "in process"), (2, 1, "by post")):
        with pytest.raises(InputError, match="two sites"):
            federate(start, train, read, sites=sites, rounds=rounds, share=share, way=way)
    if find_spec("ray") is None:
        with pytest.raises(MissingError, match="federated"):
            federate(start, train, read, sites=2, rounds=1, share=share, way="simulation")


@pytest.mark.slow
def test_flowers_simulation_gives_what_one_process_gives() -> None:
    pytest.importorskip("ray", reason="ray (extra 'federated') is not installed")
    pytest.importorskip("flwr.simulation", reason="flwr[simulation] is not installed")
    made = federate(start, train, read, sites=2, rounds=2, share=share, way="simulation")
    want = federate(start, train, read, sites=2, rounds=2, share=share)
    for name, value in want.shared.items():
        torch.testing.assert_close(made.shared[name], value, rtol=1e-5, atol=1e-6)
    assert made.up == want.up
    assert made.down == want.down
    for told, expected in zip(made.answers, want.answers, strict=True):
        assert told == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_sites_with_the_same_films_learn_what_one_alone_would() -> None:
    """The mean of equal weights is those weights, so that averaging changes nothing."""

    def same(net: nn.Module, site: int, at: int) -> int:
        return train(net, 0, 1)  # head and late block learn from the first round on

    made = federate(start, same, read, sites=3, rounds=2, share=lambda at: ("head.*", "late.*"))
    alone = start()
    for _ in range(2):
        train(alone, 0, 1)
    held = dict(alone.named_parameters())
    for name, value in made.shared.items():
        torch.testing.assert_close(value, held[name].detach(), rtol=1e-4, atol=1e-5)


def test_a_site_that_has_more_children_weighs_more() -> None:
    def constant(net: nn.Module, site: int, at: int) -> int:
        with torch.no_grad():
            net.head.weight.fill_(float(site))
        return SAMPLES[site]

    made = federate(start, constant, read, sites=3, rounds=1, share=share)
    assert made.shared["head.weight"].tolist() == [pytest.approx([(0 * 10 + 1 * 30 + 2 * 60) / 100] * 3)]


def test_each_site_sees_only_its_own_number_and_every_round_once() -> None:
    seen: list[tuple[int, int]] = []

    def note(net: nn.Module, site: int, at: int) -> int:
        seen.append((site, at))
        return 1

    federate(start, note, lambda net, site: [float(site)], sites=4, rounds=3, share=share)
    assert seen == [(site, at) for at in range(3) for site in range(4)]


def test_answers_come_in_the_order_of_the_sites() -> None:
    made = federate(start, train, lambda net, site: [float(site), 0.5], sites=3, rounds=1, share=share)
    assert made.answers == ((0.0, 0.5), (1.0, 0.5), (2.0, 0.5))


@pytest.mark.parametrize("counts", [(1, 1), (1, 3), (5, 2, 3), (1, 0, 4)])
def test_every_parameter_that_is_shared_is_averaged_by_share(counts: tuple[int, ...]) -> None:
    def paint(net: nn.Module, site: int, at: int) -> int:
        with torch.no_grad():
            for number, weight in enumerate(net.parameters()):
                weight.fill_(float((site + 1) ** 2 + number))
        return counts[site]

    made = federate(start, paint, read, sites=len(counts), rounds=1, share=lambda at: ("*",))
    mean = sum(count * (site + 1) ** 2 for site, count in enumerate(counts)) / sum(counts)
    for number, (name, _) in enumerate(start().named_parameters()):
        want = torch.full_like(made.shared[name], mean + number)
        torch.testing.assert_close(made.shared[name], want, rtol=1e-6, atol=1e-6)
    assert set(made.shared) == {name for name, _ in start().named_parameters()}


def test_training_that_changes_nothing_gives_the_start_back() -> None:
    made = federate(start, lambda net, site, at: 7, read, sites=2, rounds=3, share=lambda at: ("late.*", "norm.*"))
    held = dict(start().named_parameters())
    assert set(made.shared) == {"late.weight", "late.bias", "norm.weight", "norm.bias"}
    for name, value in made.shared.items():
        torch.testing.assert_close(value, held[name].detach(), rtol=1e-6, atol=1e-7)
    untouched = [read(start(), site) for site in range(2)]
    assert [list(each) for each in made.answers] == [pytest.approx(each, abs=1e-5) for each in untouched]


def test_what_is_not_exchanged_comes_fresh_to_every_round() -> None:
    """A site that trains what does not travel loses it: only buffers are kept at home."""
    seen: list[float] = []

    def spoil(net: nn.Module, site: int, at: int) -> int:
        seen.append(float(net.early.weight.detach().sum()))
        with torch.no_grad():
            net.early.weight.add_(100.0)
        net.norm.running_mean.add_(1.0)
        return 1

    made = federate(start, spoil, lambda net, site: net.norm.running_mean.tolist(), sites=2, rounds=3, share=share)
    assert seen == [pytest.approx(float(start().early.weight.detach().sum()))] * 6
    assert made.answers == ((3.0, 3.0, 3.0), (3.0, 3.0, 3.0))  # one more in each round


@pytest.mark.parametrize(("patterns", "names"), [
    (("head.*",), ("head.weight", "head.bias")), (("*.bias",), ("norm.bias", "early.bias", "late.bias", "head.bias")),
    (("late.weight", "l*.bias"), ("late.weight", "late.bias")), (("norm.*",), ("norm.weight", "norm.bias")),
])  # fmt: skip
def test_patterns_choose_parameters_in_the_networks_order(patterns: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert exchanged(start(), patterns) == names


def test_a_pattern_that_fits_nothing_is_named() -> None:
    with pytest.raises(InputError, match=r"no parameter is called like Head\.\*, tail"):
        exchanged(start(), ("Head.*", "tail"))
    with pytest.raises(InputError, match="got 1, 1 and 'in process'"):
        federate(start, train, read, sites=1, rounds=1, share=share)
