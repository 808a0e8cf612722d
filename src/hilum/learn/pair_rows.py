"""How a study becomes rows of `learn.pairs`: what is said, what is known, where it lies, and which visit it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum import __version__
from hilum.core.errors import HilumError
from hilum.core.finding import Finding
from hilum.core.geometry import Letterbox
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.study import Study
from hilum.learn.frame import frame
from hilum.text.minimal import minimal_sentences
from hilum.text.parse import parse

SIDES: Mapping[str, int] = {"right": 1, "left": 2, "bilateral": 3}
Lost = Callable[[str, str], None]
_VERSION = "rows 1"


@dataclass(frozen=True)
class Asked:
    """What rows are asked for: the arguments of `learn.pairs.gather`."""

    size: int
    names: tuple[str, ...]
    complete: bool
    group: str | Callable[[Study], str]
    split: Callable[[Study], str]
    told: Callable[[Study], Study]

    def rows(self, study: Study, lost: Lost) -> Iterator[dict[str, Any]]:
        """Yield a row for each film of a study that can be read, but its visit; `lost` is told of the others."""
        whole = self.told(study)
        said = {**self._keys(study), **_said(whole)}
        labels = _labels(whole.findings, self.names, self.complete)
        for film in whole.films:
            try:
                square, box = frame(film.display(), self.size)
            except (HilumError, OSError) as error:
                lost(film.id or study.id, str(error))
                continue
            marked, drawn = _regions(whole.findings, film, self.names, box)
            yield {"films": np.rint(square * 255).astype(np.uint8), "view": film.view, **said, **labels,
                   "marked": marked, "bits": np.packbits(drawn, axis=-1)}  # fmt: skip

    def _keys(self, study: Study) -> dict[str, str]:
        group = self.group if isinstance(self.group, str) else self.group(study)
        return {"study": study.id, "patient": study.patient or study.id, "split": self.split(study), "group": group}

    def survey(self, studies: Iterable[Study]) -> Survey:
        """Go through studies once: visits by date, films, and a mark of all that rows rest on.

        The first film of studies 1, 2, 4, 8 and so on is looked at, so that a set prepared anew under the same names is
        another one; no other pixels are read.
        """
        how = (_VERSION, __version__, self.size, self.names, self.complete, getattr(self.told, "__qualname__", ""))
        mark = blake2b(repr(how).encode(), digest_size=8)
        patients, times, films = list[str](), list[datetime | None](), 0
        for study in studies:
            patients.append(study.patient or study.id)
            times.append(study.time)
            films += len(study.films)
            facts = [(each.concept, each.state, each.sites, sorted(each.attributes.items()), len(each.regions))
                     for each in study.findings]  # fmt: skip
            shown = [(film.id, film.view) for film in study.films]
            said = (study.report.indication, study.report.findings, study.report.impression) if study.report else None
            mark.update(repr((self._keys(study), study.time, shown, said, facts)).encode("utf-8", "surrogatepass"))
            if len(patients).bit_count() == 1 and study.films:
                mark.update(_looked(study.films[0]))
        return Survey(visits(patients, times), films, mark.hexdigest())


def _looked(film: Image) -> bytes:
    try:
        return np.ascontiguousarray(film.display()).tobytes()
    except (HilumError, OSError):
        return b"not read"


@dataclass(frozen=True)
class Survey:
    """Number of each study among its patient's, number of films, and the fingerprint of cohort, size and findings."""

    visits: list[int]
    films: int
    mark: str


def visits(patients: Sequence[str], times: Sequence[datetime | None]) -> list[int]:
    """Return the number of each study among its patient's by date; alike for one date, 0 where any has none."""
    numbers, of_patient = [0] * len(patients), dict[str, list[int]]()
    for at, patient in enumerate(patients):
        of_patient.setdefault(patient, []).append(at)
    for found in of_patient.values():
        dated = {at: time for at in found if (time := times[at]) is not None}
        if len(dated) == len(found):
            number_of = {time: number for number, time in enumerate(sorted(set(dated.values())))}
            for at, time in dated.items():
                numbers[at] = number_of[time]
    return numbers


def _said(study: Study) -> dict[str, Any]:
    if study.report is None:
        return {"report": "", "indication": "", "sentences": ()}
    report = study.report
    text = " ".join(part for part in (report.findings, report.impression) if part)
    return {"report": text, "indication": report.indication or "", "sentences": minimal_sentences(parse(report))}


def _labels(findings: Sequence[Finding], names: Sequence[str], complete: bool) -> dict[str, Any]:
    count = len(names)
    target, known, sides = np.zeros(count, np.float32), np.full(count, complete, np.bool_), np.zeros(count, np.int8)
    sure = np.zeros(count, np.bool_)
    for finding in findings:
        if finding.concept not in names:
            continue
        at = names.index(finding.concept)
        faint = bool(finding.attributes.get("flag")) or finding.state == "uncertain"
        if finding.state == "absent":
            known[at] |= not sure[at]
        elif faint:
            known[at] &= bool(sure[at])
        else:
            target[at], known[at], sure[at] = 1.0, True, True
            for site in finding.sites:
                for word, bit in SIDES.items():
                    sides[at] |= bit if word in site.split() else 0
    return {"target": target, "known": known, "sides": sides}


def _regions(
    findings: Sequence[Finding], film: Image, names: Sequence[str], box: Letterbox
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    marked = np.zeros(len(names), np.bool_)
    drawn: NDArray[np.bool_] = np.zeros((len(names), box.size, box.size), np.bool_)
    for finding in findings:
        if finding.concept not in names or finding.state != "present" or finding.attributes.get("flag"):
            continue
        at = names.index(finding.concept)
        here = [region for region in finding.regions if region.image in ("", film.id)]
        masks: list[Mask | Box] = [region for region in here if isinstance(region, Mask)]
        for region in masks or [region for region in here if isinstance(region, Box)]:
            shown = _framed(region, box)
            drawn[at] |= shown
            marked[at] |= bool(shown.any())
    return marked, drawn


def _framed(region: Mask | Box, box: Letterbox) -> NDArray[np.bool_]:
    out = np.zeros((box.size, box.size), np.bool_)
    if isinstance(region, Box):
        x0, y0, x1, y1 = box.to_frame(region.corners)
        out[max(0, round(y0)) : max(round(y0) + 1, round(y1)), max(0, round(x0)) : max(round(x0) + 1, round(x1))] = True
        return out
    (rows, columns), (top, left) = box.inner, box.pad
    at_row = (np.arange(rows) + 0.5) * region.pixels.shape[0] / rows
    at_column = (np.arange(columns) + 0.5) * region.pixels.shape[1] / columns
    out[top : top + rows, left : left + columns] = region.pixels[np.ix_(at_row.astype(int), at_column.astype(int))]
    return out
