"""FHIR bundle: R4's required fields, references that resolve, states by SNOMED CT, and no name unless asked."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from pydicom.sr._concepts_dict import concepts as known_codes

from hilum.core.finding import Finding, Measurement
from hilum.core.image import MadeBy
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.io import fhir, header
from tests.io.written import LINKS, PLANTED, READER, dicom_film, plain_film, study_of

STATUSES = {"registered", "preliminary", "final", "amended"}


def resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["reference"]] if "reference" in node else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for item in node for found in references(item)] if isinstance(node, list) else []


def codings(node: Any) -> list[dict[str, str]]:
    if isinstance(node, dict):
        return node.get("coding", []) + [found for value in node.values() for found in codings(value)]
    return [found for item in node for found in codings(item)] if isinstance(node, list) else []


def empties(node: Any) -> bool:
    """FHIR forbids empty strings, lists and objects, and null."""
    if isinstance(node, dict):
        return not node or any(empties(value) for value in node.values())
    if isinstance(node, list):
        return not node or any(map(empties, node))
    return node is None or node == ""


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("source", ["dicom", "plain", "no film"])
def test_it_is_well_formed(tmp_path: Path, keep: bool, source: str) -> None:
    film = dicom_film(tmp_path) if source == "dicom" else plain_film()
    study = study_of(film) if source != "no film" else Study("s").add(findings=[Finding("hernia")], made_by=READER)
    made = json.loads(json.dumps(fhir.bundle(study, keep_identifiers=keep)))
    assert (made["resourceType"], made["type"]) == ("Bundle", "collection")
    urls = [entry["fullUrl"] for entry in made["entry"]]
    assert len(set(urls)) == len(urls)
    assert set(references(made)) <= set(urls), "every reference resolves inside the bundle"
    for entry in made["entry"]:
        assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", entry["resource"]["id"])
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
    assert not empties(made)
    for item in (*resources(made, "Observation"), *resources(made, "DiagnosticReport")):
        assert item["status"] in STATUSES
        assert item["code"]
    assert len(resources(made, "Patient")) == len(resources(made, "Device")) == 1


def test_the_report_is_preliminary_and_lists_every_observation() -> None:
    made = fhir.bundle(study_of(plain_film()))
    (report,) = resources(made, "DiagnosticReport")
    assert report["status"] == "preliminary"
    assert report["code"]["coding"][0] == {"system": "http://loinc.org", "code": "36554-4"}
    observed = {f"urn:uuid:{item['id']}" for item in resources(made, "Observation")}
    assert {item["reference"] for item in report["result"]} == observed
    assert len(observed) == 4
    assert "AI-made · research use only" in report["conclusion"]
    assert "Pneumothorax." in report["conclusion"]
    (form,) = report["presentedForm"]
    text = b64decode(form["data"]).decode()
    assert "A small pneumothorax." in text
    assert text.startswith("AI-made · research use only")
    assert "issued" not in report


def test_findings_become_observations() -> None:
    made = {
        item.get("identifier", [{}])[0].get("value"): item
        for item in resources(fhir.bundle(study_of(plain_film())), "Observation")
    }
    first = made["f1"]
    assert first["code"]["coding"][0] == {
        "system": "http://snomed.info/sct",
        "code": "36118008",
        "display": "Pneumothorax",
    }
    states = [made[name]["valueCodeableConcept"]["coding"][0]["display"] for name in ("f1", "f2", "f3")]
    assert states == ["Present", "Absent", "Indeterminate"]
    told = {item["code"]["text"]: item for item in first["component"]}
    assert told["probability"]["valueQuantity"]["value"] == 0.8125
    assert told["probability"]["valueQuantity"]["system"] == "http://unitsofmeasure.org"
    assert told["calibration"]["valueString"] == "platt-v1"
    assert told["severity"]["valueString"] == "mild"
    assert told["change since prior"]["valueString"] == "new"
    assert "70.5 18.25 115 50" in told["Image Region"]["valueString"]
    assert first["bodySite"]["text"] == "left lung"
    assert "AI-made" in first["note"][0]["text"]
    assert "hilum-reader 0.1.0" in first["note"][0]["text"]
    assert sum("valueString" in item and "box" in item["valueString"] for item in made["f3"]["component"]) == 2


def test_what_was_not_assessed_is_said_so() -> None:
    made = resources(fhir.bundle(study_of(plain_film())), "Observation")
    (absent,) = [item for item in made if "dataAbsentReason" in item]
    assert absent["code"]["text"] == "rib fracture"
    assert absent["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert "no reference data" in absent["note"][0]["text"]
    assert "valueCodeableConcept" not in absent


def test_the_device_is_the_model_with_its_hash() -> None:
    (device,) = resources(fhir.bundle(study_of(plain_film())), "Device")
    assert device["deviceName"][0]["name"] == READER.name
    assert device["version"][0]["value"] == READER.version
    assert device["identifier"][0]["value"] == READER.sha256
    assert "research use only" in device["note"][0]["text"]
    bare = Study("s").add(findings=[Finding("hernia")], made_by=MadeBy("bare"))
    (device,) = resources(fhir.bundle(bare), "Device")
    assert "version" not in device
    assert "identifier" not in device


def test_no_planted_name_leaves_by_default(tmp_path: Path) -> None:
    text = json.dumps(fhir.bundle(study_of(dicom_film(tmp_path)))).casefold()
    for keyword, value in PLANTED.items():
        for part in re.split(r"[\^ ]", value):
            assert len(part) <= 3 or part.casefold() not in text, f"{keyword} leaks"
    assert "zebedee" not in text, "the study's own name is a file name and may name the patient"


def test_kept_identifiers_name_patient_and_study(tmp_path: Path) -> None:
    made = fhir.bundle(study_of(dicom_film(tmp_path)), keep_identifiers=True)
    (patient,), (report,) = resources(made, "Patient"), resources(made, "DiagnosticReport")
    assert patient["identifier"][0]["value"] == PLANTED["PatientID"]
    assert patient["name"][0]["text"] == "Zebedee Quixote"
    assert (patient["birthDate"], patient["gender"]) == ("1941-02-03", "male")
    assert report["effectiveDateTime"] == "2023-06-07"
    assert report["imagingStudy"][0]["identifier"]["value"] == f"urn:oid:{PLANTED['StudyInstanceUID']}"
    assert "StudyInstanceUID" in LINKS


def test_it_agrees_with_the_dicom_objects(tmp_path: Path) -> None:
    study = study_of(dicom_film(tmp_path))
    headers = header.film_headers(study)
    own = next(iter(headers.values()))
    made = fhir.bundle(study, headers=headers)
    assert made == fhir.bundle(study)
    assert resources(made, "Patient")[0]["identifier"][0]["value"] == own.PatientID
    assert own.StudyInstanceUID in json.dumps(resources(made, "DiagnosticReport"))
    assert own.SOPInstanceUID in json.dumps(resources(made, "Observation"))


def test_codes_are_the_dictionarys() -> None:
    schemes = {"http://snomed.info/sct": "SCT", "http://dicom.nema.org/resources/ontology/DCM": "DCM"}
    checked = 0
    for coding in codings(fhir.bundle(study_of(plain_film()))):
        scheme = schemes.get(coding.get("system", ""))
        if scheme:
            entries = [
                item for names in known_codes[scheme].values() for code, item in names.items() if code == coding["code"]
            ]
            assert coding["display"] in {entry[0] for entry in entries}, coding
            checked += 1
    assert checked >= 8


def test_two_sites_are_told_in_words_and_measurements_with_units() -> None:
    finding = Finding(
        "lung opacity", sites=("right lung", "left lung"), measurements=(Measurement("length", 12.5, "mm"),)
    )
    made = fhir.bundle(Study("s").add(findings=[finding], made_by=READER))
    (item,) = resources(made, "Observation")
    assert item["bodySite"] == {"text": "right lung; left lung"}
    quantity = item["component"][0]["valueQuantity"]
    assert (quantity["value"], quantity["code"]) == (12.5, "mm")


def test_a_persons_report_is_not_repeated_and_time_is_as_given() -> None:
    final = Report(impression="Signed by a person.", status="final")
    study = Study("s", images=(plain_film(),), report=final).add(findings=[Finding("hernia")], made_by=READER)
    made = fhir.bundle(study, issued="2026-01-02T03:04:05Z")
    assert "Signed by a person" not in json.dumps(made)
    assert resources(made, "DiagnosticReport")[0]["issued"] == "2026-01-02T03:04:05Z"


def test_an_empty_study_still_gives_a_bundle() -> None:
    made = fhir.bundle(Study("s"))
    assert not empties(made)
    assert resources(made, "Observation") == []
