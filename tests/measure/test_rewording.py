"""Harmless edits: other words, order, case and headings, the same facts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.measure.invented import invented_reports
from hilum.measure.perturb import Edited, Skipped, edit, kinds
from hilum.measure.rewording import reworded, reworded_by
from hilum.measure.said import Said, all_said, difference, positive, said, without
from hilum.text.parse import parse

HARMLESS = [name for name, kind in kinds().items() if not kind.harmful]
TEXT = "Mild cardiomegaly. No evidence of pneumothorax. There is a small right pleural effusion. The lungs are clear."


def facts(text: str | Mapping[str, str]) -> Counter[tuple[object, ...]]:
    """Facts by what the parser calls them, without the edits' own idea of sameness."""
    return Counter(
        (fact.concept, fact.state, frozenset(fact.sides), frozenset(fact.zones), fact.sizes)
        for fact in parse(text).facts
    )


def sentences(text: str) -> Counter[str]:
    return Counter(part.strip().rstrip(".") for part in re.split(r"(?<=\.)\s+", text) if part.strip())


def letters(text: str) -> str:
    return "".join(text.lower().split())


@pytest.mark.parametrize(
    "sentence, one_of",
    [
        ("No pneumothorax.", {"There is no pneumothorax.", "No evidence of pneumothorax.",
                              "There is no evidence of pneumothorax.", "No sign of pneumothorax.",
                              "There is no sign of pneumothorax."}),
        ("Right pneumothorax.", {"Pneumothorax on the right.", "Right-sided pneumothorax.",
                                 "There is right pneumothorax.",
                                 "Right pneumothorax is seen."}),
        ("The lungs are clear.", {"Both lungs are clear.", "Lungs are clear.", "The lungs are clear bilaterally."}),
        ("Heart size normal.", {"The heart is normal in size.", "Heart size is within normal limits.",
                                "The heart size is normal.", "The heart is within normal limits in size."}),
    ],
)  # fmt: skip
def test_sentences_have_other_wordings_of_the_same_meaning(sentence, one_of):
    found = {reworded(sentence, seed) for seed in range(30)} - {sentence}
    assert found & one_of
    assert all(facts(other) == facts(sentence) for other in found)


def test_a_sentence_without_facts_is_left_as_it_is():
    for sentence in ("The patient is rotated somewhat, as was said.", "PA and lateral views were obtained.", ""):
        assert reworded(sentence, 1) == sentence


def test_grades_that_readers_tell_apart_do_not_stand_for_one_another():
    groups = [set(group) for group in reworded_by()["words"]]
    apart = [("mild", "moderate"), ("moderate", "severe"), ("mild", "minimal"), ("small", "tiny"), ("new", "worsened"),
             ("right", "left"), ("possible", "probable")]  # fmt: skip
    assert not [pair for pair in apart for group in groups if set(pair) <= group]


@pytest.mark.parametrize("table", ["nouns", "words", "sentences"])
def test_no_word_stands_in_two_groups_of_the_table(table):
    counts = Counter(word for group in reworded_by()[table] for word in group)
    assert [word for word, count in counts.items() if count > 1] == []


def test_every_pattern_of_the_table_is_sound():
    for looked_for, options in reworded_by()["patterns"]:
        groups = re.compile(looked_for).groups
        used = [int(number) for option in options for number in re.findall(r"\\(\d)", option)]
        assert max(used, default=0) <= groups, looked_for
        assert options, looked_for


@pytest.mark.parametrize("kind", HARMLESS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_harmless_edits_keep_every_fact(kind, seed):
    (text,) = invented_reports(1, seed=seed)
    found = edit(text, kind, seed=seed)
    if isinstance(found, Skipped):
        return
    assert found.text != text
    if kind == "near-duplicate":
        assert set(facts(found.text)) == set(facts(text))
    else:
        assert facts(found.text) == facts(text)


@pytest.mark.parametrize("kind", HARMLESS)
def test_harmless_edits_of_real_reports_keep_every_fact(kind, pack):
    from hilum.data.openi import reports

    texts = [one.report.findings for one in reports(pack / "openi") if one.half == "dev" and one.report.findings][:150]
    found = [(text, edit(text, kind)) for text in texts]
    for text, one in found:
        if isinstance(one, Edited):
            assert set(facts(one.text)) == set(facts(text))
    assert sum(isinstance(one, Edited) for _, one in found) > 120


def test_shuffled_sentences_are_the_same_sentences_in_another_order():
    found = edit(TEXT, "shuffle-sentences")
    assert isinstance(found, Edited)
    assert sentences(found.text) == sentences(TEXT)
    assert found.text != TEXT


def test_sentences_stay_in_their_section_when_shuffled():
    text = "FINDINGS: Cardiomegaly. No pneumothorax. Left pleural effusion. IMPRESSION: Lung mass. Right rib fracture."
    for seed in range(8):
        found = edit(text, "shuffle-sentences", seed=seed)
        assert isinstance(found, Edited)
        first, second = found.text.split("IMPRESSION:")
        assert "Lung mass" in second
        assert "Cardiomegaly" in first


def test_one_sentence_cannot_be_shuffled_or_split():
    assert isinstance(edit("Cardiomegaly.", "shuffle-sentences"), Skipped)
    assert isinstance(edit("Cardiomegaly.", "section-split"), Skipped)


def test_a_last_sentence_without_a_stop_gets_one_when_it_moves():
    text = "Cardiomegaly. Left pneumothorax. Right rib fracture"
    found = edit(text, "shuffle-sentences", seed=1)
    assert isinstance(found, Edited)
    assert sentences(found.text) == sentences(text)


def test_case_and_lines_change_no_letter():
    found = edit(TEXT, "case-and-punctuation")
    assert isinstance(found, Edited)
    assert letters(found.text) == letters(TEXT)
    assert found.text == found.text.lower()
    assert found.text.count("\n") == 3


def test_a_split_report_is_the_same_text_under_two_headings():
    found = edit(TEXT, "section-split")
    assert isinstance(found, Edited)
    assert isinstance(found.text, Mapping)
    assert " ".join(found.text.values()) == TEXT
    assert list(found.text) == ["findings", "impression"]


def test_a_near_duplicate_says_one_sentence_twice():
    found = edit(TEXT, "near-duplicate")
    assert isinstance(found, Edited)
    assert len(found.changes) == 1
    assert sum(facts(found.text).values()) > sum(facts(TEXT).values())
    assert sentences(TEXT) - sentences(found.text) == Counter()


def test_a_paraphrase_changes_a_good_part_of_the_words():
    shares = []
    for text in invented_reports(50):
        found = edit(text, "paraphrase")
        assert isinstance(found, Edited)
        old, new = Counter(text.lower().split()), Counter(found.text.lower().split())
        shares.append(1 - sum((old & new).values()) / sum(old.values()))
    assert 0.1 < sum(shares) / len(shares) < 0.7


# What is said, the ground of every proof.


def test_two_wordings_of_one_fact_say_the_same():
    for one, other in [
        ("There is a small right pleural effusion.", "Small pleural effusion on the right."),
        ("The heart is normal in size.", "No cardiomegaly."),
        ("No evidence of pneumothorax.", "There is no pneumothorax."),
        ("Stable mild cardiomegaly.", "Mild cardiomegaly is unchanged."),
    ]:
        assert all_said(parse(one)) == all_said(parse(other))


@pytest.mark.parametrize(
    "one, other, slot",
    [
        ("Right pleural effusion.", "Left pleural effusion.", "sides"),
        ("Mild cardiomegaly.", "Severe cardiomegaly.", "grade"),
        ("Stable cardiomegaly.", "Worsened cardiomegaly.", "change"),
        ("A 5 mm nodule.", "A 5 cm nodule.", "sizes"),
        ("Pneumothorax.", "No pneumothorax.", "state"),
    ],
)
def test_facts_differ_in_the_slot_that_was_changed(one, other, slot):
    gone, come = difference(parse(one), parse(other))
    assert gone.total() == come.total() == 1
    assert gone != come
    assert without(gone, slot) == without(come, slot)
    others = set(Said._fields) - {slot}
    assert without(gone, *others) != without(come, *others)


def test_what_is_denied_or_said_of_the_film_is_not_positive():
    told = {
        fact.concept: positive(said(fact)) for fact in parse("No pneumothorax. Cardiomegaly. Possible nodule.").facts
    }
    assert told == {"pneumothorax": False, "cardiomegaly": True, "lung nodule": True}


# Wordings that a reader would stumble over.


@pytest.mark.parametrize(
    "sentence",
    [
        "Heart and mediastinum normal.",
        "Negative for vascular congestion.",
        "The lungs are without focal air space opacity.",
        "No focal airspace consolidation.",
        "Bilateral streaky opacities.",
        "Multiple granulomas.",
        "Visualized osseous structures intact.",
        "Small right pneumothorax.",
        "Mild degenerative changes are seen.",
        "Calcified granuloma is seen.",
    ],
)
def test_other_words_keep_to_grammar(sentence):
    wrong = re.compile(
        r"(opacities|granulomas|changes) is |There is (multiple|bilateral|heart|mild degenerative changes)|are with no|"
        r"airspace airspace|Negative .* is |Identified osseous|(pneumothorax|granuloma) are ",
        re.IGNORECASE,
    )
    found = {reworded(sentence, seed) for seed in range(40)}
    assert [other for other in found if wrong.search(other)] == []


def test_rewording_is_the_same_each_time():
    for sentence in ("No pneumothorax.", "Mild cardiomegaly.", "There is a small right pleural effusion."):
        assert reworded(sentence, 5) == reworded(sentence, 5)
        assert reworded(sentence, 5)[-1] == "."


def test_hostile_sentences_are_reworded_or_left():
    for sentence in ("(((", "\\\\1 right pneumothorax.", "No [pneumothorax].", "right " * 400, "É ü 漢字.", "\n\n."):
        assert isinstance(reworded(sentence, 3), str)
