"""The reader inside the package at work: a study in, a draft out, held against what was found on the films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from hilum.core.image import MadeBy
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.learn.reader.draft import Draft, Sight, remarks_of
from hilum.learn.reader.guards import blank
from hilum.learn.reader.material import sample_of
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks.findings import COMPARED
from hilum.learn.reader.trained import Trained

QUESTION = COMPARED[0]


def asked(study: Study, preset: Any) -> Sample:
    """Return the sample that asks for a study's findings, its answer open.

    Raises:
        RefusedError: if there is no frontal film, or the prior may not be compared with.
    """
    return sample_of("findings", study, preset, [Turn(QUESTION)])


@dataclass(frozen=True, eq=False)
class Writer:
    """A trained reader that drafts.

    Args:
        trained: the reader.
        folder: where its weights lie.
    """

    trained: Trained
    folder: Path

    @classmethod
    def load(cls, folder: Path) -> Writer:
        """Read a folder that `train` wrote.

        Raises:
            MissingError: if it holds no reader.
        """
        return cls(Trained.load(folder), folder)

    @property
    def card(self) -> Mapping[str, Any]:
        """What it learned from, and how its guard came out."""
        return self.trained.card

    @cached_property
    def made_by(self) -> MadeBy:
        """Name, version and weight hash."""
        weights = (self.folder / "model.safetensors").read_bytes()
        return MadeBy(str(self.card.get("name", "small-reader")), str(self.card.get("version", "")),
                      sha256(weights).hexdigest())  # fmt: skip

    @property
    def offered(self) -> bool:
        """Whether its guard passed on real films, so that it may draft about them unasked."""
        return bool(self.card.get("guard", {}).get("offered on real films", False))

    def refusal(self, study: Study) -> str:
        """Return why it does not draft about a study unless it is named as a research preset, '' if it does.

        Made films are what it learned from; on real ones the guard in its card decides.
        """
        if self.offered or (study.films and all(film.synthetic for film in study.films)):
            return ""
        real = self.card.get("guard", {}).get("real films")
        why = (
            f"on real films its words did not depend on the film ({real})"
            if real
            else "it was never judged on real films"
        )
        return (
            f"no draft: {self.made_by.name} is a research preset, and {why}; write it all the same with "
            "--write research, or name another reader's folder"
        )

    def drafts(self, studies: Sequence[Study], *, indications: Sequence[str] = ()) -> list[str]:
        """Return what it writes about studies, greedily."""
        given = [_told(study, text) for study, text in zip(studies, indications or [""] * len(studies), strict=True)]
        return self.trained.write([asked(study, self.trained.preset) for study in given])

    def draft(self, study: Study, *, indication: str = "", not_assessed: Sequence[str] = ()) -> Draft:
        """Return the draft of one study, held against its findings.

        Args:
            study: with its films, its findings and its prior.
            indication: why the films were taken; read as data, never as an instruction.
            not_assessed: concepts that the findings' model does not judge.

        Raises:
            RefusedError: if there is no frontal film, or the prior may not be compared with.
        """
        sample = asked(_told(study, indication), self.trained.preset)
        text = self.trained.write([sample])[0]
        true, grey = self.trained.likelihood([sample, *blank([sample])], [[text], [text]])[:, 0].tolist()
        prior = sample.has("prior_front")
        remarks = remarks_of(text, study.findings, prior=prior, not_assessed=not_assessed)
        inputs = (*(shown.role for shown in sample.shown), *sample.context)
        return Draft(text, self.made_by, remarks, Sight(float(true), float(grey)), inputs, sample.notes)


def _told(study: Study, indication: str) -> Study:
    """The study with its indication; a report that a model made of these films is not what the reader is told."""
    held = study.report.indication if study.report and not study.report.made_by else ""
    return replace(study, report=Report(indication=indication or held))
