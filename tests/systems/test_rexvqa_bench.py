"""How arms are asked and kept: readers made by hand whose accuracy is known, films exchanged and blanked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch", reason="the recipe is torch's (extra 'train')")
pytest.importorskip("transformers", reason="the recipe takes transformers (extra 'language')")

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.core.study import Study
from hilum.measure.choice.facts import facts_of
from hilum.measure.choice.films import film_cohort
from hilum.measure.choice.items import TASKS, Design, Item, make_items
from hilum.measure.claim import judge
from hilum.systems._rexvqa_bench import Bench, grey, others, rights
from hilum.systems._rexvqa_claims import ALL, ALLOWED, FILM, NOTHING_ELSE, SEEING, SWAPPED, WORDS, WRONG, metric_of
from hilum.systems._rexvqa_teach import Scale, films_of, studies_of, to_learn

torch = pytest.importorskip("torch")


@cache
def films() -> tuple[Study, ...]:
    return tuple(film_cohort(80, seed=9))


@cache
def items() -> tuple[Item, ...]:
    return make_items(films(), Design(per_task=4), seed=0)


class Hand:
    """A reader made by hand: a score for the text of each option, its place and the film."""

    def __init__(self, *, letter: int = -1, knows: bool = False) -> None:
        self.letter, self.knows = letter, knows

    def logits(self, stems: Sequence[str], options: Sequence[Sequence[str]], shown: Sequence[Image]):  # type: ignore[no-untyped-def]
        table = {item.study: item.options[item.answer] for item in items()}
        made = torch.zeros(len(stems), 4)
        for row, (each, film) in enumerate(zip(options, shown, strict=True)):
            for at, text in enumerate(each):
                made[row, at] = float(self.knows and table[film.id] == text) + float(at == self.letter)
                made[row, at] += 1e-3 * (sum(map(ord, text)) % 97)  # a taste in words, the same in every order
        return made


def asked(reader: Hand) -> tuple[np.ndarray, np.ndarray]:
    return rights(reader, items(), films_of(films()))  # type: ignore[arg-type]


def test_one_that_knows_is_right_in_every_order() -> None:
    told, same = asked(Hand(knows=True))
    assert told.shape == (len(items()), 4)
    assert told.all()
    assert same.all()


@pytest.mark.parametrize("letter", range(4))
def test_one_that_always_says_a_letter_is_right_in_one_order_of_four_and_never_the_same(letter: int) -> None:
    told, same = asked(Hand(letter=letter))
    assert (told.mean(axis=1) == 0.25).all()
    assert not same.any()


def test_one_with_a_taste_in_words_is_consistent_and_right_on_a_quarter() -> None:
    told, same = asked(Hand())
    assert same.all()
    assert told.mean() == 0.25


def test_another_patients_film_is_of_another_patient() -> None:
    shown = films_of(films())
    patient = {study.id: study.patient for study in films()}
    drawn = others(items(), shown, seed=3)
    assert set(drawn) == {item.study for item in items()}
    assert all(patient[film.id] != patient[name] for name, film in drawn.items())
    assert any(others(items(), shown, seed=4)[name] is not film for name, film in drawn.items())


def test_a_blank_film_has_the_size_and_nothing_on_it() -> None:
    film = films()[0].films[0]
    blank = grey(film)
    assert blank.pixels.shape == film.pixels.shape
    assert len(np.unique(blank.display())) == 1
    assert (blank.id, blank.view) == (film.id, film.view)


@pytest.mark.slow
def test_the_bench_judges_known_arms_as_they_are() -> None:
    """One arm knows, the others have a taste in words: gains of 0.75 exactly, and 5 points of leeway."""
    bench = Bench(Scale(items=8))
    knows = np.ones((len(bench.items), 4), bool)
    tastes = np.array([[item.answer == 0] * 4 for item in bench.items])
    same = np.ones(len(bench.items), bool)
    for arm, told in {WORDS: tastes, FILM: knows, WRONG: tastes, SWAPPED: tastes}.items():
        for _ in range(3):
            bench.take(arm, told, same)
    for claim in SEEING:
        trials = {**bench.trials[claim.metric], **dict.fromkeys(claim.controls, bench.trials[claim.metric][WORDS])}
        found = judge(claim, trials, bench.patients)
        assert found.gain.value == pytest.approx(0.75)
        assert found.outcome == "holds"
    told = judge(NOTHING_ELSE, bench.trials[ALL], bench.patients)
    assert told.gain.value == pytest.approx(0.05)
    assert told.outcome == "holds"
    assert bench.trials[ALL][ALLOWED][0].value == pytest.approx(0.30)
    lines = "\n".join(bench.lines())
    assert f"{FILM}: the same option in all four orders 1.000" in lines
    assert all(task in lines for task in TASKS)
    assert metric_of("presence") in bench.trials


def test_there_are_more_to_learn_from_than_to_judge_on_and_of_other_patients() -> None:
    learned = to_learn(films(), Scale(per_study=4), seed=0)
    counts: dict[str, int] = {}
    for item in learned:
        counts[item.study] = counts.get(item.study, 0) + 1
    assert len(learned) > len(items())
    assert max(counts.values()) <= 4
    assert {study.patient for study in films()}.isdisjoint({each.patient for each in film_cohort(3, seed=10)})


@pytest.mark.slow
def test_a_registered_set_serves_with_its_training_part(tmp_path: object) -> None:
    found = studies_of("shadows:nowhere", 5)
    assert len(found) > 100
    assert all(study.films for study in found)
    assert facts_of(found[0]).has("cardiomegaly") is not None


@pytest.mark.parametrize("change", [{"films": 0}, {"seeds": 0}, {"items": 3}, {"encoder_steps": -1}, {"per_study": 0}])
def test_a_scale_of_nothing_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(InputError, match="or more"):
        Scale(**change)
