"""Connectors: sizes of what they give, what each film may know of others, and the published parts by hand."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch import nn  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.connector import CONNECTORS, connector  # noqa: E402
from hilum.nets.connector_base import Attention, Connector, mlp, pixel_merge, pixel_split, side_of  # noqa: E402
from hilum.nets.connector_tac import LayerwiseExtractor, Squeeze, TemporalConnector, TemporalFusion  # noqa: E402
from hilum.nets.connector_views import ViewConnector  # noqa: E402
from hilum.nets.fuse import FRONT, LATERAL, LESION, PRIOR, Films  # noqa: E402

from .reader_case import KINDS  # noqa: E402

D, TEXT, P, L = 8, 12, 16, 3
FUSING = [kind for kind, (name, options, _) in KINDS.items() if name not in ("linear", "qformer", "mlp4") and
          (name != "mlp2" or options)]  # fmt: skip
ROWS = Films(torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([FRONT, PRIOR, FRONT, LATERAL, FRONT, LESION]))
"""A pair, a lone film, and three of a third row."""


def built(kind: str, *, seed: int = 0) -> Connector:
    name, options, layers = KINDS[kind]
    torch.manual_seed(seed)
    return connector(name, vision_width=D, text_width=TEXT, layers=L if layers == "all" else 1, **options).eval()


def seen(kind: str, films: int = 6, seed: int = 1) -> torch.Tensor:
    many = L if KINDS[kind][2] == "all" else 1
    return torch.randn(films, P, many * D, generator=torch.Generator().manual_seed(seed))


def run(net: Connector, tokens: torch.Tensor, films: Films = ROWS) -> Any:
    with torch.no_grad():
        return net(tokens, films if net.fuses else None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_takes_as_many_tokens_as_each_gives(kind: str) -> None:
    net, tokens = built(kind), seen(kind)
    with torch.no_grad():
        first = net.each(tokens)
    assert first.shape[1] == net.tokens(P)
    assert run(net, tokens).shape == (6, net.tokens(P), TEXT)
    assert bool(run(net, tokens).isfinite().all())


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_learns(kind: str) -> None:
    net = built(kind).train()
    (net(seen(kind), ROWS if net.fuses else None) * torch.randn(TEXT)).sum().backward()
    still = {name for name, each in net.named_parameters() if each.grad is None or not bool(each.grad.abs().sum() > 0)}
    # keys are only compared with each other, so what is added to all of them changes nothing
    still = {name for name in still if not name.endswith("key.bias")}
    spare = {"fusion.places": "views of other kinds", "fusion.times": "times of other kinds"}
    assert still <= set(spare), still


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_a_batch_do_not_see_each_other(kind: str) -> None:
    net, tokens = built(kind), seen(kind)
    changed = tokens.clone()
    changed[3:] = 7.0
    before, after = run(net, tokens), run(net, changed)
    torch.testing.assert_close(before[:3], after[:3], atol=1e-6, rtol=1e-5)
    assert not torch.allclose(before[3:], after[3:])


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_its_rows_one_by_one(kind: str) -> None:
    net, tokens = built(kind), seen(kind)
    whole = run(net, tokens)
    for row in range(3):
        mine = ROWS.owner == row
        alone = run(net, tokens[mine], Films(ROWS.owner[mine] * 0, ROWS.role[mine]))
        torch.testing.assert_close(alone, whole[mine], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", FUSING)
def test_a_fusing_connector_asks_for_roles(kind: str) -> None:
    net = built(kind)
    assert net.fuses
    with pytest.raises(InputError, match="needs to know whose and which the films are"):
        net(seen(kind))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("mlp3", {}, "no connector 'mlp3': expected one of linear, mlp2, mlp4, qformer, tac, multiview_xattn"),
        ("mlp2", {"heads": 3}, "'mlp2' has no option 'heads': it has merge"),
        ("tac", {"queries": 3}, "'tac' has no option 'queries': it has heads, drop, bias"),
        ("tac", {"by_role": True}, "'tac' has no weights for each role"),
        ("tac", {"heads": 3}, "3 heads do not divide a width of 8"),
        ("tac", {"prior_slot": "both"}, "'placeholder' or its 'own' tokens, got 'both'"),
        ("multiview_xattn", {"other_slots": ""}, "'own' tokens or a 'placeholder', got ''"),
        ("qformer", {"queries": 0}, "takes a query or more"),
        ("qformer", {"merge": 2}, "merge=1, got 128 and 2"),
        ("linear", {"merge": 0}, "squares of side 1 or more, got merge=0"),
    ],
)
def test_what_a_connector_cannot_be_is_said(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as raised:
        connector(name, vision_width=D, text_width=TEXT, **options)
    assert said in str(raised.value)


def test_patches_that_make_no_square_are_refused() -> None:
    net = connector("mlp2", vision_width=D, text_width=TEXT, merge=2)
    for patches in (15, 25):
        with pytest.raises(InputError, match=f"{patches} patches are no square grid that can be merged 2 x 2"):
            net.tokens(patches)
    assert (side_of(16, 2), net.tokens(36)) == (4, 9)


def test_merging_takes_neighbours_and_splitting_gives_them_back() -> None:
    numbers = torch.arange(16.0).reshape(1, 16, 1)
    assert pixel_merge(numbers, 2)[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    wide = torch.randn(2, 36, 5)
    for merge in (1, 2, 3, 6):
        assert torch.equal(pixel_split(pixel_merge(wide, merge), merge), wide)


@pytest.mark.parametrize(("name", "layers"), [("linear", 1), ("mlp2", 2), ("mlp4", 4)])
def test_projections_are_their_linear_layers(name: str, layers: int) -> None:
    net = connector(name, vision_width=D, text_width=TEXT, layers=2)
    held = [each for each in net.modules() if isinstance(each, nn.Linear)]
    assert [(each.in_features, each.out_features) for each in held] == [(2 * D, TEXT)] + [(TEXT, TEXT)] * (layers - 1)
    x = torch.randn(3, 5, 2 * D)
    wanted = held[0](x)
    for each in held[1:]:
        wanted = each(nn.functional.gelu(wanted))
    torch.testing.assert_close(net(x), wanted)
    assert len(mlp(4, 4, 1)) == 1


def test_a_projection_for_each_role_is_that_of_its_kind() -> None:
    net = built("mlp2 per role")
    x = seen("mlp2 per role")
    found = run(net, x)
    for at, kind in enumerate([0, 1, 0, 0, 0, 2]):
        torch.testing.assert_close(found[at], net.nets[kind](x[at]))


def test_attention_is_that_of_torch_with_a_learned_key_and_value() -> None:
    """nn.MultiheadAttention(add_bias_kv=True) with the same weights."""
    torch.manual_seed(0)
    mine, theirs = Attention(D, 2), nn.MultiheadAttention(D, 2, add_bias_kv=True, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([mine.ask.weight, mine.key.weight, mine.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([mine.ask.bias, mine.key.bias, mine.value.bias]))
        theirs.bias_k.copy_(mine.still[0])
        theirs.bias_v.copy_(mine.still[1])
        theirs.out_proj.load_state_dict(mine.out.state_dict())
    asks, answers = torch.randn(2, 5, D), torch.randn(2, 7, D)
    torch.testing.assert_close(mine(asks, answers), theirs(asks, answers, answers)[0], atol=1e-6, rtol=1e-5)


def test_layers_are_halved_down_to_one() -> None:
    steps = LayerwiseExtractor(12).steps
    assert [each.mix.weight.shape for each in steps] == [(6, 12), (3, 6), (1, 3)]
    assert [each.mix.bias for each in steps] == [None] * 3
    alone = torch.randn(2, 1, 4, D)
    assert torch.equal(LayerwiseExtractor(1)(alone), alone[:, 0])


def test_squeezing_weighs_channels_and_mixes_them_as_a_1x1_convolution() -> None:
    torch.manual_seed(0)
    net, x = Squeeze(4, 2), torch.randn(3, 4, 5, D)
    gate = net.weigh(x.mean((2, 3)))
    wanted = nn.functional.conv2d(x * gate[..., None, None], net.mix.weight[..., None, None])
    torch.testing.assert_close(net(x), wanted, atol=1e-6, rtol=1e-5)
    assert bool(((gate > 0) & (gate < 1)).all())


class TestTemporal:
    """Libra's connector on a pair of films."""

    @pytest.fixture
    def net(self) -> TemporalConnector:
        made = built("tac")
        assert isinstance(made, TemporalConnector)
        return made

    def pair(self, net: Connector, current: torch.Tensor, prior: torch.Tensor) -> Any:
        return run(
            net, torch.cat([current, prior]), Films(torch.zeros(2, dtype=torch.int64), torch.tensor([FRONT, PRIOR]))
        )

    def test_the_prior_is_known_through_the_current_film_alone(self, net: TemporalConnector) -> None:
        one, two, three = seen("tac", 3).split(1)
        first, second = self.pair(net, one, two), self.pair(net, one, three)
        assert not torch.allclose(first[0], second[0], atol=1e-4)
        assert torch.equal(first[1], second[1])
        assert torch.equal(first[1], net.gone.expand(P, -1))

    def test_no_prior_is_the_current_film_twice(self, net: TemporalConnector) -> None:
        one = seen("tac", 1)
        alone = run(net, one, Films(torch.tensor([0]), torch.tensor([FRONT])))
        torch.testing.assert_close(alone[0], self.pair(net, one, one)[0])

    def test_time_reversed_is_something_else(self, net: TemporalConnector) -> None:
        one, two = seen("tac", 2).split(1)
        assert not torch.allclose(self.pair(net, one, two)[0], self.pair(net, two, one)[0], atol=1e-3)

    def test_its_own_tokens_may_stand_in_the_priors_slot(self) -> None:
        net = built("tac merged")
        one, two, three = seen("tac merged", 3).split(1)
        first, second = self.pair(net, one, two), self.pair(net, three, two)
        assert torch.equal(first[1], second[1])
        assert not torch.allclose(first[1], self.pair(net, one, three)[1], atol=1e-4)

    def test_the_shift_is_nothing_at_first_and_a_constant_that_norms_nearly_remove(self) -> None:
        torch.manual_seed(0)
        net = TemporalFusion(D, 2, drop=0.0, bias=True, self_attention=True, feed=D).eval()
        current, prior = torch.randn(2, 2, P, D)
        plain = net(current, prior)
        net.load_state_dict({**net.state_dict(), "shift": torch.tensor([5.0])})
        near = net(current, current + 0.01 * prior)
        net.load_state_dict({**net.state_dict(), "shift": torch.tensor([0.0])})
        torch.testing.assert_close(net(current, prior), plain)
        assert not torch.equal(near, net(current, current + 0.01 * prior))

    def test_the_fusion_is_its_formula(self) -> None:
        """LN4(cur + MLP(LN3(cur' + CA(cur', prior'))))."""
        torch.manual_seed(0)
        net = TemporalFusion(D, 2, drop=0.0, bias=False, self_attention=True, feed=D).eval()
        current, prior = torch.randn(2, 1, P, D)
        one = net.look_norms[0](current + net.looks[0](current, current))
        two = net.look_norms[1](prior + net.looks[1](prior, prior))
        wanted = net.norm(current + net.feed(net.cross_norm(one + net.cross(one, two))))
        torch.testing.assert_close(net(current, prior), wanted)

    def test_an_ablation_leaves_its_part_out(self) -> None:
        full = connector("tac", vision_width=D, text_width=TEXT, layers=L)
        names = {name for name, _ in full.named_parameters()}
        for option, part in (("bias", "fusion.shift"), ("self_attention", "fusion.looks.0.ask.weight")):
            less = {name for name, _ in connector("tac", vision_width=D, text_width=TEXT, layers=L,
                                                  **{option: False}).named_parameters()}  # fmt: skip
            assert part in names - less
            assert less < names
        assert {name for name, _ in connector("tac", vision_width=D, text_width=TEXT).named_parameters()} < names

    def test_dropout_is_for_training(self, net: TemporalConnector) -> None:
        one, two = seen("tac", 2).split(1)
        assert torch.equal(self.pair(net, one, two), self.pair(net, one, two))
        net.train()
        assert not torch.equal(self.pair(net, one, two), self.pair(net, one, two))


class TestViews:
    """The anchor asks; all others answer."""

    def three(self, net: Connector, tokens: torch.Tensor) -> Any:
        return run(net, tokens, Films(torch.zeros(3, dtype=torch.int64), torch.tensor([LATERAL, FRONT, PRIOR])))

    @pytest.mark.parametrize("other", [0, 2])
    def test_the_anchor_hears_each_other_film_and_they_do_not(self, other: int) -> None:
        net, tokens = built("views"), seen("views", 3)
        changed = tokens.clone()
        changed[other] = tokens[other].roll(1, -1)
        before, after = self.three(net, tokens), self.three(net, changed)
        assert not torch.allclose(before[1], after[1], atol=1e-4)
        assert torch.equal(before[2 - other], after[2 - other])

    def test_the_order_of_others_does_not_matter(self) -> None:
        net, tokens = built("views"), seen("views", 3)
        turned = run(
            net, tokens.flip(0), Films(torch.zeros(3, dtype=torch.int64), torch.tensor([PRIOR, FRONT, LATERAL]))
        )
        torch.testing.assert_close(turned[1], self.three(net, tokens)[1], atol=1e-6, rtol=1e-5)

    def test_a_role_is_part_of_what_a_film_tells(self) -> None:
        net, tokens = built("views"), seen("views", 2)
        prior, other = (
            run(net, tokens, Films(torch.zeros(2, dtype=torch.int64), torch.tensor([FRONT, role])))
            for role in (PRIOR, LATERAL)
        )
        assert not torch.allclose(prior[0], other[0], atol=1e-5)

    def test_a_placeholder_may_stand_for_all_but_the_anchor(self) -> None:
        net = built("views merged")
        assert isinstance(net, ViewConnector)
        found = self.three(net, seen("views merged", 3))
        assert torch.equal(found[0], found[2])
        assert torch.equal(found[0], net.gone.expand(4, -1))

    def test_the_projection_keeps_no_statistics(self) -> None:
        assert not [each for each in built("views").modules() if isinstance(each, nn.BatchNorm1d)]


def test_queries_are_as_many_for_any_film_and_read_all_of_it() -> None:
    net = built("qformer")
    x = torch.randn(2, 30, D)
    assert run(net, x).shape == run(net, x[:, :4]).shape == (2, 5, TEXT)
    changed = x.clone()
    changed[:, 29] += 3.0
    assert not torch.allclose(run(net, x), run(net, changed), atol=1e-5)
    torch.testing.assert_close(run(net, x.flip(1)), run(net, x), atol=1e-5, rtol=1e-4)


def test_all_names_build() -> None:
    for name in CONNECTORS:
        assert connector(name, vision_width=D, text_width=TEXT).tokens(P) == (128 if name == "qformer" else P)
