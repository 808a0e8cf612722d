"""SLAKE: 14,028 questions in English and Chinese on 642 pictures; its chest radiographs are kept.

Get it from https://www.med-vqa.com/slake/ or https://huggingface.co/datasets/BoKelvin/SLAKE (CC BY 4.0).
Source: Liu et al., ISBI 2021.

Rule: a picture is kept where the set's own `modality` is X-Ray and its `location` names chest or lung. CT and MRI
slices are left out: they are other pictures than this toolkit's. `modalities` and `locations` change the rule.

Traps. Both languages stand in one file, so that a count of rows is not a count of English questions. The radiographs
come from ChestX-ray8, so that they may be in a model's NIH training part. Boxes of a picture are in detection.json as
x, y, width, height; organs are boxed as well as findings. 'Is this a healthy chest?' has answers of taste.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.core.report import Question
from hilum.core.study import Study
from hilum.core.vocabulary import concept
from hilum.data.published import choices_of, field, read_json
from hilum.data.release import Official
from hilum.data.rows import film, find
from hilum.data.splits import official

WHERE = "https://www.med-vqa.com/slake/"
LICENCE = "CC BY 4.0"
CITATION = "Liu et al. SLAKE: a semantically-labeled knowledge-enhanced dataset for medical VQA. ISBI 2021"
OFFICIAL = (
    Official("**/train.json", 9_835, "documents", "its page on Hugging Face"),
    Official("**/test.json", 2_094, "documents", "its page on Hugging Face"),
)
MAKER = MadeBy("SLAKE physicians", "2021")
Language = Literal["en", "zh"]
_FILES: Mapping[str, tuple[str, ...]] = {
    "train": ("train.json",), "validate": ("validate.json", "validation.json"), "test": ("test.json",)
}  # fmt: skip


def _plain(text: object) -> str:
    return "".join(letter for letter in str(text).lower() if letter.isalpha())


def _question(row: Any, where: str) -> Question:
    answer = str(field(row, "answer", (str, int, float), where=where)).strip()
    choices = choices_of(answer)
    text = field(row, "question", str, where=where).strip()
    return Question(text, choices, answer.lower() if choices else answer, family=str(row.get("content_type", "")),
                    id=f"{row['q_lang']}-{row['qid']}", made_by=MAKER)  # fmt: skip


def _findings(path: Path, image: str) -> tuple[Finding, ...]:
    """Findings that the picture's boxes name; boxes of organs are no findings."""
    if not path.is_file():
        return ()
    boxes: dict[str, list[Box]] = {}
    for each in read_json(path, list, what="SLAKE's boxes of a picture"):
        for name, edges in each.items() if isinstance(each, dict) else ():
            try:
                known, (x, y, wide, high) = concept(str(name)), map(float, edges)
            except InputError:
                continue  # an organ or a word that the vocabulary lacks
            except (TypeError, ValueError):
                raise InputError(f"{path}: the box of '{name}' is not [x, y, width, height]: {edges}") from None
            if known.kind in ("finding", "diagnosis"):
                boxes.setdefault(known.name, []).append(Box(x, y, x + wide, y + high, image=image))
    return tuple(Finding(name, regions=tuple(found), made_by=MAKER, id=name) for name, found in boxes.items())


def _pictures(root: Path, keep: partial[bool]) -> dict[str, tuple[str, list[Any]]]:
    """Picture -> (split, its rows) of what is kept."""
    found: dict[str, tuple[str, list[Any]]] = {}
    for split, names in _FILES.items():
        path = find(root, *names, *(f"*/{name}" for name in names), what=f"the folder of SLAKE, from {WHERE}")
        for row in read_json(path, list, what="SLAKE's list of questions"):
            where = f"{path.name}: question {row.get('qid', '?') if isinstance(row, dict) else row!r}"
            name = field(row, "img_name", str, where=where)
            for each in ("q_lang", "modality", "location"):
                field(row, each, str, where=where)
            held = found.setdefault(name, (split, []))
            if held[0] != split:
                raise InputError(f"{where}: picture {name} is in '{held[0]}' too, but SLAKE is split by picture")
            if keep(row):
                held[1].append(row)
    return {name: held for name, held in found.items() if held[1]}


def _kept(languages: tuple[str, ...], modalities: tuple[str, ...], locations: tuple[str, ...], row: Any) -> bool:
    return (
        row["q_lang"] in languages
        and _plain(row["modality"]) in {_plain(each) for each in modalities}
        and any(_plain(each) in _plain(row["location"]) for each in locations)
    )


def _studies(root: Path, keep: partial[bool]) -> Iterator[Study]:
    images = next((path for path in (root / "imgs", *sorted(root.glob("*/imgs"))) if path.is_dir()), root)
    for name, (_, kept) in _pictures(root, keep).items():
        folder = name.split("/")[0]
        questions = tuple(_question(row, f"SLAKE question {row.get('qid')}") for row in kept)
        yield Study(folder, folder, images=(film(images / name, id=folder),), questions=questions,
                    findings=_findings(images / folder / "detection.json", folder))  # fmt: skip


@register.dataset("slake", licence=LICENCE, citation=CITATION)
def slake(
    root: str | Path, *, languages: tuple[Language, ...] = ("en",), modalities: tuple[str, ...] = ("X-Ray",),
    locations: tuple[str, ...] = ("chest", "lung"),
) -> Cohort:  # fmt: skip
    """Return SLAKE's chest radiographs with their questions and boxed findings; official split by picture.

    Args:
        root: Slake1.0/, or the folder that holds it.
        languages: 'en', 'zh' or both; a question's id starts with its language.
        modalities, locations: which pictures are kept, see above.

    Raises:
        MissingError: if a list of questions is not there; on use, if a picture is not.
        InputError: if a list cannot be read, or a language is neither of the two.
    """
    odd = [each for each in languages if each not in get_args(Language)]
    if odd:
        raise InputError(f"SLAKE's questions are in 'en' and 'zh', not '{odd[0]}'")
    place, keep = Path(root), partial(_kept, tuple(languages), tuple(modalities), tuple(locations))
    splits = {name.split("/")[0]: split for name, (split, _) in _pictures(place, keep).items()}
    return Cohort("slake", partial(_studies, place, keep), official(splits.items, what="SLAKE"), LICENCE, CITATION)
