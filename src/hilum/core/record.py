"""The JSON form of every type: what is written is read back equal, under one schema version."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.equality import FrozenDict
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding, Measurement, Span
from hilum.core.image import Image, Lut, MadeBy, Volume, Window
from hilum.core.region import Box, Mask, Points
from hilum.core.report import Question, Report, Sentence
from hilum.core.study import Provenance, Study

SCHEMA = 1

_TYPES = {
    cls.__name__: cls
    for cls in (
        Box, Finding, Image, Lut, MadeBy, Mask, Measurement, Points, Provenance,
        Question, Report, Sentence, Span, Study, Volume, Window,
    )
}  # fmt: skip
_LAZY = {"Image": "pixels", "Volume": "voxels"}


def to_json(record: Any, *, pixels: bool = False) -> dict[str, Any]:
    """Return the JSON form of one record.

    Args:
        record: any of the seven types or their parts.
        pixels: embed image and volume arrays (compressed, exact); else only their shape and hash.

    Raises:
        InputError: if `record` is not one of Hilum's types.
    """
    if isinstance(record, Cohort):
        return {"schema": SCHEMA, **_encode_cohort(record, pixels)}
    if type(record).__name__ not in _TYPES:
        raise InputError(f"a {type(record).__name__} has no JSON form; types that have: {', '.join(_TYPES)}")
    body: dict[str, Any] = _encode(record, pixels)
    return {"schema": SCHEMA, **body}


def from_json(data: Mapping[str, Any] | str) -> Any:
    """Return the record that a JSON form describes.

    Raises:
        InputError: if it is not Hilum's JSON, of a newer schema, or holds fields that its type does not have.
    """
    try:
        loaded = json.loads(data) if isinstance(data, str) else data
    except json.JSONDecodeError as error:
        raise InputError(f"not valid JSON: {error}") from error
    if isinstance(loaded, Mapping) and loaded.get("type") == "Cohort":
        return _decode_cohort(loaded)
    if not isinstance(loaded, Mapping) or loaded.get("type") not in _TYPES:
        raise InputError("not a Hilum record: expected an object with 'schema' and 'type'")
    if int(loaded.get("schema", 0)) > SCHEMA:
        raise InputError(f"this record has schema {loaded['schema']}, newer than {SCHEMA}: upgrade hilum to read it")
    try:
        return _decode({key: value for key, value in loaded.items() if key != "schema"})
    except (TypeError, ValueError, KeyError, zlib.error) as error:
        raise InputError(f"the {loaded['type']} record is damaged: {error}") from error


def _encode_cohort(cohort: Cohort, pixels: bool) -> dict[str, Any]:
    """A cohort's facts, its studies in order, and the split each patient is in."""
    studies = list(cohort)
    patients = {study.patient or study.id for study in studies}
    splits = {patient: cohort.split_of(patient) for patient in sorted(patients)} if cohort.splits else {}
    facts = {name: getattr(cohort, name) for name in ("name", "licence", "citation", "label_set")}
    return {"type": "Cohort", **facts, "splits": splits, "studies": [_encode(study, pixels) for study in studies]}


def _decode_cohort(value: Mapping[str, Any]) -> Cohort:
    facts = {name: str(value.get(name, "")) for name in ("name", "licence", "citation", "label_set")}
    splits = dict(value.get("splits", {}))
    studies = _decode(list(value.get("studies", [])))
    return Cohort(studies=studies, splits=splits.__getitem__ if splits else {}, **facts)


def _encode(value: Any, pixels: bool) -> Any:
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _encode_record(value, pixels)
    if isinstance(value, datetime):
        return {"type": "datetime", "value": value.isoformat()}
    if isinstance(value, FrozenDict):
        return dict(sorted(value.items()))
    if isinstance(value, (tuple, list)):
        return [_encode(item, pixels) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _encode_record(value: Any, pixels: bool) -> dict[str, Any]:
    name = type(value).__name__
    out: dict[str, Any] = {"type": name}
    for item in fields(value):
        if item.name == _LAZY.get(name):
            out[item.name] = _encode_pixels(value, item.name, pixels)
        elif name == "Mask" and item.name == "pixels":
            out[item.name] = _encode_runs(value.pixels)
        else:
            out[item.name] = _encode(getattr(value, item.name), pixels)
    return out


def _encode_pixels(value: Any, name: str, embed: bool) -> dict[str, Any]:
    if not (embed or value.loaded):
        return {"type": "pixels"}
    array: NDArray[Any] = getattr(value, name)
    out = {"type": "pixels", "shape": list(array.shape), "sha256": sha256(array.tobytes()).hexdigest()}
    return {**out, **({"array": _encode_array(array)} if embed else {})}


def _encode_array(array: NDArray[Any]) -> dict[str, Any]:
    packed = base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 6)).decode()
    return {"type": "array", "dtype": array.dtype.str, "shape": list(array.shape), "zlib": packed}


def _encode_runs(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Encode a mask as lengths of alternating runs of False and True, in row-major order, starting with False."""
    flat = mask.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return {"type": "runs", "shape": list(mask.shape), "runs": [0, *runs] if flat.size and flat[0] else runs}


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    if not isinstance(value, Mapping):
        return value
    kind = value.get("type")
    if kind == "array":
        raw = np.frombuffer(zlib.decompress(base64.b64decode(value["zlib"])), dtype=value["dtype"])
        return raw.reshape(value["shape"])
    if kind == "runs":
        return _decode_runs(value)
    if kind == "pixels":
        return _decode(value["array"]) if "array" in value else _absent
    if kind == "datetime":
        return datetime.fromisoformat(value["value"])
    if kind in _TYPES:
        return _decode_record(_TYPES[kind], value)
    return {key: _decode(item) for key, item in value.items()}


def _decode_runs(value: Mapping[str, Any]) -> NDArray[np.bool_]:
    runs = np.asarray(value["runs"], dtype=np.int64)
    if (runs < 0).any() or runs.sum() != np.prod(value["shape"]):
        raise ValueError(
            f"mask runs cover {runs.sum()} pixels, its shape {value['shape']} has {np.prod(value['shape'])}"
        )
    states = np.arange(runs.size) % 2 == 1
    return np.repeat(states, runs).reshape(value["shape"])


def _decode_record(cls: type[Any], value: Mapping[str, Any]) -> Any:
    given = {key: item for key, item in value.items() if key != "type"}
    unknown = sorted(set(given) - {item.name for item in fields(cls)})
    if unknown:
        raise InputError(f"a {cls.__name__} record has no field {', '.join(unknown)}")
    return cls(**{key: _decode(item) for key, item in given.items()})


def _absent() -> NDArray[Any]:
    raise MissingError("this record holds no pixels: it was written without them; open the source file for them")
