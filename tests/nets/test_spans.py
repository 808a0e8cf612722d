"""The span-relation network: shapes, hand-computed vectors, pruning, padding, and what its flags take away."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs hilum[train]")

from hilum.learn.words import LETTERS  # noqa: E402
from hilum.nets.spans import NEVER, WIDEST, PairScorer, SpanScorer, SpanTagger, WordEncoder, pair_vectors, span_vectors  # noqa: E402


def inputs(lengths, seed=0):
    draw = torch.Generator().manual_seed(seed)
    longest = max(lengths)
    words = torch.randint(2, 30, (len(lengths), longest), generator=draw)
    letters = torch.randint(2, LETTERS, (len(lengths), longest, 16), generator=draw)
    for row, length in enumerate(lengths):
        words[row, length:] = 0
        letters[row, length:] = 0
    return torch.tensor(lengths), words, letters


def tagger(seed=0, **settings):
    torch.manual_seed(seed)
    encoder = WordEncoder(30, LETTERS, width=16, embedding=8)
    return SpanTagger(encoder, labels=4, kinds=3, hidden=12, **settings).eval()


def test_span_vectors_are_start_end_and_width():
    words = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    widths = torch.arange(WIDEST, dtype=torch.float32).unsqueeze(1) * 10
    spans = span_vectors(words, widths)
    assert spans.shape == (1, 3 * WIDEST, 5)
    assert spans[0, 0].tolist() == [1, 2, 1, 2, 0]  # word 0 alone
    assert spans[0, 1].tolist() == [1, 2, 3, 4, 10]  # words 0 and 1
    assert spans[0, 2].tolist() == [1, 2, 5, 6, 20]  # words 0 to 2
    assert spans[0, WIDEST + 1].tolist() == [3, 4, 5, 6, 10]  # words 1 and 2
    assert spans[0, 3].tolist() == [1, 2, 0, 0, 30]  # past the end


def test_pair_vectors_are_both_spans_and_their_product():
    spans = torch.tensor([[[1.0, 2.0], [3.0, 5.0]]])
    pairs = pair_vectors(spans)
    assert pairs.shape == (1, 2, 2, 6)
    assert pairs[0, 0, 1].tolist() == [1, 2, 3, 5, 3, 10]
    assert pairs[0, 1, 0].tolist() == [3, 5, 1, 2, 3, 10]
    assert pairs[0, 1, 1].tolist() == [3, 5, 3, 5, 9, 25]


@pytest.mark.parametrize("width", [0, 3])
def test_scorers_in_parts_score_the_vectors_themselves(width):
    torch.manual_seed(0)
    words, widths = torch.randn(2, 5, 6), torch.randn(WIDEST, width)
    spans = span_vectors(words, widths)
    one = SpanScorer(12 + width, 7, 4, 0.0)
    torch.testing.assert_close(one(words, widths), one.rest(one.first(spans)))
    two = PairScorer(3 * (12 + width), 7, 3, 0.0)
    chosen = spans[:, :6]
    torch.testing.assert_close(two(chosen), two.rest(two.first(pair_vectors(chosen))))


@pytest.mark.parametrize(("keep", "expected"), [(0.5, [4, 2, 1]), (1.0, [7, 3, 1]), (0.4, [3, 2, 1])])
def test_shapes_and_how_many_spans_are_kept(keep, expected):
    out = tagger(keep=keep)(*inputs([7, 3, 1]))
    assert out.entities.shape == (3, 7 * WIDEST, 4)
    assert out.kept.shape == (3, expected[0])
    assert out.relations.shape == (3, expected[0], expected[0], 3)
    assert (out.kept >= 0).sum(dim=1).tolist() == expected


def test_kept_spans_lie_inside_the_sentence_and_differ():
    lengths = [9, 4, 2, 1]
    out = tagger(keep=1.0)(*inputs(lengths))
    for row, length in enumerate(lengths):
        kept = [span for span in out.kept[row].tolist() if span >= 0]
        assert len(set(kept)) == len(kept)
        assert all(span // WIDEST + span % WIDEST < length for span in kept)


def test_spans_past_the_end_and_pairs_without_a_span_are_never_told():
    out = tagger(keep=1.0)(*inputs([5, 2]))
    short = out.entities[1].reshape(5, WIDEST, 4)
    assert (short[0, :2] > NEVER).all()
    assert (short[1, 0] > NEVER).all()
    assert (short[0, 2:] == NEVER).all()
    assert (short[2:] == NEVER).all()
    assert (out.relations[1, 2:] == NEVER).all()
    assert (out.relations[1, :, 2:] == NEVER).all()
    assert (out.relations[:, range(5), range(5)] == NEVER).all()
    assert (out.relations[1, 0, 1] > NEVER).all()


def test_padding_changes_nothing():
    net = tagger(keep=1.0)
    lengths, words, letters = inputs([11, 4])
    together = net(lengths, words, letters)
    alone = net(lengths[1:], words[1:, :4], letters[1:, :4])
    torch.testing.assert_close(together.entities[1, : 4 * WIDEST], alone.entities[0])
    assert together.kept[1, :4].tolist() == alone.kept[0].tolist()
    torch.testing.assert_close(together.relations[1, :4, :4], alone.relations[0])


def test_both_ends_of_the_context_are_read():
    net = tagger()
    lengths, words, letters = inputs([6])
    for changed, seen in ((5, 0), (0, 5)):
        other = words.clone()
        other[0, changed] = 29 if words[0, changed] != 29 else 28
        one, two = (net.encoder(lengths, each, letters) for each in (words, other))
        assert not torch.allclose(one[0, seen], two[0, seen])


def test_without_pairs_no_relation_is_scored_and_without_width_no_width_is_read():
    assert (tagger(pairs=False)(*inputs([5])).relations == NEVER).all()
    assert tagger(width_feature=0).widths.numel() == 0
    net = tagger()
    before = net(*inputs([5])).entities.clone()
    with torch.no_grad():
        net.widths.add_(1.0)
    assert not torch.allclose(before, net(*inputs([5])).entities)


def test_mention_score_is_added_to_a_relation():
    net = tagger(keep=1.0)
    given = inputs([5])
    before = net(*given)
    with torch.no_grad():
        net.mention.rest[-1].bias.add_(2.0)
    after = net(*given)
    there = before.relations > NEVER
    torch.testing.assert_close(after.relations[there], before.relations[there] + 4.0)


def test_entity_scores_can_stand_in_for_the_mention_score():
    net = tagger(keep=1.0, own_mention=False)
    out = net(*inputs([5]))
    best = out.entities[0].amax(dim=1)
    assert sorted(out.kept[0].tolist()) == sorted(best.topk(5).indices.tolist())


def test_training_forgets_words_and_reading_does_not():
    net = tagger(drop=0.0)
    net.encoder.forget, net.encoder.drop.p = 0.5, 0.0
    given = inputs([8])
    assert torch.equal(net(*given).entities, net(*given).entities)
    net.train()
    torch.manual_seed(1)
    assert not torch.equal(net(*given).entities, net(*given).entities)


def test_any_encoder_of_a_known_width_will_do():
    class Lengths(torch.nn.Module):
        width = 2

        def forward(self, lengths, words):
            return words.unsqueeze(2).expand(-1, -1, 2).float()

    net = SpanTagger(Lengths(), labels=1, kinds=1, hidden=4)
    out = net(torch.tensor([3]), torch.tensor([[1, 2, 3]]))
    assert out.entities.shape == (1, 3 * WIDEST, 1)
