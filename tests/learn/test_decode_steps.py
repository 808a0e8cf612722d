"""The loops that choose words, over a made-up network whose every chance is known."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hilum.learn.decode_steps import Choice, ban, banned, drawn, follow, nucleus, search  # noqa: E402

END, WORDS = 0, 5


class Table:
    """Chances of the next word that depend on all words before, by a table drawn once; keeps what it was asked."""

    def __init__(self, rows: int, count: int, *, seed: int = 0) -> None:
        self.seeds = [seed * 100 + row for row in range(rows)]
        self.past: list[list[tuple[int, ...]]] = [[()] * count for _ in range(rows)]
        self.first = torch.stack([self.said(seed, ()) for seed in self.seeds])

    def said(self, seed: int, words: tuple[int, ...]) -> torch.Tensor:
        number = hash((seed, words)) % (2**31)
        return 2 * torch.randn(WORDS, generator=torch.Generator().manual_seed(number))

    def next(self, words: torch.Tensor, parents: torch.Tensor | None = None) -> torch.Tensor:
        for row, some in enumerate(words.tolist()):
            before = self.past[row]
            of = parents[row].tolist() if parents is not None else range(len(some))
            self.past[row] = [(*before[at], word) for at, word in zip(of, some, strict=True)]
        return torch.stack([torch.stack([self.said(seed, each) for each in some])
                            for seed, some in zip(self.seeds, self.past, strict=True)])  # fmt: skip

    def keep(self, rows: torch.Tensor) -> None:
        self.seeds, self.past = ([held[at] for at in rows.tolist()] for held in (self.seeds, self.past))


def every_answer(table: Table, seed: int, longest: int) -> list[tuple[tuple[int, ...], float]]:
    """All answers with their log-probabilities, the end counted in."""
    found = []
    for length in range(longest + 1):
        for words in itertools.product(range(1, WORDS), repeat=length):
            whole = (*words, END) if length < longest else words
            logp = sum(float(table.said(seed, whole[:at]).log_softmax(-1)[word]) for at, word in enumerate(whole))
            found.append((words, logp))
    return found


def how(longest: int = 4, **more: float) -> Choice:
    return Choice(END, (), longest, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_beams_that_hold_everything_find_the_best(seed: int) -> None:
    """With as many beams as there are answers, the search is exhaustive."""
    table = Table(2, WORDS**3, seed=seed)
    found = search(table, how(3, length_penalty=0.0), WORDS**3, 3)
    for row, some in zip((seed * 100, seed * 100 + 1), found, strict=True):
        best = sorted(every_answer(table, row, 3), key=lambda each: -each[1])[:3]
        assert [tuple(words) for words, _ in some] == [words for words, _ in best]
        assert [value for _, value in some] == pytest.approx([value for _, value in best], abs=1e-4)


def test_one_answer_follows_the_likeliest_word() -> None:
    table = Table(3, 1, seed=2)
    for seed, [(words, logp)] in zip(range(200, 203), follow(table, how(6), None, 1), strict=True):
        past: tuple[int, ...] = ()
        total = 0.0
        for _ in range(6):
            said = Table(1, 1).said(seed, past).log_softmax(-1)
            past = (*past, int(said.argmax()))
            total += float(said.max())
            if past[-1] == END:
                break
        assert tuple(words) == tuple(each for each in past if each != END)
        assert logp == pytest.approx(total, abs=1e-4)


@given(st.lists(st.integers(1, 3), max_size=12), st.integers(1, 4))
def test_banned_words_are_those_that_would_repeat_a_run(words: list[int], run: int) -> None:
    runs = {tuple(words[at : at + run]) for at in range(len(words) - run + 1)}
    wanted = {word for word in range(1, 4) if (*words[len(words) - run + 1 :], word) in runs and len(words) >= run}
    assert set(banned(words, run)) == wanted
    assert banned(words, 0) == []
    chances = torch.zeros(1, 4)
    ban(chances, [words], run)
    assert {at for at in range(4) if chances[0, at] == -torch.inf} == wanted


@given(st.lists(st.floats(-4, 4), min_size=2, max_size=8, unique=True), st.floats(0.05, 1.0))
def test_the_nucleus_is_the_fewest_words_that_reach_its_share(logits: list[float], top_p: float) -> None:
    chance = torch.tensor(logits).softmax(-1)
    kept = nucleus(torch.tensor(logits), top_p)
    inside = kept > 0
    assert float(kept.sum()) == pytest.approx(1.0, abs=1e-5)
    assert float(chance[inside].sum()) >= top_p - 1e-5
    assert float(chance[inside].sum() - chance[inside].min()) < top_p + 1e-5
    torch.testing.assert_close(kept[inside], chance[inside] / chance[inside].sum(), atol=1e-5, rtol=1e-4)


def test_a_number_picks_the_word_whose_share_it_falls_in() -> None:
    chance = torch.tensor([0.0, 0.25, 0.0, 0.75, 0.0]).expand(5, -1)
    numbers = torch.tensor([0.0, 0.2499, 0.25, 0.9, 1.0])
    assert drawn(chance, numbers).tolist() == [1, 1, 3, 3, 3]


def test_a_word_that_may_not_be_said_is_not() -> None:
    table = Table(2, 2, seed=5)
    choice = Choice(END, (1, 3), 5, temperature=1.0)
    numbers = torch.rand(2, 2, 5, generator=torch.Generator().manual_seed(0))
    said = {word for some in follow(table, choice, numbers, 2) for words, _ in some for word in words}
    assert said <= {2, 4}
    assert {
        word for some in search(Table(2, 3), Choice(END, (1, 3), 5), 3, 3) for words, _ in some for word in words
    } <= {2, 4}


def test_prompts_that_are_done_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(4, 1, seed=1)
    asked: list[int] = []
    plain = table.next
    monkeypatch.setattr(table, "next", lambda words, parents=None: (asked.append(len(words)), plain(words, parents))[1])
    answers = follow(table, how(30), None, 1)
    lengths = sorted(len(words) for [(words, _)] in answers)
    assert asked[0] == 4
    assert asked[-1] < 4 or lengths[0] == lengths[-1]
    alone = [follow(Table(1, 1, seed=1), how(30), None, 1)[0]]
    assert answers[0] == [(alone[0][0][0], pytest.approx(alone[0][0][1], abs=1e-5))]
