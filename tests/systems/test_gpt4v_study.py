# ruff: noqa: F811 - a fixture goes by the name of an argument
"""The prompt study by its command at a tiny size: metrics without a model, floors, an endpoint, and refusals."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

from hilum.core.errors import InputError, RefusedError
from hilum.measure.verdict import Verdict
from hilum.systems._gpt4v_claims import BOTH, MISRANK, TEXT, ZERO, prompted, trails
from hilum.systems._gpt4v_cohort import cases
from hilum.systems._gpt4v_endpoint import requests
from hilum.systems._gpt4v_floors import RESTYLED
from hilum.systems._gpt4v_judge import beyond, floors, judged_reader
from hilum.systems._gpt4v_lexical import BY_FACTS, COIN, ITSELF, LEXICAL, accuracy, values_of
from hilum.systems._gpt4v_picture import metrics_svg, prompts_svg
from hilum.systems._gpt4v_rows import Rows
from hilum.systems._gpt4v_run import Arm
from hilum.systems._gpt4v_turned import FLIPS, ONE, WHOLE, Turned, turned
from hilum.systems.gpt4v_study import reproduce
from tests.chat_server import Server, answer, looking, server  # noqa: F401

EASY = Turned(
    "p1", "There is a small left pleural effusion. The heart is normal in size.",
    {WHOLE: "A small effusion is seen on the left side. Heart size is within normal limits.",
     ONE: "There is a small left pleural effusion. Heart size is within normal limits."},
    {"flip-side": "There is a small right pleural effusion. The heart is normal in size."},
)  # fmt: skip


@cache
def small(**choices: object) -> Verdict:
    given = {"seeds": 1, "patients": 30, "specialist": 3, "reader": 0, **choices}
    return reproduce(**given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def rows() -> Rows:
    made = Rows(cases(36, seed=0, size=32, split="test"), cases(36, seed=0, size=32, split="train"))
    floors(made, seed=0, seeds=1)
    return made


@pytest.mark.parametrize("name", [name for name in LEXICAL if name != "cider"])  # it counts over a whole set
def test_metrics_of_words_prefer_a_turned_side_to_a_paraphrase(name: str) -> None:
    assert accuracy(name, [EASY], WHOLE).value == 0.0


@pytest.mark.parametrize("name", ["finding-f1", "green/hilum"])
def test_metrics_of_facts_do_not(name: str) -> None:
    assert accuracy(name, [EASY], WHOLE).value == 1.0
    assert accuracy(name, [EASY], ONE).value == 1.0


def test_the_controls_are_what_they_must_be() -> None:
    assert accuracy(COIN, [EASY], WHOLE).value == 0.5
    assert accuracy(ITSELF, [EASY], WHOLE).value == 1.0
    assert np.isnan(accuracy("bleu-4", [EASY], WHOLE, ("negate",)).value)  # it has no such flip


def test_a_tie_is_half() -> None:
    same = Turned("p", EASY.reference, {WHOLE: EASY.flips["flip-side"]}, dict(EASY.flips))
    assert accuracy("bleu-1", [same], WHOLE).value == 0.5


def test_values_are_of_each_answer() -> None:
    assert values_of("bleu-1", [EASY.reference] * 2, [EASY.reference, "No."]).tolist() == [1.0, 0.0]


def test_what_is_made_of_reports_is_proved() -> None:
    from hilum.measure.said import all_said
    from hilum.text.parse import parse

    reports = [(case.study.patient, case.text) for case in cases(24, seed=1, size=32, split="train")]
    made = turned(reports, seed=5)
    assert len(made) > 10
    for each in made:
        facts = all_said(parse(each.reference))
        for text in each.others.values():
            assert text != each.reference
            assert all_said(parse(text)) == facts
        for kind, text in each.flips.items():
            assert kind in FLIPS
            assert all_said(parse(text)) != facts


def test_one_sentence_changes_less_than_all() -> None:
    reports = [(case.study.patient, case.text) for case in cases(24, seed=1, size=32, split="train")]
    both = [each for each in turned(reports, seed=2) if len(each.others) == 2]
    kept = {name: np.mean([len(set(each.others[name].split()) & set(each.reference.split())) for each in both])
            for name in (WHOLE, ONE)}  # fmt: skip
    assert kept[ONE] > kept[WHOLE]


def test_examples_raise_bleu_without_sight_and_restyling_without_new_facts(rows: Rows) -> None:
    def value(backend: str, family: str, metric: str, film: str = "true") -> float:
        return rows.scored[Arm(backend, family, film)][0][metric].value  # type: ignore[arg-type]

    assert value("copies an example", BOTH, "bleu-4") > value("constant", ZERO, "bleu-4") + 0.1
    assert value(RESTYLED, BOTH, "bleu-4") > value(RESTYLED, ZERO, "bleu-4") + 0.05
    assert value(RESTYLED, BOTH, "finding-f1") == pytest.approx(value(RESTYLED, ZERO, "finding-f1"))
    assert value(RESTYLED, ZERO, "finding-f1") != value(RESTYLED, ZERO, "finding-f1", "swapped")
    line = beyond(rows, RESTYLED, "finding-f1", seed=0)
    assert "on true films 0.000 [0.000, 0.000]" in line


def test_a_claim_of_one_seed_is_not_judged(rows: Rows) -> None:
    part = rows.judged(prompted(RESTYLED, "bleu-4", "BLEU-4"), seed=0)
    assert part.gain.value > 0.05
    assert (part.outcome, part.reason) == ("cannot be tested here", "it takes 3 seeds, 1 ran")


def test_a_reader_that_did_not_run_is_not_judged(rows: Rows) -> None:
    parts, lines = judged_reader(rows, "needs torch", seed=0)
    assert {part.outcome for part in parts} == {"cannot be tested here"}
    assert all(part.reason == "needs torch" for part in parts)
    assert lines == []


def test_a_claim_without_its_controls_is_refused(rows: Rows) -> None:
    with pytest.raises(InputError, match="did not run beside it"):
        rows.judged(trails("nobody"), seed=0)


def test_the_command_judges_metrics_without_a_model_and_says_what_an_endpoint_adds() -> None:
    made = small()
    assert made.claim == TEXT
    text = "\n".join(made.lines)
    assert "no endpoint was named: one would add" in text
    assert "--set endpoint=URL#MODEL" in text
    assert "not comparable" in text
    for claim in MISRANK:
        assert claim.text in made.scores
    for name in (*LEXICAL, *BY_FACTS):
        assert re.search(rf"^    {re.escape(name)} ", text, re.MULTILINE)
    for row in ("constant, zero-shot", "nearest film, zero-shot, blank film", "copies an example, one + one",
                "specialist, one answer, another patient's film"):  # fmt: skip
        assert row in text
    assert "the reader was left out" in text


@pytest.mark.slow
def test_three_wordings_give_an_outcome() -> None:
    made = small(seeds=3, specialist=1)
    outcomes = {claim.arm: made.scores[claim.text].outcome for claim in MISRANK}
    assert outcomes["bleu-4"] == outcomes["rouge-l"] == "holds"
    assert made.outcome == "holds"


def test_pictures_are_drawn(rows: Rows) -> None:
    made = small()
    kinds = [type(each) for each in made.figures.values()]
    assert kinds.count(str) == 3
    png = next(each for each in made.figures.values() if isinstance(each, bytes))
    assert png.startswith(b"\x89PNG")
    for svg in (each for each in made.figures.values() if isinstance(each, str)):
        assert svg.count("<circle") > 5
        assert "nan" not in svg
    assert "another patient" not in prompts_svg(rows.scored, "bleu-4")
    scored = {words: {name: [accuracy(name, [EASY] * 4, words)] for name in (*LEXICAL, *BY_FACTS, ITSELF)}
              for words in (WHOLE, ONE)}  # fmt: skip
    assert metrics_svg(scored, list("abcd")).count("<circle") == 2 * len(scored[WHOLE])


@pytest.mark.parametrize("choices, words", [
    ({"seeds": "none"}, "seeds"), ({"few": "-1"}, "few"), ({"endpoint": "here"}, "names no endpoint"),
    ({"endpoint": "http://example.org/v1#m"}, "https only"),
])  # fmt: skip
def test_wrong_choices_are_named(choices: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        reproduce(**choices)  # type: ignore[arg-type]


@pytest.mark.slow
def test_an_endpoint_is_asked_as_often_as_was_said_and_judged_beside_the_floors(looking: Server) -> None:
    said: list[str] = []
    made = reproduce(seeds=1, patients=30, specialist=1, reader=0, few=3, endpoint=f"{looking.url}#tiny",
                     say=said.append)  # fmt: skip
    text = "\n".join(made.lines)
    assert f"about {requests(3, 1)} requests" in " ".join(said)
    assert len(looking.asked) < 1.6 * requests(3, 1)
    assert f"chat:{looking.url}#tiny, one + one, blank film" in text
    assert "its boxes trail the specialist's" in text
    told = [part["messages"][-1]["content"][-1]["text"] for part in looking.asked]
    assert sum("Example of another patient" in words for words in told) > 10
    assert sum("pixels wide" in words for words in told) > 5


@pytest.mark.slow
def test_an_endpoint_that_does_not_look_gets_no_score(server: Server) -> None:
    server.plan = [answer("The lungs are clear.")]
    with pytest.raises(RefusedError, match="does not look"):
        reproduce(seeds=1, patients=30, specialist=1, reader=0, few=3, endpoint=f"{server.url}#tiny")
    assert len(server.asked) == 4


@pytest.mark.slow
def test_our_reader_runs_through_the_whole_study() -> None:
    pytest.importorskip("transformers")
    made = reproduce(seeds=1, patients=30, specialist=2, reader=5)
    text = "\n".join(made.lines)
    for row in ("small reader, one + one, blank film", "small reader, one answer", "small reader, zero-shot: it looks"):
        assert row in text
    assert "small reader: gain in bleu-4 by one + one on true films" in text
