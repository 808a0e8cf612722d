"""docs/metric-audit.md is what the shipped table says, and every metric of reports has a row in it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from hilum.measure.audited import audit_from
from hilum.measure.metric import metrics
from hilum.measure.perturb import kinds

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("audit_page", ROOT / "scripts" / "audit_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(script):
    assert script.stale() == []


def test_the_page_has_a_row_for_every_metric_and_a_line_for_every_edit(script):
    text = script.PAGE.read_text(encoding="utf-8")
    assert [metric.name for metric in metrics("report") if f"`{metric.name}`" not in text] == []
    assert [name for name in kinds() if f"| {name} |" not in text] == []


def test_a_small_run_gives_a_table_that_the_page_can_show(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "TABLE", tmp_path / "audit.json")
    table = script.run(["length-ratio"], None, count=12)
    (tmp_path / "audit.json").write_text(script.written(table), encoding="utf-8")
    read = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert read == json.loads(json.dumps(table))
    assert list(read["audits"]) == ["invented"]
    page = script.page(read)
    assert "`length-ratio`" in page
    assert "| flip-side |" in page


def test_staleness_is_told(script, tmp_path, monkeypatch):
    table = json.loads(script.TABLE.read_text(encoding="utf-8"))
    table["audits"]["invented"]["rows"] = [
        {**row, "version": 99} for row in table["audits"]["invented"]["rows"] if row["metric"] == "length-ratio"
    ] + [{"metric": "gone", "better": "higher", "version": 1, "reason": "not here"}]
    monkeypatch.setattr(script, "TABLE", tmp_path / "audit.json")
    script.TABLE.write_text(script.written(table), encoding="utf-8")
    told = " ".join(script.stale())
    assert "'length-ratio' is now of version 1" in told
    assert "'gone' is no metric" in told
    assert "not what the table says" in told


def test_no_report_text_is_in_the_table(script):
    table = json.loads(script.TABLE.read_text(encoding="utf-8"))
    for record in table["audits"].values():
        rows = audit_from(record).rows
        assert all(len(row.reason) < 1500 for row in rows)
        assert set(record) == {"reports", "seed", "edits", "rows"}


def test_the_blunt_edits_of_the_earlier_table_by_hand(script):
    text = "Cardiomegaly. No pneumothorax. Small left pleural effusion. The lungs are clear."
    assert script.without_labelled(text) == "No pneumothorax. The lungs are clear."
    assert script.reversed_sentences(text) == (
        "The lungs are clear. Small left pleural effusion. No pneumothorax. Cardiomegaly."
    )
    assert script.without_labelled("Cardiomegaly.") == ""
    assert script.reversed_sentences("") == ""


def test_the_earlier_table_has_the_metrics_that_there_are(script):
    found = script.earlier_table(["Cardiomegaly. No pneumothorax.", "The lungs are clear. Left pleural effusion."])
    assert list(found) == list(script.EARLIER)
    known = {metric.name for metric in metrics("report")}
    assert all(set(values) == known & set(script.EARLIER_METRICS) for values in found.values())
    assert script.earlier_page({}) == []


def test_a_reorder_costs_word_order_more_than_the_loss_of_all_disease(script, pack):
    """The finding of the earlier table, by an LCS written here: ROUGE-L's idea without its package."""
    texts = [text for _, text in script.openi_findings(pack)][:150]

    def lost(answers: list[str]) -> float:
        return 1 - sum(common(one.split(), other.split()) for one, other in zip(texts, answers, strict=True)) / len(
            texts
        )

    dropped = lost([script.without_labelled(text) for text in texts])
    turned = lost([script.reversed_sentences(text) for text in texts])
    assert turned > 3 * dropped > 0


def common(one: list[str], other: list[str]) -> float:
    """F1 of the longest common subsequence of words."""
    best = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for at, against in enumerate(other):
            here = best[at + 1]
            best[at + 1] = before + 1 if word == against else max(here, best[at])
            before = here
    return 2 * best[-1] / (len(one) + len(other)) if one or other else 1.0


def test_development_reports_alone_are_read(script, pack):
    from hilum.data.openi import reports

    halves = {one.id: one.half for one in reports(pack / "openi")}
    found = script.openi_findings(pack)
    assert len(found) > 600
    assert {halves[name] for name, _ in found} == {"dev"}
    assert all(text.strip() for _, text in found)
