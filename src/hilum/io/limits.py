"""What Hilum agrees to open: pixels, bytes, members; checked before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from hilum.core.errors import TooLargeError

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True)
class Limits:
    """Upper bounds for untrusted input.

    Args:
        pixels: pixels of one film (rows x columns).
        file_bytes: bytes of one file, and of one file inflated.
        volume_bytes: bytes of one CT in memory as float32.
        files: files looked at in one intake.
        archive_bytes: bytes of all members of one archive, unpacked.
        archive_members: members of one archive.
        archive_ratio: unpacked bytes per packed byte, above 100 MB unpacked.
        depth: nested folders followed.
    """

    pixels: int = 100_000_000
    file_bytes: int = 2 * 2**30
    volume_bytes: int = 4 * 2**30
    files: int = 200_000
    archive_bytes: int = 8 * 2**30
    archive_members: int = 20_000
    archive_ratio: int = 200
    depth: int = 64

    def check_pixels(self, rows: int, columns: int, name: str) -> None:
        """Raise TooLargeError if `rows` x `columns` is more than one film may have."""
        if rows * columns > self.pixels:
            raise TooLargeError(
                f"'{name}' declares {rows} x {columns} pixels ({rows * columns / 1e6:.0f} megapixels); "
                f"the limit is {self.pixels / 1e6:.0f} megapixels. Check the file, or raise Limits.pixels."
            )

    def check_file(self, size: int, name: str) -> None:
        """Raise TooLargeError if a file of `size` bytes is more than Hilum opens."""
        if size > self.file_bytes:
            raise TooLargeError(
                f"'{name}' holds {amount(size)}; the limit is {amount(self.file_bytes)}. "
                "Raise Limits.file_bytes to read it."
            )

    def check_volume(self, voxels: int, name: str) -> None:
        """Raise TooLargeError if `voxels` float32 values need more memory than a CT may take."""
        if voxels * 4 > self.volume_bytes:
            raise TooLargeError(
                f"'{name}' needs {amount(voxels * 4)} of memory as a volume; the limit is "
                f"{amount(self.volume_bytes)}. Resample or crop it, or raise Limits.volume_bytes."
            )


def amount(size: float) -> str:
    """Return a number of bytes for people, e.g. '1.5 GiB'."""
    for unit in _UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {_UNITS[-1]}"
