"""The gold graphs of reports: well formed, without report text, on whole words, and agreed on as far as they say."""

from __future__ import annotations

import csv
import importlib.util
import json
from itertools import pairwise
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "gold"
ROOT = Path(__file__).resolve().parents[2]
NAMES = ["openi_graph.json", "openi_graph_pass_a.json", "openi_graph_pass_b.json"]
LABELS = {"ANAT-DP", "OBS-DP", "OBS-DA", "OBS-U"}
KINDS = {
    "modify": {("ANAT", "ANAT"), ("OBS", "OBS")},
    "located_at": {("OBS", "ANAT")},
    "suggestive_of": {("OBS", "OBS")},
}
SECTIONS = {"findings", "impression"}
RESOLUTION = "CXR1113"  # the report of an interval resolution


def read(name):
    return json.loads((HERE / name).read_text(encoding="utf-8"))


@pytest.fixture(params=NAMES)
def reports(request):
    return read(request.param)["reports"]


def test_120_reports_are_the_same_in_all_files():
    ids = [[report["id"] for report in read(name)["reports"]] for name in NAMES]
    assert ids[0] == ids[1] == ids[2]
    assert len(ids[0]) == len(set(ids[0])) == 120


def test_entities_and_relations_are_well_formed(reports):
    for report in reports:
        entities = {item["id"]: item for item in report["entities"]}
        assert len(entities) == len(report["entities"]) > 0, report["id"]
        for item in report["entities"]:
            where = (report["id"], item["id"])
            assert item["label"] in LABELS, where
            assert item["section"] in SECTIONS, where
            assert 0 <= item["start"] < item["end"], where
            relations = [tuple(relation) for relation in item["relations"]]
            assert len(relations) == len(set(relations)), where
            for kind, target in relations:
                assert target in entities, where
                assert target != item["id"], where
                types = (item["label"].split("-")[0], entities[target]["label"].split("-")[0])
                assert types in KINDS[kind], (*where, kind, target)
                assert entities[target]["section"] == item["section"], where


def test_no_two_entities_of_a_section_overlap(reports):
    for report in reports:
        for section in SECTIONS:
            spans = sorted((item["start"], item["end"]) for item in report["entities"] if item["section"] == section)
            assert all(one[1] <= two[0] for one, two in pairwise(spans)), (report["id"], section)


def test_the_reports_hold_no_text(reports):
    for report in reports:
        assert set(report) <= {"id", "section_tokens", "entities"}
        assert report["id"].startswith("CXR")
        assert report["id"][3:].isdigit()
        counts = report.get("section_tokens", {})
        assert set(counts) <= SECTIONS
        assert all(type(count) is int for count in counts.values())
        for item in report["entities"]:
            assert set(item) == {"id", "section", "start", "end", "label", "relations"}
            assert item["id"].isdigit()
            assert type(item["start"]) is type(item["end"]) is int
            assert all(len(relation) == 2 and relation[0] in KINDS for relation in item["relations"])


def test_every_modifier_of_an_absent_or_uncertain_finding_is_so_too():
    for report in read("openi_graph.json")["reports"]:
        labels = {item["id"]: item["label"] for item in report["entities"]}
        for item in report["entities"]:
            for kind, target in item["relations"]:
                if kind == "modify" and labels[target] in {"OBS-DA", "OBS-U"}:
                    # a resolution is itself present
                    resolved = (item["label"], labels[target]) == ("OBS-DP", "OBS-DA") and report["id"] == RESOLUTION
                    assert item["label"] == labels[target] or resolved, (report["id"], item["id"])


def test_offsets_fall_on_words(pack, reports):
    with (pack / "openi" / "gold_findings.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["report_id"]: row for row in csv.DictReader(file)}
    for report in reports:
        for item in report["entities"]:
            text = rows[report["id"]][item["section"]].strip()
            start, end = item["start"], item["end"]
            where = (report["id"], item["id"])
            assert end <= len(text), where
            assert text[start].isalnum(), where
            assert text[end - 1].isalnum(), where
            assert start == 0 or not text[start - 1].isalnum(), where
            assert end == len(text) or not text[end].isalnum(), where
            assert "XXXX" not in text[start:end], where


def test_the_stored_agreement_is_that_of_the_passes():
    spec = importlib.util.spec_from_file_location("graph_gold_agreement", ROOT / "scripts" / "graph_gold_agreement.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert read("openi_graph.json")["agreement"] == module.agreement()
