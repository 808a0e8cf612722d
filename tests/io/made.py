"""Made DICOM files for tests: one small film, described as a test needs it, in any transfer syntax."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

ROOT_UID = "1.2.826.0.1.3680043.10.1234."


def ramp(rows: int = 24, columns: int = 32, bits: int = 12) -> np.ndarray:
    """A smooth slope with some noise, so that every codec has something to do."""
    noise = np.random.default_rng(7).integers(0, 5, (rows, columns))
    slope = np.add.outer(np.arange(rows) * 3, np.arange(columns) * 5)
    top = (1 << bits) - 1
    return np.clip(slope * top // (slope.max() + 8) + noise, 0, top).astype(np.uint16 if bits > 8 else np.uint8)


def film(pixels: np.ndarray | None = None, number: int = 1, **changes: Any) -> Dataset:
    """A CR header around `pixels`; a change to None removes the attribute."""
    pixels = ramp() if pixels is None else pixels
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = ComputedRadiographyImageStorage, f"{ROOT_UID}{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT_UID}100", f"{ROOT_UID}200"
    ds.Modality, ds.PatientID, ds.PatientName = "CR", "P1", "Doe^Jane"
    ds.StudyDate, ds.StudyTime, ds.ViewPosition = "20240102", "101112", "PA"
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    ds.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        ds.PlanarConfiguration = 0
    bits = pixels.dtype.itemsize * 8
    ds.BitsAllocated = bits
    ds.BitsStored = 12 if bits == 16 and pixels.dtype.kind == "u" else bits
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    ds["PixelData"].VR = "OW" if bits == 16 else "OB"
    for name, value in changes.items():
        if value is None:
            del ds[name]
        else:
            setattr(ds, name, value)
    return ds


def write(ds: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Save with preamble and file meta information in an uncompressed or deflated syntax."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CTImageStorage)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3")
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    if not little and ds.BitsAllocated == 16:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.save_as(path, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    if syntax == DeflatedExplicitVRLittleEndian:
        assert ds.file_meta.TransferSyntaxUID == syntax
    return path


def write_frame(ds: Dataset, frame: bytes, path: Path, syntax: str) -> Path:
    """Save with `frame` as the one fragment of an encapsulated syntax."""
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return write(ds, path, syntax)


def compressed(ds: Dataset, path: Path, syntax: str) -> Path:
    """Save through pydicom's own encoder: RLE, JPEG-LS, JPEG 2000."""
    write(ds, path)
    plugin = "pydicom" if syntax == RLELossless else ""  # gdcm's RLE encoder aborts the process on odd sizes
    ds.compress(UID(syntax), encoding_plugin=plugin, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)
    return path


def ct_slices(folder: Path, count: int = 5, step: float = 2.5, **changes: Any) -> list[Path]:
    """A small axial CT series, feet first in file order reversed, so that sorting has to work."""
    paths = []
    for index in range(count):
        pixels = np.full((6, 8), 1000 + index, np.int16)
        pixels[index % 6, 0] = 0
        ds = film(pixels, number=1000 + index, SOPClassUID=CTImageStorage, Modality="CT", ViewPosition=None)
        ds.SeriesInstanceUID = f"{ROOT_UID}300"
        ds.RescaleSlope, ds.RescaleIntercept = 2, -1024 - index
        ds.ImagePositionPatient, ds.ImageOrientationPatient = [-10.0, -20.0, 30 + index * step], [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing, ds.InstanceNumber = [0.7, 0.9], count - index
        for name, value in changes.items():
            setattr(ds, name, value(index) if callable(value) else value)
        paths.append(write(ds, folder / f"{count - index:03d}.dcm"))
    return paths


def deflate_bomb(path: Path, size: int) -> Path:
    """A deflated DICOM file of a few kilobytes that inflates to `size` zero bytes."""
    meta = b"\x02\x00\x10\x00UI" + struct.pack("<H", 22) + b"1.2.840.10008.1.2.1.99"
    group = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<L", len(meta))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(size // 2**20)) + packer.flush()
    path.write_bytes(bytes(128) + b"DICM" + group + meta + body)
    return path
