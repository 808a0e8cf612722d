"""LunguageScore against plain loops and permutations, its ablations, and its known weakness for duplicates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.measure.invented import invented_reports
from hilum.measure.likeness import CharGrams, Encoded
from hilum.measure.lunguage_score import EXACT, PHRASE, WEIGHTS, Counts, Parts, count, score_records
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs
from hilum.text.lunguage import Record, dumps, loads
from hilum.text.parse import parse
from hilum.text.structure import Row, structure
from hilum.text.timeline import Visit, timeline

BASE = Row(1, "find", "", "effusion", "PF", "positive", "definitive")


class SameOrNot:
    """1 for the same words, 0 else: makes every likeness a number that can be worked out by hand."""

    name = "same-or-not"

    def __call__(self, phrases: Sequence[str], ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        return np.array([float(phrases[a] == phrases[b]) for a, b in zip(ones, others, strict=True)])


def rows(*told: Row) -> list[Record]:
    return [Record("p", "s", row) for row in told]


def structured(text: str, study: str = "s") -> list[Record]:
    return [Record("p", study, row) for row in structure(parse(text))]


def by_loops(reference: list[Record], answer: list[Record]) -> list[Counts]:
    """The score as the paper writes it, a pair at a time, pairs by trying all permutations; all that are best."""
    grams = CharGrams()

    def cosine(a: str, b: str) -> float:
        if not a or not b:
            return 0.0
        return float(grams([a, b], np.array([0]), np.array([1]))[0])

    def bare(cell: str) -> str:
        return cell.replace("loc: ", "").replace("det: ", "")

    def like(one: Row, other: Row) -> float:
        first, second = (" ".join(bare(getattr(row, f)) for f in PHRASE).strip() for row in (one, other))
        over = under = 0.0
        for name, weight in WEIGHTS.items():
            a, b = bare(getattr(one, name)), bare(getattr(other, name))
            if a or b:
                under += weight
                over += weight * ((a == b) if name in EXACT else cosine(a, b))
        return cosine(first, second) * over / under

    table = np.array([[like(a.row, b.row) for b in answer] for a in reference])
    wide = table if len(reference) <= len(answer) else table.T
    made = []
    for best in permutations(range(wide.shape[1]), wide.shape[0]):
        hits = [wide[i, j] for i, j in enumerate(best)]
        rest = sum(1 - wide[:, j].max() for j in range(wide.shape[1]) if j not in best)
        half = sum(1 - h for h in hits)
        more = (half + rest, half) if len(reference) <= len(answer) else (half, half + rest)
        made.append(Counts(sum(hits), *more))
    most = max(each.tp for each in made)
    return [each for each in made if each.tp > most - 1e-9]


def test_the_weights_are_those_of_the_package() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.86)
    assert set(WEIGHTS) <= set(Row._fields)


def test_matrices_equal_plain_loops() -> None:
    reports = [structured(text) for text in invented_reports(24, seed=5)]
    items = [(a[:5], b[:6]) for a, b in pairwise(reports)] + [(reports[0][:6], reports[3][:3])]
    for (reference, answer), found in zip(items, count(items), strict=True):
        expected = by_loops(reference, answer)
        assert any(found[:3] == pytest.approx(each[:3], abs=1e-9) for each in expected)


def test_struct_by_hand() -> None:
    other = BASE._replace(dx_status="negative")
    found = count([(rows(BASE), rows(other))], likeness=SameOrNot())[0]
    assert found.tp == pytest.approx(0.10 / 0.60)  # only the certainty agrees; no other field is filled
    assert found.fp == found.fn == pytest.approx(1 - 0.10 / 0.60)
    assert found.f1 == pytest.approx(0.10 / 0.60)
    sided = BASE._replace(location="loc: left"), BASE._replace(location="loc: right")
    parts = Parts(temp=False)
    by_grams = count([(rows(sided[0]), rows(sided[1]))], parts=parts)[0]
    assert 0.6 / 0.8 * 0.5 < by_grams.tp < 0.9


def test_both_rows_empty_of_a_field_leaves_it_out_of_the_sum() -> None:
    one = BASE._replace(severity="mild")
    assert count([(rows(one), rows(one))])[0].tp == pytest.approx(1.0)
    only = count([(rows(one), rows(BASE._replace(ent=BASE.ent)))], parts=Parts(), likeness=SameOrNot())[0]
    assert only.tp == 0.0  # the phrases differ by a word, so that Sem of this likeness is 0


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [((BASE,), (), (0, 0, 1)), ((), (BASE,), (0, 1, 0)), ((), (), (0, 0, 0)), ((BASE,), (BASE,), (1, 0, 0))],
)
def test_empty_sides(reference: tuple[Row, ...], answer: tuple[Row, ...], expected: tuple[float, ...]) -> None:
    found = count([(rows(*reference), rows(*answer))])[0]
    assert found[:3] == pytest.approx(expected)
    assert math.isnan(found.f1) == (not reference and not answer)


def test_saying_a_thing_twice_is_free_as_published_and_counted_when_asked() -> None:
    reference, answer = rows(BASE), rows(*[BASE] * 5)
    published, counted = (count([(reference, answer)], parts=Parts(duplicates=d))[0] for d in ("published", "counted"))
    assert published.f1 == 1.0
    assert counted.fp == 4
    assert counted.f1 == pytest.approx(2 / (2 + 4))
    turned = count([(answer, reference)], parts=Parts(duplicates="counted"))[0]
    assert (turned.fp, turned.fn) == (0, 4)
    with pytest.raises(InputError, match="'published' or 'counted'"):
        Parts(duplicates="twice")  # type: ignore[arg-type]


def test_history_takes_no_part() -> None:
    past = BASE._replace(section="hist", ent="asthma")
    assert count([(rows(BASE, past), rows(BASE))])[0].f1 == 1.0


TEXTS = ("Small left pleural effusion. Mild edema.", "Left effusion increased. Mild edema, improved.", "Right nodule.")
DAYS = (date(2020, 1, 1), date(2020, 2, 1), date(2020, 3, 1))


def sequence(texts: Sequence[str]) -> tuple[Record, ...]:
    visits = [Visit(f"s{n}", day, parse(text)) for n, (day, text) in enumerate(zip(DAYS, texts, strict=True))]
    return timeline(visits).records("p")


def test_a_sequence_is_itself_and_a_shuffled_one_is_seen_by_temp_alone() -> None:
    told = sequence(TEXTS)
    names, whole = score_records(told, told, "sequential")
    assert names == (("p", ""),)
    assert whole.value == pytest.approx(1.0)
    moved = [each._replace(sequence=each.sequence % 3 + 1) for each in told]
    assert score_records(told, moved, "sequential")[1].value < 0.95
    assert score_records(told, moved, "sequential", Parts(temp=False))[1].value == pytest.approx(1.0)


def test_temp_is_half_for_the_place_and_half_for_the_episode() -> None:
    one = Record("p", "s", BASE, 1, "effusion left", 1)
    for change, expected in (({"sequence": 2}, 0.5), ({"temporal_group": 2}, 0.5),
                             ({"sequence": 2, "temporal_group": 2}, 0.0)):  # fmt: skip
        assert count([([one], [one._replace(**change)])], "sequential")[0].tp == pytest.approx(expected)
        assert count([([one], [one._replace(**change)])], "single")[0].tp == pytest.approx(1.0)


def test_sem_alone_does_not_see_the_status() -> None:
    negative = BASE._replace(dx_status="negative")
    assert count([(rows(BASE), rows(negative))], parts=Parts(struct=False))[0].f1 == pytest.approx(1.0)
    assert count([(rows(BASE), rows(negative))])[0].f1 < 0.5


def test_a_gold_csv_goes_in_as_it_is() -> None:
    told = sequence(TEXTS)
    read = loads(dumps(told))
    for mode in ("single", "sequential"):
        names, scored = score_records(read, told, mode)
        assert scored.value == pytest.approx(1.0)
        assert len(names) == (3 if mode == "single" else 1)
    without = [each for each in told if each.study_id != "s1"]
    names, scored = score_records(told, without)
    assert dict(zip(names, scored.values, strict=True))["p", "s1"] == 0.0
    assert scored.value == pytest.approx(2 / 3)


def test_what_is_wrong_with_rows_is_told() -> None:
    with pytest.raises(InputError, match="no row"):
        score_records([], [])
    with pytest.raises(InputError, match="'sequence' or 'entity_group'"):
        score_records(rows(BASE), rows(BASE), "sequential")
    with pytest.raises(InputError, match="'single' or 'sequential'"):
        count([], "both")  # type: ignore[arg-type]


def test_the_metric_sees_each_field_and_names_what_it_matched() -> None:
    reference = "Small left pleural effusion, unchanged. No pneumothorax."
    edits = ("Small right pleural effusion, unchanged. No pneumothorax.",
             "Large left pleural effusion, unchanged. No pneumothorax.",
             "Small left pleural effusion, worsened. No pneumothorax.",
             "No pleural effusion. No pneumothorax.",
             "Small left pleural effusion, unchanged. Pneumothorax.")  # fmt: skip
    scored = metric("lunguage-score/hilum")(ReportPairs((reference,) * 7, (reference, *edits, None)))
    assert scored.values[0] == pytest.approx(1.0)
    assert (scored.values[1:6] < 0.97).all()
    assert scored.unscored == {6: "there is no answer"}
    assert scored.notes[0]["matches"][0] == ["pleural effusion left", "pleural effusion left", 1.0]
    assert "likeness:char-tfidf" in scored.signature
    assert "sem*struct," in scored.signature


def test_the_order_of_sentences_does_not_matter_and_odd_texts_break_nothing() -> None:
    reference = "Left effusion. Mild edema. No pneumothorax."
    odd = ("No pneumothorax. Mild edema. Left effusion.", "", "\x00", "?" * 9_000, "Left effusion. " * 400)
    scored = metric("lunguage-score/hilum")(ReportPairs((reference,) * 5, odd))
    assert scored.values[0] == pytest.approx(1.0)
    assert scored.values[1:4].tolist() == [0.0, 0.0, 0.0]
    assert 0 < scored.values[4] < 1
    empty = metric("lunguage-score/hilum")(ReportPairs(("",), ("",)))
    assert empty.unscored == {0: "neither side has a row"}


def test_char_grams_are_a_cosine() -> None:
    names = ["pleural effusion left", "pleural effusion right", "cardiomegaly", "", "Pleural Effusion LEFT"]
    every = np.arange(5)
    table = np.array([CharGrams()(names, every, np.full(5, n)) for n in range(5)])
    np.testing.assert_allclose(table, table.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(table), [1, 1, 1, 0, 1])
    assert table[0, 4] == pytest.approx(1.0)
    assert table[0, 1] > 0.5 > table[0, 2] >= 0


def test_an_encoder_on_disk_takes_the_place_of_char_grams(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from tests.measure.test_bertscore import made

    by = Encoded(made(tmp_path / "tiny"))
    every = np.arange(3)
    names = ["large effusion", "clear lungs", ""]
    found = by(names, every, every)
    np.testing.assert_allclose(found, [1, 1, 0], atol=1e-6)
    scored = metric("lunguage-score/hilum")(ReportPairs(("Large effusion.",), ("Large effusion.",)), likeness=by)
    assert scored.value == pytest.approx(1.0)
    assert by.name.startswith("encoder-")
    assert by.name in scored.signature
    with pytest.raises(MissingError):
        Encoded(tmp_path / "none")
