"""Judges of written reports: facts by hand, what length can earn, and that a judge behind an address fails aloud."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import HilumError, InputError, MissingError
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs
from hilum.measure.rewards import J1, J2, J3, chat_reward, fact_f1, matched_share, repeats, reward, words
from tests.io.test_chat import Server, answer, chat, server  # noqa: F401

SENTENCES = (
    "There is a small left pleural effusion.", "The heart is mildly enlarged.", "No pneumothorax.",
    "Consolidation in the right lower zone.", "There is a right pneumothorax.", "The lungs are clear.",
)  # fmt: skip
TRUTH = "There is a small left pleural effusion. The heart is mildly enlarged. No pneumothorax."
WORDY = st.lists(st.sampled_from(SENTENCES), max_size=6).map(" ".join)


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (TRUTH, 1.0),
        ("There is a left pleural effusion. Cardiomegaly.", 1.0),  # degrees and denials do not count
        ("There is a right pleural effusion. Cardiomegaly.", 0.5),  # 1 of 2 and 1 of 2
        ("There is a left pleural effusion.", 2 / 3),
        ("There is a left pleural effusion. Cardiomegaly. Consolidation in the right lung.", 0.8),
        ("The lungs are clear.", 0.0),
        ("", 0.0),
    ],
)
def test_fact_f1_counts_findings_with_their_sides(candidate: str, expected: float) -> None:
    assert fact_f1(TRUTH, candidate) == pytest.approx(expected)


def test_nothing_there_and_nothing_said_is_right() -> None:
    assert fact_f1("The lungs are clear. No pneumothorax.", "No acute findings.") == 1.0
    assert fact_f1("The lungs are clear.", "There is a left pleural effusion.") == 0.0


@pytest.mark.parametrize(
    ("candidate", "matched", "errors"),
    [
        (TRUTH, 3, 0),
        ("There is a left pleural effusion.", 1, 1),  # the heart is missed; a denial left out is not
        ("There is a right pleural effusion. Cardiomegaly. No pneumothorax.", 2, 1),  # a wrong side is one error
        ("No pleural effusion. Cardiomegaly.", 1, 1),
        ("There is a left pleural effusion. Cardiomegaly. There is a right pneumothorax.", 2, 1),
        ("There is a left pleural effusion. Cardiomegaly. No consolidation.", 2, 0),  # not contradicted, not matched
        ("", 0, 2),
    ],
)
def test_matched_share_is_matched_over_matched_and_errors(candidate: str, matched: int, errors: int) -> None:
    assert matched_share(TRUTH, candidate) == pytest.approx(matched / (matched + errors))


@pytest.mark.parametrize("times", [1, 2, 5, 20])
def test_repeating_what_is_sure_earns_the_second_judge_and_no_other(times: int) -> None:
    """The hole that is there on purpose: n true sentences beside one wrong and one missed finding give n / (n + 2)."""
    candidate = "There is a left pleural effusion. " * times + "There is a right pneumothorax."
    assert matched_share(TRUTH, candidate) == pytest.approx(times / (times + 2))
    assert fact_f1(TRUTH, candidate) == pytest.approx(0.5)
    green = metric("green/hilum")(ReportPairs((TRUTH,), (candidate,))).value
    assert green == metric("green/hilum")(ReportPairs((TRUTH,), (candidate[-66:],))).value


def test_the_third_judge_takes_back_what_length_earned() -> None:
    kept = [reward(J3)([TRUTH], ["There is a left pleural effusion. " * n + "There is a right pneumothorax."])[0]
            for n in (2, 4, 8, 16)]  # fmt: skip
    assert kept == sorted(kept, reverse=True)
    short = "There is a left pleural effusion."
    assert reward(J3)([TRUTH], [short])[0] == reward(J2)([TRUTH], [short])[0]  # brevity is not paid for


@settings(max_examples=60, deadline=None)
@given(WORDY, WORDY)
def test_judges_stay_between_zero_and_one_and_a_report_is_its_own_best(reference: str, candidate: str) -> None:
    for name in (J1, J2, J3):
        value, own = reward(name)([reference, reference], [candidate, reference])
        assert 0.0 <= value <= 1.0
        assert own == 1.0 or name != J1
    assert reward(J3)([reference], [candidate])[0] <= reward(J2)([reference], [candidate])[0]


@settings(max_examples=40, deadline=None)
@given(WORDY, st.permutations(SENTENCES))
def test_the_order_of_sentences_does_not_matter(reference: str, order: list[str]) -> None:
    for judge in (fact_f1, matched_share):
        assert judge(reference, " ".join(order)) == pytest.approx(judge(reference, " ".join(SENTENCES)))


def test_values_come_in_the_order_of_the_pairs() -> None:
    given_ = ["There is a left pleural effusion.", "The lungs are clear."]
    assert reward(J1)(given_, given_).tolist() == [1.0, 1.0]
    assert reward(J1)(given_, given_[::-1]).tolist() == [0.0, 0.0]
    assert reward(J1)([], []).shape == (0,)
    assert reward("green/hilum")([], []).shape == (0,)


def test_a_registered_metric_is_a_judge_and_so_is_its_length_controlled_form() -> None:
    twice = f"{TRUTH} {TRUTH}"
    plain, controlled = (reward(name)([TRUTH], [twice])[0] for name in ("green/hilum", "green/hilum/length"))
    assert plain == metric("green/hilum")(ReportPairs((TRUTH,), (twice,))).values[0] == 1.0
    assert controlled == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["length-ratio", "unparsed-sentences", "auroc"])
def test_what_is_no_judge_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(InputError, match="green/hilum"):
        reward(name)


def test_an_unknown_judge_and_lists_of_two_lengths_are_refused() -> None:
    with pytest.raises(InputError):
        reward("gren/hilum")
    with pytest.raises(InputError, match="2 references for 1"):
        reward(J1)(["a", "b"], ["a"])


def test_repeats_are_sentences_said_before_whatever_their_case_and_stops() -> None:
    assert repeats("No edema. No effusion. no edema! No edema.") == 2
    assert repeats("") == repeats("No edema. No effusion.") == 0
    assert words("A 3-mm nodule, left.") == 5


# --- a judge behind an address ----------------------------------------------------------------------------------------

KINDS = "\n".join(f"({letter}) kind: {{{letter}}}. x" for letter in "abcdef")


def counted(matched: int, **errors: int) -> tuple[int, bytes]:
    counts = KINDS.format(**{letter: errors.get(letter, 0) for letter in "abcdef"})
    none = KINDS.format(**dict.fromkeys("abcdef", 0))
    return answer(
        f"[Explanation]:\nfine\n\n[Clinically Significant Errors]:\n{counts}\n\n"
        f"[Clinically Insignificant Errors]:\n{none}\n\n[Matched Findings]:\n{matched}. effusion"
    )


def test_a_model_behind_an_address_judges_by_greens_arithmetic(server: Server) -> None:  # noqa: F811
    server.plan = [counted(3, a=1), counted(1, b=2, f=1)]
    judge = chat_reward(chat(server))
    assert judge(["Left effusion."] * 2, ["Effusion.", "Clear."]).tolist() == [0.75, 0.25]
    assert judge.name == "green-chat-tiny"
    asked = server.asked[1]["messages"][-1]["content"]
    assert asked.index("Left effusion.") < asked.index("Clear.")


def test_answers_that_fail_later_are_no_values_and_are_told(server: Server) -> None:  # noqa: F811
    server.plan = [counted(1), answer("fine"), (400, b"too long"), counted(1, a=1)]
    told: list[str] = []
    values = chat_reward(chat(server), on_failed=told.append)(["a"] * 4, ["b"] * 4)
    assert np.isnan(values).tolist() == [False, True, True, False]
    assert len(told) == 2
    assert "too long" in told[1]


def test_a_judge_that_is_not_there_rewards_nothing(server: Server) -> None:  # noqa: F811
    server.plan = [(503, b"")]
    with pytest.raises(MissingError):
        chat_reward(chat(server))(["a"], ["b"])


def test_a_kept_answer_is_not_asked_again(server: Server, tmp_path: Path) -> None:  # noqa: F811
    server.plan = [counted(1, a=1), (500, b"")]
    judge = chat_reward(chat(server, cache=tmp_path))
    assert [float(judge(["a"], ["b"])[0]) for _ in range(3)] == [0.5] * 3
    assert len(server.asked) == 1
    with pytest.raises(HilumError):
        chat_reward(chat(server, cache=tmp_path))(["a"], ["other"])


def test_a_judge_is_named_by_its_address_and_keeps_what_it_answered(
    server: Server,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path))
    monkeypatch.setenv("HILUM_CHAT_KEY", "secret")
    server.plan = [counted(1, a=3), (500, b"")]
    for _ in range(2):
        judge = reward(f"chat:{server.url}#tiny")
        assert judge(["Left effusion."], ["Clear."]).tolist() == [0.25]
    assert judge.name == "green-chat-tiny"
    assert server.keys == ["Bearer secret"]
    assert any(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    "place", ["chat:", "chat:http://127.0.0.1:9/v1", "chat:ftp://x#m", "chat:http://far.example/v1#m"]
)
def test_an_address_that_cannot_be_used_is_refused_before_anything_is_sent(place: str) -> None:
    with pytest.raises(InputError):
        reward(place)
