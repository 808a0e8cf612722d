"""RadGraph's JSON form of report graphs, out and in, and the DyGIE++ lines its models train on."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any

from hilum.core.errors import InputError
from hilum.text.graph_schema import KINDS, LABELS, Entity, Graph

FORMATS = ("radgraph", "radgraph-xl")
"""'radgraph' is the 2021 form; 'radgraph-xl' has its own tokens and label names (Delbrouck et al. 2024)."""
_SPLIT = {
    "radgraph": re.compile(r"[-/,:.!?()]|[^\s\-/,:.!?()]+"),
    "unhyphenated": re.compile(r"[/,:.!?()]|[^\s/,:.!?()]+"),
    "radgraph-xl": re.compile(r"\w+|[^\w\s]+"),
}
_XL_CUTS = re.compile(r"(?<=\))(?=\.)|(?<=%)(?=[.,)])|(?<=\.)(?=')")
_LONG = {
    "ANAT-DP": "Anatomy::definitely present", "OBS-DP": "Observation::definitely present",
    "OBS-U": "Observation::uncertain", "OBS-DA": "Observation::definitely absent",
}  # fmt: skip
_SHORT = {long: short for short, long in _LONG.items()} | {label: label for label in LABELS}
_EMPTY = "None"  # what RadGraph's own tools put in place of a report without words
_ANNOTATORS = ("labeler_1", "labeler_2")


def to_radgraph(
    graph: Graph, *, form: str = "radgraph", lower: bool = False, hyphens: bool = True,
    source: str | None = None, split: str = "inference",
) -> dict[str, Any]:  # fmt: skip
    """Return one document of RadGraph's JSON form.

    Args:
        graph: the report graph.
        form: 'radgraph' or 'radgraph-xl': how words are cut and labels named.
        lower: write the text in lower case, as RadGraph's tools do from July 2026 on.
        hyphens: in form 'radgraph', cut words at hyphens too. RadGraph's own code does not (the hyphen in its pattern
            only makes a range), but then 'right-sided' is one word and the smallest spans are lost.
        source, split: written to `data_source` and `data_split`.

    Returns:
        `text` (words joined by spaces; 'None' where there are none), `entities` {id: tokens, label, start_ix, end_ix
        (both inclusive word numbers), relations [[kind, id], ...]}, `data_source`, `data_split`, and what RadGraph's
        files lack: `version` (form and extractor) and `lower_case`.

    Raises:
        InputError: if the form is unknown.

    Source: RadGraph 1.0.0 (PhysioNet) and the radgraph package 0.1.18.
    """
    words, spans = _words(graph.text, form, hyphens)
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    names = _LONG if form == "radgraph-xl" else {label: label for label in LABELS}
    shown = [word.lower() for word in words] if lower else words
    entities = {}
    for number, entity in enumerate(graph.entities):
        first = bisect_left(ends, entity.start + 1)
        last = max(first, bisect_left(starts, entity.end) - 1)
        entities[str(number + 1)] = {
            "tokens": " ".join(shown[first : last + 1]), "label": names[entity.label], "start_ix": first,
            "end_ix": last, "relations": [[kind, str(to + 1)] for kind, to in entity.relations],
        }  # fmt: skip
    return {
        "text": " ".join(shown) or _EMPTY, "entities": entities, "data_source": source, "data_split": split,
        "version": f"{form}; {graph.made_by}", "lower_case": lower,
    }  # fmt: skip


def _words(text: str, form: str, hyphens: bool) -> tuple[list[str], list[tuple[int, int]]]:
    if form not in FORMATS:
        raise InputError(f"unknown form '{form}': one of {', '.join(FORMATS)} is expected")
    cut = _SPLIT[form if hyphens or form != "radgraph" else "unhyphenated"]
    spans = [match.span() for match in cut.finditer(text)]
    if form == "radgraph-xl":
        spans = [span for start, end in spans for span in _repaired(text, start, end)]
    return [text[start:end] for start, end in spans], spans


def _repaired(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a run of punctuation where RadGraph-XL does: ').' and '%.' are two words."""
    for cut in _XL_CUTS.finditer(text, start + 1, end) if end - start > 1 and not text[start].isalnum() else ():
        yield start, cut.start()
        start = cut.start()
    yield start, end


def from_radgraph(document: Mapping[str, Any], *, annotator: int | None = None) -> Graph:
    """Return the graph of one document; its text is the document's own, words joined by single spaces.

    Args:
        document: `text` and `entities`, or the test layout with `labeler_1` and `labeler_2`.
        annotator: 1 or 2, which of two annotators to read; 1 where the document has two and none is named.

    Raises:
        InputError: if a part is missing, a label or relation is unknown, or a number points nowhere.
    """
    document = _whole(document, annotator)
    text, entities = document.get("text"), document.get("entities")
    if not isinstance(text, str) or not isinstance(entities, Mapping):
        raise InputError("a RadGraph document needs 'text' (a string) and 'entities' (an object); one is missing")
    starts, ends, at = [], [], 0
    for word in text.split(" "):
        starts.append(at)
        ends.append(at + len(word))
        at += len(word) + 1
    numbers = {key: number for number, key in enumerate(entities)}
    made = tuple(_entity(key, value, numbers, starts, ends) for key, value in entities.items())
    version = str(document.get("version") or "radgraph")
    return Graph(text, made, version.partition("; ")[2] or version)


def _whole(document: Mapping[str, Any], annotator: int | None) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        came = type(document).__name__
        raise InputError(f"a RadGraph document is an object with 'text' and 'entities'; a {came} came")
    if not any(name in document for name in _ANNOTATORS):
        return document
    name = _ANNOTATORS[(annotator or 1) - 1] if annotator in (None, 1, 2) else str(annotator)
    if not isinstance(document.get(name), Mapping):
        raise InputError(f"this document has no annotator {annotator}: 1 or 2 is expected")
    return {"text": document.get("text"), **document[name]}


def _entity(key: str, value: Any, numbers: Mapping[str, int], starts: list[int], ends: list[int]) -> Entity:
    try:
        first, last, label = value["start_ix"], value["end_ix"], _SHORT[value["label"]]
        if not (type(first) is type(last) is int and 0 <= first <= last < len(starts)):
            raise InputError(
                f"entity '{key}' spans words {first} to {last}, but the text has words 0 to {len(starts) - 1}"
            )
        relations = tuple((str(kind), numbers[str(to)]) for kind, to in value["relations"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"entity '{key}' is not as RadGraph writes it: 'label' (one of {', '.join((*LABELS, *_LONG.values()))}), "
            f"'start_ix', 'end_ix' and 'relations' to known ids are expected; the fault is {error!r}"
        ) from error
    for kind, _ in relations:
        if kind not in KINDS:
            raise InputError(f"entity '{key}' has a relation '{kind}': one of {', '.join(KINDS)} is expected")
    return Entity(starts[first], ends[last], label, relations)


def to_file(graphs: Mapping[str, Graph], **options: Any) -> dict[str, dict[str, Any]]:
    """Return what RadGraph's files hold: documents by report id; options as for `to_radgraph`."""
    return {name: to_radgraph(each, **options) for name, each in graphs.items()}


def from_file(content: Mapping[str, Any], *, annotator: int | None = None) -> dict[str, Graph]:
    """Return the graphs of a loaded RadGraph file (train, dev, test, MIMIC-CXR_graphs, CheXpert_graphs) by report id.

    Raises:
        InputError: if the file is not an object of documents, or a document is malformed (its id is named).
    """
    if not isinstance(content, Mapping):
        raise InputError("a RadGraph file is one JSON object of documents by report id; something else came")
    return {name: _named(name, document, annotator) for name, document in content.items()}


def _named(name: str, document: Any, annotator: int | None) -> Graph:
    try:
        return from_radgraph(document, annotator=annotator)
    except InputError as error:
        raise InputError(f"document '{name}': {error}") from error


def to_dygie(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the DyGIE++ line of each RadGraph document; a whole report is one sentence, as RadGraph trains.

    Args:
        documents: RadGraph documents by report id, e.g. from `to_file`.
    """
    for name, document in documents.items():
        spans = {key: [value["start_ix"], value["end_ix"]] for key, value in document["entities"].items()}
        ner = [[*spans[key], value["label"]] for key, value in document["entities"].items()]
        relations = [
            [*spans[key], *spans[to], kind]
            for key, value in document["entities"].items()
            for kind, to in value["relations"]
        ]
        yield {
            "doc_key": name, "dataset": "radgraph", "sentences": [document["text"].split(" ")], "ner": [ner],
            "relations": [relations],
        }  # fmt: skip
