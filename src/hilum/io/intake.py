"""Any files to Studies: grouped, ordered, priors linked by date-time; what cannot be used is named with its reason."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from pathlib import Path
from types import TracebackType

from hilum import __version__
from hilum.core.errors import HilumError
from hilum.core.image import Image, MadeBy, Volume
from hilum.core.study import Provenance, Study
from hilum.io import dicom, raster, tags, volume
from hilum.io.deidentify import pseudonym
from hilum.io.limits import Limits
from hilum.io.sniff import RASTERS
from hilum.io.walk import Failure, Found, Walk

__all__ = ["Failure", "Intake", "Limits", "link_priors", "open_studies"]

# Numbers given to everyone name no one: linking by them would make strangers each other's prior.
_NOBODY = re.compile(r"(anon\w*|de-?identified|unknown|none|n/?a|null|0*|x*|-*)", re.IGNORECASE)
_MIDNIGHT = time(0, 0)


@dataclass
class Intake:
    """Studies found in files; use as a context manager, since unpacked archives last as long as it is open.

    Attributes:
        studies: one per Study Instance UID or picture, in the order met, priors linked; pixels load on first use.
        failures: files that could not be used, each with one sentence.
        skipped: hidden files, sidecar texts and exact copies left out without a word.
    """

    studies: tuple[Study, ...] = ()
    failures: tuple[Failure, ...] = ()
    skipped: int = 0
    _names: dict[str, str] = field(default_factory=dict, repr=False)
    _folder: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    def name_of(self, image: Image | Volume) -> str:
        """Return the base name of the file an image came from (archive!member inside archives), '' where unknown."""
        return self._names.get(image.source) or self._names.get(image.id, "")

    def unpacked(self, image: Image | Volume) -> bool:
        """Tell whether an image lies in what an archive was unpacked to."""
        return self._folder is not None and Path(self._folder.name) in Path(image.source).parents

    def close(self) -> None:
        """Remove what archives were unpacked to; pixels not loaded by then are gone."""
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Intake:
        """Return the intake itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


def open_studies(
    paths: str | Path | Iterable[str | Path], *, limits: Limits | None = None, keep_identifiers: bool = False,
    scratch: Path | None = None,
) -> Intake:  # fmt: skip
    """Look through files, folders, zip archives and DICOMDIRs for studies; reads headers only.

    DICOM files are grouped by Study Instance UID; CT series become Volumes; each picture is a study of its own.

    Args:
        paths: one path or several.
        limits: bounds on what is opened.
        keep_identifiers: use Study Instance UID and Patient ID as ids, else pseudonyms made from them.
        scratch: folder in which archives are unpacked; this machine's temporary one when not given.

    Returns:
        The intake; nothing in the files makes this function raise: what cannot be used is in `failures`.
    """
    bounds = limits or Limits()
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    prefix = ".unpacked-" if scratch else "hilum-"
    folder = tempfile.TemporaryDirectory(prefix=prefix, dir=scratch, ignore_cleanup_errors=True)
    gathering = _Gathering(Walk(bounds, Path(folder.name)), bounds, keep_identifiers)
    try:
        for path in given:
            for found in gathering.walk.files(Path(path)):
                gathering.take(found)
        studies = gathering.studies()
    except BaseException:
        folder.cleanup()
        raise
    walk = gathering.walk
    return Intake(link_priors(studies), tuple(walk.failures), walk.skipped, gathering.names, folder)


def is_nobody(patient_id: str) -> bool:
    """Tell whether a Patient ID names no one: '', 'anonymous', '000' and the like, which strangers share."""
    return _NOBODY.fullmatch(patient_id) is not None


def link_priors(studies: Sequence[Study]) -> tuple[Study, ...]:
    """Return the studies in the same order, each with the latest strictly earlier study of its patient as prior.

    By date-time only, never by identifier: studies of the same time, or without one, are no priors, and a study
    whose hour is not known (midnight) is earlier only than another day's. A prior carries no prior of its own.
    """
    timelines: dict[str, list[Study]] = {}
    for study in studies:
        if study.patient and study.time and (study.films or not study.images):
            timelines.setdefault(study.patient, []).append(study)
    for timeline in timelines.values():
        timeline.sort(key=lambda study: study.time or datetime.min)
    return tuple(_with_prior(study, timelines.get(study.patient, [])) for study in studies)


def _with_prior(study: Study, timeline: Sequence[Study]) -> Study:
    if study.prior is not None or study.time is None or not study.patient:
        return study
    earlier = [other for other in timeline if other is not study and _earlier(other.time, study.time)]
    return replace(study, prior=earlier[-1]) if earlier else study


def _earlier(one: datetime | None, other: datetime) -> bool:
    if one is None or one >= other:
        return False
    return one.date() < other.date() or _MIDNIGHT not in (one.time(), other.time())


@dataclass
class _Draft:
    """A study while its files are being met."""

    id: str
    patient: str
    time: datetime | None
    images: list[tuple[tuple[int, int], Image]] = field(default_factory=list)
    series: dict[str, list[volume.Slice]] = field(default_factory=dict)
    volumes: list[Volume] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Gathering:
    """Files to drafts; one bad file is a Failure and never stops the rest."""

    walk: Walk
    limits: Limits
    keep_identifiers: bool
    names: dict[str, str] = field(default_factory=dict)
    drafts: dict[str, _Draft] = field(default_factory=dict)
    _instances: dict[str, Path] = field(default_factory=dict)
    _paths: set[Path] = field(default_factory=set)
    _stems: Counter[str] = field(default_factory=Counter)

    def take(self, found: Found) -> None:
        """Add one file to its study."""
        real = found.path.resolve()
        if real in self._paths:
            self.walk.skipped += 1
            return
        self._paths.add(real)
        try:
            if found.kind in RASTERS:
                self._take_raster(found)
            elif found.kind == "NIfTI":
                self._take_nifti(found)
            else:
                self._take_dicom(found)
        except HilumError as error:
            self._fail(found.name, str(error))
        except OSError as error:
            self._fail(found.name, f"'{found.name}' cannot be read: {error.strerror or 'the disk refused'}")
        except Exception as error:  # one file, however damaged, must not cost the rest
            self._fail(found.name, f"'{found.name}' cannot be used: it is damaged ({type(error).__name__})")

    def studies(self) -> list[Study]:
        """Return the studies met, each with its films and volumes in order."""
        finished = (self._finish(draft) for draft in self.drafts.values())
        return [study for study in finished if study is not None]

    def _fail(self, name: str, reason: str) -> None:
        self.walk.failures.append(Failure(name, reason))

    def _take_raster(self, found: Found) -> None:
        image = raster.read_image(found.path, lazy=True, limits=self.limits, name=found.name)
        draft = self._draft_of_file(found)
        draft.images.append(((0, 0), image))
        self._remember(image, found.name)

    def _take_nifti(self, found: Found) -> None:
        picture = volume.read_nifti(found.path, lazy=True, limits=self.limits, name=found.name)
        self._draft_of_file(found).volumes.append(picture)
        self._remember(picture, found.name)

    def _take_dicom(self, found: Found) -> None:
        if found.kind not in ("DICOM", "CMS", "empty"):
            what = "is of no known kind" if found.kind == "unknown" else f"is a {found.kind} file"
            self._fail(found.name, f"'{found.name}' {what}, not DICOM, PNG, JPEG, TIFF, BMP, NIfTI or zip")
            return
        header = dicom.read_header(found.path, limits=self.limits, name=found.name)
        uid = header.uid
        if header.modality == "CT":
            piece = volume.slice_of(header)
            if self._is_new(uid, found):
                self._draft_of_header(header).series.setdefault(piece.series, []).append(piece)
            return
        image = dicom.image_of(header, limits=self.limits)
        if not self._is_new(uid, found):
            return
        draft = self._draft_of_header(header)
        order = (
            tags.integer(header.dataset, "SeriesNumber", 0) or 0,
            tags.integer(header.dataset, "InstanceNumber", 0) or 0,
        )
        draft.images.append((order, image))
        draft.notes.extend(header.notes)
        self._remember(image, found.name)

    def _is_new(self, uid: str, found: Found) -> bool:
        """Tell whether an instance is met for the first time; the same UID with other bytes is a Failure."""
        known = self._instances.setdefault(uid, found.path)
        if known is found.path:
            return True
        if dicom.file_hash(known) == dicom.file_hash(found.path):
            self.walk.skipped += 1
        else:
            first = self.names.get(str(known), known.name)
            self._fail(
                found.name,
                f"'{found.name}' has the SOP Instance UID of '{first}' but other content; the first one is used",
            )
        return False

    def _remember(self, image: Image | Volume, name: str) -> None:
        self.names[image.source] = name
        self.names.setdefault(image.id, name)

    def _draft_of_file(self, found: Found) -> _Draft:
        stem = found.path.name[: -len(".nii.gz")] if found.path.name.lower().endswith(".nii.gz") else found.path.stem
        safe = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:80] or "film"
        self._stems[safe] += 1
        unique = safe if self._stems[safe] == 1 else f"{safe}-{self._stems[safe]}"
        while unique in self.drafts:
            self._stems[safe] += 1
            unique = f"{safe}-{self._stems[safe]}"
        return self.drafts.setdefault(unique, _Draft(unique, "", None))

    def _draft_of_header(self, header: dicom.Header) -> _Draft:
        ds = header.dataset
        uid = tags.text(ds, "StudyInstanceUID") or header.uid
        patient = self._patient(header)
        draft = self.drafts.get(uid)
        if draft is None:
            study = uid if self.keep_identifiers else pseudonym(uid, "study")
            draft = self.drafts[uid] = _Draft(study, patient, tags.time(ds))
        elif patient and draft.patient and patient != draft.patient:
            draft = self._draft_of_other_patient(uid, header, patient)
        draft.patient = draft.patient or patient
        draft.time = draft.time or tags.time(ds)
        return draft

    def _draft_of_other_patient(self, uid: str, header: dicom.Header, patient: str) -> _Draft:
        """Keep two patients apart who share a Study Instance UID, and say so."""
        key = f"{uid}/{patient}"
        if key not in self.drafts:
            study = key if self.keep_identifiers else pseudonym(key, "study")
            note = f"{header.name}: another patient's file has the same Study Instance UID; they were kept apart."
            self.drafts[key] = _Draft(study, patient, tags.time(header.dataset), notes=[note])
        return self.drafts[key]

    def _patient(self, header: dicom.Header) -> str:
        known = tags.text(header.dataset, "PatientID")
        if is_nobody(known):
            return ""
        if self.keep_identifiers:
            return known
        return pseudonym(f"{tags.text(header.dataset, 'IssuerOfPatientID')}/{known}", "patient")

    def _finish(self, draft: _Draft) -> Study | None:
        for series in draft.series.values():
            try:
                picture = volume.volume_of(series, limits=self.limits)
            except HilumError as error:
                self._fail(series[0].name, str(error))
                continue
            draft.volumes.append(picture)
            self._remember(picture, series[0].name)
            if not all(piece.rescaled for piece in series):
                draft.notes.append(f"{series[0].name}: no Rescale Intercept; the voxels may not be Hounsfield units.")
        films = [image for _, image in sorted(draft.images, key=lambda pair: pair[0])]
        if not films and not draft.volumes:
            return None
        notes = tuple(dict.fromkeys(draft.notes))
        signed = (Provenance(MadeBy("hilum intake", __version__), ("images",), notes=notes),) if notes else ()
        return Study(draft.id, draft.patient, draft.time, (*films, *draft.volumes), provenance=signed)
