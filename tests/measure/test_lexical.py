"""BLEU, ROUGE, CIDEr, chrF and METEOR equal their reference packages, and say what they do at the edges."""

from __future__ import annotations

import json
import math
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError, MissingError
from hilum.measure.lexical import counted, international, tokenizer, words
from hilum.measure.metric import metric, metrics
from hilum.measure.metrics.cider import DocumentFrequencies, count_documents, read_documents
from hilum.measure.metrics.meteor import meteor
from hilum.measure.metrics.rouge import common
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Scored

NAMES = [
    "bleu-1", "bleu-2", "bleu-3", "bleu-4", "rouge-l", "cider", "bleu/sacrebleu", "chrf/sacrebleu",
    "rouge-1/rouge-score", "rouge-2/rouge-score", "rouge-l/rouge-score", "meteor/nltk",
]  # fmt: skip
COCO = ["bleu-1", "bleu-2", "bleu-3", "bleu-4", "rouge-l", "cider"]
FREE = json.loads((Path(__file__).parent / "lexical_oracle.json").read_text(encoding="utf-8"))
EXACT = {"abs": 1e-9, "rel": 0}


@pytest.fixture(scope="module", params=["written", "open-i"])
def oracle(request: pytest.FixtureRequest) -> tuple[Pairs[Any], dict[str, Any]]:
    """Pairs and what the reference packages gave for them."""
    rows, values = FREE["pairs"], FREE["values"]
    if request.param == "open-i":
        path = request.getfixturevalue("pack").parent / "oracles" / "nlg_oracle.json"
        if not path.is_file():
            pytest.skip("the 300 Open-i pairs are not on this machine")
        held = json.loads(path.read_text(encoding="utf-8"))
        rows, values = held["pairs"], held["values"]
    return Pairs([row["ref"] for row in rows], [row["hyp"] for row in rows]), values


def close(scored: Scored, each: Any, whole: float | None = None) -> None:
    assert scored.values == pytest.approx(np.array(each), **EXACT)
    assert scored.value == pytest.approx(np.mean(each) if whole is None else whole, **EXACT)


# --- equal to the reference packages ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bleu_is_pycocoevalcaps(oracle: tuple[Pairs[Any], dict[str, Any]], order: int) -> None:
    pairs, values = oracle
    close(
        metric(f"bleu-{order}")(pairs),
        values["coco_ptb_bleu_sent"][order - 1],
        values["coco_ptb_bleu_corpus"][order - 1],
    )


def test_rouge_l_is_pycocoevalcaps(oracle: tuple[Pairs[Any], dict[str, Any]]) -> None:
    pairs, values = oracle
    close(metric("rouge-l")(pairs), values["coco_ptb_rougeL"], values["coco_ptb_rougeL_mean"])


def test_cider_is_pycocoevalcaps(oracle: tuple[Pairs[Any], dict[str, Any]]) -> None:
    pairs, values = oracle
    close(metric("cider")(pairs), values["coco_ptb_cider"], values["coco_ptb_cider_mean"])


@pytest.mark.parametrize(
    ("name", "each", "whole"),
    [("rouge-l", "coco_ws_rougeL", "coco_ws_rougeL_mean"), ("cider", "coco_ws_cider", "coco_ws_cider_mean")],
)
def test_tokens_cut_at_blanks_are_scored_as_they_stand(
    oracle: tuple[Pairs[Any], dict[str, Any]], name: str, each: str, whole: str
) -> None:
    pairs, values = oracle
    bare = Pairs([" ".join(words(t)) for t in pairs.references], [" ".join(words(t)) for t in pairs.answers])
    close(metric(name)(bare, tokens="blanks"), values[each], values[whole])


def test_sacrebleu_is_sacrebleus(oracle: tuple[Pairs[Any], dict[str, Any]]) -> None:
    pairs, values = oracle
    close(metric("bleu/sacrebleu")(pairs), values["sacrebleu_sent"], values["sacrebleu_corpus"])


def test_chrf_is_sacrebleus(oracle: tuple[Pairs[Any], dict[str, Any]]) -> None:
    pairs, values = oracle
    assert metric("chrf/sacrebleu")(pairs).value == pytest.approx(values["sacrebleu_chrf"], **EXACT)


@pytest.mark.parametrize("stemmer", [False, True])
@pytest.mark.parametrize(("name", "key"), [("rouge-1", "rouge1"), ("rouge-2", "rouge2"), ("rouge-l", "rougeL")])
def test_rouge_is_googles(oracle: tuple[Pairs[Any], dict[str, Any]], name: str, key: str, stemmer: bool) -> None:
    pairs, values = oracle
    expected = [row[key][2] for row in values[f"rouge_score_stem{stemmer}"]]
    close(metric(f"{name}/rouge-score")(pairs, stemmer=stemmer), expected)


def test_meteor_is_nltks(oracle: tuple[Pairs[Any], dict[str, Any]]) -> None:
    pairs, values = oracle
    close(metric("meteor/nltk")(pairs), values["nltk_meteor"])


def test_radevals_cpu_fixture_comes_out(pack: Path) -> None:
    """RadEval's own numbers: BLEU over tokens cut at blanks, ROUGE with stems."""
    path = pack.parent / "oracles" / "metric_oracles.json"
    if not path.is_file():
        pytest.skip("the published metric values are not on this machine")
    entries = json.loads(path.read_text(encoding="utf-8"))["entries"]
    entry = next(each for each in entries if each["metric"].startswith("RadEval BLEU-1..4"))
    pairs, expected = Pairs(entry["refs"], entry["hyps"]), entry["expected"]
    scored = metric("bleu-4")(pairs, tokens="blanks")
    assert scored.values == pytest.approx(expected["per_sample"]["bleu"], **EXACT)
    for order, key in ((1, "bleu_1"), (2, "bleu_2"), (3, "bleu_3"), (4, "bleu")):
        assert round(metric(f"bleu-{order}")(pairs, tokens="blanks").value, 4) == expected["detailed"][key]
    for name, key in (("rouge-1", "rouge1"), ("rouge-2", "rouge2"), ("rouge-l", "rougeL")):
        scored = metric(f"{name}/rouge-score")(pairs, stemmer=True)
        assert scored.values == pytest.approx(expected["per_sample"][key], **EXACT)


def strange(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Pairs of odd texts: empty ones, one word, repeats, other scripts, numbers, entities, long ones."""
    draw = random.Random(seed)
    pieces = (
        'no acute disease . , 1.5 cm -5 Ödem 肺 x-ray the the heart-size\'s &amp; "so" (left) 3,000 a b c U.S. - é 😀'
    )
    pool = pieces.split()

    def text() -> str:
        return " ".join(draw.choice(pool) for _ in range(draw.choice([0, 1, 1, 2, 3, 5, 8, 20, 60])))

    references = [text() for _ in range(count)]
    answers = [reference if draw.random() < 0.2 else text() for reference in references]
    return references, answers


def test_sacrebleu_agrees_on_odd_texts() -> None:
    package = pytest.importorskip("sacrebleu")
    references, answers = strange(300, 1)
    pairs = Pairs(references, answers)
    each = [package.sentence_bleu(a, [r]).score for r, a in zip(references, answers, strict=True)]
    close(metric("bleu/sacrebleu")(pairs), each, package.corpus_bleu(answers, [references]).score)
    each = [package.sentence_chrf(a, [r]).score for r, a in zip(references, answers, strict=True)]
    close(metric("chrf/sacrebleu")(pairs), each, package.corpus_chrf(answers, [references]).score)


def test_rouge_score_agrees_on_odd_texts() -> None:
    package = pytest.importorskip("rouge_score.rouge_scorer")
    references, answers = strange(120, 2)
    for stemmer in (False, True):
        scorer = package.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=stemmer)
        expected = [scorer.score(r, a) for r, a in zip(references, answers, strict=True)]
        for name, key in (("rouge-1", "rouge1"), ("rouge-2", "rouge2"), ("rouge-l", "rougeL")):
            scored = metric(f"{name}/rouge-score")(Pairs(references, answers), stemmer=stemmer)
            close(scored, [row[key].fmeasure for row in expected])


def test_pycocoevalcap_agrees_on_odd_texts() -> None:
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu")
    rouge = pytest.importorskip("pycocoevalcap.rouge.rouge")
    cider = pytest.importorskip("pycocoevalcap.cider.cider")
    references, answers = strange(300, 3)
    tidy = ([" ".join(text.split()) for text in side] for side in (references, answers))
    truth, said = ({n: [text] for n, text in enumerate(side)} for side in tidy)
    pairs = Pairs(references, answers)
    whole, each = bleu.Bleu(4).compute_score(truth, said, verbose=0)
    for order in range(4):
        close(metric(f"bleu-{order + 1}")(pairs, tokens="blanks"), each[order], whole[order])
    mean, values = rouge.Rouge().compute_score(truth, said)
    close(metric("rouge-l")(pairs, tokens="blanks"), values, mean)
    mean, values = cider.Cider().compute_score(truth, said)
    close(metric("cider")(pairs, tokens="blanks"), values, mean)


def test_pycocoevalcap_agrees_from_raw_text() -> None:
    """With its Java tokenizer; hard blanks in tokens ('5 1/2') are split by BLEU and CIDEr and kept by ROUGE-L."""
    pytest.importorskip("pycocoevalcap")
    if not shutil.which("java"):
        pytest.skip("there is no Java to compare with")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    references = [
        "A 5 1/2 cm mass. It's new.",
        "No acute disease, e.g. none.",
        "Clear (XXXX) lungs.",
        "Call (123) 456-7890",
    ]
    answers = ["A 5 1/2 cm nodule.", "No disease.", "Clear lungs (XXXX).", "Call (123) 456-7890 now"]
    truth, said = ({n: [{"caption": t}] for n, t in enumerate(side)} for side in (references, answers))
    truth, said = PTBTokenizer().tokenize(truth), PTBTokenizer().tokenize(said)
    pairs = Pairs(references, answers)
    whole, each = Bleu(4).compute_score(truth, said, verbose=0)
    for order in range(4):
        close(metric(f"bleu-{order + 1}")(pairs), each[order], whole[order])
    mean, values = Rouge().compute_score(truth, said)
    close(metric("rouge-l")(pairs), values, mean)
    mean, values = Cider().compute_score(truth, said)
    close(metric("cider")(pairs), values, mean)


# --- the parts, by other means ----------------------------------------------------------------------------------

few = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=14)


def by_table(left: list[str], right: list[str]) -> int:
    row = [0] * (len(right) + 1)
    for token in left:
        before = row
        row = [0]
        for n, other in enumerate(right):
            row.append(before[n] + 1 if token == other else max(row[n], before[n + 1]))
    return row[-1]


@given(few, few)
def test_the_common_subsequence_is_that_of_the_table(left: list[str], right: list[str]) -> None:
    assert common(left, right) == by_table(left, right)


def test_a_common_subsequence_of_long_texts() -> None:
    draw = random.Random(4)
    left, right = ([draw.choice("abcdefgh") for _ in range(300)] for _ in range(2))
    assert common(left, right) == by_table(left, right)


@settings(deadline=None)
@given(st.lists(st.tuples(few, few), min_size=1, max_size=6))
def test_counted_runs_are_those_of_a_counter(rows: list[tuple[list[str], list[str]]]) -> None:
    references, answers = [r for r, _ in rows], [a for _, a in rows]
    held = counted(references, answers, 4)

    def runs(tokens: list[str], n: int) -> Counter[tuple[str, ...]]:
        return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))

    expected = [[(runs(r, n) & runs(a, n)).total() for n in range(1, 5)] for r, a in rows]
    assert held.clipped().tolist() == expected
    assert held.lengths.tolist() == [list(map(len, references)), list(map(len, answers))]
    for n, order in enumerate(held.orders):
        side = order.reference
        for pair, gram, times in zip(side.pair, side.gram, side.times, strict=True):
            assert runs(references[pair], n + 1)[tuple(held.text(n, gram).split(" "))] == times


def test_mteval_tokens() -> None:
    found = " ".join(international('A 1.5-cm "mass," T8-T9; 3,000 e.g. (left).'))
    assert found == 'A 1.5 - cm " mass , " T8 - T9 ; 3,000 e . g . ( left ) .'
    package = pytest.importorskip("sacrebleu.tokenizers.tokenizer_13a")
    make = package.Tokenizer13a()
    for text in [
        *strange(400, 6)[0],
        "a-\nb c.\n,d",
        ". , . ,",
        "&lt;x&gt; <skipped>1.2.3-4",
        "x.y ,z 1. 2 .3 4,5 6-7",
    ]:
        assert " ".join(international(text)) == make(text.rstrip())


def test_there_is_no_other_tokenizer() -> None:
    with pytest.raises(InputError, match="no tokenizer 'spacy'"):
        tokenizer("spacy")
    with pytest.raises(InputError, match="'ptb' or 'blanks'"):
        metric("bleu-1")(Pairs(["a"], ["a"]), tokens="13a")
    with pytest.raises(InputError, match="'words' or 'ptb'"):
        metric("meteor/nltk")(Pairs(["a"], ["a"]), tokens="blanks")


def test_meteor_by_hand() -> None:
    assert meteor(["a", "b", "c", "d"], ["a", "b", "c", "d"]) == pytest.approx(1 - 0.5 / 64)
    one = meteor(["the", "effusions"], ["effusion"])  # one stem: precision 1, recall 1/2, one chunk of one word
    assert one == pytest.approx(0.5 * (0.5 / (0.9 + 0.1 * 0.5)))
    assert meteor(["new", "car"], ["new", "auto"]) == pytest.approx(1 - 0.5 * (1 / 2) ** 3)
    assert meteor(["big", "heart"], ["large", "heart"]) == 0.25  # nltk looks up stems, and "larg" is no word
    assert meteor(["a"], []) == meteor([], ["a"]) == meteor([], []) == meteor(["a"], ["b"]) == 0.0


def test_meteor_takes_the_coco_tokens_too() -> None:
    pairs = Pairs(["X-ray: clear."], ["x-ray clear"])
    assert metric("meteor/nltk")(pairs, tokens="ptb").value == pytest.approx(1 - 0.5 / 8)
    assert "tok:ptb" in metric("meteor/nltk")(pairs, tokens="ptb").signature


def test_bleu_by_hand() -> None:
    """3 of 4 words and 1 of 3 pairs of words match; the answer is one word short."""
    pairs = Pairs(["no acute disease is seen"], ["no acute illness seen"])
    short = math.exp(1 - 5 / 4)
    assert metric("bleu-1")(pairs).value == pytest.approx(3 / 4 * short, rel=1e-8)
    assert metric("bleu-2")(pairs).value == pytest.approx(math.sqrt(3 / 4 * 1 / 3) * short, rel=1e-8)
    assert metric("bleu-3")(pairs).value < 1e-3


def test_sacrebleu_by_hand() -> None:
    """Runs that never match count as 1 / (2^k total), the k-th such length."""
    pairs = Pairs(["no acute disease is seen"], ["no acute illness seen"])
    shares = [3 / 4, 1 / 3, 1 / (2 * 2), 1 / (4 * 1)]
    expected = 100 * math.exp(1 - 5 / 4) * math.prod(shares) ** (1 / 4)
    assert metric("bleu/sacrebleu")(pairs).value == pytest.approx(expected)
    short = Pairs(["clear lungs"], ["clear lungs"])
    assert metric("bleu/sacrebleu")(short).values[0] == pytest.approx(100)  # each: lengths it has
    assert metric("bleu/sacrebleu")(short).value == 0.0  # a set without one run of four words


def test_rouge_by_hand() -> None:
    pairs = Pairs(["the heart is not enlarged"], ["the heart is enlarged"])
    precision, recall = 4 / 4, 4 / 5
    expected = (1 + 1.2**2) * precision * recall / (recall + 1.2**2 * precision)
    assert metric("rouge-l")(pairs).value == pytest.approx(expected)
    assert metric("rouge-1/rouge-score")(pairs).value == pytest.approx(2 * 0.8 / 1.8)
    assert metric("rouge-2/rouge-score")(pairs).value == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))
    assert metric("rouge-l/rouge-score")(pairs).value == pytest.approx(2 * 0.8 / 1.8)


def test_chrf_by_hand() -> None:
    """'abc' beside 'abd': 2 of 3 characters, 1 of 2 pairs, none of one triple; lengths 4 to 6 do not exist."""
    mean = (2 / 3 + 1 / 2 + 0) / 3
    assert metric("chrf/sacrebleu")(Pairs(["ab c"], ["a bd"])).value == pytest.approx(100 * mean)


def test_chrf_of_a_large_alphabet_is_counted_the_other_way() -> None:
    """Too many different characters to pack six in one number; the plain count gives the same."""
    from hilum.measure.metrics import chrf

    references, answers = strange(40, 12)
    packed = chrf._matches(references, answers)
    by_hand = [chrf._by_hand(r, a) for r, a in zip(references, answers, strict=True)]
    assert packed.tolist() == by_hand
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))
    assert chrf._matches([many], [many]).tolist() == [[3000, 2999, 2998, 2997, 2996, 2995]]


def test_cider_by_hand() -> None:
    """One rare word of two, and a pair of words, with frequencies given: cosines of vectors of (2, 1) n-grams."""
    fixed = DocumentFrequencies(10, {"no": 10, "effusion": 2, "no effusion": 2, "mass": 1, "no mass": 1})
    pairs = Pairs(["no effusion", "no effusion"], ["no effusion", "no mass"])
    scored = metric("cider")(pairs, frequencies=fixed)
    assert scored.values == pytest.approx([10 * (1 + 1 + 0 + 0) / 4, 0.0])
    longer = metric("cider")(Pairs(["no effusion"], ["effusion effusion"]), frequencies=fixed)
    penalty = math.exp(-0 / 72)  # both have one pair of words
    assert longer.value == pytest.approx(10 * (1 / 2) / 4 * penalty)  # clipped to once, over a vector twice as long


def test_a_long_answer_is_punished_by_cider() -> None:
    fixed = DocumentFrequencies(10, {"no effusion": 1})
    one = metric("cider")(Pairs(["no effusion"], ["no effusion"]), frequencies=fixed).value
    two = metric("cider")(Pairs(["no effusion"], ["no effusion no effusion"]), frequencies=fixed).value
    assert two < one * math.exp(-(2**2) / 72) + 1e-9


# --- resampling --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cider"])
def test_a_replicate_is_the_set_that_was_drawn(name: str) -> None:
    rows = FREE["pairs"][:40]
    references, answers = [row["ref"] for row in rows], [row["hyp"] for row in rows]
    weights = np.random.default_rng(3).multinomial(40, np.full(40, 1 / 40), size=3).astype(float)
    replicates = metric(name)(Pairs(references, answers)).at(weights)
    for row, value in zip(weights.astype(int), replicates, strict=True):
        drawn = [n for n, times in enumerate(row) for _ in range(times)]
        again = metric(name)(Pairs([references[n] for n in drawn], [answers[n] for n in drawn]))
        assert value == pytest.approx(again.value, **EXACT)


def test_a_replicate_of_cider_keeps_the_document_frequencies_of_the_full_set() -> None:
    rows = FREE["pairs"][:40]
    pairs = Pairs([row["ref"] for row in rows], [row["hyp"] for row in rows])
    scored, fixed = metric("cider")(pairs), count_documents(pairs.references)
    weights = np.bincount([0, 0, 5, 9], minlength=40).astype(float)[None, :]
    drawn = Pairs([pairs.references[n] for n in (0, 0, 5, 9)], [pairs.answers[n] for n in (0, 0, 5, 9)])
    assert scored.at(weights)[0] == pytest.approx(metric("cider")(drawn, frequencies=fixed).value, **EXACT)


@pytest.mark.parametrize("name", NAMES)
def test_an_interval_holds_the_value(name: str) -> None:
    rows = FREE["pairs"]
    scored = metric(name)(Pairs([row["ref"] for row in rows], [row["hyp"] for row in rows]))
    interval = scored.interval([str(n // 2) for n in range(len(rows))], replicates=200)
    assert interval.low < scored.value < interval.high


# --- edges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_identical_texts_have_the_highest_value(name: str) -> None:
    texts = [row["ref"] for row in FREE["pairs"][:20]]
    scored = metric(name)(Pairs(texts, texts))
    highest = {"cider": 10.0, "bleu/sacrebleu": 100.0, "chrf/sacrebleu": 100.0}.get(name, 1.0)
    assert scored.values == pytest.approx(highest, rel=1e-3 if name == "meteor/nltk" else 1e-8)
    assert metric(name).range[0] <= scored.value <= metric(name).range[1] + 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_answer_scores_0_and_is_not_unscored(name: str) -> None:
    scored = metric(name)(Pairs(["No acute disease.", "Clear lungs."], ["", "Clear lungs."]))
    assert scored.values[0] == pytest.approx(0, abs=1e-12)
    assert scored.unscored == {}


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_reference_has_the_value_of_its_convention(name: str) -> None:
    scored = metric(name)(Pairs(["", "Clear lungs."], ["Clear lungs.", "Clear lungs."]))
    assert scored.values[0] == pytest.approx(0, abs=1e-5)
    assert np.isfinite(scored.value)


def test_two_empty_texts_agree_for_rouge_l_of_the_coco_tools_only() -> None:
    values = {name: metric(name)(Pairs(["", "a b c d"], ["", "a b c d"])).values[0] for name in NAMES}
    assert values.pop("rouge-l") == 1.0
    assert max(values.values()) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_is_unscored_and_takes_no_part(name: str) -> None:
    rows = FREE["pairs"][:10]
    references, answers = [row["ref"] for row in rows], [row["hyp"] for row in rows]
    scored = metric(name)(Pairs([*references, "Clear lungs."], [*answers, None]))
    assert scored.unscored == {10: "there is no answer"}
    assert np.isnan(scored.values[10])
    assert scored.value == pytest.approx(metric(name)(Pairs(references, answers)).value, **EXACT)


@pytest.mark.parametrize("name", NAMES)
def test_a_set_without_any_answer_has_no_value(name: str) -> None:
    scored = metric(name)(Pairs(["Clear lungs.", "Normal."], [None, None]))
    assert math.isnan(scored.value)
    assert len(scored.unscored) == 2


@pytest.mark.parametrize("name", NAMES)
def test_one_pair_alone_is_scored(name: str) -> None:
    value = metric(name)(Pairs(["No acute disease today."], ["No acute disease today."])).value
    assert (value == 0.0) if name == "cider" else (value > 0.9)  # CIDEr: every word stands in every reference


@pytest.mark.parametrize("name", NAMES)
def test_other_scripts_are_scored(name: str) -> None:
    scored = metric(name)(Pairs(["Лёгкие чистые.", "Corazón: 肺部清晰"], ["Лёгкие чистые.", "Corazón 😀"]))
    assert np.isfinite(scored.values).all()


@pytest.mark.parametrize("name", NAMES)
def test_sections_are_read_as_findings_and_impression(name: str) -> None:
    rows = FREE["pairs"][:6]
    plain = Pairs([row["ref"] + " Normal." for row in rows], [row["hyp"] for row in rows])
    cut = Pairs([{"findings": row["ref"], "impression": "Normal."} for row in rows], [row["hyp"] for row in rows])
    assert metric(name)(cut).value == metric(name)(plain).value


@pytest.mark.parametrize("name", NAMES)
def test_the_signature_says_tokens_and_case(name: str) -> None:
    said = metric(name)(Pairs(["a b"], ["a b"])).signature
    assert said.startswith(name + "|")
    assert all(part in said for part in ("case:", "version:1", "like:"))
    assert ("tok:" in said) != (name == "chrf/sacrebleu")


def test_all_are_listed_with_what_they_measure() -> None:
    listed = {each.name: each for each in metrics("report")}
    assert set(NAMES) <= set(listed)
    assert all(listed[name].summary.endswith(".") and listed[name].needs == "" for name in NAMES)


# --- fixed document frequencies ------------------------------------------------------------------------------------


def test_document_frequencies_count_references() -> None:
    found = count_documents(["No effusion. No effusion.", "No mass", ""])
    assert found.documents == 3
    assert found.frequencies["no"] == 2
    assert found.frequencies["no effusion"] == 1
    assert found.frequencies["no effusion no effusion"] == 1
    assert "effusion mass" not in found.frequencies


def test_own_frequencies_given_back_change_nothing(tmp_path: Path) -> None:
    pairs = Pairs([row["ref"] for row in FREE["pairs"]], [row["hyp"] for row in FREE["pairs"]])
    found = count_documents(pairs.references)
    found.write(tmp_path / "df.json")
    again = read_documents(tmp_path / "df.json")
    assert again == found
    assert again.digest == found.digest
    by_file = metric("cider")(pairs, frequencies=str(tmp_path / "df.json"))
    assert by_file.values == pytest.approx(metric("cider")(pairs).values, **EXACT)
    assert f"df:fixed(65,{found.digest})" in by_file.signature
    assert "df:references(65)" in metric("cider")(pairs).signature


def test_fixed_frequencies_free_a_score_from_its_neighbours(tmp_path: Path) -> None:
    pairs = Pairs([row["ref"] for row in FREE["pairs"]], [row["hyp"] for row in FREE["pairs"]])
    found = count_documents(pairs.references)
    alone = Pairs(pairs.references[:1], pairs.answers[:1])
    assert metric("cider")(alone, frequencies=found).value == pytest.approx(metric("cider")(pairs).values[0], **EXACT)
    assert metric("cider")(alone).value == 0.0


def test_files_that_hold_no_frequencies_are_refused(tmp_path: Path) -> None:
    pairs = Pairs(["a"], ["a"])
    with pytest.raises(MissingError, match="no file of document frequencies"):
        metric("cider")(pairs, frequencies=tmp_path / "none.json")
    for number, content in enumerate(["[]", "{", '{"documents": "x", "frequencies": {}}', '{"frequencies": {"a": 1}}']):
        path = tmp_path / f"{number}.json"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="is no file of document frequencies"):
            read_documents(path)
    with pytest.raises(InputError, match="said to stand in 5"):
        DocumentFrequencies(2, {"a": 5})
    with pytest.raises(InputError, match="count 0 documents"):
        DocumentFrequencies(0, {})
