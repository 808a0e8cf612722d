"""ReXVQA: some 696,000 multiple-choice questions on 160,000 chest radiograph studies.

Get it from https://huggingface.co/datasets/rajpurkarlab/ReXVQA (gated), the films from ReXGradient-160K
(https://huggingface.co/datasets/rajpurkarlab/ReXGradient-160K, gated). Source: Pal et al., ReXVQA, 2025.

Layout: metadata/{train,valid,test}_vqa_data.json, each one object of questions by id; films as `ImagePath` names them
below the folder, whatever '../' it starts with.

Traps. A file is read whole: that of 'train' needs some GB of memory, so name the splits that are wanted. Options carry
their letter ('A. Left lung') and so does an answer here. Questions were made by a language model from reports: models
that see no film answer many of them, so that a blind baseline belongs beside every score. Views are not told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.report import Question
from hilum.core.study import Study
from hilum.data.published import field, read_json
from hilum.data.rows import film

WHERE = "https://huggingface.co/datasets/rajpurkarlab/ReXVQA"
LICENCE = "gated on Hugging Face: non-commercial research, accept the terms on its page"
CITATION = "Pal et al. ReXVQA: a large-scale visual question answering benchmark for chest X-ray understanding. 2025"
MAKER = MadeBy("ReXVQA", "2025")
SPLITS = ("train", "valid", "test")


def _question(name: str, row: Any, where: str) -> Question:
    options = tuple(str(each).strip() for each in field(row, "options", list, where=where))
    letter = str(field(row, "correct_answer", str, where=where)).strip()[:1].upper()
    number = ord(letter) - ord("A") if letter else -1
    if not 0 <= number < len(options):
        raise InputError(f"{where}: the answer '{row['correct_answer']}' is none of its {len(options)} options")
    text = field(row, "question", str, where=where).strip()
    return Question(
        text, options, options[number], family=str(row.get("task_name") or ""), id=name, made_by=MAKER,
        category=str(row.get("category") or ""), explanation=str(row.get("correct_answer_explanation") or "").strip(),
    )  # fmt: skip


def _paths(root: Path, row: Mapping[str, Any]) -> list[Path]:
    named = row.get("ImagePath") or []
    given = [named] if isinstance(named, str) else list(named)
    return [root.joinpath(*(part for part in Path(str(each)).parts if part not in ("..", ".", "/"))) for each in given]


def _by_study(root: Path, split: str) -> dict[str, list[tuple[str, Any]]]:
    path = root / "metadata" / f"{split}_vqa_data.json"
    found: dict[str, list[tuple[str, Any]]] = {}
    for name, row in read_json(path, dict, what="ReXVQA's questions by id").items():
        found.setdefault(str(field(row, "study_id", (str, int), where=f"{path.name}: question {name}")), []).append(
            (name, row)
        )
    return found


def _studies(root: Path, splits: tuple[str, ...]) -> Iterator[Study]:
    for split in splits:
        for study, items in _by_study(root, split).items():
            paths = dict.fromkeys(path for _, row in items for path in _paths(root, row))
            questions = [_question(name, row, f"ReXVQA question {name}") for name, row in items]
            yield Study(
                study, f"{split}/{study}", images=tuple(film(path) for path in paths), questions=tuple(questions)
            )


@register.dataset("rexvqa", licence=LICENCE, citation=CITATION)
def rexvqa(root: str | Path, *, splits: tuple[str, ...] = SPLITS) -> Cohort:
    """Return ReXVQA as studies of one or more films with their questions; the three files are the splits.

    Args:
        root: folder with metadata/ and the films.
        splits: which files to read; those of the three that are not there are passed over.

    Raises:
        MissingError: if none of them is there; on use, if a film is not.
        InputError: if a split is none of the three; on use, if a file cannot be read.
    """
    odd = [name for name in splits if name not in SPLITS]
    if odd:
        raise InputError(f"ReXVQA has no split '{odd[0]}': it has {', '.join(SPLITS)}")
    place = Path(root)
    held = tuple(name for name in splits if (place / "metadata" / f"{name}_vqa_data.json").is_file())
    if not held:
        raise MissingError(
            f"no metadata/test_vqa_data.json or the like in {place}: give the folder of ReXVQA, from {WHERE}"
        )
    return Cohort("rexvqa", partial(_studies, place, held), _split, LICENCE, CITATION)


def _split(patient: str) -> str:
    return patient.partition("/")[0]
