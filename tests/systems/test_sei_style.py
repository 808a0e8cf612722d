"""Reports by many authors: facts stay, words change, filler holds no finding; whatever the seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.systems._sei_style import (
    AUTHORS,
    CLOSINGS,
    NEGATIONS,
    OPENINGS,
    SINCE,
    VERBS,
    by_authors,
    entities,
    restyled,
)
from hilum.text.minimal import minimal_sentences
from hilum.text.parse import parse

FILLER = (*OPENINGS, *CLOSINGS)
ABSENT = ("There is no consolidation.", "No pleural effusion.", "No evidence of pneumothorax.",
          "There is no evidence of cardiomegaly.")  # fmt: skip
PRESENT = ("Small right pleural effusion.", "Moderate pulmonary edema is present in both lungs.", "Left pacemaker.",
           "Mild consolidation in the lingula, new since the prior film.", "Severe emphysema is seen in both lungs.",
           "Moderate left pleural thickening, stable compared with the prior film.")  # fmt: skip
SENTENCES = st.lists(st.sampled_from((*ABSENT, *PRESENT)), min_size=1, max_size=6, unique=True)


def facts(text: str) -> Counter[str]:
    return Counter(minimal_sentences(parse(text)))


@pytest.mark.slow
@given(told=SENTENCES, author=st.integers(0, AUTHORS - 1), seed=st.integers(0, 50))
def test_facts_stay_whoever_writes(told: list[str], author: int, seed: int) -> None:
    report = " ".join(told)
    assert facts(restyled(report, author, seed=seed, study="s")) == facts(report)


@pytest.mark.parametrize("line", FILLER)
def test_filler_says_nothing_of_the_film(line: str) -> None:
    assert facts(line) == Counter()


@pytest.mark.parametrize("words", NEGATIONS)
def test_every_wording_of_absence_is_read_as_absence(words: str) -> None:
    assert facts(f"{words} pleural effusion.") == facts("No pleural effusion.")
    assert entities((f"{words} pleural effusion.",))[0].endswith("pleural effusion")
    assert entities((f"{words} pleural effusion.",))[0].startswith("no ")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_of_presence_is_read_as_presence(verb: str) -> None:
    assert facts(f"A small pleural effusion is {verb}.") == facts("A small pleural effusion is present.")


@pytest.mark.parametrize("since", SINCE)
def test_every_way_to_name_the_earlier_film_leaves_the_finding_as_it_is(since: str) -> None:
    assert facts(f"Left pacemaker, stable {since}.") == facts("Left pacemaker, stable since the prior film.")


def test_habits_belong_to_the_author_and_filler_to_the_study() -> None:
    report = " ".join(ABSENT)
    one, two = (restyled(report, 3, seed=0, study=study) for study in ("a", "b"))
    assert one != two
    held = [{words for words in NEGATIONS if f"{words} consolidation" in text} for text in (one, two)]
    assert held[0] == held[1]
    assert held[0]


def test_authors_differ_in_wording_and_order() -> None:
    report = "Left pacemaker. No pleural effusion."
    told = [restyled(report, author, seed=0, study="s") for author in range(AUTHORS)]
    first = [text.index("pacemaker") < text.index("pleural effusion") for text in told]
    assert any(first)
    assert not all(first)
    assert len({words for text in told for words in NEGATIONS if f"{words} pleural" in text}) >= 3


def test_each_study_gets_two_to_six_sentences_of_filler() -> None:
    counts = [sum(line in restyled("Left pacemaker.", n % AUTHORS, seed=n, study=str(n)) for line in FILLER)
              for n in range(40)]  # fmt: skip
    assert min(counts) >= 2
    assert max(counts) <= 6
    assert len(set(counts)) > 1


def test_authors_are_spread_over_studies() -> None:
    told = by_authors(["Left pacemaker."] * 200, [f"s{n}" for n in range(200)], seed=0)
    wordings = Counter(next(line for line in OPENINGS if text.startswith(line)) for text in told)
    assert len(wordings) == len(OPENINGS)
    assert max(wordings.values()) < 60


def test_entities_are_far_shorter_than_prose_and_hold_no_full_stop() -> None:
    prose = by_authors([" ".join((*PRESENT, *ABSENT))] * 12, [str(n) for n in range(12)], seed=0)
    told = entities(prose)
    for text, said in zip(prose, told, strict=True):
        assert len(said.split()) < 0.7 * len(text.split())
        assert "." not in said
        assert "right pleural effusion" in said


def test_entities_of_different_authors_are_nearly_the_same_words() -> None:
    """What style differs by in prose is mostly gone: the share of words in common rises."""
    report = [" ".join((*PRESENT, *ABSENT))] * 6
    prose = by_authors(report, [str(n) for n in range(6)], seed=1)

    def common(texts: tuple[str, ...]) -> float:
        held = [set(text.lower().split()) for text in texts]
        return len(set.intersection(*held)) / len(set.union(*held))

    assert common(entities(prose)) > 1.5 * common(prose)
