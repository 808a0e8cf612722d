"""DICOM JSON (PS3.18 F): rows of the index, headers of files with the addresses of their bulk data, answers to STOW."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import DecodeError, MissingError

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

INLINE_BYTES = 1_024
_PIXELS = "7FE00010"
_BINARY = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")


@lru_cache(maxsize=256)
def tag_and_vr(keyword: str) -> tuple[str, str]:
    """Return ('0020000D', 'UI') of a keyword; ('', '') of a word that is none."""
    from pydicom.datadict import dictionary_VR, tag_for_keyword

    tag = tag_for_keyword(keyword)
    return (f"{tag:08X}", dictionary_VR(tag)) if tag is not None else ("", "")


def keyword_of(name: str) -> str:
    """Return the keyword of a query's attribute, given as keyword or as eight hexadecimal digits; '' if neither."""
    from pydicom.datadict import keyword_for_tag

    if tag_and_vr(name)[0]:
        return name
    try:
        return keyword_for_tag(int(name, 16)) if len(name) == 8 else ""
    except ValueError:
        return ""


def attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the DICOM JSON of keyword to value: text, number, list, or a list of mappings for a sequence."""
    found = dict(_attribute(keyword, value) for keyword, value in values.items())
    return {tag: found[tag] for tag in sorted(found)}


def _attribute(keyword: str, value: Any) -> tuple[str, dict[str, Any]]:
    tag, vr = tag_and_vr(keyword)
    if value is None or value in ("", []):
        return tag, {"vr": vr}
    if vr == "SQ":
        return tag, {"vr": vr, "Value": [attributes(item) for item in value]}
    several = value if isinstance(value, list) else value.strip("\\").split("\\") if vr == "CS" else [value]
    if vr == "PN":
        several = [_name(text) for text in several]
    return tag, {"vr": vr, "Value": several}


def _name(text: str) -> dict[str, str]:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("=")[:3], strict=False)
    return {group: value for group, value in groups if value}


def encode(value: Any) -> bytes:
    """Return JSON as bytes; numbers that JSON has no word for become null."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
    except ValueError:
        return encode(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def metadata(path: Path, address: str, *, pixels: bool) -> dict[str, Any]:
    """Return the header of a file as DICOM JSON; values above 1 KiB and the pixels are named by their address.

    Args:
        path: a file of the archive.
        address: the URL of its bulk data, without a trailing slash.
        pixels: whether the file has Pixel Data.

    Raises:
        DecodeError: if the header cannot be turned into JSON.
    """
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = dcmread(path, stop_before_pixels=True)
            places = {id(element): place for place, element in _binaries(ds, "")}
            told: dict[str, Any] = ds.to_json_dict(
                bulk_data_threshold=INLINE_BYTES + 1,
                bulk_data_element_handler=lambda element: f"{address}/{places.get(id(element), '0')}",
                suppress_invalid_tags=True,
            )
    except (MemoryError, RecursionError):
        raise DecodeError("the header of this instance is too deep or too large for JSON") from None
    except Exception as error:  # a parser raises anything on damaged values
        raise DecodeError(f"the header of this instance is damaged ({type(error).__name__})") from None
    if pixels:
        deep = (told.get("00280100", {}).get("Value") or [16])[0]
        told[_PIXELS] = {"vr": "OW" if deep != 8 else "OB", "BulkDataURI": f"{address}/{_PIXELS}"}
    return told


def _binaries(ds: Dataset, prefix: str) -> Iterator[tuple[str, DataElement]]:
    for tag in list(ds.keys()):
        element = ds[tag]
        name = f"{prefix}{int(tag):08X}"
        if element.VR == "SQ":
            for index, item in enumerate(element.value):
                yield from _binaries(item, f"{name}/{index}/")
        elif element.VR in _BINARY:
            yield name, element


def bulk_value(path: Path, place: list[str]) -> bytes:
    """Return one large value of a header; `place` is a path such as ['00409096', '0', '00281056'].

    Raises:
        MissingError: if there is no such value.
    """
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: Any = dcmread(path, stop_before_pixels=True)
            for step, index in zip(place[::2], [*place[1::2], ""], strict=True):
                element = found[int(step, 16)]
                found = element.value[int(index)] if index else element.value
    except Exception:  # no such tag, no such item, a damaged value: it is not here
        raise MissingError("This instance has no such bulk data.") from None
    if not isinstance(found, bytes):
        raise MissingError("This instance has no such bulk data.")
    return found
