"""Headers that link what Hilum writes to the film it read: with identity on request, else without."""

from __future__ import annotations

import re
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.core.study import Study
from hilum.io import tags
from hilum.io.codes import line
from hilum.io.deidentify import hashed_uid, pseudonym
from hilum.io.save import made_uid
from hilum.io.sniff import kind_of

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

_LENGTHS = (
    *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"),
    *("EstimatedRadiographicMagnificationFactor", "DistanceSourceToDetector", "DistanceSourceToPatient"),
)
_ENCODING = ("SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
_IDENTITY = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID")
_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
_TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime")
_KEPT_TEXT = {
    **{"PatientName": 64, "PatientID": 64, "IssuerOfPatientID": 64, "AccessionNumber": 16, "StudyID": 16},
    **{"ReferringPhysicianName": 64, "StudyDescription": 64},
}
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")


def film_headers(study: Study, *, keep_identifiers: bool = False) -> dict[str, Dataset]:
    """Return the header of every film of a study by image id (see `film_header`)."""
    return {film.id: film_header(film, study, keep_identifiers=keep_identifiers) for film in study.films}


def film_header(image: Image, study: Study, *, keep_identifiers: bool = False) -> Dataset:
    """Build the header (no pixels) that derived objects of one film refer to.

    By default nothing that names the patient or the place gets in: only listed geometry, encoding and
    display attributes are copied, identity becomes a pseudonym, dates are empty and UIDs hashed, in the
    same way for every object of the study.

    Args:
        image: the film; `source` may name the DICOM file it came from.
        study: the study it belongs to.
        keep_identifiers: carry identity, dates and the original UIDs, so that an archive links the objects.

    Returns:
        A dataset with patient, study, series and image attributes.

    Raises:
        InputError: if the source file's size is not the image's, so that no region would fit.
    """
    source = _source(image)
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    _picture(header, image, source)
    if keep_identifiers:
        _keep_identity(header, study, source)
    else:
        _hide_identity(header, study, source)
    _uids(header, image, study, source, keep_identifiers)
    return header


def _source(image: Image) -> Dataset:
    """Read the header of the DICOM file the image came from; empty where it came from none."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    path = Path(image.source) if image.source else None
    if path is None or not path.is_file() or kind_of(path) != "DICOM":
        return Dataset()
    try:
        ds = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    except (OSError, InvalidDicomError, EOFError, ValueError) as error:
        raise InputError(f"cannot read the header of '{path.name}' again: {error}") from error
    size = tuple(tags.integer(ds, name) for name in ("Rows", "Columns"))
    if image.loaded and None not in size and size != image.pixels.shape:
        raise InputError(
            f"'{path.name}' is {size[0]} x {size[1]} pixels but the image is {image.pixels.shape[0]} x "
            f"{image.pixels.shape[1]}: regions would not fit. Clear `source` of a resampled image."
        )
    return Dataset() if None in size else ds


def _picture(header: Dataset, image: Image, source: Dataset) -> None:
    """Copy what places and decodes pixels; what the image knows itself goes before the file's word."""
    header.Rows = tags.integer(source, "Rows") or image.pixels.shape[0]
    header.Columns = tags.integer(source, "Columns") or image.pixels.shape[1]
    for keyword in _ENCODING:
        if tags.integer(source, keyword) is not None:
            setattr(header, keyword, tags.integer(source, keyword))
    for keyword in _LENGTHS:
        _copy_numbers(header, source, keyword)
    if image.spacing_mm and "PixelSpacing" not in header and "ImagerPixelSpacing" not in header:
        keyword = "PixelSpacing" if image.spacing_plane == "patient" else "ImagerPixelSpacing"
        setattr(header, keyword, [f"{step:.10g}" for step in image.spacing_mm])
    header.PhotometricInterpretation = "MONOCHROME1" if image.inverted else "MONOCHROME2"
    header.PatientOrientation = list(image.orientation) if image.orientation else ""
    header.ViewPosition = image.view if image.view != "unknown" else ""
    for keyword in ("Laterality", "ImageLaterality"):
        if tags.text(source, keyword) in ("R", "L", "U", "B"):
            setattr(header, keyword, tags.text(source, keyword))
    if image.synthetic:
        header.SyntheticData = "YES"
    header.BodyPartExamined = "CHEST"
    modality = tags.text(source, "Modality")
    header.Modality = modality if modality in ("CR", "DX", "RF", "XA") else "OT"
    _grey_scale(header, source)


def _copy_numbers(header: Dataset, source: Dataset, keyword: str, *, first: bool = False) -> None:
    """Copy a decimal string attribute as numbers, so that nothing else travels in it."""
    values = tags.numbers(source, keyword)[: 1 if first else None]
    if values:
        told = [f"{value:.10g}" for value in values]
        setattr(header, keyword, told if len(told) > 1 else told[0])


def _grey_scale(header: Dataset, source: Dataset) -> None:
    """Copy the film's own modality and VOI transformations: numbers only, explanations are free text."""
    if tags.numbers(source, "RescaleSlope") and not source.get("ModalityLUTSequence"):
        header.RescaleIntercept, header.RescaleType = "0", "US"
        for keyword in ("RescaleIntercept", "RescaleSlope"):
            _copy_numbers(header, source, keyword)
    if tags.numbers(source, "WindowCenter") and tags.numbers(source, "WindowWidth"):
        for keyword in ("WindowCenter", "WindowWidth"):
            _copy_numbers(header, source, keyword, first=True)
        if tags.text(source, "VOILUTFunction") in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
            header.VOILUTFunction = tags.text(source, "VOILUTFunction")
    for keyword in ("ModalityLUTSequence", "VOILUTSequence"):
        for table in tags.items(source, keyword)[:1]:
            item = _table(table)
            if keyword == "ModalityLUTSequence":
                item.ModalityLUTType = "US"
            setattr(header, keyword, Items([item]))


def _table(lut: Dataset) -> Dataset:
    """Copy a LUT with explicit value representations, as its pixel representation does not travel with it."""
    item, entries = Dataset(), lut.get("LUTData")
    descriptor = [int(value) for value in tags.numbers(lut, "LUTDescriptor")]
    item.add_new("LUTDescriptor", "SS" if min(descriptor, default=0) < 0 else "US", descriptor)
    if not isinstance(entries, bytes):
        entries = b"".join(int(value).to_bytes(2, "little") for value in tags.numbers(lut, "LUTData"))
    item.add_new("LUTData", "OW", entries)
    return item


def _keep_identity(header: Dataset, study: Study, source: Dataset) -> None:
    for keyword, length in _KEPT_TEXT.items():
        setattr(header, keyword, line(tags.text(source, keyword), length))
    for keyword in ("IssuerOfPatientID", "StudyDescription"):
        if not header.get(keyword):
            delattr(header, keyword)
    header.PatientID = header.PatientID or line(study.patient)
    sex = tags.text(source, "PatientSex").upper()
    header.PatientSex = sex if sex in ("M", "F", "O") else ""
    header.PatientBirthDate, header.StudyDate, header.StudyTime = "", "", ""
    for keywords, separator in ((("PatientBirthDate", *_DATES), "."), (_TIMES, ":")):
        for keyword in keywords:
            value = _digits(tags.text(source, keyword), separator)
            if value:
                setattr(header, keyword, value)
    if not header.StudyDate and study.time:
        header.StudyDate, header.StudyTime = study.time.strftime("%Y%m%d"), study.time.strftime("%H%M%S")


def _hide_identity(header: Dataset, study: Study, source: Dataset) -> None:
    for keyword in (*_IDENTITY, "StudyDate", "StudyTime", "ReferringPhysicianName"):
        setattr(header, keyword, "")
    header.PatientID = pseudonym(tags.text(source, "PatientID") or study.patient or study.id, "patient")
    header.PatientName = f"Pseudonym^{header.PatientID}"
    header.PatientIdentityRemoved, header.DeidentificationMethod = "YES", "Hilum: only listed attributes are copied"


def _uids(header: Dataset, image: Image, study: Study, source: Dataset, keep: bool) -> None:
    own = study.id if _UID.fullmatch(study.id) else made_uid("study", study.id)
    film = image.id if _UID.fullmatch(image.id) else made_uid("film", study.id, image.id or _pixel_hash(image))
    found = {
        "StudyInstanceUID": tags.text(source, "StudyInstanceUID") or own,
        "SeriesInstanceUID": tags.text(source, "SeriesInstanceUID") or made_uid("series", film),
        "SOPInstanceUID": tags.text(source, "SOPInstanceUID") or film,
        "FrameOfReferenceUID": tags.text(source, "FrameOfReferenceUID"),
    }
    for keyword, uid in found.items():
        if uid:
            setattr(header, keyword, uid if keep else hashed_uid(uid))
    kind = tags.text(source, "SOPClassUID")
    header.SOPClassUID = kind if _UID.fullmatch(kind) else SECONDARY_CAPTURE
    header.InstanceNumber = str(tags.integer(source, "InstanceNumber") or 1)


def _pixel_hash(image: Image) -> str:
    from hashlib import sha256

    return sha256(image.pixels.tobytes()).hexdigest()


def _digits(value: str, separator: str) -> str:
    """Return a date or time in today's form: ACR-NEMA wrote '1995.07.20' and '11:22:07'."""
    text = value.replace(separator, "").strip()
    return text if re.fullmatch(r"\d{2,8}(\.\d{1,6})?", text) else ""
