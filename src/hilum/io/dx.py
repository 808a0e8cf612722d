"""A computed radiograph as DICOM DX: derived, marked synthetic, with the geometry of its exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from hilum.core.errors import InputError
from hilum.core.image import Image, MadeBy
from hilum.core.study import Study
from hilum.io.codes import code_item, dictionary, line
from hilum.io.derived import derived
from hilum.io.header import film_header
from hilum.io.save import seal

DX = "1.2.840.10008.5.1.4.1.1.1.1"
"""Digital X-Ray Image Storage - For Presentation."""

CAUTION = "SYNTHETIC: computed from a CT, research use only"
_VIEW_CODES = {"PA": "PosteroAnterior", "AP": "AnteroPosterior", "LL": "LeftLateral", "RL": "RightLateral"}


@dataclass(frozen=True)
class Exposure:
    """What a header says of a computed exposure.

    Args:
        source_detector_mm: Distance Source to Detector (0018,1110), None for parallel rays.
        source_patient_mm: Distance Source to Patient (0018,1111), None for parallel rays.
        magnification: Estimated Radiographic Magnification Factor (0018,1114) at the isocentre.
        logarithmic: pixels are line integrals, else a film's grey values.
        description: how it was computed, for Derivation Description.
        kilovolts: tube voltage that was simulated, or None.
    """

    source_detector_mm: float | None
    source_patient_mm: float | None
    magnification: float
    logarithmic: bool = True
    description: str = ""
    kilovolts: float | None = None


def radiograph(
    image: Image, stored: NDArray[np.uint16], study: Study, exposure: Exposure, *, made_by: MadeBy, number: int = 1
) -> Dataset:
    """Return a computed radiograph as a sealed DX object of a study without identity.

    Args:
        image: view, spacing and orientation of the film.
        stored: (H, W) uint16, higher is brighter.
        study: whose film it is; it gives pseudonyms and UIDs, the same for all films of the study.
        exposure: geometry and how it was computed.
        made_by: the program that computed it.
        number: Instance Number.

    Raises:
        InputError: if the image has no spacing or orientation, without which no DX object is valid.
    """
    if image.spacing_mm is None or image.orientation is None:
        raise InputError(f"film '{image.id}' has no spacing or no orientation: a DX object needs both")
    header = film_header(image, study)
    ds = derived(header, sop_class=DX, modality="DX", series=number, made_by=made_by, what="Projected CT")
    ds.InstanceNumber = "1"
    ds.SeriesDescription = line(f"SYNTHETIC {image.view}: projected CT (research use only)")
    ds.ContributingEquipmentSequence[0].ContributionDescription = CAUTION
    ds.ImageType = ["DERIVED", "PRIMARY", ""]
    ds.PresentationIntentType = "FOR PRESENTATION"
    # Synthetic Data (0008,001C) is an error to many validators; these words are what `tags.synthetic` reads back.
    ds.DerivationDescription = line(f"{CAUTION}. {exposure.description}", 1024)
    ds.ImageComments = f"{CAUTION}. Never exposed; not for diagnosis."
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"
    _anatomy(ds, image)
    _geometry(ds, image.spacing_mm, exposure)
    _pixels(ds, stored, exposure)
    return seal(ds)


def _anatomy(ds: Dataset, image: Image) -> None:
    ds.BodyPartExamined, ds.ImageLaterality = "CHEST", "U"
    ds.AnatomicRegionSequence = Items([code_item(dictionary("SCT", "Chest"))])
    ds.PatientOrientation = list(image.orientation or ())
    ds.ViewPosition = image.view
    ds.ViewCodeSequence = Items([code_item(dictionary("SCT", _VIEW_CODES[image.view]))])
    ds.ViewCodeSequence[0].ViewModifierCodeSequence = Items([])
    ds.AcquisitionContextSequence, ds.PositionerType = Items([]), "NONE"


def _geometry(ds: Dataset, spacing: tuple[float, float], exposure: Exposure) -> None:
    """Spacing at the detector, distances and magnification; a detector that never was has no serial number."""
    told = [f"{step:.10g}" for step in spacing]
    ds.ImagerPixelSpacing = told
    if exposure.source_detector_mm is None:
        ds.PixelSpacing, ds.PixelSpacingCalibrationType = told, "GEOMETRY"
        ds.PixelSpacingCalibrationDescription = "parallel rays: no magnification"
    else:
        ds.DistanceSourceToDetector = f"{exposure.source_detector_mm:.10g}"
        if exposure.source_patient_mm is not None:
            ds.DistanceSourceToPatient = f"{exposure.source_patient_mm:.10g}"
    ds.EstimatedRadiographicMagnificationFactor = f"{exposure.magnification:.10g}"
    ds.DetectorType, ds.DetectorConfiguration = "DIRECT", "AREA"
    if exposure.kilovolts is not None:
        ds.KVP = f"{exposure.kilovolts:g}"


def _pixels(ds: Dataset, stored: NDArray[np.uint16], exposure: Exposure) -> None:
    ds.Rows, ds.Columns = stored.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.PresentationLUTShape = "IDENTITY"
    low, high = (float(value) for value in np.percentile(stored, (1.0, 99.8)))
    if not exposure.logarithmic:
        low, high = 0.0, 65535.0
    ds.WindowCenter, ds.WindowWidth = f"{(low + high + 1) / 2:.10g}", f"{max(high - low + 1, 1):.10g}"
    ds.PixelData = np.ascontiguousarray(stored, "<u2").tobytes()
    ds["PixelData"].VR = "OW"
