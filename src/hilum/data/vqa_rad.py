"""VQA-RAD: 2,248 questions that clinicians asked of 315 MedPix pictures; its chest radiographs are kept.

Get it from https://osf.io/89kps/ (CC0): 'VQA_RAD Dataset Public.json' and 'VQA_RAD Image Folder'.
Source: Lau et al., Sci Data 2018.

Rule: the file has no modality. The paper calls the pictures of `image_organ` CHEST radiographs; some are CT slices. A
picture is kept where its organ is CHEST and none of its own questions and answers takes it for CT, MRI or ultrasound:
no answer names one, and no question that names one is answered otherwise than 'no'.

Traps. The published split (phrase_type 'test_freeform' and 'test_para' are test) is by question: the same pictures, and
paraphrases of the same questions, are in train and test. `split='official'` keeps it, for comparison with published
figures, with one study for each side of a picture; `split='picture'` holds out every picture that any test question is
of. Answers are free text with stray blanks; some are numbers; 'yes' has several spellings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.report import Question
from hilum.core.study import Study
from hilum.data.published import choices_of, field, read_json
from hilum.data.release import Official
from hilum.data.rows import film, find
from hilum.data.splits import official

WHERE = "https://osf.io/89kps/"
LICENCE = "CC0 1.0"
CITATION = "Lau et al. A dataset of clinically generated visual questions and answers. Sci Data 2018;5:180251"
OFFICIAL = (Official("**/VQA_RAD Dataset Public.json", 2_248, "documents", "counted in the public file"),)
MAKER = MadeBy("VQA-RAD clinicians", "2018")
_OTHER = re.compile(r"\b(ct|cat scan|mri?|computed tomograph\w*|magnetic resonance|ultrasound)\b", re.IGNORECASE)
_FOLDERS = ("VQA_RAD Image Folder", "images", ".")


def _rows(path: Path) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for row in read_json(path, list, what="VQA-RAD's list of questions"):
        where = f"{path.name}: question {row.get('qid', '?') if isinstance(row, dict) else row!r}"
        for name in ("image_name", "question", "phrase_type"):
            field(row, name, str, where=where)
        field(row, "answer", (str, int, float), where=where)
        field(row, "image_organ", str, where=where)
        made.append(row)
    return made


def is_other(row: Mapping[str, Any]) -> bool:
    """Return whether a question and its answer take the picture for CT, MRI or ultrasound."""
    asked = _OTHER.search(row["question"]) and str(row["answer"]).strip().lower() != "no"
    return bool(_OTHER.search(str(row["answer"])) or asked)


def _side(row: Mapping[str, Any]) -> str:
    return "test" if row["phrase_type"].strip().lower().startswith("test") else "train"


def _question(row: Mapping[str, Any]) -> Question:
    answer = " ".join(str(row["answer"]).split())
    choices = choices_of(answer)
    told, kind = answer.lower() if choices else answer, str(row.get("question_type", "")).strip()
    return Question(row["question"].strip(), choices, told, family=kind, id=str(row.get("qid", "")), made_by=MAKER)


def _groups(path: Path, by_question: bool) -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """Study -> (split, its rows) of the chest radiographs."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(path):
        if row["image_organ"].strip().upper() == "CHEST":
            kept.setdefault(row["image_name"], []).append(row)
    made: dict[str, tuple[str, list[dict[str, Any]]]] = {}
    for name, found in kept.items():
        if any(is_other(row) for row in found):
            continue
        sides = {_side(row) for row in found}
        for side in sorted(sides) if by_question else ("test" if "test" in sides else "train",):
            own = [row for row in found if _side(row) == side or not by_question]
            made[f"{Path(name).stem}@{side}" if by_question else Path(name).stem] = (side, own)
    return made


def _studies(root: Path, path: Path, by_question: bool) -> Iterator[Study]:
    folder = next(place for place in (path.parent / each for each in _FOLDERS) if place.is_dir())
    for name, (_, found) in _groups(path, by_question).items():
        picture = film(folder / found[0]["image_name"])
        yield Study(name, images=(picture,), questions=tuple(_question(row) for row in found))


@register.dataset("vqa-rad", licence=LICENCE, citation=CITATION)
def vqa_rad(root: str | Path, *, split: Literal["official", "picture"] = "official") -> Cohort:
    """Return VQA-RAD's chest radiographs with their questions.

    Args:
        root: folder with 'VQA_RAD Dataset Public.json' and 'VQA_RAD Image Folder'.
        split: 'official', by question, which shares pictures between train and test; or 'picture', which does not.

    Raises:
        MissingError: if the list of questions is not there; on use, if a picture is not.
        InputError: if the list cannot be read, or `split` is neither of the two.
    """
    if split not in ("official", "picture"):
        raise InputError(f"split must be 'official' or 'picture', got '{split}'")
    place = Path(root)
    path = find(place, "VQA_RAD Dataset Public.json", "*/VQA_RAD Dataset Public.json",
                what=f"the folder of VQA-RAD, from {WHERE}")  # fmt: skip
    by_question = split == "official"
    sides = {name: side for name, (side, _) in _groups(path, by_question).items()}
    splits = official(sides.items, what=path.name)
    return Cohort("vqa-rad", partial(_studies, place, path, by_question), splits, LICENCE, CITATION)
