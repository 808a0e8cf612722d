"""FHIR R4: a bundle with the diagnostic report, one observation per finding and the device that made them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.region import Box, Mask
from hilum.core.study import Study
from hilum.io.codes import PRIVATE, dictionary, local, named, state_code
from hilum.io.derived import CAUTION, Signed, maker
from hilum.io.header import film_headers
from hilum.io.save import made_uid

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.sr.coding import Code

Json = dict[str, Any]

CHEST_REPORT = "36554-4"
"""LOINC code of a chest radiograph report; pydicom's dictionary has none, so it goes without a display."""

_HOME = "https://github.com/hilum-ai/hilum"
_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "LN": "http://loinc.org",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "RADLEX": "http://radlex.org",
    "UCUM": "http://unitsofmeasure.org",
    PRIVATE: f"{_HOME}/concepts",
}
_CATEGORY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging"}]}
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def bundle(
    study: Study,
    *,
    keep_identifiers: bool = False,
    headers: Mapping[str, Dataset] | None = None,
    issued: str | None = None,
    signed: Signed | None = None,
) -> Json:
    """Write a study as a FHIR R4 Bundle of type 'collection'.

    Args:
        study: the study; only a draft report is repeated as ours.
        keep_identifiers: name the patient and the study; else a pseudonym and hashed UIDs stand for them.
        headers: from `header.film_headers` with the same `keep_identifiers`; built when not given.
        issued: time the report was made (FHIR instant); left out when not given, so that bytes repeat.
        signed: the people who edited it; what they state is theirs, and final where they signed.

    Returns:
        A JSON object: Patient, Device, DiagnosticReport and Observations, ids hashed from the content.
    """
    headers = film_headers(study, keep_identifiers=keep_identifiers) if headers is None else headers
    key = _key(study, headers)
    device = _device((signed or Signed()).device(study), key)
    patient = _patient(study, headers, key, keep_identifiers)
    context = {"subject": _to(patient), "device": _to(device)}
    observations = [
        *(_observation(f, n, context, key, headers) for n, f in enumerate(study.findings, 1)),
        *_not_assessed(study, context, key),
    ]
    report = _report(study, context["subject"], observations, key, headers, bool(signed and signed.readers))
    _sign(report, observations, study, signed or Signed())
    if issued:
        report["issued"] = issued
    resources = [report, patient, device, *observations]
    return {
        "resourceType": "Bundle",
        "id": _id(key, "bundle", maker(study).sha256),
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{item['id']}", "resource": item} for item in resources],
    }


def _sign(report: Json, observations: list[Json], study: Study, people: Signed) -> None:
    """Name the people behind a report and behind what they stated, and make both final where they signed."""
    if not people.readers:
        return
    status = "final" if people.final else "preliminary"
    report["status"], report["resultsInterpreter"] = status, [{"display": name} for name in people.readers]
    if people.final and people.when and people.when.tzinfo:
        report["issued"] = people.when.isoformat(timespec="seconds")
    for finding, observation in zip(study.findings, observations, strict=False):
        name = finding.made_by.name if finding.made_by else ""
        observation["status"] = status
        if name in people.readers:
            del observation["device"]
            observation["performer"] = [{"display": name}]
            observation["note"] = [{"text": f"Stated by {name}."}]


def _key(study: Study, headers: Mapping[str, Dataset]) -> str:
    """Return what ids are hashed from: the study UID as the other objects have it."""
    from hilum.io.deidentify import hashed_uid

    first = next(iter(headers.values()), None)
    return str(first.StudyInstanceUID) if first is not None else str(hashed_uid(made_uid("study", study.id)))


def _id(*parts: str) -> str:
    return str(uuid5(NAMESPACE_URL, "/".join((_HOME, *parts))))


def _to(resource: Json) -> Json:
    return {"reference": f"urn:uuid:{resource['id']}"}


def _coded(code: Code, text: str = "") -> Json:
    coding = {"code": code.value, "display": code.meaning}
    if code.scheme_designator in _SYSTEMS:
        coding["system"] = _SYSTEMS[code.scheme_designator]
    return {"coding": [coding], "text": text or code.meaning}


def _patient(study: Study, headers: Mapping[str, Dataset], key: str, keep: bool) -> Json:
    from hilum.io.deidentify import pseudonym

    header = next(iter(headers.values()), None)
    told = {} if header is None else {name: str(header.get(name) or "") for name in ("PatientID", "PatientName")}
    number = told.get("PatientID") or (study.patient if keep else pseudonym(study.patient or study.id, "patient"))
    patient: Json = {
        "resourceType": "Patient",
        "id": _id(key, "patient"),
        "identifier": [{"value": number or "unknown"}],
    }
    if keep and header is not None:
        if told["PatientName"]:
            patient["name"] = [{"text": told["PatientName"].replace("^", " ").strip()}]
        sex = {"M": "male", "F": "female", "O": "other"}.get(str(header.get("PatientSex") or ""))
        if sex:
            patient["gender"] = sex
        born = str(header.get("PatientBirthDate") or "")
        if len(born) == 8 and born.isdigit():
            patient["birthDate"] = f"{born[:4]}-{born[4:6]}-{born[6:]}"
    return patient


def _device(made_by: MadeBy, key: str) -> Json:
    device: Json = {
        "resourceType": "Device",
        "id": _id(key, "device", made_by.name, made_by.version, made_by.sha256),
        "manufacturer": "Hilum",
        "deviceName": [{"name": made_by.name, "type": "model-name"}],
        "note": [{"text": f"{CAUTION}. Not a medical device."}],
    }
    if made_by.version:
        device["version"] = [{"value": made_by.version}]
    if made_by.sha256:
        device["identifier"] = [{"type": {"text": "sha256 of the weights"}, "value": made_by.sha256}]
    return device


def _observation(finding: Finding, number: int, context: Json, key: str, headers: Mapping[str, Dataset]) -> Json:
    tracking = finding.id or f"finding-{number}"
    made_by = finding.made_by or MadeBy("unnamed")
    observation: Json = {
        "resourceType": "Observation",
        "id": _id(key, "finding", tracking, str(number), made_by.name, made_by.sha256),
        "identifier": [{"value": tracking}],
        "status": "preliminary",
        "category": [_CATEGORY],
        "code": _coded(named(finding.concept), finding.concept),
        **context,
        "valueCodeableConcept": _coded(state_code(finding.state), finding.state),
        "note": [{"text": f"{CAUTION}. Stated by {made_by}."}],
    }
    if len(finding.sites) == 1:
        observation["bodySite"] = _coded(named(finding.sites[0]), finding.sites[0])
    elif finding.sites:
        observation["bodySite"] = {"text": "; ".join(finding.sites)}
    components = [*_numbers(finding), *_words(finding), *_boxes(finding, headers)]
    if components:
        observation["component"] = components
    return observation


def _numbers(finding: Finding) -> Iterator[Json]:
    system = _SYSTEMS["UCUM"]
    if finding.probability is not None:
        quantity = {"value": finding.probability, "unit": "1", "system": system, "code": "1"}
        yield {"code": _coded(dictionary("DCM", "Probability"), "probability"), "valueQuantity": quantity}
        yield {"code": _coded(local("calibration")), "valueString": finding.calibration}
    for measured in finding.measurements:
        quantity = {"value": measured.value, "unit": measured.unit, "system": system, "code": measured.unit}
        yield {"code": _coded(named(measured.name), measured.name), "valueQuantity": quantity}


def _words(finding: Finding) -> Iterator[Json]:
    if finding.change:
        yield {"code": _coded(local("change since prior")), "valueString": finding.change}
    for name, value in sorted(finding.attributes.items()):
        if value:
            yield {"code": _coded(local(name)), "valueString": value}


def _boxes(finding: Finding, headers: Mapping[str, Dataset]) -> Iterator[Json]:
    for region in finding.regions:
        box = region.box() if isinstance(region, Mask) else region
        if isinstance(box, Box):
            film = headers.get(box.image or next(iter(headers), ""))
            where = f" of instance {film.SOPInstanceUID}" if film is not None else ""
            text = f"box x0 y0 x1 y1 = {' '.join(f'{edge:g}' for edge in box.corners)} in pixels{where}"
            yield {"code": _coded(dictionary("DCM", "ImageRegion")), "valueString": text}


def _not_assessed(study: Study, context: Json, key: str) -> Iterator[Json]:
    for turn, entry in enumerate(study.provenance):
        for concept, reason in entry.not_assessed:
            yield {
                "resourceType": "Observation",
                "id": _id(key, "not-assessed", str(turn), concept, reason),
                "status": "preliminary",
                "category": [_CATEGORY],
                "code": _coded(named(concept), concept),
                **context,
                "dataAbsentReason": {"coding": [{"system": _ABSENT, "code": "not-performed"}], "text": reason},
                "note": [{"text": f"Not assessed by {entry.made_by}: {reason}. {CAUTION}."}],
            }


def _report(
    study: Study, subject: Json, results: list[Json], key: str, headers: Mapping[str, Dataset], signed: bool
) -> Json:
    report: Json = {
        "resourceType": "DiagnosticReport",
        "id": _id(key, "report", maker(study).sha256),
        "status": "preliminary",
        "category": [{"text": "imaging"}],
        "code": {"coding": [{"system": _SYSTEMS["LN"], "code": CHEST_REPORT}], "text": "Chest radiograph report"},
        "subject": subject,
    }
    if results:
        report["result"] = [_to(item) for item in results]
    header = next(iter(headers.values()), None)
    if header is not None:
        uid = {"system": "urn:dicom:uid", "value": f"urn:oid:{header.StudyInstanceUID}"}
        report["imagingStudy"] = [{"identifier": uid}]
        date = str(header.get("StudyDate") or "")
        if len(date) == 8 and date.isdigit():
            report["effectiveDateTime"] = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    report["conclusion"] = f"{CAUTION}." if signed else f"{CAUTION}. Draft by {maker(study)}."
    # A report from elsewhere is not repeated as ours.
    ours = study.report is not None and (study.report.status == "draft" or signed)
    draft = study.report if ours else None
    if draft:
        report["conclusion"] += f" {draft.impression}".rstrip()
        told = "\n\n".join(part for part in (CAUTION, draft.comparison, draft.findings, draft.impression) if part)
        data = b64encode(told.encode()).decode()
        report["presentedForm"] = [
            {"contentType": "text/plain; charset=utf-8", "language": draft.language, "data": data}
        ]
    return report
