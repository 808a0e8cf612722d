"""A trained model of benchx, asked like any other: findings, their regions, a report, and what belongs together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import RefusedError
from hilum.core.finding import Finding
from hilum.core.geometry import Letterbox
from hilum.core.image import Image, MadeBy
from hilum.core.region import Mask
from hilum.core.report import Question, Report
from hilum.core.study import Study
from hilum.learn.frame import frame
from hilum.learn.transfer_reports import write_reports
from hilum.learn.weak import one_thread
from hilum.learn.wording import Wording
from hilum.measure.metrics.retrieval import FILM_TO_TEXT, TEXT_TO_FILM
from hilum.nets.writer import Writer
from hilum.systems._benchx_method import Method

NAMED = 10
"""Choices that are named in answer to a question."""


class Reader:
    """A method with its heads: a callable from Study to Study.

    Args:
        method: pre-trained.
        heads: 'classify' (`Head`), 'draw' (`Drawer`) and 'write' (`Writer`), those that were fitted.
        wording: words.
        card: what it is: method, scale, size, findings, and which of them are drawn.
    """

    needs: tuple[str, ...] = ("images",)
    adds: tuple[str, ...] = ("findings", "report", "questions")

    def __init__(
        self, method: Method, heads: Mapping[str, nn.Module], wording: Wording, card: Mapping[str, Any]
    ) -> None:
        """Keep them, in evaluation mode."""
        self.method, self.heads = method.eval(), {name: head.eval() for name, head in heads.items()}
        self.wording, self.card = wording, dict(card)
        self.size, self.by = int(card["size"]), MadeBy(f"benchx {card['method']}", str(card["hilum"]))
        self._frames: dict[str, Tensor] = {}

    def __call__(self, study: Study) -> Study:
        """Answer questions of retrieval where the study asks them, else add findings, regions and a report.

        Raises:
            RefusedError: if the method compares no films with texts, or there is no film.
        """
        if any(question.family in (FILM_TO_TEXT, TEXT_TO_FILM) for question in study.questions):
            return study.add(questions=self._answers(study), made_by=self.by)
        if not study.films:
            raise RefusedError("there is no film to read")
        with torch.no_grad(), one_thread():
            findings = self._findings(study.films)
            report = self._report(study.films[0]) if study.report is None and "write" in self.heads else None
        return study.add(findings=findings, report=report, made_by=self.by)

    def _film(self, film: Image) -> tuple[Tensor, Letterbox]:
        square, box = frame(film.display(), self.size)
        return torch.from_numpy(square)[None, None], box

    def _findings(self, films: tuple[Image, ...]) -> list[Finding]:
        names, chances = self.card["findings"], []
        regions: dict[str, list[Mask]] = {}
        for film in films:
            pixels, box = self._film(film)
            chances.append(self.heads["classify"](self.method.image(pixels).pooled).sigmoid()[0].numpy())
            if "draw" in self.heads:
                drawn = (self.heads["draw"](pixels)[0] > 0).numpy()
                for name, mask in zip(self.card["drawn"], drawn, strict=True):
                    if mask.any():
                        regions.setdefault(name, []).append(Mask(_unframed(mask, box), film.id, name))
        most = np.max(chances, axis=0)
        return [self._finding(name, float(value), regions.get(name, ())) for name, value in
                zip(names, most, strict=True)]  # fmt: skip

    def _finding(self, name: str, chance: float, regions: Any) -> Finding:
        state = "present" if chance >= 0.5 or regions else "absent"
        return Finding(name, state, chance, regions=tuple(regions))  # type: ignore[arg-type]

    def _report(self, film: Image) -> Report:
        patches = self.method.image(self._film(film)[0]).patches
        writer = self.heads["write"]
        assert isinstance(writer, Writer)
        text = write_reports(writer, patches, self.wording)[0]
        return Report(findings=text, status="draft", made_by=self.by)

    @torch.no_grad()
    def _answers(self, study: Study) -> list[Question]:
        answers = []
        for question in study.questions:
            if question.family == FILM_TO_TEXT:
                frames = [self._film(film)[0] for film in study.films[:1]]  # ids of films repeat between studies
                scores = self._scores(frames, question.choices)[0]
            elif question.family == TEXT_TO_FILM and study.report is not None:
                named = {film.id: film for film in study.films}
                frames = [self._held(named[choice]) for choice in question.choices]
                text = " ".join(filter(None, (study.report.findings, study.report.impression)))
                scores = self._scores(frames, (text,))[:, 0]
            else:
                continue
            best = torch.argsort(scores, descending=True, stable=True)[:NAMED].tolist()
            answers += [Question(question.text, (), question.choices[at], question.family, question.id) for at in best]
        return answers

    def _held(self, film: Image) -> Tensor:
        """A film of a gallery, framed once: its id is its study's."""
        if film.id not in self._frames:
            self._frames[film.id] = self._film(film)[0]
        return self._frames[film.id]

    def _scores(self, frames: list[Tensor], texts: tuple[str, ...]) -> Tensor:
        ids, mask = self.wording.code(texts, longest=int(self.card["scale"]["words"]))
        with one_thread():
            scores = self.method.scores(torch.cat(frames), ids, mask)
        if scores is None:
            raise RefusedError(f"{self.card['method']} compares no films with texts: it has no common space")
        return scores


def _unframed(mask: NDArray[np.bool_], box: Letterbox) -> NDArray[np.bool_]:
    from hilum.learn.frame import unframe

    return unframe(mask.astype(np.float32), box) > 0.5
