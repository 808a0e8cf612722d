"""`hilum read --ask`: what an aligned model says of films in answer to words; each failure is a row."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Picture

from hilum import RESEARCH_USE, __version__
from hilum.app.ask_page import asked_page, tinted
from hilum.app.batch_row import replace_text
from hilum.app.outputs import safe_name
from hilum.app.page_index import IndexRow, index_page, thumbnail
from hilum.core.errors import HilumError, InputError, RefusedError
from hilum.core.finding import UNCALIBRATED, Finding
from hilum.core.image import Image
from hilum.core.study import Study

if TYPE_CHECKING:
    from hilum.io.intake import Intake
    from hilum.learn.zero_shot import AlignedModel, Answer, Question

LOG, ANSWERS = "answers.jsonl", "answers.json"
LARGEST = 1024
"""Most pixels a side of a map that is written as a picture."""


@dataclass(frozen=True)
class AskedRow:
    """What became of one study or file.

    Args:
        name: of the study or file.
        status: 'read' where a film was answered for, 'refused', or 'failed'.
        files: their names.
        reason: the sentence why, for films that were not answered for.
        folder: of its page, within the results.
        answers: film name -> answers.
        thumbnail: for the index.
    """

    name: str
    status: str
    files: tuple[str, ...] = ()
    reason: str = ""
    folder: str = ""
    answers: tuple[tuple[str, tuple[Answer, ...]], ...] = ()
    thumbnail: str = field(default="", repr=False)

    def line(self) -> dict[str, Any]:
        """Return the row as JSON."""
        told = [{"film": film, **answer.to_json()} for film, answers in self.answers for answer in answers]
        plain = {name: getattr(self, name) for name in ("name", "status", "files", "reason", "folder")}
        return {**plain, "answers": told}


def ask_films(
    paths: Sequence[str | Path], out: str | Path, *, text: str, model: str | Path | None = None,
    keep_identifiers: bool = False, on_row: Callable[[AskedRow, int, int], None] | None = None,
) -> tuple[AskedRow, ...]:  # fmt: skip
    """Ask a model about films and write a page, maps and JSON of each study into `out`.

    Args:
        paths: films, folders, archives.
        out: results folder, made where missing.
        text: what to ask, e.g. 'right upper lobe nodule'.
        model: folder of an aligned model; the package's own or the last that was trained by default.
        keep_identifiers: carry study ids into the results.
        on_row: called with each row as it is finished, its number and the number of all.

    Returns:
        One row per study and per file that could not be used.

    Raises:
        InputError: if the text names no finding, the model was never told of it, or `out` cannot be written.
        MissingError: if there is no model, or torch is not installed.
    """
    from hilum.io.intake import open_studies
    from hilum.learn.zero_shot import open_aligned, questions, sentence_for

    asked, opened = questions(text), open_aligned(model)
    for each in asked:
        sentence_for(opened, each)  # what the model cannot know is said once, before any film is opened
    folder, started = Path(out), time.time()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the results folder '{folder}': {error.strerror or error}") from error
    rows: list[AskedRow] = []
    with open_studies([Path(path) for path in paths], keep_identifiers=keep_identifiers) as intake:
        total = len(intake.studies) + len(intake.failures)
        try:
            for row in _rows(intake, opened, asked, folder):
                rows.append(row)
                if on_row:
                    on_row(row, len(rows), total)
        finally:  # what was answered before an interruption is listed too
            _write(folder, rows, text, opened, round(time.time() - started, 2))
    return tuple(rows)


def _rows(intake: Intake, model: AlignedModel, asked: Sequence[Question], out: Path) -> Iterator[AskedRow]:
    for failure in intake.failures:
        yield AskedRow(failure.path, "failed", (failure.path,), failure.reason)
    for study in intake.studies:
        names = {film.id: intake.name_of(film) or f"film {place}" for place, film in enumerate(study.films, 1)}
        yield _row(study, names, model, asked, out)


def _row(
    study: Study, names: dict[str, str], model: AlignedModel, asked: Sequence[Question], out: Path
) -> AskedRow:  # fmt: skip
    from hilum.learn.zero_shot import ask

    files, reasons, status = tuple(names.values()), [], "refused"
    answered: list[tuple[Image, tuple[Answer, ...]]] = []
    for film in study.films:
        try:
            chest = chest_of(film)
            answered.append((chest, ask(model, chest, asked)))
        except RefusedError as error:
            reasons.append(f"{names[film.id]}: {error}")
        except (HilumError, OSError, ValueError, RuntimeError) as error:  # torch's own among them
            status = "failed"
            reasons.append(f"{names[film.id]}: {error}")
    if not study.films:
        status, reasons = "failed", ["no radiograph in this study"]
    told = tuple((names[film.id], answers) for film, answers in answered)
    if not answered:
        return AskedRow(study.id, status, files, "; ".join(reasons))
    folder = safe_name(study.id)
    _write_study(out / folder, study, names, answered, reasons, model)
    return AskedRow(study.id, "read", files, "; ".join(reasons), folder, told, thumbnail(answered[0][0]))


def chest_of(film: Image) -> Image:
    """Return the film, its view as the shipped model sees it where the header says none.

    Raises:
        RefusedError: if the shipped model takes it for no chest film: an aligned model would answer all the same.
        MissingError: if the shipped model is not installed.
    """
    from hilum.systems.embedded import shipped

    seen = shipped().assess(film.display(), stated_view=film.view)
    if not seen.chest:
        raise RefusedError(f"film refused: {seen.reason}")
    if film.view != "unknown":
        return film
    return film.with_view("LL" if seen.view == "lateral" else seen.view)


def _write_study(
    folder: Path, study: Study, names: dict[str, str], answered: list[tuple[Image, tuple[Answer, ...]]],
    reasons: list[str], model: AlignedModel,
) -> None:  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for place, (film, answers) in enumerate(answered, 1):
        for number, answer in enumerate(answers, 1):
            name = f"map-{place}-{number}.png"
            picture = Picture.fromarray(tinted(answer.heat), "RGBA")
            picture.thumbnail((LARGEST, LARGEST))
            partial = folder / f".{name}.partial"
            picture.save(partial, "PNG")
            partial.replace(folder / name)
            listed.append({"film": names[film.id], **answer.to_json(), "map": name})
    record = {"caution": RESEARCH_USE, "hilum": __version__, "study": study.id, "answers": listed, "not_read": reasons}
    replace_text(folder / ANSWERS, json.dumps(record, indent=1, ensure_ascii=False))
    replace_text(folder / "page.html", asked_page(study, answered, names=names, reasons=reasons, card=model.card))


def _write(out: Path, rows: Sequence[AskedRow], text: str, model: AlignedModel, seconds: float) -> None:
    made_by = model.made_by
    run = {
        "caution": RESEARCH_USE, "hilum": __version__, "asked": text, "seconds": seconds,
        "model": {"name": made_by.name, "version": made_by.version, "sha256": made_by.sha256},
        "counts": {status: sum(row.status == status for row in rows) for status in ("read", "refused", "failed")},
    }  # fmt: skip
    replace_text(out / LOG, "".join(json.dumps(row.line(), ensure_ascii=False) + "\n" for row in rows))
    replace_text(out / "run.json", json.dumps(run, indent=1))
    replace_text(out / "index.html", index_page([_index_row(row) for row in rows]))


def _index_row(row: AskedRow) -> IndexRow:
    found = tuple(finding_of(answer) for _, answers in row.answers for answer in answers)
    page = f"{row.folder}/page.html" if row.folder else ""
    return IndexRow(", ".join(row.files) or row.name, row.status, page, row.thumbnail, found, row.reason)  # type: ignore[arg-type]


def finding_of(answer: Answer) -> Finding:
    """Return an answer as a finding: present or absent by a calibrated probability, else uncertain."""
    from hilum.app.ask_page import state_of

    return Finding(answer.question.concept, state_of(answer), np.float64(answer.probability).item(),
                   regions=(answer.box,) if answer.box else (), calibration=answer.calibration or UNCALIBRATED,
                   made_by=answer.made_by)  # fmt: skip


def summary(rows: Sequence[AskedRow], out: Path) -> str:
    """Return the closing lines: the answers, where they lie and what to do next."""
    lines = []
    for row in rows[:40]:
        if row.status != "read":
            lines.append(f"{row.status:8} {(', '.join(row.files) or row.name)[:40]:40} {row.reason}")
        for film, answers in row.answers:
            lines += [f"{'read':8} {film[:40]:40} {_said(answer)}" for answer in answers]
    if len(rows) > 40:
        lines.append(f"... and {len(rows) - 40} more in {out / LOG}")
    every = [row.status for row in rows]
    counts = ", ".join(f"{every.count(status)} {status}" for status in ("read", "refused", "failed") if status in every)
    return "\n".join([*lines, "", f"{counts}. {RESEARCH_USE}", f"Wrote {out / 'index.html'} (open it in a browser)."])


def _said(answer: Answer) -> str:
    tied = f"({answer.calibration})" if answer.calibration else "(uncalibrated)"
    where = "no box: the map is nowhere high enough"
    if answer.box is not None:
        where = "box " + ", ".join(f"{each:.0f}" for each in answer.box.corners)
    return f"{answer.sentence} {answer.probability:.2f} {tied}; {where}"
