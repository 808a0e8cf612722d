"""The writer beside a search through every text, and what its loss and its texts are where they can be worked out."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.transfer_reports import SPARE, report_loss, write_reports  # noqa: E402
from hilum.learn.wording import Wording  # noqa: E402
from hilum.nets.writer import Writer, joined  # noqa: E402

WIDTH = 8


def made(vocabulary: int = 7, seed: int = 0, longest: int = 6) -> Writer:
    torch.manual_seed(seed)
    net = Writer(vocabulary, WIDTH, heads=2, longest=longest).eval()
    with torch.no_grad():
        net.predict.weight.mul_(4.0)  # so that what is likely hangs on the film and the words before
    return net


def fixed(vocabulary: int, likely: dict[int, float], longest: int = 6) -> Writer:
    """A writer of which every next word has the same chance, whatever was said."""
    net = made(vocabulary, longest=longest)
    with torch.no_grad():
        net.predict.weight.zero_()
        net.predict.bias.zero_()
        for number, value in likely.items():
            net.predict.bias[number] = value
    return net


def mean_log_chance(net: Writer, patches: Tensor, words: tuple[int, ...]) -> float:
    """Of a text with its end, one word at a time."""
    total, said = 0.0, [net.begin]
    for word in (*words, net.end):
        total += float(net(patches, torch.tensor([said]))[0, -1].log_softmax(-1)[word].detach())
        said.append(word)
    return total / (len(words) + 1)


@pytest.mark.parametrize("seed", range(3))
def test_a_beam_as_wide_as_everything_finds_the_likeliest_of_all_texts(seed: int) -> None:
    net, patches = made(seed=seed), torch.randn(1, 3, WIDTH)
    texts = [text for length in range(3) for text in product((1, 2, 3), repeat=length)]
    best = max(texts, key=lambda text: mean_log_chance(net, patches, text))
    assert net.write(patches, longest=3, beams=60) == [list(best)]


def test_each_film_is_written_by_itself() -> None:
    net, patches = made(12), torch.randn(4, 3, WIDTH)
    for beams in (1, 2):
        alone = [net.write(film[None], beams=beams)[0] for film in patches]
        assert net.write(patches, beams=beams) == alone
    assert net.write(patches[:0]) == []


def test_patches_have_no_order() -> None:
    net, patches = made(), torch.randn(2, 5, WIDTH)
    ids = torch.tensor([[net.begin, 2, 3], [net.begin, 3, 1]])
    with torch.no_grad():
        torch.testing.assert_close(net(patches, ids), net(patches.flip(1), ids), rtol=1e-4, atol=1e-5)


def test_a_text_ends_where_its_end_is_the_likeliest_and_else_at_the_longest() -> None:
    patches = torch.zeros(2, 1, WIDTH)
    assert fixed(7, {6: 5.0}).write(patches) == [[], []]
    assert fixed(7, {2: 5.0}).write(patches) == [[2] * 6] * 2
    assert fixed(7, {2: 5.0}).write(patches, longest=1) == [[2]] * 2
    for longest in (0, -1, 7):
        with pytest.raises(InputError, match=f"1 to 6 words, got 1 and {longest}"):
            fixed(7, {}).write(patches, longest=longest)


def test_the_loss_of_even_chances_is_the_logarithm_of_the_words() -> None:
    net, ids = fixed(9, {}), torch.tensor([[2, 3, 0], [4, 5, 6]])
    assert float(report_loss(net, torch.zeros(2, 1, WIDTH), ids, ids > 0).detach()) == pytest.approx(math.log(9))
    sure = fixed(9, {net.end: 30.0})
    nothing = torch.zeros(2, 1, dtype=torch.int64)
    assert float(report_loss(sure, torch.zeros(2, 1, WIDTH), nothing, nothing > 0).detach()) < 1e-6


def test_the_loss_is_the_mean_over_words_and_ends_and_padding_has_no_say() -> None:
    net, patches = made(), torch.randn(2, 3, WIDTH)
    ids = torch.tensor([[2, 3, 1], [3, 0, 0]])
    found = float(report_loss(net, patches, ids, ids > 0).detach())
    wanted = [mean_log_chance(net, patches[:1], (2, 3, 1)) * 4, mean_log_chance(net, patches[1:], (3,)) * 2]
    assert found == pytest.approx(-sum(wanted) / 6, rel=1e-4)
    wide = torch.cat([ids, torch.zeros(2, 2, dtype=torch.int64)], dim=1)
    assert float(report_loss(net, patches, wide, wide > 0).detach()) == pytest.approx(found, rel=1e-5)


def test_a_known_text_is_cut_to_the_longest_and_asked_to_end_there() -> None:
    net = made(longest=2)
    ids = torch.tensor([[1, 2, 3, 2]])
    logits, target, asked = net.taught(torch.zeros(1, 1, WIDTH), ids, ids > 0)
    assert target.tolist() == [[1, 2, net.end]]
    assert asked.all()
    assert logits.shape == (1, 3, 7)


def test_numbers_that_are_no_word_are_left_out_of_a_written_report() -> None:
    wording = Wording.of(["clear lungs."])
    size = len(wording) + SPARE
    unknown = write_reports(fixed(size, {1: 5.0}), torch.zeros(2, 1, WIDTH), wording)
    assert unknown == ["", ""]  # the unknown word has no letters
    number = int(wording.code(["lungs"])[0][0, 0])
    assert write_reports(fixed(size, {number: 5.0}, longest=2), torch.zeros(1, 1, WIDTH), wording) == ["Lungs lungs"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["no", "mass", "left", ".", ",", ";", ":", "?"]), max_size=12))
def test_joined_words_keep_their_order_and_marks_stand_close(words: list[str]) -> None:
    text = joined(words)
    assert text.lower().replace(" ", "") == "".join(words)
    assert not any(f" {mark}" in text for mark in ".,;:?")
    starts = [at for at, word in enumerate(words) if word.isalpha() and (at == 0 or words[at - 1] in ".?")]
    assert sum(letter.isupper() for letter in text) == len(starts)
