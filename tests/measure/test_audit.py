"""The audit tells what toy metrics of known faults cannot see, and says so in lines, JSON and HTML."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from html import escape
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import hilum
from hilum.core.errors import InputError, MissingError
from hilum.core.report import Report
from hilum.measure import audit as room
from hilum.measure import blind
from hilum.measure.audit import ALL, ONE, SAME, audit, edited
from hilum.measure.audited import SHADES, Audit, AuditRow, Effect, Verdict, audit_from
from hilum.measure.blind import audit_row, blindness, drowned, shipped_audits
from hilum.measure.invented import invented_reports
from hilum.measure.metric import Metric, metrics
from hilum.measure.pairs import parsed, plain, texts
from hilum.measure.perturb import kinds
from hilum.measure.said import all_said
from hilum.measure.scored import averaged, f1, ratio, summed
from hilum.measure.stats import Interval

HARMFUL = {name for name, kind in kinds().items() if kind.harmful}
HARMLESS = kinds().keys() - HARMFUL
REPORTS = invented_reports(60)


def facts_of(pairs, blank: tuple[str, ...] = ()) -> list[tuple[Counter, Counter]]:
    def kept(report):
        return Counter({item._replace(**dict.fromkeys(blank, None)) for item in all_said(report)})

    references, answers = parsed(pairs)
    return [(kept(one), kept(other)) for one, other in zip(references, answers, strict=True)]


def overlap(name: str, blank: tuple[str, ...] = (), better: str = "higher"):
    """Micro F1 of facts; blind to the slots that are blanked."""

    def run(pairs):
        table = np.array(
            [[(r & a).total(), (a - r).total(), (r - a).total()] for r, a in facts_of(pairs, blank)], float
        )
        sign = 1.0 if better == "higher" else -1.0
        return summed(name, sign * f1(*table.T), table, lambda sums: sign * f1(*sums.T), "toy", better=better)

    return run


def words(pairs):
    """Overlap of words in any order, and so of the same words in another order: 1."""
    found = []
    for one, other in zip(*texts(pairs), strict=True):
        r, a = Counter(one.lower().split()), Counter(other.lower().split())
        found.append([(r & a).total(), r.total() + a.total()])
    table = np.array(found, float)
    return summed("words", ratio(2 * table[:, 0], table[:, 1]), table, lambda s: ratio(2 * s[:, 0], s[:, 1]), "toy")


def in_place(pairs):
    """Share of words that stand at the same place: a metric of order and nothing else."""
    return averaged("in-place", [
        float(np.mean([x == y for x, y in zip(one.split(), other.split(), strict=False)] or [0.0]))
        for one, other in zip(*texts(pairs), strict=True)
    ], "toy")  # fmt: skip


def constant(pairs):
    return averaged("constant", np.ones(len(pairs)), "toy")


def empty(pairs):
    return averaged("empty", np.full(len(pairs), np.nan), "toy")


def absent(pairs):
    raise MissingError("it needs weights that are not here")


def broken(pairs):
    raise ZeroDivisionError("by zero")


TOYS = {
    "facts": (overlap("facts"), "higher"),
    "no-sides": (overlap("no-sides", ("sides",)), "higher"),
    "no-states": (overlap("no-states", ("state", "certainty")), "higher"),
    "as-loss": (overlap("as-loss", (), "lower"), "lower"),
    "words": (words, "higher"),
    "in-place": (in_place, "higher"),
    "constant": (constant, "higher"),
    "empty": (empty, "higher"),
    "absent": (absent, "higher"),
    "broken": (broken, "higher"),
}


@pytest.fixture(scope="module")
def found() -> Audit:
    def toy(name: str) -> Metric:
        run, better = TOYS[name]
        return Metric(name, better, "", "report", (0.0, 1.0), 1, "a toy", "", run, "set")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "metric", toy)
        return audit(list(TOYS), REPORTS)


def test_a_metric_of_facts_sees_all_harm_and_ignores_all_rewording(found):
    row = found.row("facts")
    assert set(row.with_verdict("sees", "too few")) >= HARMFUL - {"drop-positives"}
    assert row.effects["drop-positives"].verdict in ("sees", "unclear"), "denials count as much as positives in it"
    assert set(row.with_verdict("ignores")) == HARMLESS
    assert row.identity == 1.0
    assert row.monotone == "falls"


def test_a_metric_without_sides_is_blind_to_sides_alone(found):
    row = found.row("no-sides")
    assert row.with_verdict("blind") == ("flip-side",)
    assert row.effects["flip-side"].loss == Interval(0.0, 0.0, 0.0)


def test_a_metric_without_states_is_blind_to_denials(found):
    assert {"negate", "drop-negation"} == set(found.row("no-states").with_verdict("blind"))


def test_lower_is_better_is_judged_the_same(found):
    one, other = found.row("facts"), found.row("as-loss")
    for name in kinds():
        assert other.effects[name].loss.value == pytest.approx(one.effects[name].loss.value)
        assert other.effects[name].verdict == one.effects[name].verdict


def test_a_metric_of_order_punishes_a_shuffle(found):
    row = found.row("in-place")
    assert "shuffle-sentences" in row.with_verdict("punishes")
    assert "punishes the harmless" in row.summary


def test_a_bag_of_words_ignores_order_but_not_a_paraphrase(found):
    row = found.row("words")
    assert row.effects["shuffle-sentences"].verdict == "ignores"
    assert row.effects["paraphrase"].verdict in ("moves", "punishes")


def test_an_error_that_costs_less_than_a_paraphrase_is_drowned(found):
    row = found.row("in-place")
    for name in row.with_verdict("drowned"):
        assert row.effects[name].loss.value < row.effects["paraphrase"].loss.value
    assert row.with_verdict("drowned")
    assert "drowned by a paraphrase:" in row.summary
    assert found.row("facts").with_verdict("drowned") == ()


def test_a_constant_has_no_scale_and_is_called_no_measure(found):
    row = found.row("constant")
    assert row.basis == ""
    assert math.isnan(row.scale)
    assert {effect.verdict for effect in row.effects.values()} <= {"undefined", "too few"}
    assert "no measure of agreement" in row.summary


def test_what_cannot_be_scored_is_a_row_with_its_reason(found):
    assert found.row("absent").reason == "it needs weights that are not here"
    assert found.row("broken").reason == "broken: ZeroDivisionError: by zero"
    assert "undefined" in found.row("empty").reason
    assert all(not found.row(name).effects for name in ("absent", "broken", "empty"))
    assert found.row("absent").summary.startswith("not audited: ")


def test_the_scale_is_the_way_to_another_report(found):
    row = found.row("facts")
    assert row.basis == "other-report"
    assert row.effects["other-report"].loss.value == pytest.approx(1.0)
    assert row.scale == pytest.approx(row.identity - row.other)


def test_values_over_all_count_untouched_reports_as_they_are(found):
    for effect in found.row("words").effects.values():
        share = effect.reports / found.reports
        assert effect.value <= effect.over_all + 1e-9
        if share == 1:
            assert effect.value == pytest.approx(effect.over_all)


def test_steps_are_relative_losses_after_one_two_and_four_edits(found):
    one, two, four = (step.value for step in found.row("facts").steps)
    assert 0 < one < two < four


def test_an_audit_is_the_same_each_time_and_survives_json(found):
    record = json.loads(json.dumps(found.record()))
    assert "NaN" not in json.dumps(record)
    assert audit_from(record).record() == record
    again = audit(["length-ratio"], REPORTS[:20]).record()
    assert again == audit(["length-ratio"], REPORTS[:20]).record()


def test_lines_hold_a_cell_for_each_edit_and_a_sentence_for_each_metric(found):
    lines = found.lines()
    named = [line.split()[1].rstrip(":") for line in lines if line.startswith("  ")]
    assert named == list(kinds())
    letters = [line.split()[0] for line in lines if line.startswith("  ")]
    heads = [line.split()[3:] for line in lines if line.startswith(("harmful", "harmless"))]
    assert heads[0] + heads[1] == letters
    rows = [line.split() for line in lines if line.startswith("no-sides ")]
    assert rows[0][3 + heads[0].index(letters[named.index("flip-side")])] == "0b"
    assert len(rows[0]) == 3 + len(heads[0])
    assert all(any(line.startswith(f"{name}: ") for line in lines) for name in TOYS)
    assert all(
        len(line) <= 110 for line in lines if not line.startswith((*(f"{name}: " for name in TOYS), "60 reports"))
    )


def test_html_is_escaped_and_marks_the_verdict():
    effect = Effect("<b>", "one", 9, 0.5, 0.5, Interval(0.01, 0.0, 0.02), "blind")
    row = AuditRow('<script>"x"</script>', "higher", 1, 1.0, 0.0, 1.0, "other-report", {"<b>": effect})
    made = Audit((row,), {"<b>": {"edited": 9}}, 9, 0).html()
    assert "<script>" not in made
    assert "<b>" not in made
    assert 'class="audit-blind"' in made
    assert made.count("<tr>") == 2
    assert "<strong>A</strong> &lt;b&gt;, 9 reports" in made


def test_html_is_narrow_and_tells_the_rest_beside_the_table(found):
    made = found.html()
    table, beside = made.split("</table>")
    heads = re.findall(r'<th title="([^"]+)" scope="col">([A-Z]+)</th>|<th class="edge" title="([^"]+)"', table)
    assert len(heads) == len(found.columns("one", "all", "none"))
    shown = [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[dh][^>]*>.*?</t[dh]>", table)]
    assert max(map(len, shown)) < 20, "a cell is a figure, a letter or a name"
    assert '<div class="audit-wide"><table class="audit">' in made
    for row in found.rows:
        assert escape(row.summary) in beside
    for name in found.columns("one", "all", "none"):
        assert f"</strong> {name}: {escape(kinds()[name].about)}" in beside


def test_every_colour_of_a_verdict_stands_in_the_style_sheet():
    css = (Path(hilum.__file__).parent / "app" / "static" / "page.css").read_text(encoding="utf-8")
    for verdict in (*SHADES, "none"):
        assert f".audit-{verdict}" in css
    assert set(SHADES) <= set(get_args(Verdict))


def test_a_metric_that_was_not_audited_has_one_cell():
    made = Audit((AuditRow("gone", "higher", 1, reason="no weights"),), {}, 9, 0).html()
    assert 'class="audit-none" colspan="2">not audited' in made
    assert "not audited: no weights" in made


def test_metrics_are_called_back_as_they_finish():
    told: list[str] = []
    audit(["length-ratio"], REPORTS[:10], on_done=told.append)
    assert told == ["length-ratio"]


def test_thresholds_are_those_that_the_page_states():
    judge = room._verdict
    far = Interval(0.0, -1.0, 0.0)
    assert judge("flip-side", Interval(0.07, ONE, 0.1), Interval(-0.3, -0.4, -0.2)) == "drowned"
    assert judge("flip-side", Interval(0.03, 0.02, 0.04), Interval(-0.3, -0.4, -0.2)) == "blind"
    assert judge("flip-side", Interval(0.02, 0.0, ONE - 0.001), far) == "blind"
    assert judge("flip-side", Interval(0.07, ONE, 0.1), far) == "sees"
    assert judge("flip-side", Interval(0.05, 0.04, 0.06), far) == "unclear"
    assert judge("drop-positives", Interval(0.1, 0.08, ALL - 0.01), far) == "blind"
    assert judge("drop-positives", Interval(0.4, ALL, 0.5), far) == "sees"
    assert judge("flip-side", Interval(-0.3, -0.4, -0.2), far) == "rewards"
    assert judge("paraphrase", Interval(0.0, -0.01, 0.01), far) == "ignores"
    assert judge("paraphrase", Interval(0.1, 0.05, 0.15), far) == "moves"
    assert judge("paraphrase", Interval(0.4, 0.3, 0.5), far) == "punishes"
    assert judge("paraphrase", Interval(0.1, 0.05, 0.15), Interval(0.05, 0.01, 0.09)) == "punishes"
    assert judge("paraphrase", Interval(0.02, 0.01, 0.03), Interval(0.02, 0.01, 0.03)) == "ignores"
    assert judge("paraphrase", Interval(math.nan, math.nan, math.nan), far) == "undefined"


# What is scored.


def test_nobody_answers_with_its_own_report_and_all_ids_differ():
    made = edited(REPORTS[:20])
    references, answers = (made.pairs.references, made.pairs.answers)
    _, rows = made.rows["other-report"]
    assert len(rows) == 20
    assert all(references[row] != answers[row] for row in rows)
    _, same = made.rows[SAME]
    assert all(references[row] == answers[row] for row in same)
    assert len(set(made.pairs.ids)) == len(made.pairs)
    assert sum(len(found) for found, _ in made.rows.values()) == len(made.pairs)


def test_rows_belong_to_the_report_they_name():
    made = edited(REPORTS[:12])
    for reports, rows in made.rows.values():
        assert all(made.pairs.references[row] == REPORTS[number] for number, row in zip(reports, rows, strict=True))


def test_sections_other_than_the_edited_ones_are_kept_on_both_sides():
    reports = [
        Report(indication="Cough.", comparison="None.", findings=text, impression="Pneumothorax.")
        for text in REPORTS[:5]
    ]
    made = edited(reports)
    for reference, answer in zip(made.pairs.references, made.pairs.answers, strict=True):
        assert reference["indication"] == answer["indication"] == "Cough."
        assert reference["comparison"] == "None."
        assert plain(reference).endswith("Pneumothorax.")
    split = made.pairs.answers[int(made.rows["section-split"][1][0])]
    assert {"findings", "impression", "indication"} <= set(split)


def test_of_many_reports_some_are_drawn():
    named = [f"r{number}" for number in range(len(REPORTS))]
    made = edited(REPORTS, ids=named, most=15)
    assert len(made.ids) == len(set(made.ids)) == 15
    assert made.ids == edited(REPORTS, ids=named, most=15).ids != edited(REPORTS, ids=named, most=15, seed=1).ids
    assert all(
        made.pairs.references[row] == REPORTS[named.index(made.ids[at])]
        for at, row in zip(*made.rows[SAME], strict=True)
    )
    assert audit(["length-ratio"], REPORTS, most=15).reports == 15


def test_empty_reports_are_left_out():
    made = edited(["", *REPORTS[:4], "  "], ids=list("abcdef"))
    assert made.ids == ("b", "c", "d", "e")


@pytest.mark.parametrize("reports", [[], ["Cardiomegaly."], ["", "  ", "Cardiomegaly."]])
def test_an_audit_of_fewer_than_two_reports_is_refused(reports):
    with pytest.raises(InputError, match="two reports"):
        audit(["length-ratio"], reports)


def test_wrong_names_and_ids_are_refused():
    with pytest.raises(InputError, match="nothing-like-it"):
        audit(["nothing-like-it"], REPORTS[:4])
    with pytest.raises(InputError, match="3 reports but 1 ids"):
        audit(["length-ratio"], REPORTS[:3], ids=["a"])


def test_metrics_of_other_things_than_reports_are_refused(monkeypatch):
    odd = Metric("dice", "higher", "", "mask", (0.0, 1.0), 1, "", "", constant, "set")
    monkeypatch.setattr(room, "metric", lambda name: odd)
    with pytest.raises(InputError, match="takes masks"):
        audit(["dice"], REPORTS[:4])


# The table that ships.


def test_the_shipped_table_is_read_back():
    audits = shipped_audits()
    assert "invented" in audits
    assert all(audit_from(one.record()).record() == one.record() for one in audits.values())
    assert json.loads(blind.TABLE.read_text(encoding="utf-8"))["audits"].keys() == audits.keys()


def test_blindness_names_harmful_edits_only():
    for metric in metrics("report"):
        assert set(blindness(metric.name)) <= HARMFUL
    assert "flip-side" in blindness("length-ratio")
    assert "drop-positives" in blindness("length-ratio")
    assert blindness("no-such-metric") == ()
    assert drowned("no-such-metric") == ()
    assert not blind.audited("no-such-metric")
    assert blind.audited("bleu-4")
    assert drowned("bleu-4") == blind.audit_row("bleu-4").with_verdict("drowned") != ()
    assert audit_row("no-such-metric") is None
    row = audit_row("length-ratio")
    assert row is not None
    assert row.metric == "length-ratio"


def test_the_shipped_row_of_a_quick_metric_can_be_made_again():
    shipped = shipped_audits()["invented"]
    fresh = audit(["length-ratio"], invented_reports(shipped.reports), seed=shipped.seed).record()["rows"][0]
    assert fresh == next(row for row in shipped.record()["rows"] if row["metric"] == "length-ratio")
