"""Chest ImaGenome's scene-graph JSON: written from a Scene, read back to one.

Source: the files of Chest ImaGenome (Wu et al., 2021; PhysioNet). Coordinates stand twice in them: in a square frame
of 224 pixels that the image is fitted into, centred on black, and in pixels of the original image. `to_square` is the
one way between the two here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hilum.core.errors import InputError
from hilum.core.finding import Finding, State
from hilum.core.geometry import Letterbox
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.core.vocabulary import concept
from hilum.text.scene import CUES, Observation, Phrase, Relation, Scene
from hilum.text.scene_table import attributes, concept_of, sites

SQUARE = 224
"""Side of the frame that x1, y1, x2, y2 count in."""
_META = ("viewpoint", "gender", "age_decile", "reason_for_exam", "StudyDateTime", "StudyOrder")
_LISTS = ("attributes", "phrases", "phrase_IDs", "sections", *(f"{kind}_cues" for kind in CUES))
_CHANGE = {"improved": "improved", "worsened": "worsened", "no change": "unchanged"}
_LONGEST = 20_000  # objects or phrases in one file; real ones hold a few dozen
_Line = tuple[str, str, str]  # phrase id, words, section
_Group = tuple[list[str], dict[str, list[str]]]


@dataclass(frozen=True)
class SceneGraph:
    """One file: the scene, its boxes in pixels of the original image, and what the file says of the study.

    Args:
        scene: observations and relations.
        boxes: site -> Box, original pixels.
        image_id, patient_id, study_id: as in the file.
        prior_image_id: the image that relations point to, '' for none.
        meta: viewpoint, gender, age_decile, reason_for_exam, StudyDateTime, StudyOrder, where the file has them.
    """

    scene: Scene
    boxes: Mapping[str, Box]
    image_id: str = ""
    patient_id: str = ""
    study_id: str = ""
    prior_image_id: str = ""
    meta: Mapping[str, str] = field(default_factory=dict)


def to_square(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (x1, y1, x2, y2) in the 224 frame, whole pixels, of a box in pixels of the original image.

    Args:
        box: original pixels.
        size: (height, width) of the original image.
    """
    x0, y0, x1, y1 = Letterbox(size[0], size[1], SQUARE).to_frame(box.corners)
    return (round(x0), round(y0), round(x1), round(y1))


def to_imagenome(
    scene: Scene,
    *,
    image_id: str,
    patient_id: str = "",
    study_id: str = "",
    boxes: Mapping[str, Box] | None = None,
    size: tuple[int, int] | None = None,
    prior_image_id: str = "",
    meta: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return one image's scene graph in the layout of the published files.

    `objects` holds what has a box, whether the report speaks of it or not; `attributes` what the report speaks of,
    whether it has a box or not.

    Args:
        scene: of the study's report.
        image_id, patient_id, study_id: ids to write.
        boxes: site -> Box in pixels of the image, as `hilum.core.atlas.boxes` gives them.
        size: (height, width) of the image; needed with boxes.
        prior_image_id: image of the prior study; relationships are written only with it.
        meta: viewpoint, gender, age_decile, reason_for_exam, StudyDateTime, StudyOrder.

    Raises:
        InputError: if boxes come without a size, lie outside the image, or a meta key is unknown.
    """
    unknown = sorted(set(meta or {}) - set(_META))
    if unknown:
        raise InputError(f"a scene graph has no field '{unknown[0]}'; it has {', '.join(_META)}")
    if boxes and size is None:
        raise InputError("boxes need the image's size=(height, width), so that both frames can be written")
    return {
        "image_id": image_id, "patient_id": patient_id, "study_id": study_id,
        **{key: (meta or {}).get(key, "") for key in _META},
        "objects": [_object(image_id, name, box, size) for name, box in (boxes or {}).items() if size],
        "attributes": _attributes(scene, image_id, study_id),
        "relationships": _relationships(scene, image_id, prior_image_id) if prior_image_id else [],
    }  # fmt: skip


def _object(image_id: str, name: str, box: Box, size: tuple[int, int]) -> dict[str, Any]:
    if min(box.x0, box.y0) < 0 or box.x1 > size[1] or box.y1 > size[0]:
        raise InputError(
            f"the box of '{name}' {box.corners} lies outside the image of {size[1]} x {size[0]} pixels: "
            "boxes must be in pixels of the original image"
        )
    held = sites().get(name)
    code = concept(held.concept).code if held else None
    small, large = to_square(box, size), tuple(round(edge) for edge in box.corners)
    return {
        "object_id": f"{image_id}_{name}", "bbox_name": name, "name": name.capitalize(),
        "synsets": [f"{code.scheme}:{code.value}"] if code else [],
        **dict(zip(("x1", "y1", "x2", "y2"), small, strict=True)),
        "width": small[2] - small[0], "height": small[3] - small[1],
        **{f"original_{edge}": value for edge, value in zip(("x1", "y1", "x2", "y2"), large, strict=True)},
        "original_width": large[2] - large[0], "original_height": large[3] - large[1],
    }  # fmt: skip


def _attributes(scene: Scene, image_id: str, study_id: str) -> list[dict[str, Any]]:
    """Per object the parallel lists over the phrases that speak of it."""
    grouped: dict[str, dict[int, _Group]] = {}
    for each in scene.observations:
        for site in each.sites:
            names, cues = grouped.setdefault(site, {}).setdefault(each.phrase, ([], {kind: [] for kind in CUES}))
            _add(names, each.attributes)
            for kind in CUES:
                _add(cues[kind], getattr(each, kind))
    made = []
    for site, by_phrase in grouped.items():
        spans = [scene.phrases[number] for number in by_phrase]
        made.append({
            "object_id": f"{image_id}_{site}", "bbox_name": site,
            "attributes": [names for names, _ in by_phrase.values()],
            "phrases": [scene.text[span.start : span.end] for span in spans],
            "phrase_IDs": [f"{study_id}|{number}" for number in by_phrase],
            "sections": [span.section for span in spans],
            **{f"{kind}_cues": [cues[kind] for _, cues in by_phrase.values()] for kind in CUES},
        })  # fmt: skip
    return made


def _add(held: list[str], more: Sequence[str]) -> None:
    held.extend(each for each in more if each not in held)


def _relationships(scene: Scene, image_id: str, prior: str) -> list[dict[str, Any]]:
    """One row per object, change and wording; the files have no number for a phrase here."""
    told = dict.fromkeys(
        (each.site, each.change, scene.text[slice(*scene.phrases[each.phrase][:2])]) for each in scene.relations
    )
    return [
        {
            "relationship_id": f"{image_id}|{number}", "predicate": change,
            "relationship_names": [f"comparison|yes|{change}"], "subject_id": f"{image_id}_{site}",
            "object_id": f"{prior}_{site}", "bbox_name": site, "phrase": words,
        }
        for number, (site, change, words) in enumerate(told)
    ]  # fmt: skip


def from_imagenome(document: Mapping[str, Any]) -> SceneGraph:
    """Return what a scene-graph file says; boxes come from its original coordinates.

    Each phrase of each object becomes one observation. The text is the file's phrases, one a line.

    Args:
        document: the parsed JSON of one image.

    Raises:
        InputError: if the document has not the layout of a scene graph; the sentence says where.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("attributes"), list):
        raise InputError("this is no scene graph: an object with the lists 'objects' and 'attributes' is expected")
    rows, told = _rows(document, "attributes"), _rows(document, "relationships")
    lines = _lines(rows, told)
    numbers = {line: number for number, line in enumerate(lines)}
    text, phrases = _joined(lines)
    made = [each for row in rows for each in _observations(row, numbers)]
    said: dict[tuple[str, str], list[Observation]] = {}
    for one in made:
        said.setdefault((one.sites[0], lines[one.phrase][1]), []).append(one)
    first = {words: number for number, (_, words, _) in reversed(list(enumerate(lines)))}
    relations = [each for row in told for each in _compared(row, said, first)]
    prior = next((_text(row, "object_id").removesuffix(f"_{_text(row, 'bbox_name')}") for row in told), "")
    return SceneGraph(
        Scene(text, phrases, tuple(made), tuple(relations)),
        {_text(row, "bbox_name"): _box(row) for row in _rows(document, "objects")},
        _text(document, "image_id"), _text(document, "patient_id"), _text(document, "study_id"), prior,
        {key: str(document[key]) for key in _META if document.get(key) not in (None, "")},
    )  # fmt: skip


def _rows(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = document.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows) or len(rows) > _LONGEST:
        raise InputError(f"scene graph: '{name}' must be a list of at most {_LONGEST:,} objects")
    return rows


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name, "")
    if not isinstance(value, str | int):
        raise InputError(f"scene graph: '{name}' must be text, got {type(value).__name__}")
    return str(value)


def _words(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = row.get(name, [])
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise InputError(f"scene graph: '{name}' must be a list of text")
    return tuple(values)


def _listed(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parallel lists of an object, phrase by phrase."""
    lists = {name: row.get(name, []) for name in _LISTS}
    lengths = {name: len(each) if isinstance(each, list) else -1 for name, each in lists.items()}
    if len(set(lengths.values())) != 1 or not 0 <= lengths["phrases"] <= _LONGEST:
        site = _text(row, "bbox_name")
        raise InputError(f"scene graph: the lists of '{site}' must be as long as its phrases, got {lengths}")
    return [{name: each[at] for name, each in lists.items()} for at in range(lengths["phrases"])]


def _line(one: Mapping[str, Any]) -> _Line:
    return (_text(one, "phrase_IDs"), _text(one, "phrases"), _text(one, "sections"))


def _lines(rows: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]]) -> list[_Line]:
    """The file's phrases, each once, by the number at the end of their ids where all have one."""
    lines = list(dict.fromkeys(_line(one) for row in rows for one in _listed(row)))
    tails = [line[0].rsplit("|", 1)[-1] for line in lines]
    if all(tail.isdecimal() and len(tail) < 10 for tail in tails):
        order = sorted(range(len(lines)), key=lambda at: int(tails[at]))
        lines = [lines[at] for at in order]
    held = {words for _, words, _ in lines}
    return lines + list(dict.fromkeys(("", each, "") for row in told if (each := _text(row, "phrase")) not in held))


def _observations(row: Mapping[str, Any], numbers: Mapping[_Line, int]) -> list[Observation]:
    """One observation per phrase of an object."""
    site, made = _text(row, "bbox_name"), []
    for one in _listed(row):
        for text in _words(one, "attributes"):
            parts = text.split("|")
            if len(parts) != 3 or parts[1] not in ("yes", "no"):
                raise InputError(f"scene graph: '{site}' has the attribute '{text}'; 'category|yes|name' is expected")
        texture, severity, temporal, comparison = (_words(one, f"{kind}_cues") for kind in CUES)
        names = _words(one, "attributes")
        made.append(Observation(numbers[_line(one)], names, (site,), "file", texture, severity, temporal, comparison))
    return made


def _compared(
    row: Mapping[str, Any], said: Mapping[tuple[str, str], list[Observation]], first: Mapping[str, int]
) -> list[Relation]:
    """Relations of one row; what changed is what the phrase says of the object."""
    site, words = _text(row, "bbox_name"), _text(row, "phrase")
    held = said.get((site, words), [])
    number = held[0].phrase if held else first[words]
    names = tuple(dict.fromkeys(name for each in held for name in each.attributes))
    return [Relation(site, each.rsplit("|", 1)[-1], names, number) for each in _words(row, "relationship_names")]


def _joined(lines: Sequence[_Line]) -> tuple[str, tuple[Phrase, ...]]:
    text, phrases = [], []
    at = 0
    for _, words, section in lines:
        phrases.append(Phrase(at, at + len(words), section))
        text.append(words)
        at += len(words) + 1
    return "\n".join(text), tuple(phrases)


def _box(row: Mapping[str, Any]) -> Box:
    edges = [row.get(f"original_{edge}") for edge in ("x1", "y1", "x2", "y2")]
    if not all(isinstance(edge, int | float) and not isinstance(edge, bool) for edge in edges):
        raise InputError(
            f"scene graph: '{row.get('bbox_name')}' needs numbers original_x1 ... original_y2, got {edges}"
        )
    return Box(*(float(edge) for edge in edges), image=_text(row, "object_id").rsplit("_", 1)[0])  # type: ignore[arg-type,misc]


def to_findings(scene: Scene, made_by: MadeBy | None = None) -> tuple[Finding, ...]:
    """Return the findings of a scene, one per attribute, phrase and polarity, with all its sites.

    An attribute that another one of the same phrase and site implies is left out, and so are 'nlp' and sites that
    hold another site of the same finding. A hedged one is uncertain.
    """
    found: dict[tuple[int, str, str], dict[str, None]] = {}
    facts: dict[tuple[int, str, str], Observation] = {}
    for each in scene.observations:
        named = {text: text.split("|", 2) for text in each.attributes if not text.startswith("nlp|")}
        implied = {up for _, _, name in named.values() if name in attributes() for up in attributes()[name].above}
        for _, polarity, name in named.values():
            if polarity == "no" or name not in implied:
                key = (each.phrase, name, polarity)
                found.setdefault(key, {}).update(dict.fromkeys(each.sites))
                facts.setdefault(key, each)
    return tuple(_finding(key, tuple(found[key]), facts[key], made_by, number) for number, key in enumerate(found))


def _finding(
    key: tuple[int, str, str], where: tuple[str, ...], each: Observation, made_by: MadeBy | None, number: int
) -> Finding:
    _, name, polarity = key
    wider = {above for site in where if site in sites() for above in sites()[site].above}
    grades = [cue.rsplit("|", 1)[1] for cue in each.severity]
    hedged = polarity == "yes" and "hedge" in grades
    state: State = "uncertain" if hedged else "present" if polarity == "yes" else "absent"
    grade = next((word for word in grades if word != "hedge"), "")
    changes = [_CHANGE[cue.rsplit("|", 1)[1]] for cue in each.comparison if cue.rsplit("|", 1)[1] in _CHANGE]
    return Finding(
        concept_of(name),
        state,
        sites=tuple(concept_of(site) for site in where if site not in wider),
        attributes={"severity": grade} if grade else {},
        change=changes[0] if changes else None,  # type: ignore[arg-type]
        made_by=made_by,
        id=f"s{number}",
    )
