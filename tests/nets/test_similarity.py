"""VL-CABS against values worked out by hand: orthogonal tokens, known temperatures, and what tells the ways apart."""

import math

import pytest
import torch

from hilum.core.errors import InputError
from hilum.nets.similarity import Aligner, Layer, Match, heat, vl_cabs
from hilum.nets.towers import Seen, SmallImage, SmallText

BASIS = torch.eye(4)


def test_one_like_token_among_orthogonal_ones() -> None:
    tokens = BASIS[None, 1:]  # class token e1, patches e2 and e3
    found = vl_cabs(BASIS[2:3], tokens, 0.5)
    weight = math.exp(2.0) / (math.exp(2.0) + 2.0)  # cos 1 at tau .5 against two of cos 0
    rest = (1 - weight) / 2
    assert found.attention[0, 0].tolist() == pytest.approx([rest, weight, rest])
    assert found.maps[0, 0].tolist() == pytest.approx([2.0, 0.0])
    cosine = weight / math.sqrt(weight**2 + 2 * rest**2)
    assert found.logits.item() == pytest.approx(cosine / 0.5)


def test_lengths_do_not_matter_and_equal_tokens_share() -> None:
    tokens = torch.stack((3 * BASIS[0], 7 * BASIS[0]))[None]
    found = vl_cabs(0.2 * BASIS[:1], tokens, 0.07)
    assert found.attention[0, 0].tolist() == pytest.approx([0.5, 0.5])
    assert found.logits.item() == pytest.approx(1 / 0.07)
    opposed = vl_cabs(-BASIS[:1], tokens, 0.07)
    assert opposed.logits.item() == pytest.approx(-1 / 0.07)


def test_a_cold_temperature_takes_the_best_token_and_a_warm_one_the_mean() -> None:
    tokens = torch.nn.functional.normalize(torch.tensor([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]]), dim=-1)
    text = torch.tensor([[1.0, 0.0]])
    assert (vl_cabs(text, tokens, 1e-3).logits * 1e-3).item() == pytest.approx(1.0)
    mean = tokens[0].mean(0)
    assert (vl_cabs(text, tokens, 1e4).logits * 1e4).item() == pytest.approx(float(mean[0] / mean.norm()), abs=1e-3)


def test_the_order_of_patches_moves_the_map_and_nothing_else() -> None:
    torch.manual_seed(0)
    texts, tokens, order = torch.randn(3, 8), torch.randn(2, 6, 8), torch.tensor([0, 3, 1, 5, 2, 4])
    first, moved = vl_cabs(texts, tokens, 0.1), vl_cabs(texts, tokens[:, order], 0.1)
    assert torch.allclose(first.logits, moved.logits, atol=1e-5)
    assert torch.allclose(first.maps[..., order[1:] - 1], moved.maps, atol=1e-5)
    assert torch.allclose(first.attention.sum(-1), torch.ones(2, 3))


@pytest.mark.parametrize(("how", "expected"), [("cls", (1.0, 0.0, 0.0)), ("mean", (0.0, 0.5, 0.5))])
def test_global_ways_read_one_vector(how: str, expected: tuple[float, ...]) -> None:
    head = Match(4, how=how)  # type: ignore[arg-type]
    torch.manual_seed(1)
    texts, tokens = torch.randn(2, 4), torch.randn(1, 3, 4)
    found = head(texts, tokens)
    assert found.attention[0, 0].tolist() == pytest.approx(expected)
    text = torch.nn.functional.normalize(head.norm(texts), dim=-1)
    each = torch.nn.functional.normalize(head.norm(tokens), dim=-1)[0]
    pooled = torch.nn.functional.normalize((torch.tensor(expected)[:, None] * each).sum(0), dim=0)
    assert torch.allclose(found.logits[0], text @ pooled / 0.07, atol=1e-4)


def test_learned_attention_weighs_by_its_own_layers_but_maps_by_likeness() -> None:
    torch.manual_seed(2)
    head, texts, tokens = Match(4, how="learned"), torch.randn(2, 4), torch.randn(1, 3, 4)
    plain = Match(4)
    plain.load_state_dict({name: value for name, value in head.state_dict().items() if name in plain.state_dict()})
    one, other = head(texts, tokens), plain(texts, tokens)
    assert torch.allclose(one.maps, other.maps)
    assert not torch.allclose(one.attention, other.attention)
    with torch.no_grad():
        head.query.weight.zero_()
        head.query.bias.zero_()
    assert torch.allclose(head(texts, tokens).attention, torch.full((1, 2, 3), 1 / 3))


def test_one_norm_and_one_temperature_are_shared() -> None:
    head = Match(4)
    assert {name for name, _ in head.named_parameters()} == {"norm.weight", "norm.bias", "log_tau"}
    assert head.tau.item() == pytest.approx(0.07)
    texts, tokens = torch.randn(2, 4), torch.randn(1, 3, 4)
    with torch.no_grad():
        head.norm.weight.mul_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    expected = vl_cabs(head.norm(texts), head.norm(tokens), head.tau)
    assert torch.equal(head(texts, tokens).logits, expected.logits)


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(InputError, match="not by 'max'"):
        Match(4, how="max")  # type: ignore[arg-type]


def test_heat_keeps_a_constant_and_the_corner_that_is_highest() -> None:
    flat = heat(torch.full((2, 3, 4), 1.5), (2, 2), 8)
    assert flat.shape == (2, 3, 8, 8)
    assert torch.allclose(flat, torch.full_like(flat, 1.5))
    corner = heat(torch.tensor([[[0.0, 0.0, 0.0, 1.0]]]), (2, 2), 8)[0, 0]
    assert divmod(int(corner.argmax()), 8)[0] >= 4
    assert corner[0, 0] == 0
    wide = heat(torch.arange(6.0)[None, None], (2, 3), 6)[0, 0]
    assert wide[0, 0] == 0
    assert wide[-1, -1].item() == pytest.approx(5.0)


def test_a_layer_whose_scales_are_zero_changes_nothing() -> None:
    layer, x = Layer(8, 2), torch.randn(2, 5, 8)
    with torch.no_grad():
        layer.scale1.zero_()
        layer.scale2.zero_()
    assert torch.equal(layer(x), x)


def test_attention_of_a_layer_is_the_plain_formula() -> None:
    torch.manual_seed(3)
    layer, x = Layer(8, 2), torch.randn(1, 5, 8)
    with torch.no_grad():
        layer.scale2.zero_()
        inner = layer.norm1(x)[0]
        parts = []
        for at in (slice(0, 4), slice(4, 8)):
            asked, keyed, held = (each(inner)[:, at] for each in (layer.query, layer.key, layer.value))
            parts.append(torch.softmax(asked @ keyed.T / 2.0, dim=-1) @ held)
        expected = x[0] + layer.out(torch.cat(parts, dim=1))
        assert torch.allclose(layer(x)[0], expected, atol=1e-5)


def _aligner(how: str = "similarity") -> Aligner:
    torch.manual_seed(4)
    return Aligner(SmallImage(16), SmallText(20, 16), width=16, how=how)  # type: ignore[arg-type]


def test_the_frozen_encoder_gets_no_gradient_and_all_else_does() -> None:
    net = _aligner()
    seen = net.look(torch.rand(2, 1, 32, 32))
    assert isinstance(seen, Seen)
    ids = torch.tensor([[2, 3, 4], [5, 6, 0]])
    net(seen.pooled, seen.patches, ids, ids > 0).logits.sum().backward()
    assert all(each.grad is None and not each.requires_grad for each in net.image.parameters())
    assert all(each.grad is not None for name, each in net.named_parameters() if not name.startswith("image."))


def test_training_mode_leaves_the_frozen_encoder_in_evaluation() -> None:
    net = _aligner().train()
    assert net.head.training
    assert not net.image.training


def test_shapes_of_all_ways() -> None:
    ids = torch.tensor([[2, 3, 4], [5, 6, 0]])
    for how in ("similarity", "learned", "cls", "mean"):
        net = _aligner(how)
        seen = net.look(torch.rand(3, 1, 32, 32))
        found = net(seen.pooled, seen.patches, ids, ids > 0)
        assert found.logits.shape == (3, 2)
        assert found.maps.shape == (3, 2, 16)
        assert found.attention.shape == (3, 2, 17)
        assert net.tokens(seen.pooled, seen.patches).shape == (3, 17, 16)
