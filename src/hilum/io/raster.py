"""PNG, JPEG, TIFF and BMP to one Image: right 16 bit values, upright, on black, and never spacing it cannot know."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import DecodeError, HilumError, RefusedError, TooLargeError
from hilum.core.image import Image, Pixels, Window
from hilum.io.decode import luminance
from hilum.io.dicom import file_hash
from hilum.io.limits import Limits
from hilum.io.sniff import RASTERS, kind_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_WHITE_IS_ZERO = 0
_PHOTOMETRIC_TAG = 262


def read_image(path: str | Path, *, lazy: bool = False, limits: Limits | None = None, name: str = "") -> Image:
    """Read one picture as a radiograph; its content decides the reader, not its extension.

    Colour becomes luminance (ITU-R BT.601), transparency is laid on black, EXIF rotation is applied.
    8 bit pictures are shown as they are; 16 bit ones over their own range. 16 bit colour or
    transparency is read with 8 bits, which is all Pillow offers.

    Args:
        path: a PNG, JPEG, TIFF or BMP file.
        lazy: decode the pixels on first use.
        limits: bounds on size, checked before decoding.
        name: what errors call the file; its base name when not given.

    Returns:
        Image without spacing, orientation or view: a picture does not say. Its id is a content hash.

    Raises:
        DecodeError: if the file is of another kind, truncated or damaged.
        RefusedError: if it has several pages or frames.
        TooLargeError: if it declares more pixels or bytes than `limits` allow.
    """
    path, bounds = Path(path), limits or Limits()
    shown = name or path.name
    kind = kind_of(path)
    if kind not in RASTERS:
        what = "is empty (0 bytes)" if kind == "empty" else f"is {_article(kind)}, not a PNG, JPEG, TIFF or BMP picture"
        raise DecodeError(f"'{shown}' {what}")
    bounds.check_file(path.stat().st_size, shown)
    mode = _checked(path, kind, shown, bounds)
    image = Image(
        pixels=cast(Any, partial(_load, path, kind, shown, bounds)),  # travels to another process
        window=None if mode.startswith(("I", "F")) else Window(128.0, 256.0),
        id=file_hash(path),
        source=str(path),
    )
    if not lazy:
        _ = image.pixels
    return image


def _article(kind: str) -> str:
    return "of no known kind" if kind == "unknown" else f"a {kind} file"


def _checked(path: Path, kind: str, name: str, limits: Limits) -> str:
    """Return a picture's mode once its size and page count are found fit; decodes nothing."""
    return str(_opened(path, kind, name, limits, lambda picture: picture.mode))


def _load(path: Path, kind: str, name: str, limits: Limits) -> Pixels:
    if not path.exists():
        raise DecodeError(f"'{name}' is gone: pixels are decoded on first use, so use them while the intake is open")
    return cast(Pixels, _opened(path, kind, name, limits, _grey))


def _opened(path: Path, kind: str, name: str, limits: Limits, work: Any) -> Any:
    """Run `work` on an opened picture; whatever Pillow raises becomes one sentence that names the file."""
    from PIL import Image as Pictures
    from PIL import UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pictures.open(path, formats=(kind, "MPO") if kind == "JPEG" else (kind,)) as picture:
                limits.check_pixels(picture.height, picture.width, name)
                pages = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
                if pages > 1:
                    raise RefusedError(
                        f"'{name}' has {pages} pages; a radiograph has one. Save the page you need on its own"
                    )
                return work(picture)
    except HilumError:
        raise
    except Pictures.DecompressionBombError:
        raise TooLargeError(
            f"'{name}' declares more pixels than the limit of {limits.pixels / 1e6:.0f} megapixels"
        ) from None
    except MemoryError:
        raise DecodeError(f"'{name}' cannot be used: it asks for more memory than there is") from None
    except UnidentifiedImageError:
        raise DecodeError(f"'{name}' cannot be used: a damaged {kind}, or of a form Hilum does not read") from None
    except OSError as error:
        cut = "truncated" in str(error) or "broken" in str(error)
        raise DecodeError(f"'{name}' cannot be used: the picture is {'truncated' if cut else 'damaged'}") from None
    except Exception as error:  # Pillow's plug-ins raise anything on damaged input
        raise DecodeError(f"'{name}' cannot be used: the picture is damaged ({type(error).__name__})") from None


def _grey(picture: Picture) -> Pixels:
    """Return grey values float32 (H, W), upright."""
    from PIL import ImageOps

    picture.load()
    upright = ImageOps.exif_transpose(picture) or picture
    if upright.mode == "1":
        return np.asarray(upright.convert("L"), dtype=np.float32)
    if upright.mode.startswith(("I", "F")):
        return _deep(upright, white_is_zero=_white_is_zero(picture))
    if upright.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in upright.info:
        layers = np.asarray(upright.convert("RGBA"))
        return luminance(layers[..., :3]) * (layers[..., 3].astype(np.float32) / np.float32(255))
    if upright.mode == "L":
        return np.asarray(upright, dtype=np.float32)
    return luminance(np.asarray(upright.convert("RGB")))


def _deep(picture: Picture, *, white_is_zero: bool) -> Pixels:
    values: NDArray[Any] = np.asarray(picture)
    if picture.mode == "F" and not np.isfinite(values).all():
        raise ValueError("pixels that are not numbers")
    if white_is_zero:
        values = values.max() - values if picture.mode == "F" else 65535 - values.astype(np.int64)
    return values.astype(np.float32)


def _white_is_zero(picture: Picture) -> bool:
    """Tell whether a TIFF of more than 8 bits stores white as 0, which Pillow leaves to its caller."""
    entries = getattr(picture, "tag_v2", {})
    return bool(entries) and entries.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO
