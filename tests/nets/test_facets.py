"""Disease-query decoder, facet fusion and projections: shapes, invariances and values worked out by hand."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hilum.nets.facets import (  # noqa: E402
    DEVIDE,
    MEDKLIP,
    MEDKLIP_ENTITIES,
    MEDKLIP_PLACES,
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


def _decoder(**changes: object) -> DiseaseDecoder:
    torch.manual_seed(0)
    from dataclasses import replace

    return DiseaseDecoder(replace(SMALL, **changes)).eval()  # type: ignore[arg-type]


def test_shapes_and_maps_that_sum_to_one() -> None:
    asked = _decoder()(torch.randn(3, 20, 12), torch.randn(5, 10))
    assert asked.seen.shape == (3, 5, 16)
    assert asked.logits.shape == (3, 5)
    assert asked.maps.shape == (3, 5, 20)
    assert torch.allclose(asked.maps.sum(-1), torch.ones(3, 5), atol=1e-5)


def test_the_published_sizes() -> None:
    """MedKLIP: 75 entities, 14 x 14 patches of width 1024, eight places; DeViDe: 196 patches of width 768."""
    with torch.no_grad():
        decoder = DiseaseDecoder(MEDKLIP).eval()
        asked = decoder(torch.randn(1, 14 * 14, 1024), torch.randn(MEDKLIP_ENTITIES, 768))
        assert asked.seen.shape == (1, 75, 256)
        places = LocationHead()(asked.seen, torch.randn(1, 75, MEDKLIP_PLACES, 768))
        assert places.shape == (1, 75, 8)
        assert DiseaseDecoder(DEVIDE).eval()(torch.randn(1, 196, 768), torch.randn(3, 768)).logits.shape == (1, 3)
    assert len(decoder.layers) == 4
    assert decoder.layers[0].feed[0].out_features == 1024


def test_diseases_in_another_order_get_the_same_answers_in_that_order() -> None:
    patches, diseases, order = torch.randn(2, 9, 12), torch.randn(4, 10), torch.tensor([2, 0, 3, 1])
    decoder = _decoder()
    assert torch.allclose(decoder(patches, diseases).logits[:, order], decoder(patches, diseases[order]).logits,
                          atol=1e-5)  # fmt: skip


def test_patches_carry_no_order_of_their_own() -> None:
    """Where something lies must stand in the patches' features: the decoder itself sees a set."""
    patches, diseases = torch.randn(2, 9, 12), torch.randn(4, 10)
    decoder = _decoder()
    assert torch.allclose(decoder(patches, diseases).logits, decoder(patches.flip(1), diseases).logits, atol=1e-5)


@pytest.mark.parametrize("among, same", [(False, True), (True, False)])
def test_a_disease_is_told_alone_only_where_queries_do_not_meet(among: bool, same: bool) -> None:
    patches, diseases = torch.randn(2, 9, 12), torch.randn(4, 10)
    decoder = _decoder(among=among)
    alone, together = decoder(patches, diseases[:1]).logits, decoder(patches, diseases).logits[:, :1]
    assert torch.allclose(alone, together, atol=1e-5) is same


def test_texts_of_each_film_are_asked_of_that_film() -> None:
    patches, diseases = torch.randn(2, 9, 12), torch.randn(2, 4, 10)
    decoder = _decoder()
    both = decoder(patches, diseases).logits
    for row in range(2):
        assert torch.allclose(both[row], decoder(patches[row : row + 1], diseases[row]).logits[0], atol=1e-5)


def test_places_are_scored_by_products() -> None:
    head = LocationHead(width=3, text=3)
    with torch.no_grad():
        head.project.weight.copy_(torch.eye(3))
        head.project.bias.zero_()
    seen = torch.tensor([[[1.0, 2.0, 0.0]]])
    places = torch.tensor([[[[1.0, 0.0, 0.0], [0.0, 1.0, 5.0]]]])
    assert head(seen, places).tolist() == [[[1.0, 2.0]]]


def test_the_mean_facet_leaves_out_what_is_not_there() -> None:
    facets = torch.tensor([[[2.0, 0.0], [4.0, 2.0], [99.0, 99.0]], [[1.0, 1.0]] * 3])
    there = torch.tensor([[True, True, False], [False, False, False]])
    assert mean_facet(facets, there).tolist() == [[3.0, 1.0], [0.0, 0.0]]


def test_an_untrained_gate_takes_half_of_each_and_a_disease_without_facets_keeps_its_definition() -> None:
    fused = GatedFusion(2)(
        torch.tensor([[1.0, 1.0], [5.0, 7.0]]),
        torch.tensor([[[3.0, 5.0]], [[9.0, 9.0]]]),
        torch.tensor([[True], [False]]),
    )
    assert fused.tolist() == [[2.0, 3.0], [5.0, 7.0]]


def test_a_film_weighs_facets_by_how_well_they_answer_it() -> None:
    fusion = AttentionFusion(2, 2)
    with torch.no_grad():
        fusion.query.weight.copy_(torch.eye(2) * 100)
        fusion.key.weight.copy_(torch.eye(2))
    definition = torch.tensor([[0.0, 0.0]])
    facets, there = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), torch.tensor([[True, True]])
    fused = fusion(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), definition, facets, there)
    assert torch.allclose(fused, torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), atol=1e-4)
    hidden = fusion(torch.tensor([[0.0, 1.0]]), definition, facets, torch.tensor([[True, False]]))
    assert hidden[0, 0, 1].item() == 0


def test_one_vector_is_the_same_for_all_diseases_and_many_are_not() -> None:
    pooled, patches, texts = torch.randn(2, 6), torch.randn(2, 9, 6), torch.randn(3, 4)
    one, many = SingleProjection(6, 4)(pooled, patches, texts), MultiLabelProjection(6, 4)(pooled, patches, texts)
    assert one.shape == many.shape == (2, 3, 4)
    for vectors in (one, many):
        assert torch.allclose(vectors.norm(dim=-1), torch.ones(2, 3), atol=1e-5)
    assert torch.equal(one[:, 0], one[:, 2])
    assert not torch.allclose(many[:, 0], many[:, 2], atol=1e-3)


def test_a_single_vector_cannot_be_near_two_texts_and_one_for_each_disease_can() -> None:
    """Two findings in two patches, two orthogonal texts: the limit of one vector is cos 45 degrees."""
    patches = torch.eye(2).unsqueeze(0)
    texts = torch.eye(2)
    many = MultiLabelProjection(2, 2)
    with torch.no_grad():
        for part in (many.key, many.value):
            part.weight.copy_(torch.eye(2))
            part.bias.zero_()
        many.sharp.fill_(4.0)
    near = (many(patches.mean(1), patches, texts) * texts).sum(-1)
    assert near.min() > 0.99
    best = torch.nn.functional.normalize(torch.ones(2), dim=0)
    assert (texts @ best).min().item() == pytest.approx(0.5**0.5)


def test_a_projection_shows_nothing_of_the_text_but_where_to_look() -> None:
    """On a film whose patches are all alike no text can change the answer."""
    patches = torch.randn(1, 1, 6).expand(1, 9, 6)
    out = MultiLabelProjection(6, 4)(patches.mean(1), patches, torch.randn(5, 4))
    assert torch.allclose(out[0, :1].expand(5, -1), out[0], atol=1e-5)


def test_projections_take_texts_of_each_film() -> None:
    patches, texts = torch.randn(2, 9, 6), torch.randn(2, 3, 4)
    many = MultiLabelProjection(6, 4)
    both = many(patches.mean(1), patches, texts)
    for row in range(2):
        alone = many(patches[row : row + 1].mean(1), patches[row : row + 1], texts[row])
        assert torch.allclose(both[row], alone[0], atol=1e-5)
    assert SingleProjection(6, 4)(patches.mean(1), patches, texts).shape == (2, 3, 4)
