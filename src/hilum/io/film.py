"""A film as a DICOM file that goes with what is written about it: the same identity, and pixels as they came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hilum.core.errors import DecodeError
from hilum.core.image import Image, Lut, Window
from hilum.core.study import Study
from hilum.io.codes import line
from hilum.io.deidentify import basic_profile
from hilum.io.dx import CAUTION
from hilum.io.header import SECONDARY_CAPTURE, film_header
from hilum.io.save import encoded
from hilum.io.sniff import kind_of

_TOP = 65535.0


def film_file(
    image: Image, study: Study, *, keep_identifiers: bool = False, magnification: float | None = None
) -> bytes:
    """Return a film as a Part 10 file, whose UIDs are those that derived objects of the same study refer to.

    A DICOM film keeps its pixel data and their encoding; unless `keep_identifiers`, its header goes by the Basic
    Profile and gets the pseudonyms of `film_header`. Any other picture becomes a Secondary Capture with 16 bit.

    Args:
        image: the film; `source` may name the DICOM file it came from.
        study: the study it belongs to.
        keep_identifiers: copy a DICOM file as it is.
        magnification: how much larger the chest is on the detector, where it is known.

    Raises:
        DecodeError: if the source is gone, or its pixels cannot be read.
    """
    path = Path(image.source) if image.source else None
    if path is None or not path.is_file() or kind_of(path) != "DICOM":
        return encoded(_captured(image, study, keep_identifiers, magnification))
    try:
        if keep_identifiers:
            return path.read_bytes()
        return encoded(_without_identity(path, image, study))
    except OSError as error:
        raise DecodeError(f"cannot read '{path.name}' again: {error.strerror or error}") from error
    except Exception:  # a header that no writer accepts: its pixels, as Hilum reads them, go without it
        return encoded(_captured(image, study, keep_identifiers, magnification))


def _without_identity(path: Path, image: Image, study: Study) -> Dataset:
    import pydicom

    source = pydicom.dcmread(path, force=True)
    clean, header = basic_profile(source), film_header(image, study)
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(clean, keyword, header.get(keyword))
    if not clean.get("SOPClassUID"):
        clean.SOPClassUID = header.SOPClassUID
    if image.synthetic:
        clean.DerivationDescription, clean.ImageComments = CAUTION, CAUTION
        clean.ImageType = ["DERIVED", *list(clean.get("ImageType") or ["", "PRIMARY"])[1:]]
    return _sealed(clean, source)


def _sealed(ds: Dataset, source: Dataset | None) -> Dataset:
    """Give a dataset the file meta group of its encoding, which files from elsewhere may lack."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    meta = getattr(source, "file_meta", None)
    syntax = meta.get("TransferSyntaxUID") if meta is not None else None
    if not syntax:
        implicit, little = source.original_encoding if source is not None else (False, True)
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return ds


def _captured(image: Image, study: Study, keep: bool, magnification: float | None) -> Dataset:
    """A picture that was no DICOM file as a Secondary Capture."""
    ds = film_header(image, study, keep_identifiers=keep)
    for keyword in ("SyntheticData", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "VOILUTSequence"):
        if keyword in ds:
            delattr(ds, keyword)
    ds.SOPClassUID = SECONDARY_CAPTURE
    ds.Modality = "DX" if image.spacing_mm else "OT"
    ds.ConversionType, ds.SeriesNumber = "WSD", 1
    ds.Manufacturer, ds.SeriesDescription = "Hilum", f"{image.view} film from a picture file"
    ds.LossyImageCompression = "00"  # and nothing of burned-in text, as nobody looked
    if image.synthetic:
        ds.ImageType, ds.DerivationDescription, ds.ImageComments = ["DERIVED", "PRIMARY"], CAUTION, CAUTION
        ds.SeriesDescription = line(f"SYNTHETIC {image.view} (research use only)")
    else:
        ds.ImageType = ["DERIVED", "SECONDARY"]
    if image.spacing_plane == "patient":
        ds.PixelSpacingCalibrationType = "GEOMETRY"
    if magnification:
        ds.EstimatedRadiographicMagnificationFactor = f"{magnification:.10g}"
    stored, window = stored_as(image)
    ds.SamplesPerPixel, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 1, 16, 16, 15, 0
    ds.WindowCenter, ds.WindowWidth = f"{window.center:.10g}", f"{window.width:.10g}"
    if window.function != "LINEAR":
        ds.VOILUTFunction = window.function
    ds.PixelData = np.ascontiguousarray(stored, "<u2").tobytes()
    ds["PixelData"].VR = "OW"
    return _sealed(ds, None)


def stored_as(image: Image) -> tuple[NDArray[np.uint16], Window]:
    """Return the values that a picture's Secondary Capture holds, and the window in them that shows it.

    Whole numbers from 0 to 65,535 stay as they are; of others, what is shown is spread over 16 bit.

    Args:
        image: a film that did not come from a DICOM file.
    """
    values, window = image.pixels, image.window
    whole = float(values.min()) >= 0 and float(values.max()) <= _TOP and bool((values == np.rint(values)).all())
    if whole and float(values.max()) > 1 and not isinstance(window, Lut):
        low, high = float(values.min()), float(values.max())
        spans = Window((low + high + 1) / 2, high - low + 1) if high > low else Window(low + 1, 1.0)
        return values.astype(np.uint16), window or spans
    shown = image.display()
    if image.inverted:  # polarity goes last: the header says MONOCHROME1
        shown = 1.0 - shown
    return np.rint(shown * _TOP).astype(np.uint16), Window(32768.0, 65536.0)
