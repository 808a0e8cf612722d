"""What the embedded model's labels mean, where they come from, and who is in which split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.data import pack as packs
from hilum.data.pack import PackRow

FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
    "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia", "Lung Opacity",
)  # fmt: skip
OPACITY = frozenset({"Pneumonia", "Infiltration", "Consolidation", "Edema", "Atelectasis"})
"""Text-mined labels that a radiologist would call an opacity of the lung; RSNA's class of that name is not used."""
CONCEPTS = dict(
    zip(
        FINDINGS,
        (
            "atelectasis", "cardiomegaly", "pleural effusion", "infiltration", "lung mass", "lung nodule", "pneumonia",
            "pneumothorax", "consolidation", "pulmonary edema", "emphysema", "pulmonary fibrosis", "pleural thickening",
            "hernia", "lung opacity",
        ),
        strict=True,
    )
)  # fmt: skip
"""Vocabulary name of each finding."""
IN_LUNG = frozenset(FINDINGS) - {"Cardiomegaly", "Effusion", "Pneumothorax", "Pleural_Thickening", "Hernia"}
"""Findings whose boxes must lie on the lung field."""
VIEWS = ("PA", "AP", "lateral")
TRAINED = ("nih512", "nih64", "nih_single", "kermany224", "kermany_full", "hannover")
RADIOLOGIST = "NIH_BBox_List_2017"


def split_of(row: PackRow, boxed: frozenset[str]) -> str:
    """Return train, val, test or boxed; a patient's films in every source share one split.

    `boxed` lists NIH patients with a radiologist's box whom the hash gave to train; they test localisation.
    """
    if row.source == "covid_cc":
        return "test"
    split = packs.pack(".").split_of(row.patient)
    return "boxed" if split == "train" and row.patient in boxed else split


def boxed_patients(rows: list[PackRow]) -> frozenset[str]:
    """Return the patients with a 512 px film that carries a radiologist's box of the NIH list."""
    return frozenset(r.patient for r in rows if r.source == "nih512" and any(b.readers == RADIOLOGIST for b in r.boxes))


def labels(row: PackRow) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return (target, known), each (15,): what the row's source says, and whether it says anything.

    NIH lists all its labels. Kermany's readers judged pneumonia only. Hannover and the COVID collection
    give a diagnosis, which is not a reading of the film.
    """
    target, known = np.zeros(len(FINDINGS), np.float32), np.zeros(len(FINDINGS), np.bool_)
    found = set(row.labels)
    if found & OPACITY:
        found.add("Lung Opacity")
    if row.source.startswith("nih"):
        known[:] = True
    elif row.source.startswith("kermany"):
        known[[FINDINGS.index("Pneumonia"), FINDINGS.index("Lung Opacity")]] = True
    for name in found & set(FINDINGS):
        target[FINDINGS.index(name)] = 1.0
    return target, known


def views(row: PackRow) -> NDArray[np.bool_]:
    """Return the views not ruled out; Kermany's cohort-wide AP is a frontal, no more."""
    if row.source.startswith("kermany"):
        return np.array([True, True, False])
    return np.array([row.view == "PA", row.view.startswith("AP"), row.view == "LATERAL"])


def cluster(row: PackRow) -> str:
    """Return the unit a bootstrap draws: the patient, or for Kermany's normal films the number in the file name.

    The manifest gives all films named 'IM-0115-0001' and so on one patient per series, which splits them
    cautiously but would leave a bootstrap nothing to draw.
    """
    if row.source.startswith("kermany") and row.patient.endswith("-IM"):
        return row.file.rsplit("/", 1)[-1].rsplit("-", 1)[0]
    return row.patient
