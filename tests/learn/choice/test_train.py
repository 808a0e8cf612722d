"""Teaching a reader that chooses: with films it sees, blind it guesses, with wrong films it guesses too."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.choice.items import Item
from tests.learn.choice.made import CORNERS, STEM, cases, eyes

pytest.importorskip("torch", reason="readers are torch's (extra 'train')")

from hilum.learn.choice.train import ChoiceReader, Words, cut, teach, wrong_films

TEACH, ASK = 64, 32


@cache
def taught(kind: str, steps: int = 60) -> ChoiceReader:
    items, films = cases(TEACH)
    if kind == "blind":
        return teach(items, None, None, steps=steps, seed=0)
    shown = wrong_films(items, films, seed=0) if kind == "wrong" else films
    return teach(items, shown, eyes(), steps=steps, seed=0)


def right(reader: ChoiceReader) -> float:
    items, films = cases(ASK, TEACH)
    logits = reader.logits([each.stem for each in items], [each.options for each in items],
                           [films[each.study] for each in items])  # fmt: skip
    return float(np.mean(logits.argmax(1).numpy() == [each.answer for each in items]))


def test_with_its_film_it_answers_films_that_it_never_saw() -> None:
    assert right(taught("film")) > 0.9


def test_blind_it_comes_to_exactly_a_quarter_of_quadruples() -> None:
    assert right(taught("blind")) == 0.25


def test_taught_with_wrong_films_it_is_no_better_than_chance_would_have_it() -> None:
    """Four standard errors of 32 answers."""
    assert abs(right(taught("wrong")) - 0.25) < 4 * (0.25 * 0.75 / ASK) ** 0.5


def test_the_same_seed_teaches_the_same() -> None:
    items, films = cases(16)
    one, two = (teach(items, films, eyes(), steps=3, seed=4) for _ in range(2))
    asked = [STEM], [CORNERS], [films["case-0"]]
    assert one.logits(*asked).equal(two.logits(*asked))


def test_questions_of_unequal_options_are_not_weighed_together() -> None:
    films = cases(16)[1]
    with pytest.raises(InputError, match="as many options"):
        taught("film").logits([STEM, STEM], [CORNERS, CORNERS[:2]], [films["case-0"]] * 2)


@pytest.mark.parametrize("part", ["items", "films", "eyes"])
def test_teaching_on_half_of_what_it_takes_is_refused(part: str) -> None:
    items, films = cases(4)
    given = {"items": (), "films": items, "eyes": items}[part]
    with pytest.raises(InputError, match="and with films and an encoder or neither"):
        teach(given, None if part == "films" else films, None if part == "eyes" else eyes(), steps=1, seed=0)


# ---- wrong films


def test_wrong_films_are_drawn_from_the_same_films_and_now_and_then_are_the_right_one() -> None:
    """Never the right one would say what it is not: of four answers one could be struck out."""
    items, films = cases(400)
    drawn = wrong_films(items, films, seed=1)
    assert set(drawn) == {item.study for item in items}
    assert {film.id for film in drawn.values()} <= set(films)
    same_answer = np.mean(
        [int(drawn[item.study].id.split("-")[1]) % 4 == int(item.study.split("-")[1]) % 4 for item in items]
    )
    assert same_answer == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 400) ** 0.5)


def test_another_seed_draws_others() -> None:
    items, films = cases(40)
    one, two = (wrong_films(items, films, seed=seed) for seed in (1, 2))
    assert [film.id for film in one.values()] != [film.id for film in two.values()]


# ---- words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Where is it?", ["where", "is", "it"]),
        ("0.45 to 0.50", ["0.45", "to", "0.50"]),
        ("30 to 45 mm", ["30", "to", "45", "mm"]),
        ("", []),
        ("?!", []),
        ("Left-sided", ["left", "sided"]),
    ],
)
def test_figures_are_words_as_a_whole(text: str, words: list[str]) -> None:
    assert cut(text) == words


def test_words_have_numbers_and_what_is_unknown_has_one() -> None:
    item = Item("s", "p", "location", "", "Where is it?", ("here", "there", "0.5", "1.5"), 0, ("",) * 4, 0)
    words = Words.of([item])
    assert len(words) == 2 + 7
    ids = words.code(["where is zeppelin", "it"])
    assert ids.shape == (2, 3)
    assert ids[0, 2] == 1
    assert ids[1].tolist()[1:] == [0, 0]
    assert len({*ids[0, :2].tolist(), int(ids[1, 0])}) == 3


def test_texts_without_words_are_padding_alone() -> None:
    assert Words(()).code(["", "?"]).tolist() == [[0], [0]]
