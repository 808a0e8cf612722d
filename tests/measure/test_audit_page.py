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
        assert all(len(row.reason) < 400 for row in rows)
        assert set(record) == {"reports", "seed", "edits", "rows"}
