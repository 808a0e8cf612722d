"""A cohort's reports in the layout of RadGraph 1.0: train.json, dev.json and test.json of documents by report id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilum.core.cohort import Cohort
from hilum.core.study import Study
from hilum.data.layout_ids import MimicIds, folder
from hilum.data.layout_output import Extras, Table, Written, note, split_of
from hilum.io.save import save_text
from hilum.text.graph import graph
from hilum.text.graph_schema import Graph
from hilum.text.parse import parse
from hilum.text.radgraph import to_radgraph

_FILES: Mapping[str, str] = {"train": "train", "valid": "dev", "test": "test"}


def write(cohort: Cohort, out: Path, extras: Extras) -> Written:
    """Write the layout; see `hilum.data.layouts.write_layout`. Documents are kept until their file is whole."""
    done, ids = Written(out), MimicIds()
    files: dict[str, dict[str, Any]] = {}
    with Table(out / "ids.csv", ("kind", "name", "written")) as numbered:
        for study in cohort:
            found = _graph(study, extras)
            if found is None:
                done.left_out.append((study.id, "it has no findings or impression to read a graph from"))
                continue
            split = _FILES.get(split_of(cohort, study), split_of(cohort, study))
            name = f"{folder(ids.patient(study.patient or study.id))}/s{ids.study(study.id)}.txt"
            numbered.add("study", study.id, name)
            document = to_radgraph(found, source=cohort.name, split=split)
            files.setdefault(split, {})[name] = _twice(document) if split == "test" else document
            done.studies += 1
    for split, documents in files.items():
        save_text(json.dumps(documents, indent=1) + "\n", out / f"{split}.json")
    note(cohort, "RadGraph 1.0", done, "test.json states one reading under both labeler_1 and labeler_2.")
    return done


def _graph(study: Study, extras: Extras) -> Graph | None:
    if extras.graph is not None:
        return extras.graph(study)
    if study.report is None or not (study.report.findings or study.report.impression):
        return None
    told = {"findings": study.report.findings, "impression": study.report.impression}
    return graph(parse({name: text for name, text in told.items() if text}))


def _twice(document: Mapping[str, Any]) -> dict[str, Any]:
    """The test layout, which has two annotators."""
    kept = ("entities", "data_source", "data_split")
    labeler = {name: document[name] for name in kept}
    rest = {name: value for name, value in document.items() if name not in kept}
    return {**rest, "labeler_1": labeler, "labeler_2": labeler}
