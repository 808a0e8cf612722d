"""DICOM structured report: TID 1500 Imaging Measurement Report, one group per finding and box, and back.

The tree is written item by item rather than with a toolkit, because the toolkit asks for at least one
measurement and for detector spacing, and stamps the clock; it serves as the independent reader in tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.coding import Code

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.region import Box, Mask, Points
from hilum.core.study import Study
from hilum.io.codes import code_item, dictionary, line, local, local_scheme_item, named, state_code
from hilum.io.derived import CAUTION_TEXT, NEUTRAL_DATE, NEUTRAL_TIME, Signed, derived, maker, reference
from hilum.io.save import made_uid, seal
from hilum.io.srread import read_findings
from hilum.io.srtree import (
    CALIBRATION,
    CHANGE,
    WEIGHTS,
    code_value,
    container,
    content_item,
    number_item,
    template_item,
    text_item,
)

__all__ = ["COMPREHENSIVE_3D", "outline", "read_findings", "structured_report"]

COMPREHENSIVE_3D = "1.2.840.10008.5.1.4.1.1.88.34"


def structured_report(study: Study, headers: Mapping[str, Dataset], *, signed: Signed | None = None) -> Dataset:
    """Write a study's findings, draft text and gaps as a TID 1500 report.

    Args:
        study: the study; its last signer of findings is the observing device.
        headers: header of each film by image id, from `header.film_headers`.
        signed: the people who edited it, who are observers beside the device.

    Returns:
        A sealed Comprehensive 3D SR; unverified and preliminary, but for one that a person signed as final.

    Raises:
        InputError: if there is no film header, or a region lies on a film without one.
    """
    if not headers:
        raise InputError(f"study '{study.id}' has no film to report on: a structured report needs at least one")
    people = signed or Signed()
    films, model = list(headers.values()), people.device(study)
    ds = derived(
        films[0], sop_class=COMPREHENSIVE_3D, modality="SR", series=9001, made_by=model, what="Findings", once=True
    )
    ds.InstanceNumber = "1"
    ds.CompletionFlag, ds.VerificationFlag, ds.PreliminaryFlag = "PARTIAL", "UNVERIFIED", "PRELIMINARY"
    if people.final:
        ds.CompletionFlag, ds.VerificationFlag, ds.PreliminaryFlag = "COMPLETE", "VERIFIED", "FINAL"
        ds.VerifyingObserverSequence = Items([_verified(people)])
    ds.ReferencedPerformedProcedureStepSequence = Items([])
    ds.PerformedProcedureCodeSequence = Items([])
    ds.CodingSchemeIdentificationSequence = Items([local_scheme_item()])
    ds.CurrentRequestedProcedureEvidenceSequence = Items(_evidence(films))
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = Items([code_item(dictionary("DCM", "ImagingMeasurementReport"))])
    ds.ContentTemplateSequence = Items([template_item("1500")])
    ds.ContentSequence = Items(
        [
            *_context(study, model, people),
            _library(films),
            *_groups(study, headers, people),
            *_texts(study, films[0], people),
        ]
    )
    return seal(ds)


def _evidence(films: list[Dataset]) -> list[Dataset]:
    """List the films as evidence, grouped by study and series."""
    studies: dict[str, dict[str, list[Dataset]]] = {}
    for film in films:
        series = studies.setdefault(str(film.StudyInstanceUID), {})
        series.setdefault(str(film.SeriesInstanceUID), []).append(reference(film))
    items = []
    for study_uid, by_series in studies.items():
        item = Dataset()
        item.StudyInstanceUID, item.ReferencedSeriesSequence = study_uid, Items([])
        for series_uid, images in by_series.items():
            entry = Dataset()
            entry.SeriesInstanceUID, entry.ReferencedSOPSequence = series_uid, Items(images)
            item.ReferencedSeriesSequence.append(entry)
        items.append(item)
    return items


def _verified(people: Signed) -> Dataset:
    """Who signed, and when; a neutral date where that is not known."""
    item = Dataset()
    item.VerifyingObserverName, item.VerifyingOrganization = line(people.readers[-1]), "not told"
    when = f"{people.when:%Y%m%d%H%M%S}" if people.when else NEUTRAL_DATE + NEUTRAL_TIME
    item.VerificationDateTime, item.VerifyingObserverIdentificationCodeSequence = when, Items([])
    return item


def _people(names: Iterable[str]) -> Iterator[Dataset]:
    """Observing people (TID 1003)."""
    context = "HAS OBS CONTEXT"
    for name in names:
        yield code_value(context, dictionary("DCM", "ObserverType"), dictionary("DCM", "Person"))
        yield content_item("PNAME", context, dictionary("DCM", "PersonObserverName"), PersonName=line(name))


def _context(study: Study, model: MadeBy, people: Signed) -> Iterator[Dataset]:
    """Yield language, observing device (TID 1004), observing people and procedure."""
    language = study.report.language if study.report else "en"
    spoken = Code(language, "RFC5646", "English" if language == "en" else language)
    yield code_value("HAS CONCEPT MOD", dictionary("DCM", "LanguageOfContentItemAndDescendants"), spoken)
    context = "HAS OBS CONTEXT"
    yield code_value(context, dictionary("DCM", "ObserverType"), dictionary("DCM", "Device"))
    uid = made_uid("device", model.name, model.version, model.sha256)
    yield content_item("UIDREF", context, dictionary("DCM", "DeviceObserverUID"), UID=uid)
    told = {
        "DeviceObserverName": f"{model} ({CAUTION_TEXT})",
        "DeviceObserverManufacturer": "Hilum",
        "DeviceObserverModelName": f"{model.name} {model.version}".strip(),
        "DeviceObserverSerialNumber": model.sha256 or "none",
    }
    for name, value in told.items():
        yield text_item(context, dictionary("DCM", name), value)
    yield from _people(people.readers)
    yield code_value("HAS CONCEPT MOD", dictionary("DCM", "ProcedureReported"), dictionary("SCT", "ChestImaging"))


def _library(films: list[Dataset]) -> Dataset:
    """Describe the films (TID 1600-1603); spacing only where the header has it."""
    images = []
    for film in films:
        image = content_item("IMAGE", "CONTAINS", None, ReferencedSOPSequence=Items([reference(film)]))
        image.ContentSequence = Items(list(_described(film)))
        images.append(image)
    return container("ImageLibrary", [container("ImageLibraryGroup", images)])


def _described(film: Dataset) -> Iterator[Dataset]:
    relation, modality = "HAS ACQ CONTEXT", {"CR": "ComputedRadiography", "DX": "DigitalRadiography"}
    if film.Modality in modality:
        yield code_value(relation, dictionary("DCM", "Modality"), dictionary("DCM", modality[film.Modality]))
    pixels = Code("{pixels}", "UCUM", "Pixels")
    yield number_item(relation, dictionary("DCM", "PixelDataRows"), film.Rows, pixels)
    yield number_item(relation, dictionary("DCM", "PixelDataColumns"), film.Columns, pixels)
    if film.get("PatientOrientation"):
        row, column = film.PatientOrientation
        yield text_item(relation, dictionary("DCM", "PatientOrientationRow"), row)
        yield text_item(relation, dictionary("DCM", "PatientOrientationColumn"), column)
    spacing = film.get("ImagerPixelSpacing") or film.get("PixelSpacing")
    if spacing:
        millimetre = dictionary("UCUM", "Millimeter")
        yield number_item(relation, dictionary("DCM", "HorizontalPixelSpacing"), float(spacing[1]), millimetre)
        yield number_item(relation, dictionary("DCM", "VerticalPixelSpacing"), float(spacing[0]), millimetre)


def _groups(study: Study, headers: Mapping[str, Dataset], people: Signed) -> list[Dataset]:
    groups = []
    for number, finding in enumerate(study.findings, 1):
        made_by = finding.made_by or maker(study)
        tracking = finding.id or f"finding-{number}"
        study_uid = str(next(iter(headers.values())).StudyInstanceUID)
        key = ("finding", study_uid, tracking, made_by.name, made_by.version, made_by.sha256)
        # A planar group holds one region. Groups of one finding share its tracking identifier; each has a UID of its
        # own, as viewers (OHIF) take groups of one UID for one measurement and draw the first region alone.
        for place, region in enumerate(finding.regions or (None,)):
            uid = made_uid(*key, *([str(place)] if place else []))
            children = [*_tracked(tracking, uid, finding, made_by, people), *_evaluated(finding)]
            if region is not None:
                children.append(_region(region, finding, headers))
            groups.append(container("MeasurementGroup", children, "1410" if region is not None else "1501"))
    return [container("ImagingMeasurements", groups)] if groups else []


def _tracked(tracking: str, uid: str, finding: Finding, made_by: MadeBy, people: Signed) -> Iterator[Dataset]:
    yield text_item("HAS OBS CONTEXT", dictionary("DCM", "TrackingIdentifier"), tracking)
    yield content_item("UIDREF", "HAS OBS CONTEXT", dictionary("DCM", "TrackingUniqueIdentifier"), UID=uid)
    by_hand = made_by.name in people.readers
    yield from _people([made_by.name] if by_hand else [])
    yield code_value("CONTAINS", dictionary("DCM", "Finding"), named(finding.concept))
    modifier = "HAS CONCEPT MOD"
    for site in finding.sites:
        yield code_value(modifier, dictionary("SCT", "FindingSite"), named(site))
    if by_hand:
        return
    yield text_item(modifier, dictionary("DCM", "AlgorithmName"), made_by.name)
    yield text_item(modifier, dictionary("DCM", "AlgorithmVersion"), made_by.version or "unknown")
    yield text_item(modifier, dictionary("DCM", "AlgorithmParameters"), WEIGHTS + (made_by.sha256 or "none"))
    if finding.calibration:
        yield text_item(modifier, dictionary("DCM", "AlgorithmParameters"), CALIBRATION + finding.calibration)


def _evaluated(finding: Finding) -> Iterator[Dataset]:
    if finding.probability is not None:
        unit = dictionary("UCUM", "NoUnits")
        yield number_item("CONTAINS", dictionary("DCM", "Probability"), finding.probability, unit)
    for measurement in finding.measurements:
        unit = Code(measurement.unit or "1", "UCUM", measurement.unit or "no units")
        yield number_item("CONTAINS", named(measurement.name), measurement.value, unit)
    yield code_value("CONTAINS", dictionary("DCM", "PresenceOfProperty"), state_code(finding.state))
    if finding.change:
        yield code_value("CONTAINS", CHANGE, local(finding.change))
    for name, value in sorted(finding.attributes.items()):
        if not value:
            continue
        yield code_value("CONTAINS", local(name), local(value))


def outline(region: Box | Mask | Points) -> list[float]:
    """Return a region as the closed polyline x, y, x, y ... in pixels; a mask as its box, or [] when empty."""
    if isinstance(region, Points):
        points = region.xy.tolist()
        return [value for point in (*points, points[0]) for value in point] if points else []
    box = region.box() if isinstance(region, Mask) else region
    if box is None:
        return []
    return [box.x0, box.y0, box.x1, box.y0, box.x1, box.y1, box.x0, box.y1, box.x0, box.y0]


def _region(region: Box | Mask | Points, finding: Finding, headers: Mapping[str, Dataset]) -> Dataset:
    image = region.image or next(iter(headers))
    if image not in headers:
        raise InputError(f"finding '{finding.concept}' lies on image '{image}', which has no header: give it one")
    data = [float(value) for value in np.asarray(outline(region), dtype=np.float32)]
    if not data:
        raise InputError(f"finding '{finding.concept}' has an empty region: leave it out")
    item = content_item(
        "SCOORD", "CONTAINS", dictionary("DCM", "ImageRegion"), GraphicData=data, GraphicType="POLYLINE"
    )
    selected = content_item("IMAGE", "SELECTED FROM", None, ReferencedSOPSequence=Items([reference(headers[image])]))
    item.ContentSequence = Items([selected])
    return item


def _texts(study: Study, film: Dataset, people: Signed) -> Iterator[Dataset]:
    """Yield the caution, the draft, the gaps and the notes; a report from elsewhere is not repeated as ours."""
    comment = dictionary("DCM", "Comment")
    yield text_item(
        "CONTAINS", comment, f"{CAUTION_TEXT}. Not a medical device; not for diagnosis. Model: {maker(study)}."
    )
    report = study.report
    if report and (report.status == "draft" or people.readers):
        told = (("Findings", report.findings), ("Impressions", report.impression))
        for name, text in told:
            if text:
                yield text_item("CONTAINS", dictionary("LN", name), text)
        if report.comparison:
            yield text_item("CONTAINS", dictionary("DCM", "ComparisonToPreviousStudies"), report.comparison)
    for entry in study.provenance:
        for concept, reason in entry.not_assessed:
            yield text_item("CONTAINS", dictionary("SCT", "NotEvaluated"), f"{concept}: {reason}")
        # A note is free text and may name a file, and a file's name may be the patient's.
        for note in entry.notes if film.get("PatientIdentityRemoved") != "YES" else ():
            yield text_item("CONTAINS", comment, note)
