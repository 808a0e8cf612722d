"""What a DICOM header says about a film: view, spacing, orientation, time; silent where it is not clear."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from hilum.core.geometry import SpacingPlane, View

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_HEADER = """
SpecificCharacterSet ImageType SOPClassUID SOPInstanceUID StudyDate AcquisitionDate ContentDate StudyTime
AcquisitionTime ContentTime Modality ConversionType Manufacturer StudyDescription SeriesDescription PatientID
IssuerOfPatientID PatientIdentityRemoved PatientBirthDate BodyPartExamined SliceThickness ProtocolName
GantryDetectorTilt ImagerPixelSpacing AcquisitionDeviceProcessingDescription ViewPosition StudyInstanceUID
SeriesInstanceUID SeriesNumber InstanceNumber PatientOrientation ImagePositionPatient ImageOrientationPatient
FrameOfReferenceUID ImageLaterality SamplesPerPixel PhotometricInterpretation PlanarConfiguration
NumberOfFrames Rows Columns PixelSpacing NominalScannedPixelSpacing BitsAllocated BitsStored HighBit
PixelRepresentation PixelPaddingValue PixelPaddingRangeLimit PixelSpacingCalibrationType BurnedInAnnotation
WindowCenter WindowWidth VOILUTFunction RescaleIntercept RescaleSlope ModalityLUTSequence VOILUTSequence
ViewCodeSequence EncryptedAttributesSequence DirectoryRecordSequence PresentationLUTShape
PresentationIntentType SyntheticData DerivationDescription
"""
HEADER_TAGS = tuple(_HEADER.split())

# A chest lateral of unstated side is by convention a left one; reading it as 'unknown' would let it pass as frontal.
_WORDS: dict[str, View] = {
    "PA": "PA", "POSTEROANTERIOR": "PA", "POSTERIORANTERIOR": "PA",
    "AP": "AP", "ANTEROPOSTERIOR": "AP", "ANTERIORPOSTERIOR": "AP",
    "LL": "LL", "LLAT": "LL", "LAT": "LL", "LATERAL": "LL", "RL": "RL", "RLAT": "RL",
    "LLD": "LLD", "RLD": "RLD", "RLO": "RLO", "LLO": "LLO", "RAO": "RAO", "LAO": "LAO",
}  # fmt: skip
_CODED: dict[str, View] = {
    "PosteroAnterior": "PA",
    "AnteroPosterior": "AP",
    "LeftLateral": "LL",
    "RightLateral": "RL",
    "LateralProjection": "LL",
    "LeftAnteriorOblique": "LAO",
    "RightAnteriorOblique": "RAO",
}
_DECUBITUS = re.compile(r"\bDECUB|\bOBL", re.IGNORECASE)


def text(ds: Dataset, keyword: str) -> str:
    """Return the first value of an attribute as stripped text, '' where absent or unreadable."""
    first = values(ds, keyword)[:1]
    return str(first[0]).strip(" \x00") if first else ""


def values(ds: Dataset, keyword: str) -> list[Any]:
    """Return an attribute's values as a list, empty where absent or unreadable."""
    try:
        value = ds.get(keyword)
        if value is None or value == "":
            return []
        multiple = (
            hasattr(value, "__iter__") and not isinstance(value, (str, bytes)) and not hasattr(value, "components")
        )
        return list(value) if multiple else [value]
    except Exception:  # a damaged value may raise anything; the caller treats it as absent
        return []


def numbers(ds: Dataset, keyword: str) -> list[float]:
    """Return an attribute's values as finite numbers, empty where one of them is not."""
    try:
        found = [float(value) for value in values(ds, keyword)]
    except (TypeError, ValueError, OverflowError):
        return []
    return found if np.isfinite(found).all() else []


def integer(ds: Dataset, keyword: str, default: int | None = None) -> int | None:
    """Return the first value of an attribute as a whole number, or `default`."""
    found = numbers(ds, keyword)
    return int(found[0]) if found else default


def items(ds: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence, empty where absent or unreadable."""
    return [item for item in values(ds, keyword) if hasattr(item, "get")]


def view(ds: Dataset) -> View:
    """Return the view from View Position, View Code Sequence, then words of the series; else 'unknown'.

    A source that names two different views says nothing. A lateral without a side is taken as left.
    """
    position = text(ds, "ViewPosition")
    if position:
        found = _view_of_words(position)
        if found:
            return found
    for item in items(ds, "ViewCodeSequence"):
        coded = _view_of_code(item)
        if coded:
            return coded
    for keyword in ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription"):
        found = _view_of_words(text(ds, keyword))
        if found:
            return found
    return "unknown"


def _view_of_words(words: str) -> View | None:
    plain = words.upper().replace("POSTERO-", "POSTERO").replace("ANTERO-", "ANTERO")
    plain = re.sub(r"\b(L|LEFT)[ _-]+LAT(ERAL)?\b", "LL", plain)
    plain = re.sub(r"\b(R|RIGHT)[ _-]+LAT(ERAL)?\b", "RL", plain)
    if plain.strip() not in _WORDS and _DECUBITUS.search(plain):
        return None
    found = {_WORDS[word] for word in re.split(r"[^A-Z]+", plain) if word in _WORDS}
    return found.pop() if len(found) == 1 else None


def _view_of_code(item: Dataset) -> View | None:
    """Return the view a coded View (CID 4010) names; pydicom's dictionary also equates retired SNOMED codes."""
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    scheme = text(item, "CodingSchemeDesignator")
    code = Code(text(item, "CodeValue"), "SRT" if scheme in ("SNM3", "99SDM") else scheme, "")
    try:
        return next((known for name, known in _CODED.items() if code == getattr(codes.CID4010, name)), None)
    except (KeyError, AttributeError, NotImplementedError):
        return None


def orientation(ds: Dataset) -> tuple[str, str] | None:
    """Return Patient Orientation (0020,0020) as (row, column) directions, or None where it is not both."""
    pair = [str(value).strip().upper() for value in values(ds, "PatientOrientation")]
    if len(pair) == 2 and all(re.fullmatch(r"[LRAPHF]{1,3}", direction) for direction in pair):
        return (pair[0], pair[1])
    return None


def spacing(ds: Dataset) -> tuple[tuple[float, float] | None, SpacingPlane | None]:
    """Return ((row, column) mm between pixel centres, the plane it holds in), or (None, None).

    In the patient only where Pixel Spacing was calibrated: its calibration type is stated, or it
    differs from Imager Pixel Spacing (PS3.3 10.7.1.3). Everything else is at the detector.
    """
    pixel, imager = _pair(ds, "PixelSpacing"), _pair(ds, "ImagerPixelSpacing")
    if pixel and imager and not np.allclose(pixel, imager, rtol=1e-3):
        return pixel, "patient"
    calibrated = text(ds, "PixelSpacingCalibrationType").upper() in ("GEOMETRY", "FIDUCIAL")
    if pixel and not imager and calibrated:
        return pixel, "patient"
    measured = imager or pixel or _pair(ds, "NominalScannedPixelSpacing")
    return (measured, "detector") if measured else (None, None)


def _pair(ds: Dataset, keyword: str) -> tuple[float, float] | None:
    found = numbers(ds, keyword)
    return (found[0], found[1]) if len(found) == 2 and min(found) > 1e-4 and max(found) < 1e3 else None


def time(ds: Dataset) -> datetime | None:
    """Return the study's date-time: Study, else Acquisition, else Content; midnight where the hour is not given."""
    for name in ("Study", "Acquisition", "Content"):
        day = re.sub(r"\D", "", text(ds, f"{name}Date"))
        clock = re.sub(r"[^\d.]", "", text(ds, f"{name}Time").replace(":", "")).split(".")[0]
        if len(day) != 8:
            continue
        found = _moment(day + clock[:6].ljust(6, "0"), "%Y%m%d%H%M%S") or _moment(day, "%Y%m%d")
        if found:
            return found
    return None


def _moment(stamp: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, form)
    except ValueError:
        return None


def synthetic(ds: Dataset) -> bool:
    """Tell whether a header says that the picture was computed: Synthetic Data (0008,001C), or words to that effect.

    Validators that are older than the attribute refuse it, so films also say it in their Derivation Description.
    """
    said = text(ds, "DerivationDescription").upper().startswith("SYNTHETIC")
    return text(ds, "SyntheticData").upper() == "YES" or (said and "DERIVED" in text(ds, "ImageType").upper())
