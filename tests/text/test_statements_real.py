"""Rows, statements and single-visit timelines on the dev half of Open-i, where it is installed; no text is kept."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from hilum.text.families import key
from hilum.text.lunguage import Record, dumps, loads
from hilum.text.parse import Parsed, parse
from hilum.text.statements import entity_sequence, minimal_sentences, phrases
from hilum.text.structure import structure
from hilum.text.timeline import Visit, timeline


@pytest.fixture(scope="module")
def reports(pack: Path) -> list[Parsed]:
    """Every fourth report of the dev half, to keep the test short."""
    with (pack / "openi" / "gold_findings.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["gold_status"] == "ok"]
    dev = [row for row in rows if int(row["text_hash"], 16) % 2 == 0]
    return [parse({"findings": row["findings"], "impression": row["impression"]}) for row in dev[::4]]


def test_every_fact_has_a_row_with_its_state(reports: list[Parsed]) -> None:
    for report in reports:
        rows = {(row.start, row.end): row for row in structure(report)}
        for fact in report.facts:
            row = rows.get((fact.start, fact.end))
            if row is None:
                assert report.text[fact.start :].lower().startswith("tip")
                continue
            assert row.concept == fact.concept
            assert (row.dx_certainty == "definitive") == (fact.certainty == "definite")
            if fact.state != "absent":
                assert row.dx_status == "positive"
            elif "change" not in fact.attributes:
                assert row.dx_status == "negative"


def test_the_rows_hold_the_sides_and_zones_of_the_facts(reports: list[Parsed]) -> None:
    for report in reports:
        for fact in report.facts:
            rows = [row for row in structure(report) if (row.start, row.end) == (fact.start, fact.end)]
            mention = [each for each in report.facts if (each.start, each.end) == (fact.start, fact.end)]
            sides = {side for each in mention for side in each.sides}
            assert {row.zone for row in rows} - {""} <= {zone for each in mention for zone in each.zones}
            assert {row.side for row in rows} - {""} == (sides if rows else set())


def test_cells_are_words_of_the_report_or_names_of_values(reports: list[Parsed]) -> None:
    """The word cells were said in the sentence, or they are the value itself of a phrase or of a shared list."""
    values = {"mild", "moderate", "severe", "borderline", "small", "large", "multiple", "one", "two", "three"}
    for report in reports:
        for row in structure(report):
            for cell in (row.severity, row.placement, row.other_source, row.assessment_limitations):
                for words in filter(None, cell.split(", ")):
                    said = " ".join(report.text.lower().split())
                    assert words in said or words in values


def test_csv_of_real_reports_reads_back(reports: list[Parsed]) -> None:
    records = tuple(Record("p", str(n), row) for n, report in enumerate(reports) for row in structure(report))
    assert len(records) > 1_000
    assert loads(dumps(records)) == records


def test_one_visit_has_one_episode_of_each_entity(reports: list[Parsed]) -> None:
    for report in reports:
        made = timeline([Visit("a", date(2020, 1, 1), report)])
        assert {row.episode for row in made.rows} <= {1}
        for group, row in ((made.groups[each.group], each.row) for each in made.rows):
            assert group.key.family == key(row).family
            assert key(row).side in ("", group.key.side)


def test_a_report_told_twice_has_the_same_groups_and_goes_on(reports: list[Parsed]) -> None:
    for report in reports[::5]:
        once = timeline([Visit("a", date(2020, 1, 1), report)])
        twice = timeline([Visit("a", date(2020, 1, 1), report), Visit("b", date(2020, 1, 2), report)])
        assert [group.name for group in twice.groups] == [group.name for group in once.groups]
        new = {row.group for row in once.rows if row.row.event == "new"}
        for number, group in enumerate(twice.groups):
            if number not in new and group.cat not in ("COF", "PATIENT INFO."):
                ended = group.course[0][2] in ("resolved", "removed")
                assert group.course[1][1] == (2 if ended and group.course[1][2] == "present" else 1)


def test_minimal_sentences_read_back_as_findings_of_the_report(reports: list[Parsed]) -> None:
    for report in reports:
        facts = [fact for fact in report.facts if not fact.history and fact.form != "explained"]
        wanted = {
            (f.concept, "uncertain" if f.state == "present" and f.certainty == "likely" else f.state) for f in facts
        }
        told = {(fact.concept, fact.state) for each in minimal_sentences(report) for fact in parse(each).facts}
        assert told == wanted


def test_phrases_keep_every_finding_and_its_state(reports: list[Parsed]) -> None:
    wanted = kept = 0
    for report in reports:
        told = {(fact.concept, fact.state) for each in phrases(report) for fact in parse(each).facts}
        for fact in report.facts:
            guess = fact.because_of >= 0 and fact.state == "uncertain"
            if not fact.history and not guess and fact.concept != "suboptimal study":
                wanted += 1
                kept += (fact.concept, fact.state) in told
    assert kept / wanted >= 0.995


def test_entity_sequences_have_no_empty_sentence(reports: list[Parsed]) -> None:
    for report in reports:
        parts = entity_sequence(report).split("[SEP]")
        assert all(part.strip() for part in parts) or parts == [""]
        assert all(part.split()[0] not in ("no", "maybe") or len(part.split()) > 1 for part in parts if part.strip())
