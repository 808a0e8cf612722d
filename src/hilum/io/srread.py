"""Reading findings back from the structured reports that Hilum writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import Dataset

from hilum.core.errors import DecodeError
from hilum.core.finding import Finding, Measurement
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.io.codes import code_of, dictionary, name_of, state_of
from hilum.io.save import load_dicom
from hilum.io.srtree import CALIBRATION, CHANGE, WEIGHTS, coded_values, items_named


def read_findings(source: Dataset | str | Path) -> list[Finding]:
    """Read findings back from a report that `structured_report` wrote.

    Args:
        source: a dataset or the path of a file.

    Returns:
        Findings with concept, state, probability, calibration, sites, attributes, change, boxes
        (float32 pixels; `image` is the SOP Instance UID the report names) and measurements.

    Raises:
        DecodeError: if it is not a structured report of this kind.
    """
    ds = load_dicom(source, "structured report")
    root = ds.get("ConceptNameCodeSequence")
    if not root or code_of(root[0]).value != dictionary("DCM", "ImagingMeasurementReport").value:
        raise DecodeError("not a TID 1500 Imaging Measurement Report: expected a file that Hilum or a like tool wrote")
    found: dict[tuple[object, ...], Finding] = {}
    for container in items_named(ds, "ImagingMeasurements"):
        for group in items_named(container, "MeasurementGroup"):
            finding = _finding(group)
            key = (finding.id or len(found), finding.concept, finding.made_by)
            earlier = found.get(key)
            found[key] = replace(earlier, regions=earlier.regions + finding.regions) if earlier else finding
    return list(found.values())


def _finding(group: Dataset) -> Finding:
    """Build a finding from one measurement group."""
    states = [state for state in map(state_of, coded_values(group, "PresenceOfProperty")) if state]
    concepts = coded_values(group, "Finding")
    if not states or not concepts:
        raise DecodeError("a measurement group names no finding or no state: it was not written by Hilum")
    told = {str(item.TextValue) for item in items_named(group, "AlgorithmParameters")}
    calibration = next((text.removeprefix(CALIBRATION) for text in told if text.startswith(CALIBRATION)), "")
    weights = next((text.removeprefix(WEIGHTS) for text in told if text.startswith(WEIGHTS)), "none")
    name, version = (
        next((str(item.TextValue) for item in items_named(group, keyword)), "")
        for keyword in ("AlgorithmName", "AlgorithmVersion")
    )
    name = name or next((str(item.PersonName) for item in items_named(group, "PersonObserverName")), "")
    signer = MadeBy(name, "" if version == "unknown" else version, "" if weights == "none" else weights)
    probability, measurements = _numbers(group)
    change, attributes = _qualities(group)
    return Finding(
        name_of(concepts[0]),
        states[0],
        probability=probability,
        calibration=calibration,
        sites=tuple(name_of(code) for code in coded_values(group, "FindingSite")),
        attributes=attributes,
        change=change,  # type: ignore[arg-type]
        regions=tuple(_boxes(group)),
        measurements=measurements,
        made_by=signer if signer.name else None,
        id=next((str(item.TextValue) for item in items_named(group, "TrackingIdentifier")), ""),
    )


def _numbers(group: Dataset) -> tuple[float | None, tuple[Measurement, ...]]:
    probability, measurements = None, []
    for item in group.ContentSequence:
        if item.ValueType != "NUM":
            continue
        measured, name = item.MeasuredValueSequence[0], code_of(item.ConceptNameCodeSequence[0])
        value = float(measured.get("FloatingPointValue", measured.NumericValue))
        if name.value == dictionary("DCM", "Probability").value:
            probability = value
        else:
            unit = code_of(measured.MeasurementUnitsCodeSequence[0]).value
            measurements.append(Measurement(name_of(name), value, unit))
    return probability, tuple(measurements)


def _qualities(group: Dataset) -> tuple[str | None, dict[str, str]]:
    change, attributes = None, {}
    for item in group.ContentSequence:
        name = code_of(item.ConceptNameCodeSequence[0]) if item.ValueType == "CODE" else None
        if name is not None and name.scheme_designator == CHANGE.scheme_designator:
            value = str(code_of(item.ConceptCodeSequence[0]).meaning)
            if name.value == CHANGE.value:
                change = value
            else:
                attributes[str(name.meaning)] = value
    return change, attributes


def _boxes(group: Dataset) -> Iterator[Box]:
    for item in items_named(group, "ImageRegion"):
        xs, ys = list(item.GraphicData)[0::2], list(item.GraphicData)[1::2]
        image = str(item.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        yield Box(min(xs), min(ys), max(xs), max(ys), image=image)
