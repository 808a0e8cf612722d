"""Language models as judges: what they are asked, how answers are read, and that failures are told and not counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hilum.core.errors import MissingError
from hilum.measure.judges import PROMPT, ChatJudge, LocalJudge, read_answer
from hilum.measure.metric import metric, score_all
from hilum.measure.pairs import ReportPairs
from tests.io.test_chat import Server, answer, chat, server  # noqa: F401

PHRASES, OTHERS = ("Left effusion.", "Edema."), ("No edema.", "Small left effusion.")


def said(entailed: bool, *evidence: int) -> tuple[int, bytes]:
    return answer(json.dumps({"entailed": entailed, "evidence": list(evidence)}))


@pytest.mark.parametrize(
    ("told", "status", "evidence"),
    [
        ('{"entailed": true, "evidence": [2]}', "entailed", (1,)),
        ('Sure! ```json\n{"entailed": true, "evidence": [2, 1, 2]}\n```', "entailed", (0, 1)),
        ('{"entailed": false, "evidence": [1]}', "not entailed", ()),
        ('{"entailed": true}', "entailed", ()),
        ('{"entailed": true, "evidence": [0, 3, "2", 2.5]}', "entailed", ()),
        ('{"entailed": true, "evidence": "1"}', "entailed", ()),
        ('{"thought": {"entailed": true}} {"entailed": false}', "not entailed", ()),
        ("Yes, it is entailed.", "not judged", ()),
        ('{"entailed": "true"}', "not judged", ()),
        ('{"entailed": tru', "not judged", ()),
        ("", "not judged", ()),
        ("{" * 3_000, "not judged", ()),
        ('[{"entailed": true, "evidence": [1]}]', "entailed", (0,)),
    ],
)
def test_answers_are_read_strictly(told: str, status: str, evidence: tuple[int, ...]) -> None:
    found = read_answer("Edema.", told, 2)
    assert (found.status, found.evidence) == (status, evidence)
    assert bool(found.reason) == (status != "entailed")


def test_a_chat_judge_asks_for_each_phrase_with_the_whole_other_report(server: Server) -> None:  # noqa: F811
    server.plan = [said(True, 2), said(False)]
    judge = ChatJudge(chat(server))
    assert [v.status for v in judge(PHRASES, OTHERS)] == ["entailed", "not entailed"]
    asked = server.asked[1]["messages"][1]["content"]
    assert "1. No edema.\n2. Small left effusion." in asked
    assert "Statement: Edema." in asked
    assert judge.name == f"chat-tiny-{PROMPT}"


def test_failures_after_a_first_answer_are_recorded_and_not_entailed(server: Server) -> None:  # noqa: F811
    server.plan = [said(True, 1), (400, b"too long"), answer("Hm."), said(True, 1)]
    verdicts = ChatJudge(chat(server))(("a", "b", "c", "d"), OTHERS)
    assert [v.status for v in verdicts] == ["entailed", "not judged", "not judged", "entailed"]
    assert "too long" in verdicts[1].reason
    assert "cannot be read" in verdicts[2].reason


def test_a_judge_that_is_not_there_scores_nothing(server: Server) -> None:  # noqa: F811
    server.plan = [(503, b"")]
    with pytest.raises(MissingError):
        metric("radfact/hilum/f1")(ReportPairs(("Edema.",), ("Edema.",)), judge=ChatJudge(chat(server)))
    assert score_all(["radfact/hilum/f1"], ReportPairs(("Edema.",), ("Edema.",)))[1] == {}  # ours needs none


def test_radfact_by_a_chat_judge_is_named_after_it_and_keeps_answers(
    server: Server,  # noqa: F811
    tmp_path: Path,
) -> None:
    server.plan = [said(True, 1)]
    pairs = ReportPairs(("Left effusion. No edema.",), ("Left effusion.",))
    scores = [metric(f"radfact/hilum/{part}")(pairs, judge=ChatJudge(chat(server, cache=tmp_path)))
              for part in ("precision", "recall")]  # fmt: skip
    assert [score.value for score in scores] == [1.0, 1.0]
    assert f"judge:chat-tiny-{PROMPT}" in scores[0].signature
    assert len(server.asked) == 3  # one phrase one way, two the other, none twice
    again = metric("radfact/hilum/f1")(ReportPairs(pairs.references, pairs.answers),
                                       judge=ChatJudge(chat(server, cache=tmp_path)))  # fmt: skip
    assert again.value == 1.0
    assert len(server.asked) == 3


def test_an_empty_report_is_not_asked_about(server: Server) -> None:  # noqa: F811
    assert ChatJudge(chat(server))(PHRASES, ())[0].reason == "the other report has no phrase"
    assert server.asked == []


def test_braces_in_a_report_are_words(server: Server) -> None:  # noqa: F811
    server.plan = [said(True, 1)]
    assert ChatJudge(chat(server))(("{phrase} \ud800",), ("{report} %s",))[0].status == "entailed"
    assert "Statement: {phrase}" in server.asked[0]["messages"][1]["content"]


def small_model(folder: Path, *, room: int) -> Path:
    """A GPT-2 of one layer with random weights over bytes."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(tokenizers.models.BPE({c: n for n, c in enumerate(alphabet)}, []))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(tokenizer_object=made).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(alphabet), n_positions=room, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    transformers.GPT2LMHeadModel(config).save_pretrained(folder, safe_serialization=True)
    return folder


def test_a_local_model_judges_and_its_nonsense_counts_as_not_judged(tmp_path: Path) -> None:
    folder = small_model(tmp_path / "tiny", room=1_200)
    judge = LocalJudge(folder, max_tokens=8)
    verdicts = judge(PHRASES, OTHERS)
    assert [v.status for v in verdicts] == ["not judged", "not judged"]
    assert "cannot be read" in verdicts[0].reason
    assert judge(PHRASES, OTHERS) == verdicts  # greedy
    assert judge.name == LocalJudge(folder).name
    assert judge.name.startswith("local-")


def test_a_prompt_too_long_for_the_model_is_said_to_be(tmp_path: Path) -> None:
    judge = LocalJudge(small_model(tmp_path / "tiny", room=64), max_tokens=8)
    assert "leaves no room" in judge(PHRASES, OTHERS)[0].reason


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"config\.json"):
        LocalJudge(tmp_path)
