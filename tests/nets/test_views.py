"""MLRG's fusion: shapes, who may look at whom, and that nothing depends on the order or padding of a set of films."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.views import (  # noqa: E402
    CURRENT,
    LATEST,
    TIMES,
    VIEWS,
    FusionSize,
    TokenProjection,
    ViewFusion,
    padded,
    view_number,
)

TINY = FusionSize(inputs=6, width=8, hidden=12, heads=2, head_width=4, mlp=16, depth=2)


@pytest.fixture
def fusion() -> ViewFusion:
    torch.manual_seed(0)
    return ViewFusion(TINY).eval()


def films(count: int = 4, tokens: int = 3) -> torch.Tensor:
    return torch.randn(count, tokens, 6, generator=torch.Generator().manual_seed(1))


def run(net: ViewFusion, tokens: torch.Tensor, anchors: list[int], others: list[list[int]]) -> torch.Tensor:
    count = len(tokens)
    view = torch.arange(count) % len(VIEWS)
    when = torch.tensor([CURRENT] * (count - 1) + [LATEST])
    with torch.no_grad():
        found: torch.Tensor = net(tokens, view, when, torch.tensor(anchors), padded(others))
    return found


def test_the_published_fusion_has_the_published_sizes() -> None:
    with torch.device("meta"):
        net = ViewFusion()
    layer = net.layers[0]
    assert (len(net.layers), tuple(layer.ask.weight.shape), layer.heads) == (3, (8 * 192, 768), 8)
    assert tuple(net.places.shape) == (5, 768)
    assert tuple(net.times.shape) == (3, 768)
    assert net.project.first.out_features == 1536
    assert TIMES == ("current", "latest prior", "older")


def test_a_view_that_is_not_listed_is_the_unknown_one() -> None:
    assert [view_number(name) for name in ("PA", "LL", "XX", "")] == [0, 2, 4, 4]


def test_a_lone_film_skips_the_fusion(fusion: ViewFusion) -> None:
    tokens = films()
    fused = run(fusion, tokens, [0, 1], [[], [2]])
    with torch.no_grad():
        plain = fusion.timed(fusion.placed(tokens, torch.arange(4)), torch.tensor([0, 0, 0, 1]))
    assert torch.equal(fused[0], plain[0])
    assert not torch.allclose(fused[1], plain[1])


def test_order_and_padding_of_the_other_films_do_not_matter(fusion: ViewFusion) -> None:
    tokens = films()
    one = run(fusion, tokens, [0, 1], [[1, 2, 3], [0]])
    two = run(fusion, tokens, [0, 1], [[3, 1, 2], [0]])
    alone = run(fusion, tokens, [1], [[0]])
    assert torch.allclose(one, two, atol=1e-6)
    assert torch.allclose(one[1], alone[0], atol=1e-6)


def test_only_the_listed_films_are_looked_at(fusion: ViewFusion) -> None:
    tokens = films()
    changed = tokens.clone()
    changed[3] = changed[3].flip(-1)
    before = run(fusion, tokens, [0, 1], [[1, 2], [3]])
    after = run(fusion, changed, [0, 1], [[1, 2], [3]])
    assert torch.allclose(before[0], after[0], atol=1e-6)
    assert not torch.allclose(before[1], after[1])


def test_view_and_time_are_told_apart(fusion: ViewFusion) -> None:
    tokens = films(2)
    same = tokens[:1].expand(2, -1, -1)
    with torch.no_grad():
        by_view = fusion.placed(same, torch.tensor([0, 2]))
        by_time = fusion.timed(fusion.placed(same, torch.tensor([0, 0])), torch.tensor([CURRENT, LATEST]))
    assert not torch.allclose(by_view[0], by_view[1])
    assert not torch.allclose(by_time[0], by_time[1])


def test_a_film_is_not_among_its_own_others(fusion: ViewFusion) -> None:
    with pytest.raises(InputError, match="own others"):
        run(fusion, films(), [0], [[0, 1]])


def test_gradients_reach_every_part() -> None:
    torch.manual_seed(0)
    net = ViewFusion(TINY).train()
    made = net(films(), torch.arange(4), torch.tensor([0, 0, 1, 2]), torch.tensor([0, 3]), padded([[1, 2], []]))
    made.square().sum().backward()
    assert [name for name, value in net.named_parameters() if value.grad is None] == []


def test_padding_enters_no_statistic_of_a_projection() -> None:
    torch.manual_seed(0)
    net = TokenProjection(6, 12, 8, whiten=True).train()
    tokens = films(2, 5)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    dirty = tokens.clone()
    dirty[~mask] = 1e3
    made = net(dirty, mask)
    assert torch.equal(made[~mask], torch.zeros(2, 8))
    assert torch.allclose(made, net(tokens, mask), atol=1e-5)
    assert torch.allclose(made[mask].mean(0), torch.zeros(8), atol=1e-5)  # what comes out is white
    assert torch.allclose(made[mask].var(0, unbiased=False), torch.ones(8), atol=1e-3)


def test_sets_are_padded_to_the_longest() -> None:
    assert padded([[4, 5], [], [1]]).tolist() == [[4, 5], [-1, -1], [1, -1]]
    assert padded([[], []]).shape == (2, 1)
