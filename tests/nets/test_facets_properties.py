"""What must hold of the disease-query decoder, the fusions and the projections whatever their weights are."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from hilum.nets.facets import (  # noqa: E402
    Asking,
    AttentionFusion,
    DiseaseDecoder,
    GatedFusion,
    LocationHead,
    MultiLabelProjection,
    SingleProjection,
    mean_facet,
)

SMALL = Asking(image=12, text=10, width=16, layers=2, heads=2, feedforward=32, drop=0.0)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(3)


def test_films_are_read_one_by_one() -> None:
    decoder, patches, diseases = DiseaseDecoder(SMALL).eval(), torch.randn(4, 9, 12), torch.randn(3, 10)
    together = decoder(patches, diseases)
    for row in range(4):
        alone = decoder(patches[row : row + 1], diseases)
        assert torch.allclose(together.logits[row], alone.logits[0], atol=1e-5)
        assert torch.allclose(together.maps[row], alone.maps[0], atol=1e-5)


def test_the_same_disease_asked_twice_is_told_alike() -> None:
    diseases = torch.randn(2, 10)[[0, 1, 0]]
    for among in (True, False):
        asked = DiseaseDecoder(replace(SMALL, among=among)).eval()(torch.randn(2, 9, 12), diseases)
        assert torch.allclose(asked.seen[:, 0], asked.seen[:, 2], atol=1e-5)
        assert torch.allclose(asked.logits[:, 0], asked.logits[:, 2], atol=1e-5)


def test_the_existence_layer_is_shared_by_all_diseases() -> None:
    decoder = DiseaseDecoder(SMALL).eval()
    asked = decoder(torch.randn(2, 9, 12), torch.randn(5, 10))
    by_hand = asked.seen @ decoder.exists.weight[0] + decoder.exists.bias
    assert torch.allclose(by_hand, asked.logits, atol=1e-5)


@pytest.mark.parametrize("among", [True, False])
def test_all_that_is_used_learns(among: bool) -> None:
    decoder = DiseaseDecoder(replace(SMALL, among=among))
    asked = decoder(torch.randn(2, 9, 12), torch.randn(3, 10))
    asked.logits.square().sum().backward()
    idle = {name for name, each in decoder.named_parameters() if each.grad is None}
    own_norms = {name for name, _ in decoder.named_parameters() if ".norms.0." in name}
    assert idle == (set() if among else own_norms)  # without a layer among queries its norm has nothing to do


def test_dropout_works_in_training_only() -> None:
    decoder = DiseaseDecoder(replace(SMALL, drop=0.5))
    patches, diseases = torch.randn(2, 9, 12), torch.randn(3, 10)
    assert not torch.equal(decoder(patches, diseases).logits, decoder(patches, diseases).logits)
    decoder.eval()
    assert torch.equal(decoder(patches, diseases).logits, decoder(patches, diseases).logits)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_any_number_of_diseases_and_of_patches_can_be_asked(count: int) -> None:
    decoder = DiseaseDecoder(SMALL).eval()
    for patches in (1, 4, 49):
        asked = decoder(torch.randn(2, patches, 12), torch.randn(count, 10))
        assert asked.logits.shape == (2, count)
        assert asked.maps.shape == (2, count, patches)
        assert asked.maps.min() >= 0


def test_places_that_are_the_same_score_the_same() -> None:
    head, seen = LocationHead(16, 10), torch.randn(2, 3, 16)
    places = torch.randn(2, 3, 1, 10).expand(-1, -1, 8, -1)
    scores = head(seen, places)
    assert torch.allclose(scores, scores[..., :1].expand(-1, -1, 8), atol=1e-5)


def test_facets_in_another_order_are_fused_alike() -> None:
    definition, facets, there = torch.randn(3, 10), torch.randn(3, 4, 10), torch.rand(3, 4) < 0.7
    order = torch.tensor([2, 0, 3, 1])
    gate, attend, pooled = GatedFusion(10), AttentionFusion(6, 10), torch.randn(2, 6)
    torch.nn.init.normal_(gate.gate.weight)
    assert torch.allclose(gate(definition, facets, there), gate(definition, facets[:, order], there[:, order]),
                          atol=1e-5)  # fmt: skip
    first = attend(pooled, definition, facets, there)
    assert torch.allclose(first, attend(pooled, definition, facets[:, order], there[:, order]), atol=1e-5)


def test_what_is_not_there_can_be_anything() -> None:
    definition, facets = torch.randn(2, 10), torch.randn(2, 3, 10)
    there = torch.tensor([[True, False, True], [False, False, False]])
    other = torch.where(there.unsqueeze(-1), facets, facets * 100 + 7)
    gate, attend, pooled = GatedFusion(10), AttentionFusion(6, 10), torch.randn(4, 6)
    assert torch.equal(mean_facet(facets, there), mean_facet(other, there))
    assert torch.equal(gate(definition, facets, there), gate(definition, other, there))
    assert torch.allclose(
        attend(pooled, definition, facets, there), attend(pooled, definition, other, there), atol=1e-5
    )


@pytest.mark.parametrize("bias, share", [(30.0, 1.0), (-30.0, 0.0)])
def test_a_gate_may_take_one_side_alone(bias: float, share: float) -> None:
    gate = GatedFusion(4)
    torch.nn.init.constant_(gate.gate.bias, bias)
    definition, facets, there = torch.randn(2, 4), torch.randn(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)
    expected = share * definition + (1 - share) * facets.mean(1)
    assert torch.allclose(gate(definition, facets, there), expected, atol=1e-5)


def test_a_fused_text_lies_between_definition_and_mean_facet() -> None:
    gate = GatedFusion(4)
    torch.nn.init.normal_(gate.gate.weight)
    definition, facets, there = torch.randn(5, 4), torch.randn(5, 3, 4), torch.ones(5, 3, dtype=torch.bool)
    fused, mean = gate(definition, facets, there), facets.mean(1)
    assert (fused >= torch.minimum(definition, mean) - 1e-5).all()
    assert (fused <= torch.maximum(definition, mean) + 1e-5).all()


def test_a_film_that_asks_for_nothing_takes_the_mean_of_all_texts() -> None:
    attend = AttentionFusion(6, 4)
    definition, facets, there = torch.randn(2, 4), torch.randn(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)
    fused = attend(torch.zeros(1, 6), definition, facets, there)
    assert torch.allclose(fused[0], torch.cat([definition[:, None], facets], 1).mean(1), atol=1e-5)


def test_a_flat_projection_pools_all_patches_alike_and_a_sharp_one_takes_the_nearest() -> None:
    patches, texts = torch.randn(1, 6, 8), torch.randn(2, 4)
    many = MultiLabelProjection(8, 4)
    with torch.no_grad():
        many.sharp.fill_(-30.0)
        flat = many(patches.mean(1), patches, texts)
        many.sharp.fill_(9.0)
        sharp = many(patches.mean(1), patches, texts)
        values = many.value(patches)[0]
        keys = torch.nn.functional.normalize(many.key(patches), dim=-1)[0]
    unit = torch.nn.functional.normalize
    assert torch.allclose(flat[0, 0], unit(values.mean(0), dim=-1), atol=1e-4)
    nearest = (unit(texts, dim=-1) @ keys.T).argmax(1)
    assert torch.allclose(sharp[0], unit(values[nearest], dim=-1), atol=1e-2)


def test_the_length_of_a_text_does_not_matter_to_a_projection() -> None:
    patches, texts = torch.randn(2, 6, 8), torch.randn(3, 4)
    for project in (MultiLabelProjection(8, 4), SingleProjection(8, 4)):
        one, two = (project(patches.mean(1), patches, each) for each in (texts, texts * 50))
        assert torch.allclose(one, two, atol=1e-5)
