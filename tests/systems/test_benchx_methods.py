"""The nine methods' losses, against values worked out by hand or in another way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from hilum.nets.towers import SmallImage, SmallText, Told  # noqa: E402
from hilum.systems._benchx_convirt import ConVIRT  # noqa: E402
from hilum.systems._benchx_gloria import GLoRIA  # noqa: E402
from hilum.systems._benchx_medclip import MedCLIP, label_rows, semantic_matching  # noqa: E402
from hilum.systems._benchx_medklip import MedKLIP, place_loss  # noqa: E402
from hilum.systems._benchx_method import SPARE, Batch, Method, hidden_words, word_loss  # noqa: E402
from hilum.systems._benchx_mflag import MFlag, alignment, orthogonality  # noqa: E402
from hilum.systems._benchx_mgca import Mgca, prototype_swap, sinkhorn, token_alignment  # noqa: E402
from hilum.systems._benchx_mrm import Mrm, hidden_patches, patch_rows, restored_loss  # noqa: E402
from hilum.systems._benchx_ptunifier import PromptPool, PTUnifier  # noqa: E402
from hilum.systems._benchx_refers import Refers, ViewFusion  # noqa: E402

WIDTH, WORDS, FINDINGS = 16, 20, 3
METHODS: dict[str, Callable[..., Method]] = {
    "convirt": ConVIRT, "gloria": GLoRIA, "medclip": MedCLIP, "medklip": MedKLIP, "mflag": MFlag, "mgca": Mgca,
    "mrm": Mrm, "refers": Refers, "ptunifier": PTUnifier,
}  # fmt: skip


def made(name: str, seed: int = 0) -> Method:
    torch.manual_seed(seed)
    image = SmallImage(WIDTH, stride=16, channels=(4, 8))
    text = SmallText(WORDS + SPARE, WIDTH)
    codes = torch.arange(2, 2 + FINDINGS)[:, None]
    extra = {"names": (codes, codes > 0), "places": (codes + 3, codes > 0)} if name == "medklip" else {}
    return METHODS[name](image, text, width=WIDTH, vocabulary=WORDS + SPARE, **extra)


def batch(count: int = 6, seed: int = 1) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    film = torch.rand(count, 1, 32, 32, generator=rng)
    ids = torch.randint(2, WORDS, (count, 7), generator=rng)
    mask = torch.arange(7) < torch.randint(3, 8, (count, 1), generator=rng)
    ids = ids.masked_fill(~mask, 0)
    target = (torch.rand(count, FINDINGS, generator=rng) < 0.5).float()
    known, sides = torch.ones(count, FINDINGS, dtype=torch.bool), (target * 2).to(torch.int8)
    words = (ids, mask, ids[:, :3], mask[:, :3], ids.roll(1, 0), mask.roll(1, 0))
    return Batch(film, film.flip(3), *words, target, known, sides, target.roll(1, 0))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_teaches_its_image_encoder_and_repeats_itself(name: str) -> None:
    net, given = made(name), batch()
    losses = []
    for _ in range(2):
        torch.manual_seed(5)
        loss, parts = net(given)
        losses.append(float(loss.detach()))
        assert math.isfinite(losses[-1])
        assert all(math.isfinite(value) for value in parts.values())
    assert losses[0] == losses[1]
    loss.backward()
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in net.image.parameters())


@pytest.mark.parametrize("name", METHODS)
def test_a_few_steps_lower_every_loss(name: str) -> None:
    net, given = made(name), batch()
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 3e-3)
    seen = []
    for step in range(25):
        torch.manual_seed(step % 5)  # the same few draws again
        loss, _ = net(given)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(float(loss.detach()))
    assert np.mean(seen[-5:]) < np.mean(seen[:5])


@pytest.mark.parametrize("name", sorted(METHODS.keys() - {"mrm", "medklip"}))
def test_scores_are_of_every_film_with_every_text_whatever_else_is_in_the_batch(name: str) -> None:
    net, given = made(name).eval(), batch()
    with torch.no_grad():
        every = net.scores(given.film, given.report[:4], given.report_mask[:4])
        first = net.scores(given.film[:2], given.report[:4], given.report_mask[:4])
    assert every is not None
    assert first is not None
    assert every.shape == (6, 4)
    torch.testing.assert_close(every[:2], first)


def test_methods_without_a_common_space_compare_nothing() -> None:
    given = batch()
    for name in ("mrm", "medklip"):
        assert made(name).scores(given.film, given.report, given.report_mask) is None


def test_published_settings_are_complete_and_name_their_release() -> None:
    for name, kind in METHODS.items():
        said = kind.published  # type: ignore[attr-defined]
        assert said.name == name
        assert said.release
        assert said.settings
        assert 2020 <= said.year <= 2023
        assert (said.tuned is None) == (name == "ptunifier") == (said.auroc is None)
        if said.tuned:
            assert (said.tuned.momentum > 0) == (said.encoder == "vit")  # Adam for CNNs, SGD for ViTs
            assert said.auroc == tuple(sorted(said.auroc))


def test_convirt_weighs_film_to_text_three_to_one() -> None:
    net, given = made("convirt"), batch()
    scores = net.scores(given.film, given.phrase, given.phrase_mask)
    assert scores is not None
    values = scores.detach().double().numpy()
    to_text = np.mean([np.log(np.exp(row).sum()) - row[at] for at, row in enumerate(values)])
    to_film = np.mean([np.log(np.exp(row).sum()) - row[at] for at, row in enumerate(values.T)])
    loss, _ = net(given)
    assert float(loss.detach()) == pytest.approx(0.75 * to_text + 0.25 * to_film, rel=1e-5)


def test_gloria_sums_both_ways_of_both_terms() -> None:
    net, given = made("gloria"), batch()
    net.scale = 0.0  # every score is 0: each of four cross-entropies is log N
    loss, parts = net(given)
    assert float(loss.detach()) == pytest.approx(4 * math.log(6), rel=1e-5)
    assert parts["local"] == pytest.approx(parts["whole"])


def test_medclip_is_least_where_scores_are_as_alike_as_labels() -> None:
    films = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    even = semantic_matching(torch.zeros(2, 2), films, films)
    assert float(even) == pytest.approx(math.log(2))
    share = math.e / (math.e + 1)
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert float(semantic_matching(films, films, films)) == pytest.approx(entropy, rel=1e-5)
    assert float(semantic_matching(3 * films, films, films)) > entropy  # surer than the labels are


def test_medclip_knows_no_pairs_and_gives_normal_films_a_label() -> None:
    rows = label_rows(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    assert rows.tolist() == [[0, 0, 1], [1, 1, 0]]
    given = batch()
    own = replace(given, other=given.report, other_mask=given.report_mask, other_target=given.target)
    loss = [float(made("medclip")(each)[0].detach()) for each in (own, given)]
    assert loss[0] == pytest.approx(loss[1], rel=1e-5)  # the same reports in another order: no pair was ever used


def test_medklip_asks_for_places_of_findings_that_are_there() -> None:
    scores, sides = torch.zeros(1, 3, 3), torch.tensor([[1, 2, 0]])
    there = torch.tensor([[True, False, True]])
    assert float(place_loss(scores, sides, there)) == pytest.approx(math.log(3))
    scores[0, 0, 0] = 50.0
    scores[0, 1, 0] = 50.0  # absent: takes no part
    assert float(place_loss(scores, sides, there)) == pytest.approx(0.0, abs=1e-6)
    assert float(place_loss(scores, sides, ~there & (sides == 0))) == 0.0


def test_medklip_freezes_its_text_and_gives_chances() -> None:
    net = made("medklip")
    assert not any(p.requires_grad for p in net.text.parameters())
    chances = net.chances(batch().film)  # type: ignore[operator]
    assert chances.shape == (6, FINDINGS)
    assert bool(((chances > 0) & (chances < 1)).all())


def test_mflag_is_zero_for_coordinates_of_their_own() -> None:
    code = math.sqrt(4) * torch.eye(4)
    assert float(orthogonality(code)) == pytest.approx(0.0, abs=1e-6)
    draw = torch.randn(9, 4)
    gram = draw.double().numpy().T @ draw.double().numpy() / 9
    on, off = np.diag(gram), gram - np.diag(np.diag(gram))
    for weight in (0.0051, 1.0):
        wanted = 0.5 * (((on - 1) ** 2).sum() + weight * (off**2).sum())
        assert float(orthogonality(draw, off=weight)) == pytest.approx(wanted, rel=1e-4)


def test_mflag_aligns_directions_and_never_moves_its_text() -> None:
    one = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert float(alignment(one, 3 * one)) == pytest.approx(0.0, abs=1e-6)
    assert float(alignment(one, -one)) == pytest.approx(8.0)
    assert not any(p.requires_grad for p in made("mflag").text.parameters())


def test_mgca_spreads_rows_evenly_over_prototypes() -> None:
    torch.manual_seed(0)
    code = sinkhorn(torch.randn(12, 4), epsilon=0.5, rounds=50)
    torch.testing.assert_close(code.sum(1), torch.ones(12))
    torch.testing.assert_close(code.sum(0), torch.full((4,), 3.0), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(sinkhorn(torch.zeros(5, 3)), torch.full((5, 3), 1 / 3))
    assert torch.isfinite(sinkhorn(1000 * torch.randn(6, 3))).all()


def test_mgca_swaps_assignments() -> None:
    prototypes = torch.eye(3)
    right = prototype_swap(torch.eye(3), torch.eye(3), prototypes, tau=0.05)
    wrong = prototype_swap(torch.eye(3), torch.eye(3).roll(1, 0), prototypes, tau=0.05)
    assert float(right) == pytest.approx(0.0, abs=1e-3)
    assert float(wrong) == pytest.approx(20.0, rel=1e-3)  # 1 / tau away
    blank = torch.zeros(3, 3)
    assert float(prototype_swap(blank, blank, prototypes)) == pytest.approx(math.log(3))


def test_mgca_tokens_find_what_they_looked_at() -> None:
    eye, every = torch.eye(4)[None], torch.ones(1, 4, dtype=torch.bool)
    assert float(token_alignment(eye, eye, every, every)) < 0.01
    same = torch.ones(1, 4, 4) / 2
    assert float(token_alignment(same, same, every, every)) == pytest.approx(math.log(4), rel=1e-5)
    two = torch.tensor([[True, True, False, False]])
    assert float(token_alignment(same, same, two, every)) == pytest.approx(math.log(2), rel=1e-5)
    noise = torch.cat([eye[:, :2], torch.randn(1, 2, 4)], dim=1)
    both = (token_alignment(noise, eye, two, every), token_alignment(eye, eye, two, every))
    assert float(both[0]) == pytest.approx(float(both[1]), rel=1e-5)  # what is masked has no say


def test_mrm_cuts_films_into_patches_row_by_row() -> None:
    film = torch.rand(2, 1, 32, 32)
    rows = patch_rows(film, 16, normalised=False)
    torch.testing.assert_close(rows[1, 1], film[1, 0, :16, 16:].flatten())
    even = patch_rows(film, 16)
    torch.testing.assert_close(even.mean(-1), torch.zeros(2, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(even.var(-1), torch.ones(2, 4), atol=1e-3, rtol=0)


def test_mrm_hides_three_quarters_and_counts_only_those() -> None:
    hidden = hidden_patches(49, 8)
    assert hidden.sum(1).tolist() == [37] * 8  # 12 of 49 are kept
    answer, truth = torch.zeros(1, 2, 4), torch.tensor([[[2.0] * 4, [7.0] * 4]])
    assert float(restored_loss(answer, truth, torch.tensor([[True, False]]))) == 4.0


def test_mrm_never_shows_its_encoder_a_hidden_patch() -> None:
    net, given, shown = made("mrm"), batch(), []
    handle = net.image.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0]))
    film = given.film.clone().requires_grad_()
    torch.manual_seed(3)
    net(replace(given, film=film))
    handle.remove()
    torch.manual_seed(3)
    hidden = hidden_patches(4, len(film))
    patches = patch_rows(shown[0].detach(), 16, normalised=False)
    assert bool((patches[hidden] == 0.5).all())
    assert not bool((patches[~hidden] == 0.5).all())
    (slope,) = torch.autograd.grad(shown[0].sum(), film)
    assert bool((patch_rows(slope, 16, normalised=False)[hidden] == 0).all())


def test_words_are_hidden_by_share_and_only_where_there_are_any() -> None:
    ids = torch.arange(2, 22).repeat(3, 1)
    mask = torch.arange(20) < torch.tensor([[20], [10], [1]])
    told, hidden = hidden_words(ids, mask, share=0.5, hide_with=99)
    assert hidden.sum(1).tolist() == [10, 5, 1]
    assert not bool((hidden & ~mask).any())
    assert bool((told[hidden] == 99).all())
    assert bool((told[~hidden] == ids[~hidden]).all())


def test_word_loss_is_of_the_words_asked_for() -> None:
    logits = torch.zeros(1, 2, 5)
    logits[0, 0, 3] = 100.0
    ids = torch.tensor([[3, 4]])
    assert float(word_loss(logits, ids, torch.tensor([[True, False]]))) == pytest.approx(0.0, abs=1e-6)
    assert float(word_loss(logits, ids, torch.tensor([[False, True]]))) == pytest.approx(math.log(5))


def test_refers_weighs_views_from_all_of_them() -> None:
    fusion = ViewFusion(4, 3)
    for layer in fusion.weigh:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    views = torch.rand(2, 3, 4)
    fused, weights = fusion(views)
    assert fused.shape == (2, 12)
    assert bool((weights == 0.5).all())
    torch.testing.assert_close(fused, 0.5 * views.flatten(1))
    nn.init.ones_(fusion.weigh[0].weight)
    assert bool((fusion(views)[1][:, 0] > 0.5).all())
    assert bool((fusion(views)[1][:, 1] == 0.5).all())


def test_ptunifier_takes_the_nearest_prompts_and_teaches_them() -> None:
    pool = PromptPool(3, 2, 2)
    with torch.no_grad():
        pool.vectors.copy_(torch.tensor([[1.0, 0.0], [0.0, 5.0], [-1.0, 0.0]]))
    taken = pool(torch.tensor([[0.9, 0.1]]))
    assert taken.tolist() == [[[1.0, 0.0], [0.0, 5.0]]]
    taken.sum().backward()
    assert pool.vectors.grad is not None
    assert pool.vectors.grad[2].tolist() == [0.0, 0.0]


def test_ptunifier_reads_a_text_alone_by_its_words_and_not_its_padding() -> None:
    net = made("ptunifier").eval()
    words = torch.randn(2, 5, WIDTH)
    mask = torch.arange(5) < torch.tensor([[3], [5]])
    other = words.clone()
    other[0, 3:] = 100.0
    pooled = torch.randn(2, WIDTH)
    alone: Callable[[Told], Tensor] = net.text_alone  # type: ignore[assignment]
    with torch.no_grad():
        one, two = alone(Told(pooled, words, mask)), alone(Told(pooled, other, mask))
    torch.testing.assert_close(one, two)
