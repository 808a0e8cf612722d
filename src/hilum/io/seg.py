"""DICOM segmentation of a film: one binary frame per mask, laid on a made-up plane that viewers accept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from hilum.core.errors import DecodeError, InputError
from hilum.core.image import Image, MadeBy
from hilum.core.region import Mask
from hilum.io.codes import PRIVATE, code_item, code_of, dictionary, line, local_scheme_item, named
from hilum.io.derived import CAUTION_TEXT, derived, reference
from hilum.io.save import load_dicom, made_uid, seal

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_ROW_OF_COLOURS = ((43803, 26565, 45837), (37094, 38402, 19520), (50115, 37779, 51143), (31000, 45000, 40000))
"""Recommended Display CIELab values, 16 bit each, as (0062,000D) wants them."""


def segmentation(image: Image, masks: Sequence[Mask], header: Dataset, *, made_by: MadeBy) -> Dataset:
    """Write masks of one film as a binary segmentation.

    A radiograph has no place in the patient, but viewers refuse a segmentation without one, so the object
    gets a frame of reference of its own: rows to +x, columns to +y, position 0, thickness 1 mm. The film
    itself stays untouched. Without any spacing there is no such plane: the masks then refer to the film by
    pixels alone, as a false millimetre would be worse than a viewer that cannot draw them.

    Args:
        image: the film.
        masks: bool (H, W) of the film's size, with a label each; they may overlap.
        header: from `header.film_header`.
        made_by: the model.

    Returns:
        A sealed Segmentation object with one segment per mask, in order.

    Raises:
        InputError: if there is no mask, or one has another size than the film.
    """
    size = (int(header.Rows), int(header.Columns))
    if not masks:
        raise InputError(f"image '{image.id}' has no mask to write: a segmentation needs at least one")
    for mask in masks:
        if mask.pixels.shape != size:
            raise InputError(f"mask '{mask.label}' is {mask.pixels.shape} but the film is {size}: bring it to its size")
    ds = derived(header, sop_class=SEGMENTATION, modality="SEG", series=9002, made_by=made_by, what="Segmentation")
    _describe(ds, header, size)
    ds.SegmentSequence = Items([_segment(number, mask, made_by) for number, mask in enumerate(masks, 1)])
    _frames(ds, header, len(masks), image.spacing_mm)
    # Bits of all frames run on without padding, first pixel in the lowest bit (PS3.5 8.1.1).
    bits = np.packbits(np.concatenate([mask.pixels.ravel() for mask in masks]), bitorder="little").tobytes()
    ds.PixelData = bits + b"\0" * (len(bits) % 2)
    ds["PixelData"].VR = "OB"
    return seal(ds)


def read_masks(source: Dataset | str | Path) -> list[Mask]:
    """Read the masks of a binary segmentation of one film, in segment order.

    Returns:
        Masks bool (H, W); `image` is the SOP Instance UID the object refers to, `label` the segment's.

    Raises:
        DecodeError: if it is not a binary segmentation.
    """
    ds = load_dicom(source, "segmentation")
    if ds.get("SOPClassUID") != SEGMENTATION or ds.get("SegmentationType") != "BINARY":
        raise DecodeError(f"not a binary segmentation: it is {ds.get('SOPClassUID', 'unnamed')}")
    pixels = np.asarray(ds.pixel_array, dtype=np.bool_).reshape(-1, ds.Rows, ds.Columns)
    series = ds.get("ReferencedSeriesSequence")
    film = str(series[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID) if series else ""
    planes: dict[int, NDArray[np.bool_]] = {}
    for frame, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
        number = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        planes[number] = planes.get(number, np.zeros_like(pixels[0])) | pixels[frame]
    empty = np.zeros((ds.Rows, ds.Columns), dtype=np.bool_)
    return [
        Mask(planes.get(int(item.SegmentNumber), empty), image=film, label=str(item.SegmentLabel))
        for item in ds.SegmentSequence
    ]


def _describe(ds: Dataset, header: Dataset, size: tuple[int, int]) -> None:
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.ContentLabel, ds.ContentDescription = "HILUM", CAUTION_TEXT
    ds.ContentCreatorName = ""
    ds.Rows, ds.Columns = size
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = ds.PixelRepresentation = 0
    ds.LossyImageCompression = "00"
    ds.SegmentationType, ds.SegmentsOverlap = "BINARY", "UNDEFINED"
    ds.BodyPartExamined = "CHEST"
    entry = Dataset()
    entry.SeriesInstanceUID = header.SeriesInstanceUID
    entry.ReferencedInstanceSequence = Items([reference(header)])
    ds.ReferencedSeriesSequence = Items([entry])


def _segment(number: int, mask: Mask, made_by: MadeBy) -> Dataset:
    item, label = Dataset(), mask.label or "lungs"
    kind = named(label)
    if kind.scheme_designator == PRIVATE and "lung" in label.lower():
        kind = dictionary("SCT", "Lung")
    item.SegmentNumber, item.SegmentLabel = number, line(label)
    item.SegmentDescription = CAUTION_TEXT
    item.SegmentAlgorithmType, item.SegmentAlgorithmName = "AUTOMATIC", line(made_by.name)
    algorithm = Dataset()
    algorithm.AlgorithmFamilyCodeSequence = Items([code_item(dictionary("DCM", "ArtificialIntelligence"))])
    algorithm.AlgorithmName, algorithm.AlgorithmVersion = line(made_by.name), line(made_by.version) or "unknown"
    algorithm.AlgorithmParameters = f"weights sha256={made_by.sha256 or 'none'}"
    item.SegmentationAlgorithmIdentificationSequence = Items([algorithm])
    item.SegmentedPropertyCategoryCodeSequence = Items([code_item(dictionary("SCT", "AnatomicalStructure"))])
    item.SegmentedPropertyTypeCodeSequence = Items([code_item(kind)])
    item.RecommendedDisplayCIELabValue = list(_ROW_OF_COLOURS[(number - 1) % len(_ROW_OF_COLOURS)])
    return item


def _frames(ds: Dataset, header: Dataset, count: int, spacing: tuple[float, float] | None) -> None:
    """Write the dimension and functional-group modules, on a plane of its own where spacing is known."""
    organization = made_uid("dimension", str(ds.SeriesInstanceUID))
    unit = Dataset()
    unit.DimensionOrganizationUID = organization
    ds.DimensionOrganizationSequence = Items([unit])
    index = Dataset()
    index.DimensionOrganizationUID = organization
    index.DimensionIndexPointer, index.FunctionalGroupPointer = 0x0062000B, 0x0062000A
    index.DimensionDescriptionLabel = "Segment Number"
    ds.DimensionIndexSequence = Items([index])
    if any(
        code_of(item.SegmentedPropertyTypeCodeSequence[0]).scheme_designator == PRIVATE for item in ds.SegmentSequence
    ):
        ds.CodingSchemeIdentificationSequence = Items([local_scheme_item()])
    shared = Dataset()
    if spacing:
        ds.FrameOfReferenceUID = made_uid("plane", str(header.SOPInstanceUID))
        ds.PositionReferenceIndicator = ""
        shared.PixelMeasuresSequence = _one(PixelSpacing=[f"{step:.10g}" for step in spacing], SliceThickness="1")
        shared.PlaneOrientationSequence = _one(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])
    else:
        ds.PatientOrientation = header.get("PatientOrientation") or ""
    ds.SharedFunctionalGroupsSequence = Items([shared])
    ds.NumberOfFrames = count
    ds.PerFrameFunctionalGroupsSequence = Items([_frame(number, header, spacing) for number in range(1, count + 1)])


def _frame(number: int, header: Dataset, spacing: tuple[float, float] | None) -> Dataset:
    frame = Dataset()
    frame.FrameContentSequence = _one(DimensionIndexValues=[number])
    frame.SegmentIdentificationSequence = _one(ReferencedSegmentNumber=number)
    if spacing:
        frame.PlanePositionSequence = _one(ImagePositionPatient=["0", "0", "0"])
    source = reference(header)
    purpose = dictionary("DCM", "SourceImageForImageProcessingOperation")
    source.PurposeOfReferenceCodeSequence = Items([code_item(purpose)])
    source.SpatialLocationsPreserved = "YES"
    derivation = Dataset()
    derivation.SourceImageSequence = Items([source])
    derivation.DerivationCodeSequence = Items([code_item(dictionary("DCM", "Segmentation"))])
    frame.DerivationImageSequence = Items([derivation])
    return frame


def _one(**values: object) -> Items:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return Items([item])
