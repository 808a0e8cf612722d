"""The fusion beside torch's own attention and transformer layers, and properties that any set of films must keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from hilum.nets.views import (  # noqa: E402
    VIEWS,
    CrossLayer,
    FusionSize,
    TokenProjection,
    ViewFusion,
    padded,
    view_number,
)

SIZE = FusionSize(inputs=8, width=8, hidden=16, heads=2, head_width=4, mlp=12, depth=3)


def filled(net: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    gen = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(torch.randn(value.shape, generator=gen) * 0.3)
    return net.eval()


def beside_torch(layer: CrossLayer) -> torch.nn.MultiheadAttention:
    """torch's attention with the layer's weights; they fit where heads times their width is the model's."""
    made = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        made.in_proj_weight.copy_(torch.cat([layer.ask.weight, layer.key.weight, layer.value.weight]))
        made.in_proj_bias.copy_(torch.cat([layer.ask.bias, layer.key.bias, layer.value.bias]))
        made.out_proj.weight.copy_(layer.out.weight)
        made.out_proj.bias.copy_(layer.out.bias)
    return made.eval()


def test_a_layer_is_torchs_attention_with_norms_before_it() -> None:
    layer = CrossLayer(SIZE)
    filled(layer)
    other = beside_torch(layer)
    anchor, others = torch.randn(3, 5, 8), torch.randn(3, 7, 8)
    hidden = torch.zeros(3, 7, dtype=torch.bool)
    hidden[1, 4:] = True
    with torch.no_grad():
        looked, _ = other(layer.ask_norm(anchor), layer.answer_norm(others), layer.answer_norm(others),
                          key_padding_mask=hidden, need_weights=False)  # fmt: skip
        expected = anchor + looked
        expected = expected + layer.mlp(expected)
        assert torch.allclose(layer(anchor, others, hidden), expected, atol=1e-5)


def test_a_layer_takes_heads_wider_than_the_model() -> None:
    """MLRG's eight heads of 192 make 1,536 channels of a model of 768."""
    wide = CrossLayer(FusionSize(inputs=8, width=8, heads=4, head_width=6, mlp=12))
    made = wide(torch.randn(2, 3, 8), torch.randn(2, 4, 8), torch.zeros(2, 4, dtype=torch.bool))
    assert made.shape == (2, 3, 8)
    assert tuple(wide.out.weight.shape) == (8, 24)


def test_the_fusion_is_its_layers_one_after_another_on_unchanged_answers() -> None:
    net = ViewFusion(SIZE)
    filled(net)
    tokens = torch.randn(3, 4, 8)
    with torch.no_grad():
        made = net.fuse(tokens, torch.tensor([0]), padded([[1, 2]]))[0]
        asked, answers = tokens[:1], tokens[1:].flatten(0, 1)[None]
        for layer in net.layers:
            asked = layer(asked, answers, torch.zeros(1, 8, dtype=torch.bool))
        assert torch.allclose(made, net.norm(asked)[0], atol=1e-6)


def test_published_weights_number_what_the_shapes_say() -> None:
    with torch.device("meta"):
        net = ViewFusion()
    layer = 3 * (768 * 1536 + 1536) + (1536 * 768 + 768) + 3 * 2 * 768 + 2 * (768 * 768 + 768)
    project = (768 * 1536 + 1536) + 2 * 1536 + (1536 * 768 + 768)
    embeddings = 5 * 768 + 3 * 768 + 2 * 2 * 768
    assert sum(value.numel() for value in net.parameters()) == 3 * layer + project + embeddings + 2 * 768


@pytest.mark.slow
@given(
    sets=st.lists(st.lists(st.integers(0, 5), max_size=4, unique=True), min_size=1, max_size=6),
    seed=st.integers(0, 1000),
)
def test_any_set_of_films_in_any_order_gives_the_same(sets: list[list[int]], seed: int) -> None:
    net = ViewFusion(SIZE)
    filled(net, 1)
    gen = torch.Generator().manual_seed(seed)
    tokens = torch.randn(12, 3, 8, generator=gen)
    anchors = torch.arange(6, 6 + len(sets))  # never among the others, which are the first six
    with torch.no_grad():
        made = net.fuse(tokens, anchors, padded(sets))
        back = net.fuse(tokens, anchors, padded([each[::-1] for each in sets]))
        alone = [net.fuse(tokens, anchors[at : at + 1], padded([each]))[0] for at, each in enumerate(sets)]
    assert torch.allclose(made, back, atol=1e-5)
    assert torch.allclose(made, torch.stack(alone), atol=1e-5)
    for at, each in enumerate(sets):
        if not each:
            assert torch.equal(made[at], tokens[6 + at])


def test_the_same_film_twice_weighs_like_once() -> None:
    """Attention is a mean of what is looked at: a film listed twice pulls no harder when it is alone."""
    net = ViewFusion(SIZE)
    filled(net)
    tokens = torch.randn(3, 4, 8)
    with torch.no_grad():
        once = net.fuse(tokens, torch.tensor([0]), torch.tensor([[1, -1]]))
        twice = net.fuse(tokens, torch.tensor([0]), torch.tensor([[1, 1]]))
    assert torch.allclose(once, twice, atol=1e-6)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_a_number_of_its_own(view: str) -> None:
    assert VIEWS[view_number(view)] == view
    assert view_number(view.lower() + "?") == VIEWS.index("unknown")


def test_a_projection_is_two_linear_layers_with_a_norm_over_all_tokens() -> None:
    net = TokenProjection(3, 5, 4).train()
    tokens = torch.randn(2, 6, 3)
    with torch.no_grad():
        inner = tokens.flatten(0, 1) @ net.first.weight.T + net.first.bias
        inner = (inner - inner.mean(0)) / (inner.var(0, unbiased=False) + 1e-5).sqrt()
        expected = inner.clamp(min=0) @ net.second.weight.T + net.second.bias
        assert torch.allclose(net(tokens), expected.reshape(2, 6, 4), atol=1e-5)


def test_a_projection_in_evaluation_mode_takes_each_token_by_itself() -> None:
    net = TokenProjection(3, 5, 4, whiten=True).train()
    for _ in range(3):
        net(torch.randn(8, 4, 3))
    net.eval()
    tokens = torch.randn(2, 4, 3)
    mask = torch.tensor([[1, 1, 0, 0], [1, 0, 1, 0]], dtype=torch.bool)
    with torch.no_grad():
        whole, one = net(tokens), net(tokens[1, 2][None])
        some = net(tokens, mask)
    assert torch.allclose(whole[1, 2], one[0], atol=1e-6)
    assert torch.allclose(some[mask], whole[mask], atol=1e-6)


def test_a_pooled_vector_is_projected_like_a_token() -> None:
    net = TokenProjection(3, 5, 4).eval()
    rows = torch.randn(6, 3)
    with torch.no_grad():
        assert torch.allclose(net(rows), net(rows[None])[0], atol=1e-6)


def test_times_change_what_is_looked_at() -> None:
    net = ViewFusion(SIZE)
    filled(net)
    tokens, view = torch.randn(2, 3, 8), torch.tensor([0, 0])
    made = []
    for when in ([0, 0], [0, 1], [0, 2]):
        with torch.no_grad():
            made.append(net(tokens, view, torch.tensor(when), torch.tensor([0]), padded([[1]])))
    assert not torch.allclose(made[0], made[1])
    assert not torch.allclose(made[1], made[2])
