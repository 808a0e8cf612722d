"""Writing files: whole or not at all, and the same bytes for the same input."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from hilum.core.errors import DecodeError, InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def made_uid(*parts: str) -> str:
    """Return a UID under 2.25 (PS3.5 B.2) that depends only on the parts."""
    digest = sha256("\x1f".join(parts).encode()).digest()
    return f"2.25.{UUID(bytes=digest[:16], version=5).int}"


def seal(ds: Dataset, *, syntax: str = "1.2.840.10008.1.2.1") -> Dataset:
    """Give a finished object its identity: SOP Instance UID from its content, and the file meta group.

    The same content gets the same UID, other content another one, so that no archive ever sees two
    different objects under one UID. No clock is read.

    Args:
        ds: the object, complete but for its SOP Instance UID; changed in place.
        syntax: transfer syntax UID its pixel data are encoded in (Explicit VR Little Endian by default).

    Returns:
        The same dataset.
    """
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.SOPInstanceUID = "2.25.0"
    ds.SOPInstanceUID = made_uid(sha256(encoded(ds)).hexdigest())
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def encoded(ds: Dataset) -> bytes:
    """Return a dataset with its file meta group as the bytes of a Part 10 file."""
    import pydicom

    buffer = BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def load_dicom(source: Dataset | str | Path, kind: str) -> Dataset:
    """Return a dataset as it is, or read the file that holds it; `kind` names what was expected.

    Raises:
        DecodeError: if the file cannot be read as DICOM.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    if isinstance(source, pydicom.Dataset):
        return source
    try:
        return pydicom.dcmread(source)
    except (OSError, InvalidDicomError) as error:
        raise DecodeError(f"cannot read '{Path(source).name}' as a DICOM {kind}: {error}") from error


def save_dicom(ds: Dataset, path: str | Path) -> Path:
    """Write a sealed DICOM object as a Part 10 file and return its path.

    Raises:
        InputError: if the place cannot be written.
    """
    return save_bytes(encoded(ds), path)


def save_text(text: str, path: str | Path) -> Path:
    """Write text as UTF-8, line ends untouched, and return its path.

    Raises:
        InputError: if the place cannot be written.
    """
    return save_bytes(text.encode("utf-8"), path)


def save_bytes(data: bytes, path: str | Path) -> Path:
    """Write bytes under a temporary name beside `path`, then rename: a reader never sees half a file.

    Raises:
        InputError: if the place cannot be written; nothing is left behind.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        os.replace(partial, target)
    except OSError as error:
        reason = error.strerror or "the system refused"
        raise InputError(f"cannot write '{target}': {reason}. Choose another place with -o.") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return target
