"""What every registered data set owes its user; fixtures of all test modules here are read back and checked.

A test module makes its data set known with `@layout("name")` of `tests.data.layouts`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tests.data
from hilum.core.check import check
from hilum.core.cohort import Cohort
from hilum.core.errors import HilumError, MissingError
from hilum.core.registry import Entry, listing
from hilum.core.study import Study
from tests.data import test_nih
from tests.data.layouts import LAYOUTS, Layout, layout, table

ENTRIES = {entry.name: entry for entry in listing("dataset") if entry.module.startswith("hilum.")}
MADE_HERE = frozenset({"drr", "pack", "virtual"})
"""Folders that this package writes or that come with its source: their error says what to give, not where to fetch."""

ASKED = frozenset(
    {
        "ct-rate", "jsrt", "kermany", "lidc-idri", "montgomery", "nih", "openi", "pack", "padchest", "padchest-gr",
        "rexgrounding-ct", "rexvqa", "rsna-pneumonia", "shenzhen", "siim-pneumothorax", "slake", "vindr-cxr", "vqa-rad",
    }
)  # fmt: skip
"""The sets of this page of the documentation."""

TEXT = (".csv", ".json", ".txt", ".xml")
_ADDRESS = re.compile(r"https?://\S+|\b[\w-]+\.(?:org|gov|edu|com|net|jp|cn)\b|\bPhysioNet\b", re.IGNORECASE)


def folder_of(entry: Entry) -> bool:
    """Whether a data set must be given a folder."""
    root = inspect.signature(entry.thing).parameters.get("root")
    return root is not None and root.default is inspect.Parameter.empty


def registered() -> dict[str, Layout]:
    """The layouts of every test module beside this one; a module that cannot run here has none."""
    for module in pkgutil.iter_modules(tests.data.__path__):
        if module.name.startswith(("test_", "made_")) and module.name != "test_all_sets":
            try:
                importlib.import_module(f"tests.data.{module.name}")
            except pytest.skip.Exception:
                continue
    return dict(LAYOUTS)


@layout("nih")
def made_nih(root: Path) -> Path:
    return test_nih.layout(root)


@layout("openi")
def made_openi(root: Path) -> Path:
    columns = ("report_id", "findings", "impression", "indication", "comparison", "mesh_major")
    rows = [
        ("CXR1", "Large heart.", "Cardiomegaly.", "Cough", "", "Cardiomegaly"),
        ("CXR2", "", "Normal.", "", "", "normal"),
    ]
    table(root / "gold_findings.csv", columns, rows)
    return root


@layout("pack")
def made_pack(root: Path) -> Path:
    from tests.data.test_pack import write

    return write(root, {"file": "nih512/a.png", "patient": "nih-1", "view": "PA", "labels": "Mass", "licence": "NIH"})


@layout("ct-rate")
def made_ct_rate(root: Path) -> Path:
    pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")
    from tests.data.test_ct_collections import ct_rate

    return ct_rate(root)


@layout("lidc-idri")
def made_lidc(root: Path) -> Path:
    from tests.data.made_ct import chest, series

    series(root / "LIDC-IDRI-0001/study/series", chest()[0])
    return root


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_data_set_says_what_it_is_and_whose(name: str) -> None:
    entry = ENTRIES[name]
    assert entry.facts["licence"].strip()
    assert entry.summary.endswith(".")
    assert entry.facts["citation"].strip() or not folder_of(entry)
    assert inspect.getdoc(importlib.import_module(entry.module))


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_an_empty_folder_is_told_where_to_get_the_set(name: str, tmp_path: Path) -> None:
    entry = ENTRIES[name]
    if not folder_of(entry):
        pytest.skip("it is computed: no folder is needed")
    with pytest.raises(MissingError) as told:
        list(entry.thing(tmp_path))
    sentence = str(told.value)
    assert str(tmp_path) in sentence
    assert name in MADE_HERE or _ADDRESS.search(sentence.replace(str(tmp_path), "")), sentence
    with pytest.raises(MissingError):
        list(entry.thing(tmp_path / "not there"))


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_made_copy_passes_the_common_checks(name: str, tmp_path: Path) -> None:
    made = registered().get(name)
    if made is None:
        pytest.skip("no test module registers a layout of it")
    root = made(tmp_path)
    assert [f"{each.name}: {each.detail}" for each in check(ENTRIES[name], root=root) if not each.passed] == []


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_made_copy_is_lazy_and_each_study_is_in_a_split(name: str, tmp_path: Path) -> None:
    made = registered().get(name)
    if made is None:
        pytest.skip("no test module registers a layout of it")
    cohort = ENTRIES[name].thing(made(tmp_path))
    assert isinstance(cohort, Cohort)
    assert cohort.name == name
    assert isinstance(iter(cohort), Iterator)
    for study in cohort:
        assert isinstance(study, Study)
        assert not any(image.loaded for image in study.images)
        images = {image.id for image in study.images}
        for finding in study.findings:
            assert not study.images or {region.image for region in finding.regions} <= images, finding
        if cohort.splits:
            assert cohort.split_of(study.patient or study.id)


def test_the_data_sets_of_the_list_are_here() -> None:
    assert set(ENTRIES) >= ASKED
    assert set(registered()) >= ASKED


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_damaged_table_is_told_in_a_sentence_and_never_a_traceback(
    name: str, tmp_path: Path, draw: np.random.Generator
) -> None:
    """Every table, list and reading of the layout is cut, emptied and overwritten: it opens or says why not."""
    root = registered()[name](tmp_path)
    open_set, told = ENTRIES[name].thing, set[str]()
    for path in sorted(path for path in root.rglob("*") if path.suffix.lower() in TEXT):
        whole = path.read_bytes()
        for content in damaged(whole, draw):
            path.write_bytes(content)
            try:
                cohort = open_set(root)
                for study in cohort:
                    if cohort.splits:
                        cohort.split_of(study.patient or study.id)
            except HilumError as error:
                told.add(str(error))
        path.write_bytes(whole)
    assert list(open_set(root))
    assert all(len(sentence) > 20 for sentence in told)


def damaged(whole: bytes, draw: np.random.Generator) -> Iterator[bytes]:
    """Bytes cut at ten places, none, with stray bytes, without their line ends, and with cells turned into others."""
    yield b""
    for place in draw.integers(0, max(1, len(whole)), 10):
        yield whole[: int(place)]
    for stray in (b"\xff\xfe\x00", b"\x00", b'"', b",,,,", b"[]{}", b"\n\n"):
        place = int(draw.integers(0, max(1, len(whole))))
        yield whole[:place] + stray + whole[place:]
    yield whole.replace(b"\n", b"")
    yield whole.replace(b"1", b"x").replace(b"0", b"-")
    yield whole.replace(b":", b";")
    yield bytes(draw.integers(0, 256, 200, np.uint8))
