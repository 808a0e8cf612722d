"""CT collections laid out in folders: a user's own, LIDC-IDRI, the RSNA challenges and TotalSegmentator."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from hilum.core.errors import HilumError, InputError
from hilum.data.ct import LIDC_CITATION, Case, Collection
from hilum.data.rows import rows as table_rows
from hilum.io.deidentify import pseudonym
from hilum.io.dicom import read_header
from hilum.io.sniff import kind_of
from hilum.io.tags import text

_NIFTI = (".nii.gz", ".nii")
_ANYONE = re.compile(r"(anon\w*|unknown|none|0*|x*|-*)", re.IGNORECASE)
_GENERIC = ("ct", "image", "volume")
MASK_FOLDERS = ("segmentations", "masks", "structures")
_MASK_NAME = re.compile(r"(^|[-_.])(seg|segmentation|mask|masks|label|labels|structures)([-_.]|$)", re.IGNORECASE)


def stem_of(path: Path) -> str:
    """Return a file's name without .nii, .nii.gz or another suffix."""
    for suffix in _NIFTI:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem if path.is_file() else path.name


def folder_cases(root: Path) -> Iterator[Case]:
    """Yield the CTs anywhere under a folder: NIfTI files, and folders that hold DICOM slices.

    Files and folders whose name says mask, seg or label are no CTs. Masks are found beside a NIfTI: a folder
    `segmentations`, `masks` or `structures`, or a file of the same name with `_seg`, `_mask` or `_labels`.
    """
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith(".") and name.lower() not in MASK_FOLDERS)
        place = Path(folder)
        volumes = [place / name for name in sorted(files) if name.lower().endswith(_NIFTI) and not name.startswith(".")]
        for path in volumes:
            if not _MASK_NAME.search(stem_of(path)):
                yield file_case(path, root)
        if not volumes:
            first = _first_dicom(place, sorted(files))
            if first:
                name = "-".join(place.relative_to(root).parts) or place.resolve().name
                yield Case(name, str(place), patient=_patient(first) or name)


def file_case(path: Path, root: Path | None = None) -> Case:
    """Return one NIfTI file as a case, with the masks beside it; a file called ct.nii.gz is named by its folder.

    Args:
        path: the file.
        root: the folder its name starts from; None takes its own.
    """
    start = root or path.absolute().parent.parent
    whole = path.absolute()
    if stem_of(path).lower() in _GENERIC and whole.parent != start.absolute():
        whole = whole.parent
    above = whole.relative_to(start.absolute()).parts[:-1] if root else ()
    name = "-".join((*above, whole.name if whole.is_dir() else stem_of(whole)))
    scans = [each for each in path.parent.iterdir() if each.name.lower().endswith(_NIFTI)
             and not _MASK_NAME.search(stem_of(each))]  # fmt: skip
    return Case(name, str(path), patient=name, masks=_masks_beside(path, alone=len(scans) == 1))


def _masks_beside(path: Path, *, alone: bool) -> tuple[str, ...]:
    stem = stem_of(path)
    named = [path.with_name(f"{stem}{mark}{suffix}") for mark in ("_seg", "_mask", "_masks", "_labels")
             for suffix in _NIFTI]  # fmt: skip
    folders = [path.with_name(name) for name in MASK_FOLDERS] if alone else [path.with_name(f"{stem}_segmentations")]
    for each in [*named, *folders]:
        if each.exists():
            return (str(each),)
    return ()


def _first_dicom(folder: Path, names: list[str]) -> Path | None:
    for name in names[:20]:
        path = folder / name
        try:
            if not name.startswith(".") and name.upper() != "DICOMDIR" and kind_of(path) == "DICOM":
                return path if read_header(path).modality == "CT" else None
        except HilumError:
            continue
    return None


def _patient(path: Path) -> str:
    """Return a pseudonym for the Patient ID of a DICOM file, '' where it has none."""
    known = text(read_header(path).dataset, "PatientID")
    return "" if _ANYONE.fullmatch(known) else pseudonym(known, "patient")


def _ct_folders(root: Path) -> Iterator[Path]:
    """Yield the folders under a root that hold CT slices, in order."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        if _first_dicom(Path(folder), sorted(files)):
            yield Path(folder)


def lidc_cases(root: Path) -> Iterator[Case]:
    """Yield the CTs of LIDC-IDRI: LIDC-IDRI-0001/study/series/*.dcm; its radiographs are left out.

    Raises:
        InputError: if no folder is called LIDC-IDRI-NNNN.
    """
    patients = sorted(path for path in root.rglob("LIDC-IDRI-[0-9]*") if path.is_dir())
    if not patients:
        raise InputError(f"'{root}' holds no folder LIDC-IDRI-0001 ...: give the folder the collection was unpacked to")
    for patient in patients:
        series = list(_ct_folders(patient))
        for number, folder in enumerate(series, 1):
            name = patient.name if len(series) == 1 else f"{patient.name}-{number}"
            yield Case(name, str(folder), patient=patient.name)


def _table(path: Path, key: str, delimiter: str = ",") -> dict[str, dict[str, str]]:
    """Return the rows of a CSV by one column; of several rows with one key the first; empty where there is no file."""
    if not path.is_file():
        return {}
    found: dict[str, dict[str, str]] = {}
    for row in table_rows(path, (key,), delimiter=delimiter):
        found.setdefault(row[key], {name: value for name, value in row.items() if name and value is not None})
    return found


def _series_cases(
    root: Path, parts: tuple[str, ...], rows: Mapping[str, Mapping[str, str]], *, by: int
) -> Iterator[Case]:
    """Yield the CTs of PART/x/y/*.dcm, where x names the study or patient and y the series."""
    places = [root / part for part in parts if (root / part).is_dir()]
    if not places:
        raise InputError(f"'{root}' holds none of {', '.join(parts)}: give the folder the challenge was unpacked to")
    for place in places:
        split = "test" if "test" in place.name else "train"
        for folder in _ct_folders(place):
            above = folder.relative_to(place).parts
            if len(above) != 2:
                continue
            patient = f"{place.name.partition('_')[0]}-{above[0]}"
            yield Case(f"{above[0]}-{above[1]}", str(folder), patient=patient, masks=_rsna_masks(root, above[1]),
                       split=split, facts=rows.get(above[by], {}))  # fmt: skip


def _rsna_masks(root: Path, series: str) -> tuple[str, ...]:
    path = root / "segmentations" / f"{series}.nii"
    return (str(path),) if path.is_file() else ()


def rsna_pe_cases(root: Path) -> Iterator[Case]:
    """Yield the CTs of RSNA-STR pulmonary embolism: train/study/series/*.dcm, with the study's row of train.csv."""
    yield from _series_cases(root, ("train", "test"), _table(root / "train.csv", "StudyInstanceUID"), by=0)


def rsna_abdomen_cases(root: Path) -> Iterator[Case]:
    """Yield the CTs of RSNA abdominal trauma: train_images/patient/series/*.dcm, with their row of train.csv."""
    rows = _table(root / "train.csv", "patient_id")
    yield from _series_cases(root, ("train_images", "test_images"), rows, by=0)


def totalsegmentator_cases(root: Path) -> Iterator[Case]:
    """Yield the CTs of the TotalSegmentator data set: s0001/ct.nii.gz with segmentations/*.nii.gz and meta.csv.

    Raises:
        InputError: if no subfolder holds a ct.nii.gz.
    """
    rows = _table(root / "meta.csv", "image_id", ";")
    places = sorted(path.parent for path in root.glob("s*/ct.nii.gz"))
    if not places:
        raise InputError(f"'{root}' holds no s0001/ct.nii.gz: give the folder the TotalSegmentator data set lies in")
    for place in places:
        facts = rows.get(place.name, {})
        masks = place / "segmentations"
        yield Case(place.name, str(place / "ct.nii.gz"), patient=place.name, split=facts.get("split", ""),
                   masks=(str(masks),) if masks.is_dir() else (), facts=facts)  # fmt: skip


FOLDER = Collection("folder", folder_cases, licence="as the CTs'")
LIDC = Collection("lidc-idri", lidc_cases, "CC BY 3.0", LIDC_CITATION)
RSNA_PE = Collection(
    "rsna-pe", rsna_pe_cases, "RSNA: non-commercial research and education",
    "Colak et al. The RSNA Pulmonary Embolism CT Dataset. Radiol Artif Intell 2021;3:e200254",
)  # fmt: skip
RSNA_ABDOMEN = Collection(
    "rsna-abdomen", rsna_abdomen_cases, "RSNA: non-commercial research and education",
    "Rudie et al. The RSNA Abdominal Traumatic Injury CT Dataset. Radiol Artif Intell 2024;6:e240101",
)  # fmt: skip
TOTALSEGMENTATOR = Collection(
    "totalsegmentator", totalsegmentator_cases, "CC BY 4.0",
    "Wasserthal et al. TotalSegmentator. Radiol Artif Intell 2023;5:e230024",
)  # fmt: skip
