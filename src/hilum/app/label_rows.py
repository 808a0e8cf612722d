"""One report in, one JSON row out: labels, findings with spans and rules, and the graph, scene and structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hilum.app.report_row import Row
from hilum.core.errors import HilumError, InputError
from hilum.text.labels import Aggregate, Labels, Likely, Uncertain, label
from hilum.text.language import language_of
from hilum.text.parse import Fact, Parsed

CELLS = {"present": 1, "absent": 0, "uncertain": -1}
"""How the states are written in a row; a label that is not mentioned is not in the row."""


@dataclass(frozen=True)
class Reading:
    """How reports are read: see `hilum.text.labels.label`.

    Args:
        label_set, uncertain, likely, aggregate: which labels, and how doubt is read.
        language: of the reports; 'auto' decides for each.
        explain: add lines for people.
        graph, scene, structure: add the RadGraph document, the scene graph, the structured rows.
        lean: leave findings and evidence out, for outputs that hold labels only.
    """

    label_set: str = "chexpert-14"
    uncertain: Uncertain = "keep"
    likely: Likely = "present"
    aggregate: Aggregate = "strongest"
    language: str = "auto"
    explain: bool = False
    graph: bool = False
    scene: bool = False
    structure: bool = False
    lean: bool = False

    def label(self, text: str | Mapping[str, str]) -> Labels:
        """Label one report; raises InputError if it is too long or of no known language."""
        language = self.language
        if language == "auto":
            language = language_of(text if isinstance(text, str) else " ".join(text.values()))
            if not language:
                raise InputError(
                    "this does not read like a report in a language there is a pack for (English, Spanish)"
                )
        return label(
            text, self.label_set, uncertain=self.uncertain, likely=self.likely, aggregate=self.aggregate,
            language=language,
        )  # fmt: skip


def reading_of(
    label_set: str, uncertain: str, likely: str, aggregate: str, language: str, **documents: bool
) -> Reading:
    """Return a reading of choices given as text; wrong ones are refused by the first report or by `label_files`."""
    return Reading(label_set, uncertain, likely, aggregate, language, **documents)  # type: ignore[arg-type]


def label_row(row: Row, reading: Reading, *, repeated: bool = False) -> dict[str, Any]:
    """Return the JSON row of one report: id, labels and findings with spans and rules, or id and error."""
    error = row.error or ("this id was met before: give each report its own" if repeated else "")
    if not error:
        try:
            made = as_row(row.id, reading.label(row.text), reading, row.patient)
            return {**made, "patient": row.patient} if row.patient else made
        except HilumError as failed:
            if failed.exit_code == 2:
                raise
            error = str(failed)
    return {"id": row.id, "label_set": reading.label_set, "error": error}


def as_row(name: str, labels: Labels, reading: Reading, patient: str = "") -> dict[str, Any]:
    """Return labels and findings as JSON values; offsets count characters of 'text' where it had to be joined."""
    parsed = labels.parsed
    made: dict[str, Any] = {
        "id": name,
        "label_set": labels.label_set,
        "language": parsed.language,
        "labels": {key: CELLS[state] for key, state in labels.states.items()},
    }
    if not reading.lean:
        made["evidence"] = {key: list(numbers) for key, numbers in labels.evidence.items()}
        made["findings"] = [fact_row(fact, parsed.text) for fact in parsed.facts]
    if reading.explain:
        from hilum.app.label_explain import explain

        made["explain"] = explain(labels)
    if reading.graph or reading.scene or reading.structure:
        made.update(documents(name, labels, reading, patient))
    return made


def documents(name: str, labels: Labels, reading: Reading, patient: str = "") -> dict[str, Any]:
    """Return the asked documents of one report by name: 'graph' (RadGraph), 'scene' (ImaGenome), 'structure'."""
    parsed = labels.parsed
    builders: dict[str, Callable[[], Any]] = {
        "graph": lambda: _graph(parsed),
        "scene": lambda: _scene(name, parsed, patient),
        "structure": lambda: _structure(parsed),
    }
    made: dict[str, Any] = {}
    for asked, build in builders.items():
        if getattr(reading, asked):
            try:
                made[asked] = build()
            except InputError as error:  # e.g. a language without a graph table: the labels hold all the same
                made[asked] = {"error": str(error)}
    return made


def _graph(parsed: Parsed) -> Any:
    from hilum.text.graph import graph
    from hilum.text.radgraph import to_radgraph

    return to_radgraph(graph(parsed))


def _scene(name: str, parsed: Parsed, patient: str) -> Any:
    """The scene of a report alone: no film, so no boxes, and the report stands for its image."""
    from hilum.text.imagenome import to_imagenome
    from hilum.text.scene import scene

    return to_imagenome(scene(parsed), image_id=name, study_id=name, patient_id=patient)


def _structure(parsed: Parsed) -> Any:
    from hilum.text.structure import structure

    return [filled(row) for row in structure(parsed)]


def filled(row: Any) -> dict[str, Any]:
    """Return the cells of a structured row that hold something."""
    return {name: value for name, value in row._asdict().items() if value not in ("", (), -1)}


def fact_row(fact: Fact, text: str) -> dict[str, Any]:
    """Return one fact as JSON values; what it does not state is left out."""
    made: dict[str, Any] = {
        "concept": fact.concept,
        "state": fact.state,
        "certainty": fact.certainty,
        "section": fact.section,
        "span": [fact.start, fact.end],
        "text": text[fact.start : fact.end],
        "sentence": list(fact.sentence),
        "rule": fact.rule,
    }
    if fact.cues:
        made["cues"] = [[cue.start, cue.end, cue.rule] for cue in fact.cues]
    if fact.attributes:
        made["attributes"] = {slot: list(values) for slot, values in fact.attributes.items()}
    if fact.sizes:
        made["sizes"] = [list(size) for size in fact.sizes]
    if fact.because_of >= 0:
        made["because_of"] = fact.because_of
    if fact.history:
        made["history"] = True
    return made
