"""A site: patients, their films and their labels."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError


@dataclass(frozen=True, eq=False)
class Site:
    """A site's patients and films.

    Args:
        films: uint8 (F, S, S), letterboxed.
        owner: int (F,), the patient of each film; a patient's first film is the one that is tested.
        bpd: bool (N,), moderate or severe disease.
        patients: N names.
    """

    films: NDArray[np.uint8]
    owner: NDArray[np.int64]
    bpd: NDArray[np.bool_]
    patients: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.films) != len(self.owner) or len(self.bpd) != len(self.patients):
            raise InputError(f"{len(self.films)} films of {len(self.owner)} owners, {len(self.bpd)} labels of "
                             f"{len(self.patients)} patients: a site needs one of each")  # fmt: skip
        if set(self.owner.tolist()) != set(range(len(self.patients))):
            raise InputError("each patient of a site needs a film")

    def films_of(self, patients: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows of all films of some patients."""
        return np.flatnonzero(np.isin(self.owner, patients))

    def first(self, patients: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the row of the first film of each of some patients, in their order."""
        return np.array([int(np.argmax(self.owner == each)) for each in patients], np.intp)

    def table(self, scores: NDArray[np.float64]) -> str:
        """Return a .csv of each patient's label and logits (runs, N), empty where a run did not test the patient."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["patient", "bpd", *(f"logit_run_{run + 1}" for run in range(len(scores)))])
        for at, patient in enumerate(self.patients):
            cells = ["" if np.isnan(each) else f"{each:.5f}" for each in scores[:, at]]
            writer.writerow([patient, int(self.bpd[at]), *cells])
        return stream.getvalue()

    @classmethod
    def of(cls, films: NDArray[np.uint8], bpd: NDArray[np.bool_]) -> Site:
        """Return a site with one film for each patient."""
        count = len(films)
        return cls(films, np.arange(count), bpd, tuple(f"{n:05d}" for n in range(count)))
