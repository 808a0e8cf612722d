"""RadGraph 1.0 and RadGraph-XL: reports as graphs of entities and relations.

Get them at physionet.org/content/radgraph (train.json, dev.json, test.json, MIMIC-CXR_graphs.json and
CheXpert_graphs.json) and, for XL, physionet.org/content/radgraph-xl (MIMIC reports) and aimi.stanford.edu (Stanford
reports), all with credentials. A file is one object of documents by report id; a list of documents, of one-document
objects {'0': {...}} as the radgraph package and CheXpert Plus write them, and DyGIE++ lines are read too.

Traps: test.json has two annotators, of whom the first is read unless another is named; MIMIC-CXR_graphs.json and
CheXpert_graphs.json were written by a model and are no reference; the files split reports, not patients: a patient who
is in several counts to the last of train, dev, test; XL's reports are of radiographs, CT and MR.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding, Span, State
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.data.cells import name_of
from hilum.data.mimic_files import PLACE
from hilum.data.release import Official
from hilum.data.splits import official
from hilum.text.graph_schema import Graph
from hilum.text.radgraph import from_radgraph

LICENCE = "PhysioNet Credentialed Health Data License 1.5.0"
CITATION = (
    "Jain et al. RadGraph: extracting clinical entities and relations from radiology reports. NeurIPS Datasets 2021; "
    "Delbrouck et al. RadGraph-XL. Findings of ACL 2024"
)
_PAGE = "PhysioNet, RadGraph 1.0.0"
OFFICIAL = (
    Official("test.json", 100, of="documents", source=_PAGE),
    Official("MIMIC-CXR_graphs.json", 220_763, of="documents", source=_PAGE),
    Official("CheXpert_graphs.json", 500, of="documents", source=_PAGE),
)
_ORDER = ("train", "dev", "test")
_MACHINE = ("MIMIC-CXR_graphs", "CheXpert_graphs")
_STATES: Mapping[str, State] = {"OBS-DP": "present", "OBS-DA": "absent", "OBS-U": "uncertain"}
_WHAT = "the folder of RadGraph (physionet.org/content/radgraph, credentialed access)"


@register.dataset("radgraph", licence=LICENCE, citation=CITATION)
def radgraph(root: str | Path, *, annotator: int = 1, machine: bool = False) -> Cohort:
    """Return RadGraph's reports as studies; every observation with a name in the vocabulary is a finding.

    A study of MIMIC-CXR is called as in `mimic-cxr`; the text is the documents' own, words joined by spaces, as
    findings; a finding's `evidence` is the observation's words. The graphs themselves come from `graphs`.

    Args:
        root: folder with train.json, dev.json, test.json or other files of documents.
        annotator: 1 or 2, where a document has two.
        machine: read what a model wrote (MIMIC-CXR_graphs.json, CheXpert_graphs.json) in place of the other files.

    Raises:
        MissingError: if there is no such file.
        InputError: on use, if a file is not in the layout.
    """
    files = _files(Path(root), machine)
    return Cohort(
        name="radgraph", studies=partial(_studies, files, annotator),
        splits=official(partial(_pairs, files), what="RadGraph", order=_ORDER), licence=LICENCE, citation=CITATION,
    )  # fmt: skip


def graphs(root: str | Path, *, annotator: int = 1, machine: bool = False) -> Iterator[tuple[str, str, Graph]]:
    """Yield (report id, split, graph) of every document; arguments and errors as for `radgraph`."""
    for path in _files(Path(root), machine):
        for name, graph in _graphs(path, annotator):
            yield name, path.stem, graph


def _graphs(path: Path, annotator: int) -> Iterator[tuple[str, Graph]]:
    for name, document in _documents(path):
        yield name, _graph(document, annotator, f"{path.name}, document '{name}'")


def _graph(document: Mapping[str, Any], annotator: int, where: str) -> Graph:
    try:
        return from_radgraph(document, annotator=annotator)
    except InputError as fault:
        raise InputError(f"{where}: {fault}") from None


def _files(root: Path, machine: bool) -> tuple[Path, ...]:
    found = {path.stem: path for path in sorted((*root.glob("*.json"), *root.glob("*.jsonl")))}
    wanted = [name for name in found if (name in _MACHINE) == machine]
    if not wanted:
        raise MissingError(f"no train.json, dev.json or test.json in {root}: give {_WHAT}")
    first = [name for name in _ORDER if name in wanted]
    return tuple(found[name] for name in (*first, *(name for name in wanted if name not in first)))


def _documents(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8")
        by_line = path.suffix == ".jsonl" or text.lstrip().startswith('{"doc_key"')
        held = [json.loads(line) for line in text.splitlines() if line.strip()] if by_line else json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as fault:
        raise InputError(f"{path.name} is no whole JSON file: {fault}; copy it anew") from None
    pairs = held.items() if isinstance(held, Mapping) else enumerate(held) if isinstance(held, list) else ()
    for key, value in pairs:
        inner = value["0"] if isinstance(value, Mapping) and set(value) == {"0"} else value
        if not isinstance(inner, Mapping):
            raise InputError(f"{path.name}, document '{key}' is no object with 'text' and 'entities'")
        name = str(inner.get("doc_key") or key) if isinstance(held, list) else str(key)
        yield (name if isinstance(held, Mapping) or "doc_key" in inner else f"{path.stem}-{key}"), _plain(inner)


def _plain(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A DyGIE++ line as a document; anything else as it is."""
    if "sentences" not in document:
        return document
    words = [word for sentence in document["sentences"] for word in sentence]
    entities: dict[str, dict[str, Any]] = {}
    places: dict[tuple[int, int], str] = {}
    for start, end, label in (each for part in document.get("ner", ()) for each in part):
        places[start, end] = str(len(entities) + 1)
        entities[places[start, end]] = {
            "tokens": " ".join(words[start : end + 1]), "label": label, "start_ix": start, "end_ix": end,
            "relations": [],
        }  # fmt: skip
    for each in (row for part in document.get("relations", ()) for row in part):
        source, target = places.get((each[0], each[1])), places.get((each[2], each[3]))
        if source is None or target is None:
            raise InputError(f"document '{document.get('doc_key')}' has a relation between words that are no entities")
        entities[source]["relations"].append([each[4], target])
    return {"text": " ".join(words), "entities": entities}


def _place(name: str) -> tuple[str, str]:
    """(patient, study) of a report id; ('', the id) where it is no path of MIMIC-CXR."""
    found = PLACE.search(name)
    return (found["patient"], found["study"]) if found else ("", name)


def _pairs(files: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    for path in files:
        for name, _ in _documents(path):
            patient, study = _place(name)
            yield patient or study, path.stem


def _studies(files: tuple[Path, ...], annotator: int) -> Iterator[Study]:
    for path in files:
        for name, graph in _graphs(path, annotator):
            patient, study = _place(name)
            yield Study(id=study, patient=patient, report=Report(findings=graph.text), findings=findings_of(graph))


def findings_of(graph: Graph) -> tuple[Finding, ...]:
    """Return the observations of a graph that the vocabulary has a name for.

    The name is that of the observation's own words, or of these with the words that modify it or lie where it is
    located, in the order of the text: 'effusion' located at 'pleural' is a pleural effusion.
    """
    made = MadeBy("RadGraph", graph.made_by)
    found = []
    for number, entity in enumerate(graph.entities):
        state = _STATES.get(entity.label)
        name = _name(graph, number) if state else ""
        if state and name:
            span = Span("findings", entity.start, entity.end)
            found.append(Finding(name, state, evidence=span, made_by=made, id=f"e{number + 1}"))
    return tuple(found)


def _name(graph: Graph, number: int) -> str:
    near = {to for kind, to in graph.entities[number].relations if kind == "located_at"}
    near |= {at for at, each in enumerate(graph.entities) if ("modify", number) in each.relations}
    tried = (sorted({number, *near}), *(sorted((number, at)) for at in sorted(near)), [number])
    known = (name_of(" ".join(graph.words(at) for at in parts)) for parts in tried)
    return next((name for name in known if name), "")
