"""MIMIC-CXR made small, in its official layout: two patients, four studies, priors in an order the ids do not tell."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image as Picture

META = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,"
    "ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning"
)
LABELS = (
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,"
    "No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices"
)
A, B, C, D, E = (f"{digit * 8}-00000000-11111111-22222222-33333333" for digit in "abcde")
FIRST, LATER, SAME, OTHER = "59999999", "50000001", "50000002", "50000003"
"""Studies of patient 10000032: FIRST is the earliest, LATER and SAME are of one moment. OTHER is of 19999999."""
REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with cough // pneumonia?

 COMPARISON:  None.

 FINDINGS:

 There is no focal consolidation.  The heart is mildly
 enlarged.

 IMPRESSION:

 Mild cardiomegaly.
"""


def picture(path: Path, value: int = 51, size: tuple[int, int] = (6, 8)) -> None:
    """Write an even grey picture of (rows, columns)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(np.full(size, value, np.uint8)).save(path)


def table(path: Path, lines: Iterable[str]) -> None:
    """Write a table, compressed where its name ends in .gz."""
    text = "\n".join(lines) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_text(text, encoding="utf-8")


def row(dicom: str, patient: str, study: str, view: str, date: str, time: str) -> str:
    """A line of the metadata."""
    return f"{dicom},{patient},{study},CHEST,{view},6,8,{date},{time},CHEST,,Erect"


def place(root: Path, patient: str, study: str) -> Path:
    """Folder of a study."""
    return root / "files" / f"p{patient[:2]}" / f"p{patient}" / f"s{study}"


def mimic(root: Path, *, whole: bool = False) -> Path:
    """Write the folder and return it: all tables, the films of FIRST and LATER (or of all), the report of FIRST."""
    lines = [
        META,
        row(A, "10000032", LATER, "PA", "21800626", "165500.312"),
        row(B, "10000032", LATER, "LATERAL", "21800626", "165500.312"),
        row(C, "10000032", FIRST, "AP", "21800506", "902.0"),
        row(D, "10000032", SAME, "AP AXIAL", "21800626", "165500.312"),
        row(E, "19999999", OTHER, "", "21790101", "0.0"),
    ]
    table(root / "mimic-cxr-2.0.0-metadata.csv.gz", lines)
    table(
        root / "mimic-cxr-2.0.0-split.csv.gz",
        ["dicom_id,study_id,subject_id,split"]
        + [f"{name},{study},10000032,train" for name, study in ((A, LATER), (B, LATER), (C, FIRST), (D, SAME))]
        + [f"{E},{OTHER},19999999,test"],
    )
    head = f"subject_id,study_id,{LABELS}"
    first, later = ["10000032", FIRST, *[""] * 14], ["10000032", LATER, *[""] * 14]
    first[3], later[3], later[4], later[11] = "1.0", "0.0", "-1.0", "1.0"
    table(root / "mimic-cxr-2.0.0-chexpert.csv.gz", [head, ",".join(first), ",".join(later)])
    first[3] = "-1.0"
    table(root / "mimic-cxr-2.0.0-negbio.csv.gz", [head, ",".join(first)])
    head = head.replace("subject_id,", "").replace("Lung Opacity", "Airspace Opacity")
    expert = [OTHER, *[""] * 14]
    expert[8] = "1"
    table(root / "mimic-cxr-2.1.0-test-set-labeled.csv", [head, ",".join(expert)])
    for name, study, value in ((A, LATER, 51), (B, LATER, 102), (C, FIRST, 204)):
        picture(place(root, "10000032", study) / f"{name}.jpg", value)
    if whole:
        picture(place(root, "10000032", SAME) / f"{D}.jpg")
        picture(place(root, "19999999", OTHER) / f"{E}.jpg")
    (place(root, "10000032", FIRST).parent / f"s{FIRST}.txt").write_text(REPORT)
    return root


def zipped_reports(path: Path, texts: dict[str, str]) -> Path:
    """Write mimic-cxr-reports.zip: name inside -> text."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return path


def dicom(path: Path, view: str, date: str, time: str) -> None:
    """Write a plain 12 bit CR film."""
    from pydicom.dataset import Dataset

    from hilum.io.save import save_dicom, seal

    ds = Dataset()
    ds.SOPClassUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.1", "CR"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.PatientID = "2.25.1", "2.25.2", "x"
    ds.Rows = ds.Columns = 64
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelData = np.tile(np.linspace(0, 4095, 64), (64, 1)).astype("<u2").tobytes()
    ds.ViewPosition, ds.StudyDate, ds.StudyTime = view, date, time
    path.parent.mkdir(parents=True, exist_ok=True)
    save_dicom(seal(ds), path)
