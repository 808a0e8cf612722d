"""Similar cases of other patients: an exact index over normalised features, kept with the hash of the encoder it is of.

SEI retrieves by an approximate index that leaves out only the query's own study, so that a patient's other visits leak
in; here the patient is left out. At 10^5 cases an exact search is one matrix product of seconds, so no approximation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.io.save import save_bytes

Floats = NDArray[np.float32]
CHUNK = 4096
_LAYOUT = "hilum retrieval 1"


def normalised(features: NDArray[np.generic]) -> Floats:
    """Return rows (N, D) of length 1; a row of zeros stays one."""
    rows = np.asarray(features, np.float32)
    if rows.ndim != 2:
        raise InputError(f"features are one row a case, (N, D): got {rows.shape}")
    peak = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    rows = np.ldexp(rows, -np.frexp(peak)[1])  # by a power of two, which is exact: squares neither vanish nor overflow
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0), np.float32)


def encoder_hash(tensors: Mapping[str, NDArray[np.generic]]) -> str:
    """Return 24 hexadecimal digits of the SHA-256 over an encoder's named tensors, whatever their order."""
    mark = sha256()
    for name in sorted(tensors):
        value = np.ascontiguousarray(tensors[name])
        mark.update(f"{name} {value.dtype} {value.shape}\n".encode())
        mark.update(value.tobytes())
    return mark.hexdigest()[:24]


@dataclass(frozen=True, eq=False)
class Index:
    """Cases that can be found.

    Args:
        features: float32 (N, D), rows of length 1.
        case, patient: of each row.
        encoder: hash of the encoder that made the features.
    """

    features: Floats
    case: NDArray[np.str_]
    patient: NDArray[np.str_]
    encoder: str

    def __len__(self) -> int:
        """Number of cases."""
        return len(self.features)

    def find(
        self, queries: NDArray[np.generic], patient: Sequence[str] | NDArray[np.str_], *, encoder: str, keep: int = 20,
        chunk: int = CHUNK,
    ) -> tuple[NDArray[np.intp], Floats]:  # fmt: skip
        """Return for each query the rows of the cases nearest to it, of other patients, best first, and their cosines.

        Args:
            queries: features (Q, D).
            patient: of each query; none of the patient's cases is ever returned.
            encoder: hash of the encoder that made the queries.
            keep: cases for each query; SEI keeps 20 and uses one.
            chunk: cases compared at a time.

        Returns:
            int (Q, keep), -1 where fewer are left, and float32 (Q, keep), minus infinity there. Equal cosines go by
            row, the first one first.

        Raises:
            InputError: if the encoder is another one, or shapes do not agree.
        """
        if encoder != self.encoder:
            raise InputError(
                f"this index is of encoder {self.encoder}, the queries of {encoder}: index the cases anew with it"
            )
        asked, whose = normalised(queries), np.asarray(patient)
        if asked.shape != (len(whose), self.features.shape[1]) or keep < 1:
            raise InputError(f"queries must be ({len(whose)}, {self.features.shape[1]}) and at least one case be kept, "
                             f"got {asked.shape} and {keep}")  # fmt: skip
        rows = np.full((len(asked), 0), -1, np.intp)
        best = np.full((len(asked), 0), -np.inf, np.float32)
        for first in range(0, len(self), chunk):
            part = slice(first, first + chunk)
            cosine = asked @ self.features[part].T
            cosine[whose[:, None] == self.patient[None, part]] = -np.inf
            numbers = np.broadcast_to(np.arange(first, first + cosine.shape[1]), cosine.shape)
            best, rows = np.hstack((best, cosine)), np.hstack((rows, numbers))
            order = np.argsort(-best, axis=1, kind="stable")[:, :keep]
            best, rows = np.take_along_axis(best, order, 1), np.take_along_axis(rows, order, 1)
        short = keep - best.shape[1]
        if short > 0:
            best = np.pad(best, ((0, 0), (0, short)), constant_values=-np.inf)
            rows = np.pad(rows, ((0, 0), (0, short)), constant_values=-1)
        return np.where(np.isfinite(best), rows, -1), best

    def save(self, path: Path) -> None:
        """Write it as safetensors, whole or not at all."""
        from safetensors.numpy import save

        told = {"layout": _LAYOUT, "encoder": self.encoder, "case": json.dumps(self.case.tolist()),
                "patient": json.dumps(self.patient.tolist())}  # fmt: skip
        save_bytes(save({"features": self.features}, metadata=told), path)

    @classmethod
    def load(cls, path: Path) -> Index:
        """Read what `save` wrote.

        Raises:
            InputError: if the file is something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as stored:
                told = stored.metadata() or {}
                features = stored.get_tensor("features")
            case, patient = (np.array(json.loads(told[name]), np.str_) for name in ("case", "patient"))
            if told["layout"] != _LAYOUT or not len(case) == len(patient) == len(features):
                raise KeyError("layout")
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(f"'{path}' holds no index of cases ({error}): make it anew") from None
        return cls(features, case, patient, told["encoder"])


def index_of(
    features: NDArray[np.generic], case: Sequence[str], patient: Sequence[str], split: Sequence[str], *, encoder: str
) -> Index:
    """Return an index of the training cases alone: rows whose split is not 'train' are left out.

    Args:
        features: (N, D).
        case, patient, split: of each row.
        encoder: hash of the encoder that made them.

    Raises:
        InputError: if there is no training case, or the lengths differ.
    """
    if not len(features) == len(case) == len(patient) == len(split):
        raise InputError(f"{len(features)} rows of features for {len(case)} cases, {len(patient)} patients and "
                         f"{len(split)} splits: give one each")  # fmt: skip
    chosen = np.flatnonzero(np.asarray(split) == "train")
    if not len(chosen):
        raise InputError("no case is of the training split: an index of others would leak what is judged")
    return Index(normalised(features)[chosen], np.asarray(case)[chosen], np.asarray(patient)[chosen], encoder)


def hit_at(rows: NDArray[np.intp], right: Callable[[int, int], bool], k: int) -> NDArray[np.float64]:
    """Return for each query whether one of its first k cases is right, as 0 or 1: R@k is their mean.

    Args:
        rows: of `Index.find`, (Q, K).
        right: of the number of a query and a row.
        k: cases looked at.
    """
    return np.array([float(any(row >= 0 and right(at, int(row)) for row in each[:k])) for at, each in enumerate(rows)])


def fact_overlap(
    rows: NDArray[np.intp], asked: Sequence[frozenset[str]], held: Sequence[frozenset[str]], k: int
) -> NDArray[np.float64]:
    """Return for each query the mean overlap of its facts with those of its first k cases; NaN where none was found.

    The overlap of two sets is 2 |A and B| / (|A| + |B|), and 1 where both are empty: two normal films agree.

    Args:
        rows: of `Index.find`, (Q, K).
        asked: facts of each query.
        held: facts of each case of the index.
        k: cases looked at.
    """
    out = np.full(len(rows), np.nan)
    for at, each in enumerate(rows):
        found = [_overlap(asked[at], held[int(row)]) for row in each[:k] if row >= 0]
        if found:
            out[at] = float(np.mean(found))
    return out


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0
