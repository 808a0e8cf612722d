"""The vocabulary's tables: sound as a graph, coded as pydicom codes, true to the published label lists."""

from __future__ import annotations

import ast
import csv
import gzip
import importlib.util
import subprocess
import sys
from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core import vocabulary
from hilum.core.errors import InputError
from hilum.core.vocabulary import (
    Concept,
    Kind,
    Relation,
    ancestors,
    concept,
    concepts,
    descendants,
    label_set,
    label_sets,
    laterality,
    mapping,
    to_concept,
)

ROOT = Path(__file__).resolve().parents[2]
SETS = [item.name for item in label_sets()]
LABELS = [(item.name, label) for item in label_sets() for label in item.labels]


def names(found: tuple[Concept, ...]) -> set[str]:
    return {item.name for item in found}


# ---- concepts


def test_every_term_means_one_concept() -> None:
    terms = Counter(term.casefold() for item in concepts() for term in (item.name, *item.synonyms))
    assert [term for term, count in terms.items() if count > 1] == []


def test_the_hierarchy_is_closed_and_has_no_cycle() -> None:
    known = names(concepts())
    for item in concepts():
        assert set(item.parents) <= known, item
        assert item.name not in names(ancestors(item.name)), item


def test_kinds_are_known_and_sites_stay_among_sites() -> None:
    for item in concepts():
        assert item.kind in get_args(Kind)
        kinds = {concept(parent).kind for parent in item.parents}
        assert (kinds == {"site"}) if item.kind == "site" and kinds else ("site" not in kinds), item


@pytest.mark.parametrize("item", [item for item in concepts() if item.code], ids=lambda item: item.name)
def test_codes_are_those_of_the_dicom_dictionary(item: Concept) -> None:
    dictionary = pytest.importorskip("pydicom.sr._concepts_dict").concepts
    assert item.code is not None
    meanings = {
        entry[item.code.value][0] for entry in dictionary[item.code.scheme].values() if item.code.value in entry
    }
    assert item.code.meaning in meanings


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("pleural effusion", "PleuralEffusion"),
        ("pneumothorax", "Pneumothorax"),
        ("cardiomegaly", "Cardiomegaly"),
        ("lung nodule", "Nodule"),
        ("endotracheal tube", "EndotrachealTube"),
        ("lower lung zone", "LowerZoneOfLung"),
        ("right middle lobe", "MiddleLobeOfRightLung"),
        ("heart", "Heart"),
        ("mediastinum", "Mediastinum"),
    ],
)
def test_codes_looked_up_by_dicom_keyword(name: str, keyword: str) -> None:
    codes = pytest.importorskip("pydicom.sr.codedict").codes
    code, expected = concept(name).code, getattr(codes.SCT, keyword)
    assert code is not None
    assert (code.value, code.scheme) == (expected.value, expected.scheme_designator)


def test_no_two_concepts_share_a_code() -> None:
    counts = Counter((item.code.scheme, item.code.value) for item in concepts() if item.code)
    assert [code for code, count in counts.items() if count > 1] == []


@given(st.sampled_from(concepts()), st.sampled_from([str.upper, str.title, str.lower, lambda text: f"  {text} "]))
def test_names_and_synonyms_are_found_in_any_case(item: Concept, spell) -> None:
    for term in (item.name, *item.synonyms):
        assert concept(spell(term)) is concept(item.name)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("plural effusion", "pleural effusion"),
        ("Cardiomegalie", "cardiomegaly"),
        ("right lwer lung zone", "right lower"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(InputError, match=near) as caught:
        concept(wrong)
    assert f"'{wrong}'" in str(caught.value)


def test_a_name_near_to_nothing_is_refused_plainly() -> None:
    with pytest.raises(InputError, match="no name is close"):
        concept("zzqq")


@pytest.mark.parametrize("child", ["pulmonary edema", "consolidation", "pneumonia", "lung lesion", "atelectasis"])
def test_the_chexpert_hierarchy_under_lung_opacity(child: str) -> None:
    assert "lung opacity" in names(ancestors(child))
    assert child in names(descendants("lung opacity"))


def test_the_rest_of_the_chexpert_hierarchy() -> None:
    assert names(ancestors("cardiomegaly")) == {"enlarged cardiomediastinum"}
    assert "lung opacity" not in names(ancestors("pleural effusion"))
    assert names(descendants("fracture")) >= {"rib fracture", "clavicle fracture", "vertebral fracture"}


@given(st.sampled_from(concepts()))
def test_ancestors_and_descendants_are_each_others_inverse(item: Concept) -> None:
    assert all(item.name in names(descendants(above.name)) for above in ancestors(item.name))
    assert all(item.name in names(ancestors(below.name)) for below in descendants(item.name))


def test_nearest_relatives_come_first() -> None:
    assert [item.name for item in ancestors("air bronchogram")] == ["consolidation", "airspace opacity", "lung opacity"]
    assert [item.name for item in ancestors("right lower lung zone")][:2] == ["lower lung zone", "right lung"]


# ---- sites


@pytest.mark.parametrize(
    ("site", "side"),
    [
        ("right lung", "right"),
        ("left lower lung zone", "left"),
        ("right costophrenic angle", "right"),
        ("bilateral lungs", "bilateral"),
        ("both lung bases", "bilateral"),
        ("left lung base", "left"),
        ("heart", ""),
        ("mediastinum", ""),
        ("right atrium", ""),
        ("pleural space", ""),
    ],
)
def test_laterality_reads_the_side(site: str, side: str) -> None:
    assert laterality(site) == side


def test_every_right_site_has_its_left_and_both_keep_their_side() -> None:
    sites = {item.name: item for item in concepts() if item.kind == "site"}
    only_right = {"right middle lobe", "right atrium"}
    for name, item in sites.items():
        if laterality(name) == "right" and name not in only_right:
            other = sites[name.replace("right", "left", 1)]
            assert [parent.replace("right", "left") for parent in item.parents] == list(other.parents)
        wrong = {"right": "left", "left": "right"}.get(laterality(name))
        assert wrong is None or wrong not in {laterality(above.name) for above in ancestors(name)}


# ---- label sets


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("chexpert-14", 14),
        ("chestx-ray8", 8),
        ("nih-14", 14),
        ("nih-15", 15),
        ("padchest", 193),
        ("vindr", 28),
        ("rsna", 3),
        ("ct-rate-18", 18),
        ("imagenome-29", 29),
        ("siim", 1),
    ],
)
def test_label_sets_have_their_published_size_and_papers(name: str, count: int) -> None:
    item = label_set(name)
    assert len(set(item.labels)) == len(item.labels) == count
    assert item.citation
    assert item.terms
    assert item.notes
    assert item.convention


@pytest.mark.parametrize(("name", "label"), LABELS)
def test_every_label_has_a_concept_of_a_fitting_kind(name: str, label: str) -> None:
    found = to_concept(name, label)
    assert (found.kind == "site") == (name == "imagenome-29")
    assert to_concept(name, label.upper().replace(" ", "_")) is found


def test_labels_of_one_set_differ_in_concept() -> None:
    shared_by_design = {("padchest", "lung mass")}  # 'mass' beside 'pulmonary mass'
    counts = Counter((name, to_concept(name, label).name) for name, label in LABELS)
    assert {pair for pair, count in counts.items() if count > 1} == shared_by_design


def test_unknown_label_sets_and_labels_are_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="chexpert-14"):
        label_set("chexpert")
    with pytest.raises(InputError, match="pneumothorax"):
        to_concept("nih-14", "Pneumotorax")


@pytest.mark.parametrize(
    ("name", "cell", "state"),
    [
        ("chexpert-14", "", None),
        ("chexpert-14", float("nan"), None),
        ("chexpert-14", None, None),
        ("chexpert-14", 1.0, "present"),
        ("chexpert-14", "0.0", "absent"),
        ("chexpert-14", -1, "uncertain"),
        ("nih-14", 0, None),
        ("nih-14", "1", "present"),
        ("rsna", 0, "absent"),
        ("siim", "-1", "absent"),
        ("vindr", 0, None),
    ],
)
def test_cells_are_read_by_the_sets_own_convention(name: str, cell: object, state: str | None) -> None:
    assert label_set(name).state(cell) == state


def test_a_cell_outside_the_convention_is_refused() -> None:
    with pytest.raises(InputError, match="expected one of"):
        label_set("nih-14").state(-1)


def wheel_file(name: str) -> Path:
    spec = importlib.util.find_spec("torchxrayvision")
    path = Path(spec.origin or "").parent / "data" / name if spec else Path(name)
    if not path.is_file():
        pytest.skip(f"{name} comes with torchxrayvision, which is not installed")
    return path


def test_padchest_labels_are_those_of_the_released_table_in_order_of_count() -> None:
    counts: Counter[str] = Counter()
    csv.field_size_limit(10**8)
    with gzip.open(wheel_file("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"), "rt") as file:
        for row in csv.DictReader(file):
            if row["Labels"].startswith("["):
                counts.update({label.strip() for label in ast.literal_eval(row["Labels"])} - {""})
    assert set(label_set("padchest").labels) == set(counts)
    table = list(csv.DictReader((ROOT / "src/hilum/core/tables/labels.csv").open()))
    assert {row["label"]: int(row["count"]) for row in table if row["label_set"] == "padchest"} == counts


def test_vindr_labels_hold_those_of_the_challenge_table() -> None:
    with gzip.open(wheel_file("vinbigdata-train.csv.gz"), "rt") as file:
        seen = {row["class_name"] for row in csv.DictReader(file)}
    assert seen <= set(label_set("vindr").labels)


def test_nih_and_chexpert_labels_are_those_of_their_tables() -> None:
    with gzip.open(wheel_file("Data_Entry_2017_v2020.csv.gz"), "rt") as file:
        seen = {label for row in csv.DictReader(file) for label in row["Finding Labels"].split("|")}
    assert seen == set(label_set("nih-15").labels)
    with gzip.open(wheel_file("chexpert_train.csv.gz"), "rt") as file:
        header = next(csv.reader(file))
    assert header[-14:] == list(label_set("chexpert-14").labels)


# ---- mappings

INVERSE = {"exact": "exact", "related": "related", "broader": "narrower", "narrower": "broader"}


@pytest.mark.parametrize(("source", "target"), list(permutations(SETS, 2)))
def test_mappings_point_to_labels_that_exist_and_cite(source: str, target: str) -> None:
    rows = mapping(source, target)
    pairs = [(row.source_label, row.target_label) for row in rows]
    assert len(set(pairs)) == len(pairs)
    for row in rows:
        assert row.source_label in label_set(source).labels
        assert row.target_label in label_set(target).labels
        assert row.relation in get_args(Relation)
        assert "judgement" in row.source


@pytest.mark.parametrize(
    ("source", "target"), [("nih-14", "chexpert-14"), ("vindr", "nih-15"), ("rsna", "chexpert-14")]
)
def test_the_other_direction_says_the_inverse(source: str, target: str) -> None:
    forth = {(row.source_label, row.target_label): row.relation for row in mapping(source, target)}
    back = {(row.target_label, row.source_label): row.relation for row in mapping(target, source)}
    assert {pair: INVERSE[back[pair]] for pair in forth.keys() & back.keys()} == {
        pair: forth[pair] for pair in forth.keys() & back.keys()
    }
    exact = {pair for pair, relation in forth.items() if relation == "exact"}
    assert exact <= back.keys()


@pytest.mark.parametrize(
    ("source", "label", "target", "expected"),
    [
        ("nih-14", "Effusion", "chexpert-14", {("Pleural Effusion", "exact")}),
        ("nih-14", "Mass", "chexpert-14", {("Lung Lesion", "broader")}),
        ("nih-14", "Hernia", "chexpert-14", set()),
        ("nih-14", "Emphysema", "chexpert-14", set()),
        ("nih-14", "Fibrosis", "chexpert-14", {("Pleural Other", "related")}),
        ("chexpert-14", "Lung Lesion", "nih-14", {("Mass", "narrower"), ("Nodule", "narrower")}),
        ("vindr", "Nodule/Mass", "nih-14", {("Nodule", "narrower"), ("Mass", "narrower")}),
        ("vindr", "Rib fracture", "chexpert-14", {("Fracture", "broader")}),
        ("padchest", "laminar atelectasis", "chexpert-14", {("Atelectasis", "broader")}),
        ("padchest", "pleural effusion", "chexpert-14", {("Pleural Effusion", "exact")}),
        ("padchest", "normal", "chexpert-14", {("No Finding", "related")}),
        ("ct-rate-18", "Medical material", "chexpert-14", {("Support Devices", "narrower")}),
        ("siim", "Pneumothorax", "nih-14", {("Pneumothorax", "exact")}),
        ("rsna", "Lung Opacity", "chexpert-14", {("Lung Opacity", "broader"), ("Pneumonia", "related")}),
    ],
)
def test_mapping_rows_that_matter(source: str, label: str, target: str, expected: set[tuple[str, str]]) -> None:
    found = {(row.target_label, row.relation) for row in mapping(source, target) if row.source_label == label}
    assert found == expected


def test_torchxrayvision_rows_are_as_its_loader_maps_them() -> None:
    rows = [row for row in mapping("padchest", "nih-14") if "torchxrayvision" in row.source]
    assert {row.source_label for row in rows if row.target_label == "Infiltration"} == {
        "infiltrates",
        "interstitial pattern",
        "ground glass pattern",
        "reticular interstitial pattern",
        "reticulonodular interstitial pattern",
        "alveolar pattern",
        "consolidation",
        "air bronchogram",
    }


@pytest.mark.parametrize("name", [name for name in SETS if name not in ("imagenome-29", "padchest")])
def test_a_set_maps_to_itself_exactly(name: str) -> None:
    own = [row for row in mapping(name, name) if row.source_label == row.target_label]
    inexact = {row.source_label for row in own if row.relation != "exact"}
    assert {row.source_label for row in own} == set(label_set(name).labels)
    assert inexact <= {"Pleural Other", "Lung tumor", "Lung Opacity", "Medical material", "Pulmonary fibrotic sequela"}


def test_curated_rows_name_real_families_labels_and_sources() -> None:
    families = {
        family: [item for item in label_sets() if item.family == family] for family in {s.family for s in label_sets()}
    }
    cited = vocabulary._sets_file()["sources"]
    for row in csv.DictReader((ROOT / "src/hilum/core/tables/mappings.csv").open()):
        for end in ("source", "target"):
            assert any(row[end] in item.labels for item in families[row[f"{end}_family"]]), row
        assert row["cited"] in cited
        assert row["relation"] in get_args(Relation)


# ---- the page and the cost


def test_the_page_is_made_from_the_tables() -> None:
    spec = importlib.util.spec_from_file_location("vocabulary_page", ROOT / "scripts" / "vocabulary_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "vocabulary.md").read_text(encoding="utf-8")
    assert page == module.page(), "run: python scripts/vocabulary_page.py"


def test_importing_the_vocabulary_reads_no_table_and_loads_no_numpy() -> None:
    code = (
        "import sys, hilum.core.vocabulary as v;"
        "print(v._concepts.cache_info().currsize, {'numpy', 'csv', 'json', 'pydicom'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["0", "set()\n"]
