"""What the tests of DICOM output share: a film full of planted names, a hand-made study, dciodvfy."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy, Window
from hilum.core.region import Box, Mask
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.io import capture, gsps, header, save, seg, sr

READER = MadeBy("hilum-reader", "0.1.0", "ab" * 32)
ROWS, COLUMNS = 96, 128

PLANTED = {
    "PatientName": "Zebedee^Quixote",
    "PatientID": "MRN-774411",
    "PatientBirthDate": "19410203",
    "PatientAge": "085Y",
    "AccessionNumber": "ACC-99887",
    "StudyID": "STID-5566",
    "StudyDate": "20230607",
    "StudyTime": "081726",
    "SeriesDate": "20230608",
    "AcquisitionDate": "20230609",
    "ContentDate": "20230610",
    "InstitutionName": "Saint Elsewhere Hospital",
    "InstitutionAddress": "7 Plum Lane",
    "ReferringPhysicianName": "Ferrier^Nora",
    "OperatorsName": "Oberon^Otto",
    "PerformingPhysicianName": "Pimento^Petra",
    "StationName": "XRAYBOX17",
    "StudyDescription": "torso of Quixote",
    "SeriesDescription": "Zebedee PA",
    "ProtocolName": "proto-Zebedee",
    "PatientComments": "wife is called Dulcinea",
    "ImageComments": "film-of-Zebedee",
    "DeviceSerialNumber": "SERIAL-313233",
    "RequestingPhysician": "Rosinante^R",
    "WindowCenterWidthExplanation": "for Zebedee",
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.11111",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.22222",
    "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.33333",
    "FrameOfReferenceUID": "1.2.826.0.1.3680043.8.498.44444",
}
LINKS = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyID", "StudyDate", "StudyInstanceUID")
"""What an archive links by; these must arrive when identifiers are kept."""


def write_film(path: Path, **changes: object) -> Path:
    """Write a small 12-bit CR film whose header is full of names that must not leak."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    told: dict[str, object] = {
        **PLANTED,
        **{"Modality": "CR", "ImageType": ["ORIGINAL", "PRIMARY"], "PatientSex": "M", "ViewPosition": "PA"},
        **{"BodyPartExamined": "CHEST", "Laterality": "", "PatientOrientation": ["L", "F"]},
        **{"ImagerPixelSpacing": ["0.2", "0.25"], "Rows": ROWS, "Columns": COLUMNS, "SamplesPerPixel": 1},
        **{"PhotometricInterpretation": "MONOCHROME1", "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11},
        **{"PixelRepresentation": 0, "WindowCenter": ["2000", "1500"], "WindowWidth": ["3000", "900"]},
        **{"RescaleIntercept": "0", "RescaleSlope": "1", "RescaleType": "Zebedee units", "SeriesNumber": 4},
        "InstanceNumber": 7,
        **changes,
    }
    for keyword, value in told.items():
        if value is not None:
            setattr(ds, keyword, value)
    ds.add_new(0x00090010, "LO", "QUIXOTE PRIVATE")
    ds.add_new(0x00091001, "LO", "secret of Zebedee")
    ds.PixelData = stored().astype("<u2").tobytes()
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


def stored() -> np.ndarray:
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    return 400 + 20 * rows + 10 * columns


def dicom_film(folder: Path, **changes: object) -> Image:
    path = write_film(folder / "film.dcm", **changes)
    return Image(
        stored(),
        window=Window(2000, 3000),
        inverted=True,
        view="PA",
        spacing_mm=(0.2, 0.25),
        spacing_plane="detector",
        orientation=("L", "F"),
        id=PLANTED["SOPInstanceUID"],
        source=str(path),
    )


def plain_film() -> Image:
    """A picture without a header, as a PNG gives it."""
    return Image(stored(), id="3f" * 16, source="no-such-folder/film.png")


def masks_of(film: Image) -> list[Mask]:
    right, left = np.zeros((2, ROWS, COLUMNS), dtype=bool)
    right[20:80, 10:50], left[18:82, 70:115] = True, True
    left[40:50, 90:100] = False
    return [Mask(right, film.id, "right lung"), Mask(left, film.id, "left lung")]


def study_of(film: Image, **changes: object) -> Study:
    findings = [
        Finding(
            "pneumothorax",
            "present",
            0.8125,
            calibration="platt-v1",
            sites=("left lung",),
            attributes={"severity": "mild"},
            change="new",
            regions=(Box(70.5, 18.25, 115, 50, film.id),),
            id="f1",
        ),
        Finding("cardiomegaly", "absent", 0.0625, calibration="platt-v1", id="f2"),
        Finding(
            "pleural effusion",
            "uncertain",
            0.5,
            regions=(Box(0, 60, 40, ROWS, film.id), Box(80, 60, COLUMNS, ROWS, film.id)),
            id="f3",
        ),
    ]
    report = Report(findings="A small pneumothorax.", impression="Pneumothorax.", status="draft", made_by=READER)
    given = {"patient": PLANTED["PatientID"], "time": datetime(2023, 6, 7, 8, 17), **changes}
    return Study("film-from-zebedee", images=(film,), **given).add(  # type: ignore[arg-type]
        findings=findings,
        report=report,
        made_by=READER,
        not_assessed=[("rib fracture", "no reference data")],
        notes=["The film is rotated."],
    )


def objects(film: Image, *, keep_identifiers: bool = False) -> dict[str, Dataset]:
    """Everything that is written for one film."""
    study = study_of(film)
    headers = header.film_headers(study, keep_identifiers=keep_identifiers)
    own = headers[film.id]
    return {
        "sr": sr.structured_report(study, headers),
        "seg": seg.segmentation(film, masks_of(film), own, made_by=READER),
        "gsps": gsps.presentation_state(film, study.findings, own, made_by=READER),
        "capture": capture.secondary_capture(film, study.findings, masks_of(film), own, made_by=READER),
    }


def judged(ds: Dataset, folder: Path) -> list[str]:
    """Write an object and return the lines in which dciodvfy calls something an error."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) is not on this machine")
    path = save.save_dicom(ds, folder / "judged.dcm")
    told = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (told.stdout + told.stderr).splitlines()
    assert len(lines) > 0, "dciodvfy said nothing: it could not read the file"
    return [line for line in lines if line.startswith("Error")]


def every_code(ds: Dataset) -> list[tuple[str, str, str]]:
    """(value, scheme, meaning) of every code in a dataset, at any depth."""
    found = []
    if "CodeValue" in ds:
        found.append((str(ds.CodeValue), str(ds.CodingSchemeDesignator), str(ds.CodeMeaning)))
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                found += every_code(item)
    return found
