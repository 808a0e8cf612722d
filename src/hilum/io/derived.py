"""The shell of every object derived from a film: whose it is, which model made it, and the caution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from hilum.core.image import MadeBy
from hilum.core.study import Study
from hilum.io.codes import code_item, dictionary, line
from hilum.io.save import made_uid

CAUTION = "AI-made · research use only"
CAUTION_TEXT = "AI-made, research use only"
"""The same caution in the plain characters of a DICOM description."""

NEUTRAL_DATE, NEUTRAL_TIME = "19000101", "000000"
"""Stand for 'not told' where an IOD demands a date: PS3.15 asks for a dummy, and a clock would change bytes."""

_PATIENT_AND_STUDY = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"),
    *("ReferringPhysicianName", "StudyDescription", "StudyInstanceUID", "StudyDate", "StudyTime"),
    *("PatientIdentityRemoved", "DeidentificationMethod"),
)


@dataclass(frozen=True)
class Signed:
    """The people who edited a reading.

    Args:
        readers: their names, in order of their first edit; findings with such a maker are theirs and no model's.
        final: whether the last of them signed it.
        when: when he did.
    """

    readers: tuple[str, ...] = ()
    final: bool = False
    when: datetime | None = None

    def device(self, study: Study) -> MadeBy:
        """Return the model behind a study; Hilum itself where only people said something."""
        from hilum import __version__

        model = maker(study)
        return MadeBy("hilum", __version__) if model.name in self.readers else model


def maker(study: Study) -> MadeBy:
    """Return who made a study's findings: the last signer that added some, else the last signer."""
    signers = [entry.made_by for entry in study.provenance if "findings" in entry.added]
    named = signers or [entry.made_by for entry in study.provenance]
    return named[-1] if named else next((f.made_by for f in study.findings if f.made_by), MadeBy("unnamed"))


def derived(
    header: Dataset, *, sop_class: str, modality: str, series: int, made_by: MadeBy, what: str, once: bool = False
) -> Dataset:
    """Start an object derived from a film: patient, study, series, equipment and dates, no content.

    Args:
        header: from `film_header`.
        sop_class: SOP Class UID of the new object.
        modality: its Modality (0008,0060).
        series: its Series Number.
        made_by: the model; its name, version and weight hash fill the equipment module.
        what: what the object is, in a few words.
        once: one object for the whole study instead of one for the film.

    Returns:
        A dataset that still lacks its content and `seal`.
    """
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _PATIENT_AND_STUDY:
        if keyword in header:
            setattr(ds, keyword, header.get(keyword))
    about = header.StudyInstanceUID if once else header.SOPInstanceUID
    ds.SOPClassUID = sop_class
    ds.SeriesInstanceUID = made_uid(modality, str(about), made_by.name, made_by.version, made_by.sha256)
    ds.Modality, ds.SeriesNumber = modality, series
    ds.InstanceNumber = str(header.InstanceNumber)
    # Synthetic Data (0008,001C) itself is unknown to many validators; the words are read by everyone.
    mark = "SYNTHETIC film: " if header.get("SyntheticData") == "YES" else ""
    ds.SeriesDescription = line(f"{mark}{what} ({CAUTION_TEXT})")
    ds.Manufacturer = "Hilum"
    ds.ManufacturerModelName = line(made_by.name)
    ds.DeviceSerialNumber = line(made_by.sha256) or "none"
    ds.SoftwareVersions = [line(made_by.version) or "unknown", _hilum()]
    ds.ContentDate = str(header.get("ContentDate") or header.StudyDate or NEUTRAL_DATE)
    ds.ContentTime = str(header.get("ContentTime") or header.StudyTime or NEUTRAL_TIME)
    ds.ContributingEquipmentSequence = Items([_contribution(made_by)])
    return ds


def _hilum() -> str:
    from hilum import __version__

    return f"hilum {__version__}"


def _contribution(made_by: MadeBy) -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = Items([code_item(dictionary("DCM", "ProcessingEquipment"))])
    item.Manufacturer, item.ManufacturerModelName = "Hilum", line(made_by.name)
    item.SoftwareVersions = line(made_by.version) or "unknown"
    item.ContributionDescription = f"{CAUTION_TEXT}. Model {line(made_by)}; weights sha256 {made_by.sha256 or 'none'}."
    return item


def reference(header: Dataset) -> Dataset:
    """Return an item that refers to the film by SOP class and instance."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    return item
