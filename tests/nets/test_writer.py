"""The decoder that writes: what it may see, what it is asked for, and that it writes back what it learnt."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.writer import Writer, joined  # noqa: E402


def made(vocabulary: int = 12, width: int = 16) -> Writer:
    torch.manual_seed(0)
    return Writer(vocabulary, width, longest=10)


def test_no_word_sees_a_later_one() -> None:
    net, patches = made().eval(), torch.rand(1, 4, 16)
    ids = torch.tensor([[10, 2, 3, 4]])
    other = torch.tensor([[10, 2, 8, 8]])
    with torch.no_grad():
        one, two = net(patches, ids), net(patches, other)
    torch.testing.assert_close(one[:, :2], two[:, :2])
    assert not torch.allclose(one[:, 2], two[:, 2])


def test_it_is_asked_for_each_word_and_the_end_after_the_last() -> None:
    net = made()
    ids, mask = torch.tensor([[2, 3, 0], [4, 5, 6]]), torch.tensor([[True, True, False], [True, True, True]])
    logits, target, asked = net.taught(torch.rand(2, 4, 16), ids, mask)
    assert logits.shape == (2, 4, 12)
    assert target.tolist() == [[2, 3, net.end, 0], [4, 5, 6, net.end]]
    assert asked.tolist() == [[True, True, True, False], [True] * 4]


def fitted() -> tuple[Writer, torch.Tensor, list[list[int]]]:
    """A writer that has learnt one text for each of two films."""
    net, patches = made(), torch.eye(2)[:, None].repeat(1, 3, 8)
    texts = [[2, 3, 4], [5, 2, 6]]
    ids = torch.tensor(texts)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(60):
        logits, target, _ = net.taught(patches, ids, ids > 0)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net, patches, texts


def test_it_writes_back_what_each_film_taught_it_greedily_and_by_beams() -> None:
    net, patches, texts = fitted()
    assert net.write(patches) == texts
    assert net.write(patches, beams=3) == texts
    assert net.write(patches, longest=2) == [text[:2] for text in texts]


def test_a_beam_of_one_is_greedy_whatever_it_learnt() -> None:
    net, patches = made(), torch.randn(3, 4, 16)
    assert [net._one(film[None], 6, 1) for film in patches] == net.write(patches, longest=6)


def test_it_never_writes_padding_a_hidden_word_or_a_beginning() -> None:
    net = made()
    with torch.no_grad():
        net.predict.weight.zero_()
        net.predict.bias.copy_(torch.arange(12.0).flip(0))  # padding is the likeliest, then the unknown word
        net.predict.bias[net.begin] = 50.0
        net.predict.bias[net.vocabulary - 3] = 40.0
    assert net.write(torch.rand(1, 4, 16), longest=3) == [[1, 1, 1]]
    assert net.write(torch.rand(1, 4, 16), longest=3, beams=2) == [[1, 1, 1]]


def test_what_it_cannot_do_is_said() -> None:
    net = made()
    with pytest.raises(InputError, match="12 words is longer"):
        net(torch.rand(1, 4, 16), torch.ones(1, 12, dtype=torch.int64))
    with pytest.raises(InputError, match="1 to 10 words"):
        net.write(torch.rand(1, 4, 16), longest=11)
    with pytest.raises(InputError, match="a beam"):
        net.write(torch.rand(1, 4, 16), beams=0)
    with pytest.raises(InputError, match="vocabulary"):
        Writer(4, 16)


def test_words_become_sentences() -> None:
    assert joined(["no", "effusion", ",", "no", "edema", ".", "heart", "is", "normal", "."]) == (
        "No effusion, no edema. Heart is normal."
    )
    assert joined([]) == ""
