"""Open-i (Indiana University) chest reports: text by section and the MeSH codes that two coders gave them.

Source: Demner-Fushman et al., JAMIA 2016. Every report is CC BY-NC-ND 4.0: it is read where it lies and never shipped.
"""

from __future__ import annotations

import csv
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from hashlib import md5
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.data.openi_xml import read_xml

LICENCE = "CC BY-NC-ND 4.0"
CITATION = "Demner-Fushman et al. Preparing a collection of radiology examinations. JAMIA 2016;23:304-310"
GOLD = "gold_findings.csv"
ARCHIVES = ("NLMCXR_reports.tgz", "reports.tgz")
NOT_CODED = "No Indexing"
_HEADS = Path(__file__).parent / "tables" / "openi_heads.csv"
_LARGEST = 1 << 20  # bytes of one report file; the longest real one has 10 kB
_WORDS = re.compile(r"[a-z0-9]+")
_PARTS = ("comparison", "indication", "findings", "impression")


@dataclass(frozen=True)
class CodedReport:
    """One report with its codes.

    Args:
        id: e.g. 'CXR1'.
        report: text by section.
        codes: MeSH strings as coded, 'Head/qualifier/...'.
    """

    id: str
    report: Report
    codes: tuple[str, ...]

    @property
    def scorable(self) -> bool:
        """Whether it was indexed and has findings or an impression (spec: 3,832 of the whole collection)."""
        return bool(self.report.findings or self.report.impression) and NOT_CODED not in self.codes

    @property
    def text(self) -> dict[str, str]:
        """Findings and impression, the part that is labelled."""
        return {"findings": self.report.findings, "impression": self.report.impression}

    @property
    def group(self) -> str:
        """Hash of the labelled text: reports that share it are never split."""
        words = " ".join(_WORDS.findall(f"{self.report.findings} {self.report.impression}".lower()))
        return md5(words.encode(), usedforsecurity=False).hexdigest()[:10]

    @property
    def half(self) -> str:
        """'dev' or 'test', by the hash of the text."""
        return "test" if int(self.group, 16) % 2 else "dev"

    @property
    def labels(self) -> frozenset[str]:
        """NIH-14 labels that the codes stand for; all else is not coded, which is no statement of absence."""
        return frozenset(label for row in _rows_for(self.codes) for label in row["nih_label"].split("|") if label)

    @property
    def concepts(self) -> tuple[str, ...]:
        """Concepts of the vocabulary that the codes stand for, in order."""
        return tuple(dict.fromkeys(row["concept"] for row in _rows_for(self.codes)))


@cache
def _heads() -> dict[str, dict[str, str]]:
    with _HEADS.open(encoding="utf-8", newline="") as file:
        return {row["head"]: row for row in csv.DictReader(file)}


def _rows_for(codes: tuple[str, ...]) -> Iterator[dict[str, str]]:
    for code in codes:
        head, *qualifiers = (part.strip() for part in code.split("/"))
        row = _heads().get(head)
        if row and (not row["qualifier"] or row["qualifier"] in qualifiers):
            yield row


def reports(root: str | Path) -> Iterator[CodedReport]:
    """Yield the reports of a collection, one at a time.

    Args:
        root: a folder of `<n>.xml`, an archive of them (NLMCXR_reports.tgz), or a folder that holds one of these or
            gold_findings.csv (columns report_id, findings, impression, indication, comparison, mesh_major).

    Raises:
        MissingError: if nothing of the kind is there.
        InputError: if a file is not a report of the collection.
    """
    place = _found(Path(root))
    if place.suffix == ".csv":
        yield from _from_table(place)
    elif place.is_dir():
        for path in sorted(place.glob("*.xml"), key=lambda path: (len(path.stem), path.stem)):
            yield from_xml(path.read_bytes(), path.name)
    else:
        yield from _from_archive(place)


def _found(root: Path) -> Path:
    places = [root / name for name in (GOLD, f"openi/{GOLD}", *ARCHIVES, "ecgen-radiology")]
    for place in (root, *places):
        if place.is_file() or (place.is_dir() and any(place.glob("*.xml"))):
            return place
    raise MissingError(
        f"no Open-i reports in {root}: expected {GOLD}, {ARCHIVES[0]} or a folder of <n>.xml; the torchxrayvision "
        "package carries the archive, and openi.nlm.nih.gov offers it"
    )


def _from_table(path: Path) -> Iterator[CodedReport]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        try:
            missing = [name for name in ("report_id", "mesh_major", *_PARTS) if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path.name} has no column '{missing[0]}': it is not a table of coded Open-i reports")
            for row in reader:
                if None in row or None in row.values():
                    raise InputError(f"{path.name} line {reader.line_num} has not one cell for each column")
                codes = tuple(code.strip() for code in row["mesh_major"].split(";") if code.strip())
                yield CodedReport(row["report_id"], _report(row), codes)
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path.name} cannot be read after line {reader.line_num}: {error}") from None


def _report(said: Mapping[str, str]) -> Report:
    comparison, indication, findings, impression = (said.get(part, "").strip() for part in _PARTS)
    return Report(indication, comparison=comparison, findings=findings, impression=impression)


def _from_archive(path: Path) -> Iterator[CodedReport]:
    try:
        with tarfile.open(path, "r|*") as archive:  # read in one pass; nothing is written to disk
            for member in archive:
                if not (member.isfile() and member.name.endswith(".xml")):
                    continue
                if member.size > _LARGEST:
                    raise InputError(f"{path.name}: {member.name} has {member.size:,} bytes: no report is that long")
                content = archive.extractfile(member)
                if content is not None:
                    yield from_xml(content.read(), member.name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{path.name} cannot be read to its end: {error}; copy the archive anew") from None


def from_xml(content: bytes, name: str) -> CodedReport:
    """Return the report of one XML file of the collection.

    Args:
        content: the file; document types and entities are refused, so it cannot expand or reach out.
        name: shown in errors.

    Raises:
        InputError: if it is too long, not XML, or not a report of the collection.
    """
    if len(content) > _LARGEST:
        raise InputError(f"{name} has {len(content):,} bytes: no Open-i report is over {_LARGEST:,}")
    found = read_xml(content, name)
    if not found.id:
        raise InputError(f"{name} has no uId: expected an Open-i report as in {ARCHIVES[0]}")
    return CodedReport(found.id, _report(found.sections), found.codes)


def _studies(root: Path) -> Iterator[Study]:
    coder = MadeBy("Open-i coders")
    for each in reports(root):
        findings = tuple(Finding(name, made_by=coder, id=f"{each.id}-{n}") for n, name in enumerate(each.concepts))
        yield Study(id=each.id, report=each.report, findings=findings)


@register.dataset("openi", licence=LICENCE, citation=CITATION)
def openi(root: str | Path) -> Cohort:
    """Return the reports as a cohort of studies without films; findings are the codes, all of them 'present'.

    Args:
        root: see `reports`.

    Raises:
        MissingError: on first use, if the collection is not there.
    """
    return Cohort(
        name="openi", studies=partial(_studies, Path(root)), licence=LICENCE,
        citation=CITATION, label_set="nih-14",
    )  # fmt: skip
