"""Structured report and FHIR of a reading that people edited: who observed what, and who signed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.io.derived import Signed
from hilum.io.fhir import bundle
from hilum.io.header import film_headers
from hilum.io.sr import read_findings, structured_report

MODEL = MadeBy("model", "2", "cd" * 32)
READER = MadeBy("Dr. Ö. Reader")
WHEN = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def study(status: str = "draft") -> Study:
    film = Image(np.zeros((20, 30), np.float32), view="PA", id="2.25.9")
    findings = (
        Finding("pneumothorax", "absent", 0.1, "platt", id="a", made_by=MODEL),
        Finding("hernia", id="b", made_by=READER),
    )
    report = Report(findings="There is a hernia.", impression="Hernia.", status=status)  # type: ignore[arg-type]
    return Study("s", images=(film,)).add(findings=findings, report=report, made_by=MODEL)


def sr(told: Study, signed: Signed | None):  # type: ignore[no-untyped-def]
    return structured_report(told, film_headers(told), signed=signed)


def fhir(told: Study, signed: Signed | None) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for entry in bundle(told, signed=signed)["entry"]:
        found.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return found


def test_without_readers_nothing_is_signed() -> None:
    plain = sr(study(), None)
    assert plain == sr(study(), Signed())
    assert (plain.VerificationFlag, plain.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert "VerifyingObserverSequence" not in plain
    assert not [item for item in plain.ContentSequence if item.ValueType == "PNAME"]
    assert bundle(study()) == bundle(study(), signed=Signed())


@pytest.mark.parametrize("final", [False, True])
def test_a_reader_observes_beside_the_device_and_verifies_only_what_he_signs(final: bool) -> None:
    made = sr(study("final" if final else "draft"), Signed((READER.name,), final, WHEN if final else None))
    assert made.ManufacturerModelName == "model"
    types = [
        item.ConceptCodeSequence[0].CodeMeaning
        for item in made.ContentSequence
        if item.ValueType == "CODE" and item.ConceptNameCodeSequence[0].CodeMeaning == "Observer Type"
    ]
    assert types == ["Device", "Person"]
    assert (made.VerificationFlag == "VERIFIED") is final
    assert ("VerifyingObserverSequence" in made) is final
    if final:
        assert made.VerifyingObserverSequence[0].VerificationDateTime == "20260203040506"
    texts = [str(item.TextValue) for item in made.ContentSequence if item.ValueType == "TEXT"]
    assert "There is a hernia." in texts  # a reader's own words go along, signed or not


def test_each_finding_says_whose_it_is() -> None:
    told = {each.id: each.made_by for each in read_findings(sr(study(), Signed((READER.name,))))}
    assert told == {"a": MODEL, "b": READER}


def test_a_report_of_people_alone_has_no_model_in_it() -> None:
    only = replace(study(), findings=study().findings[1:], provenance=())
    made = sr(only, Signed((READER.name,), True, WHEN))
    assert made.ManufacturerModelName == "hilum"
    (device,) = fhir(only, Signed((READER.name,)))["Device"]
    assert device["deviceName"] == [{"name": "hilum", "type": "model-name"}]


def test_several_readers_are_named_in_order_and_the_last_verifies() -> None:
    made = sr(study(), Signed(("Dr. First", READER.name), True, WHEN))
    names = [str(item.PersonName) for item in made.ContentSequence if item.ValueType == "PNAME"]
    assert names == ["Dr. First", READER.name]
    assert str(made.VerifyingObserverSequence[0].VerifyingObserverName) == READER.name


@pytest.mark.parametrize(("final", "status"), [(False, "preliminary"), (True, "final")])
def test_fhir_names_performer_and_interpreter(final: bool, status: str) -> None:
    told = fhir(study("final"), Signed((READER.name,), final, WHEN))
    (report,) = told["DiagnosticReport"]
    assert report["status"] == status
    assert report["resultsInterpreter"] == [{"display": READER.name}]
    assert ("issued" in report) is final
    assert "presentedForm" in report
    by_key = {each["identifier"][0]["value"]: each for each in told["Observation"]}  # type: ignore[index]
    assert by_key["b"]["performer"] == [{"display": READER.name}]
    assert "device" not in by_key["b"]
    assert "device" in by_key["a"]
    assert {each["status"] for each in told["Observation"]} == {status}


def test_a_report_from_elsewhere_is_still_not_repeated_as_ours() -> None:
    texts = [str(item.TextValue) for item in sr(study("final"), None).ContentSequence if item.ValueType == "TEXT"]
    assert "There is a hernia." not in texts
    assert "presentedForm" not in fhir(study("final"), None)["DiagnosticReport"][0]
