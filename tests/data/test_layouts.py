"""Any cohort in the layouts of others, read back by our own readers of these layouts: the same facts."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image as Picture

from hilum.core.check import check
from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.registry import get
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.data.cells import states_of
from hilum.data.imagenome import graphs as scene_graphs
from hilum.data.layout_ids import MimicIds, Numbers, folder
from hilum.data.layout_imagenome import scene_of
from hilum.data.layout_mimic import report_text
from hilum.data.layout_output import Extras, Table, save_film, split_of
from hilum.data.layouts import LAYOUTS, write_layout
from hilum.data.mimic_files import PLACE
from hilum.data.radgraph import graphs as report_graphs
from hilum.data.reports import sectioned
from hilum.text.graph import graph
from hilum.text.graph_schema import Entity, Graph
from hilum.text.parse import parse
from tests.data.made_cohort import DAY, SIZE, cohort, film, first_study, mask, studies


def written_as(root: Path, kind: str) -> dict[str, str]:
    """Name -> number of ids.csv."""
    with (root / "ids.csv").open(newline="") as file:
        return {row["name"]: row["written"] for row in csv.DictReader(file) if row["kind"] == kind}


def left_out(root: Path) -> dict[str, str]:
    with (root / "left_out.csv").open(newline="") as file:
        return {row["study"]: row["reason"] for row in csv.DictReader(file)}


def digest(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# All layouts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_by_the_data_set_of_its_name(tmp_path: Path, layout: str) -> None:
    done = write_layout(cohort(), layout, tmp_path)
    assert done.folder == tmp_path
    assert done.studies == len(list(get("dataset", layout)(tmp_path)))  # what is counted is what is read
    films = {"films": write_layout(cohort(), "mimic-cxr", tmp_path / "jpg").folder} if layout == "imagenome" else {}
    verdicts = check(get("dataset", layout), root=tmp_path, **films)
    assert [verdict for verdict in verdicts if not verdict.passed] == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_cohort_gives_the_same_bytes_and_leaves_no_part_behind(tmp_path: Path, layout: str) -> None:
    for name in ("one", "two"):
        write_layout(cohort(), layout, tmp_path / name)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    write_layout(cohort(), layout, tmp_path / "two")  # over what is there
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_says_what_it_is_and_is_not(tmp_path: Path, layout: str) -> None:
    done = write_layout(cohort(), layout, tmp_path)
    text = (tmp_path / "README.txt").read_text()
    assert "The cohort 'made'" in text
    assert "It is not" in text
    assert "Licence: CC0" in text
    assert left_out(tmp_path).keys() == {study for study, _ in done.left_out}


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ("radgraph", "imagenome")])
def test_films_may_be_left_unwritten(tmp_path: Path, layout: str) -> None:
    write_layout(cohort(), layout, tmp_path, extras=Extras(films=False))
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".jpg", ".png")]
    assert list(get("dataset", layout)(tmp_path))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cohort_without_splits_is_all_training(tmp_path: Path, layout: str) -> None:
    write_layout(replace(cohort(), splits={}), layout, tmp_path)
    back = get("dataset", layout)(tmp_path)
    assert {back.split_of(study.patient or study.id) for study in back} == {"train"}


def test_a_fault_half_way_leaves_no_table(tmp_path: Path) -> None:
    def broken() -> object:
        yield first_study()
        raise InputError("the disk is gone")

    for layout in LAYOUTS:
        with pytest.raises(InputError, match="the disk is gone"):
            write_layout(Cohort("broken", broken), layout, tmp_path / layout)  # type: ignore[arg-type]
        assert not list((tmp_path / layout).rglob("*.csv*"))
        assert not list((tmp_path / layout).rglob(".*"))


def test_a_layout_that_is_unknown_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="no layout 'padchest': choose from mimic-cxr, chexpert, imagenome, radgraph, coco"
    ):
        write_layout(cohort(), "padchest", tmp_path)


def test_pixels_are_not_kept_in_memory(tmp_path: Path) -> None:
    held = list(studies())
    write_layout(Cohort("made", held), "coco", tmp_path)
    assert not any(film.loaded for study in held for film in study.films)


@pytest.mark.parametrize("loaded", [False, True])
def test_a_film_is_computed_once_at_most_per_layout(tmp_path: Path, loaded: bool) -> None:
    calls = []

    def pixels() -> np.ndarray:
        calls.append(1)
        return np.eye(*SIZE, dtype=np.float32)

    made = Image(pixels, view="PA", id="a")  # type: ignore[arg-type]
    if loaded:
        assert made.pixels.any()
    write_layout(Cohort("one", [Study("s", "p", None, (made,))]), "mimic-cxr", tmp_path)
    assert len(calls) == 1
    assert made.loaded == loaded


# MIMIC-CXR-JPG -------------------------------------------------------------------------------------------------------


def mimic_back(root: Path) -> dict[str, Study]:
    """Studies by their own names."""
    write_layout(cohort(), "mimic-cxr", root)
    names = {number: name for name, number in written_as(root, "study").items()}
    return {names[study.id]: study for study in get("dataset", "mimic-cxr")(root)}


def test_mimic_keeps_findings_times_priors_and_views(tmp_path: Path) -> None:
    back = mimic_back(tmp_path)
    for study in studies():
        if not study.films:
            continue  # the metadata lists films
        own = back[study.id]
        assert own.time == study.time
        assert [film.view for film in own.films] == [film.view for film in study.films]
        stated = states_of(study.findings, "chexpert-14")
        read = {finding.id: finding.state for finding in own.findings}
        assert {label: state for label, state in read.items() if label != "No Finding"} == {
            label: state for label, state in stated.items() if label != "No Finding"
        }
    later = back["s-b"]
    assert later.prior is not None
    assert later.prior.id == back["s-a"].id
    assert {finding.id for finding in back["s-c"].findings} == {"No Finding", "Consolidation"}


def test_mimic_keeps_reports_by_section(tmp_path: Path) -> None:
    back = mimic_back(tmp_path)
    for study in studies():
        if study.report and study.films:
            assert back[study.id].report == study.report
    assert back["s-c"].report is None


def test_mimic_has_the_official_names_and_columns(tmp_path: Path) -> None:
    write_layout(cohort(), "mimic-cxr", tmp_path)
    paths = (tmp_path / "IMAGE_FILENAMES").read_text().split()
    assert len(paths) == 5
    assert all(PLACE.search(path) and (tmp_path / path).is_file() for path in paths)
    with gzip.open(tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["ViewPosition"] for row in rows] == ["PA", "LATERAL", "AP", "PA", ""]
    assert rows[0]["StudyDate"] == "20210304"
    assert rows[0]["StudyTime"] == "050607.0"
    assert (rows[0]["Rows"], rows[0]["Columns"]) == (str(SIZE[0]), str(SIZE[1]))
    assert rows[0]["PerformedProcedureStepDescription"] == "CHEST (PA AND LAT)"
    with gzip.open(tmp_path / "mimic-cxr-2.0.0-split.csv.gz", "rt", newline="") as file:
        assert [row["split"] for row in csv.DictReader(file)] == ["train", "train", "train", "validate", "test"]
    with gzip.open(tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz", "rt", newline="") as file:
        labels = {row["study_id"]: row for row in csv.DictReader(file)}
    first = labels[written_as(tmp_path, "study")["s-a"][1:]]
    assert (first["Pleural Effusion"], first["Pneumothorax"], first["Cardiomegaly"], first["Edema"]) == (
        "1.0", "0.0", "-1.0", ""
    )  # fmt: skip
    assert written_as(tmp_path, "study")["s-e"][1:] not in labels  # nothing is stated: no row, as in MIMIC-CXR


def test_mimic_lists_films_so_a_study_without_one_is_a_report_only(tmp_path: Path) -> None:
    write_layout(cohort(), "mimic-cxr", tmp_path)
    number = written_as(tmp_path, "study")["s-d"]
    (path,) = (tmp_path / "files").rglob(f"{number}.txt")
    assert "Rib fracture." in path.read_text()
    assert "its report and labels are written" in left_out(tmp_path)["s-d"]


def test_mimic_jpegs_look_like_the_films(tmp_path: Path) -> None:
    back = mimic_back(tmp_path)
    shown = film("a-pa", "PA").display()
    read = back["s-a"].films[0].pixels
    assert read.shape == shown.shape
    assert float(np.abs(read - shown).mean()) < 0.06  # JPEG of a pattern with edges everywhere


def test_outside_code_finds_each_film_by_the_tables_alone(tmp_path: Path) -> None:
    """As tutorials for MIMIC-CXR-JPG do it: join the tables with pandas, build each path, open the film."""
    pandas = pytest.importorskip("pandas")
    write_layout(cohort(), "mimic-cxr", tmp_path)
    names = ("metadata", "split", "chexpert")
    tables = {name: pandas.read_csv(tmp_path / f"mimic-cxr-2.0.0-{name}.csv.gz") for name in names}
    joined = tables["metadata"].merge(tables["split"], on=["dicom_id", "subject_id", "study_id"])
    joined = joined.merge(tables["chexpert"], on=["subject_id", "study_id"])
    assert len(joined) == 4
    for row in joined.itertuples():
        patient = f"p{row.subject_id}"
        path = tmp_path / "files" / patient[:3] / patient / f"s{row.study_id}" / f"{row.dicom_id}.jpg"
        with Picture.open(path) as picture:
            assert picture.size == (SIZE[1], SIZE[0])
    assert set(joined["split"]) == {"train", "validate"}
    assert joined["Pleural Effusion"].tolist()[:3] == [1.0, 1.0, 1.0]


@given(
    some.lists(some.text(some.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=12), min_size=1)
)
def test_any_words_of_a_report_come_back(words: list[str]) -> None:
    text = "Seen " + " ".join(words) + " end."
    report = Report(findings=text, impression="Done.")
    back = sectioned(report_text(report))
    assert (back.findings, back.impression) == (text, "Done.")


def test_long_lines_hyphens_and_paragraphs_of_a_report_come_back() -> None:
    text = "A right-sided well-circumscribed " * 9 + "nodule.\n\nSecond paragraph, " + "x" * 90 + "."
    assert sectioned(report_text(Report(findings=text))).findings == text


# CheXpert ------------------------------------------------------------------------------------------------------------


def test_chexpert_keeps_labels_views_and_splits(tmp_path: Path) -> None:
    write_layout(cohort(), "chexpert", tmp_path)
    places = {name: place.partition("/")[2] for name, place in written_as(tmp_path, "study").items()}
    dataset = get("dataset", "chexpert")(tmp_path)
    back = {study.id: study for study in dataset}
    for study in studies():
        if not study.films:
            assert left_out(tmp_path)[study.id] == "CheXpert lists films, and it has none"
            continue
        own = back[places[study.id]]
        assert [film.view for film in own.films] == [film.view for film in study.films]
        read = {finding.id: finding.state for finding in own.findings if finding.id != "No Finding"}
        stated = states_of(study.findings, "chexpert-14")
        assert read == {label: state for label, state in stated.items() if label != "No Finding"}
    patients = {study.patient: places[study.id].partition("/")[0] for study in studies() if study.films}
    assert [dataset.split_of(patients[name]) for name in ("p-one", "p-two", "p-three")] == ["train", "valid", "test"]
    assert places["s-a"].endswith("/study1")
    assert places["s-b"].endswith("/study2")


def test_chexpert_has_the_official_columns_and_a_person_where_one_is_known(tmp_path: Path) -> None:
    write_layout(cohort(), "chexpert", tmp_path / "bare")
    with (tmp_path / "bare" / "CheXpert-v1.0" / "train.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert list(row)[:5] == ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA"]
    assert (row["Sex"], row["Age"]) == ("Unknown", "")
    assert row["Path"].startswith("CheXpert-v1.0/train/patient")
    assert row["Path"].endswith("/study1/view1_frontal.jpg")
    person = Extras(person=lambda study: {"sex": "Female", "age": "68"})
    write_layout(cohort(), "chexpert", tmp_path / "known", extras=person)
    with (tmp_path / "known" / "CheXpert-v1.0" / "valid.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert (row["Sex"], row["Age"], row["No Finding"], row["Consolidation"]) == ("Female", "68", "1.0", "0.0")


def test_chexpert_leaves_out_a_split_it_does_not_have(tmp_path: Path) -> None:
    write_layout(replace(cohort(), splits=lambda patient: "held-out"), "chexpert", tmp_path)
    assert left_out(tmp_path)["s-a"] == "CheXpert has no split 'held-out'"


# ImaGenome -----------------------------------------------------------------------------------------------------------


def test_imagenome_keeps_findings_sites_changes_and_the_film_before(tmp_path: Path) -> None:
    write_layout(cohort(), "imagenome", tmp_path)
    names = written_as(tmp_path, "film")
    back = {study.id: study for study in get("dataset", "imagenome")(tmp_path)}
    first = back[names["a-pa"]]
    assert {(f.concept, f.state) for f in first.findings} == {
        ("pleural effusion", "present"), ("pneumothorax", "absent"), ("cardiomegaly", "uncertain")
    }  # fmt: skip
    effusion = next(f for f in first.findings if f.concept == "pleural effusion")
    assert effusion.sites == ("left costophrenic angle",)
    assert effusion.attributes == {"severity": "mild"}
    assert first.report is not None
    assert "There is a mild left pleural effusion." in first.report.findings
    later = back[names["b-ap"]]
    assert [(f.concept, f.change) for f in later.findings] == [("pleural effusion", "worsened")]
    graph = next(each for each in scene_graphs(tmp_path) if each.image_id == names["b-ap"])
    assert graph.prior_image_id == names["a-pa"]
    assert {(each.site, each.change) for each in graph.scene.relations} == {("left lung", "worsened")}
    assert first.time == DAY.replace(microsecond=0)
    assert "a-ll" not in names  # laterals have no graph


def test_imagenome_says_what_it_has_no_word_for(tmp_path: Path) -> None:
    odd = Study(
        "s-x", "p-one", None, (film("x", "PA"),), findings=(Finding("no finding"), Finding("pneumothorax", "absent"))
    )
    done = write_layout(Cohort("odd", [odd]), "imagenome", tmp_path)
    assert done.left_out == [("s-x", "ImaGenome has no attribute for no finding")]
    write_layout(cohort(), "imagenome", tmp_path / "whole")
    assert left_out(tmp_path / "whole")["s-d"] == "ImaGenome holds frontal films, and it has none"


def test_imagenome_boxes_come_from_labelled_masks_or_from_whoever_knows(tmp_path: Path) -> None:
    lung = Finding("pneumothorax", "absent", sites=("left lung",), regions=(mask("a", "left lung"), mask("a", "heart")))
    study = Study("s", "p", None, (film("a", "PA"),), findings=(lung,))
    write_layout(Cohort("masks", [study]), "imagenome", tmp_path / "masks")
    (drawn,) = scene_graphs(tmp_path / "masks")
    assert {site: box.corners for site, box in drawn.boxes.items()} == {"left lung": (8, 4, 30, 20)}

    def sites(study: Study, image: Image) -> dict[str, Box]:
        return {"spine": Box(1, 2, 30, 39, image=image.id)}

    write_layout(Cohort("given", [study]), "imagenome", tmp_path / "given", extras=Extras(sites=sites))
    (drawn,) = scene_graphs(tmp_path / "given")
    assert {site: box.corners for site, box in drawn.boxes.items()} == {"spine": (1, 2, 30, 39)}


@pytest.mark.parametrize(
    ("finding", "sites"),
    [
        (Finding("pleural effusion", sites=("right lung",)), {"right lung"}),
        (
            Finding("pleural effusion", "absent"),
            {"left costophrenic angle", "right costophrenic angle", "left lung", "right lung"},
        ),
        (Finding("cardiomegaly"), {"cardiac silhouette", "mediastinum"}),
    ],
)
def test_a_finding_lies_at_its_sites_or_at_those_usual_for_it(finding: Finding, sites: set[str]) -> None:
    scene, missing = scene_of(Study("s", findings=(finding,)))
    assert missing == ()
    assert set(scene.observations[0].sites) <= sites
    assert scene.observations[0].sites


def test_a_finding_with_a_side_only_lies_on_that_side() -> None:
    scene, _ = scene_of(Study("s", findings=(Finding("pleural effusion", sites=("left pleural space",)),)))
    assert scene.observations[0].sites
    assert all(site.startswith("left ") for site in scene.observations[0].sites)


# RadGraph ------------------------------------------------------------------------------------------------------------


def test_radgraph_holds_the_graphs_of_the_reports(tmp_path: Path) -> None:
    write_layout(cohort(), "radgraph", tmp_path)
    names = written_as(tmp_path, "study")
    back = {name: (split, each) for name, split, each in report_graphs(tmp_path)}
    assert set(back) == set(names.values())
    assert {split for split, _ in back.values()} == {"train", "test"}
    report = first_study().report
    assert report is not None
    own = graph(parse({"findings": report.findings, "impression": report.impression}))
    split, read = back[names["s-a"]]
    assert split == "train"
    assert [entity.label for entity in read.entities] == [entity.label for entity in own.entities]
    assert [entity.relations for entity in read.entities] == [entity.relations for entity in own.entities]
    assert [read.words(n) for n in range(len(read.entities))] == [own.words(n) for n in range(len(own.entities))]
    assert left_out(tmp_path)["s-c"].startswith("it has no findings or impression")


def test_radgraphs_test_file_has_two_labelers_and_the_others_none(tmp_path: Path) -> None:
    write_layout(cohort(), "radgraph", tmp_path)
    (tested,) = json.loads((tmp_path / "test.json").read_text()).values()
    assert tested["labeler_1"] == tested["labeler_2"]
    assert "entities" not in tested
    trained = json.loads((tmp_path / "train.json").read_text()).values()
    assert all("entities" in document and document["data_split"] == "train" for document in trained)
    assert "one reading under both" in (tmp_path / "README.txt").read_text()


def test_radgraph_takes_an_exact_graph_where_one_is_known(tmp_path: Path) -> None:
    exact = Graph("no effusion", (Entity(3, 11, "OBS-DA"),), "truth 1")
    given = Extras(graph=lambda study: exact if study.id == "s-a" else None)
    write_layout(cohort(), "radgraph", tmp_path, extras=given)
    ((_, _, read),) = report_graphs(tmp_path)
    assert read == exact


# COCO ----------------------------------------------------------------------------------------------------------------


def coco_back(root: Path) -> dict[str, Study]:
    write_layout(cohort(), "coco", root)
    return {study.id: study for study in get("dataset", "coco")(root)}


def test_coco_keeps_every_finding_box_and_mask(tmp_path: Path) -> None:
    back, names = coco_back(tmp_path), written_as(tmp_path, "film")
    for study in studies():
        if not study.films:
            assert left_out(tmp_path)[study.id] == "COCO lists pictures, and it has none"
            continue
        own = back[study.id]
        assert (own.patient, own.time) == (study.patient, study.time)
        assert [film.view for film in own.films] == [film.view for film in study.films]
        for made, read in zip(study.findings, own.findings, strict=True):
            for name in ("concept", "state", "sites", "attributes", "change"):
                assert getattr(read, name) == getattr(made, name)
    box, drawn = back["s-a"].findings[0].regions
    assert isinstance(box, Box)
    assert isinstance(drawn, Mask)
    assert box == Box(3.5, 4, 20, 22.25, image=names["a-pa"])
    assert drawn.image == names["a-ll"]
    assert np.array_equal(drawn.pixels, mask("a-ll").pixels)


def test_coco_pictures_are_exact_to_eight_bits(tmp_path: Path) -> None:
    back = coco_back(tmp_path)
    for study in studies():
        for made, read in zip(study.films, back[study.id].films if study.films else (), strict=True):
            assert np.allclose(read.pixels, made.display(), atol=0.5 / 255 + 1e-6)


def test_pycocotools_reads_it_and_draws_the_same_masks(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    write_layout(cohort(), "coco", tmp_path)
    held = coco.COCO(str(tmp_path / "annotations" / "instances_train.json"))
    assert [held.cats[number]["name"] for number in held.getCatIds()] == ["pleural effusion"]
    marks = held.loadAnns(held.getAnnIds())
    masks = [mark for mark in marks if mark["region"] == "mask"]
    (one,) = masks
    assert np.array_equal(held.annToMask(one).astype(bool), mask("a-ll").pixels)
    assert one["area"] == mask("a-ll").area
    assert one["bbox"] == [8, 4, 22, 16]
    (box,) = [mark for mark in marks if mark["region"] == "box"]
    assert box["bbox"] == [3.5, 4, 16.5, 18.25]
    assert box["label_text"] == "There is a mild left pleural effusion."
    for image in held.loadImgs(held.getImgIds()):
        assert (tmp_path / "images" / image["file_name"]).is_file()


def test_coco_has_a_file_per_split_and_one_set_of_categories(tmp_path: Path) -> None:
    write_layout(cohort(), "coco", tmp_path)
    files = sorted((tmp_path / "annotations").iterdir())
    assert [path.name for path in files] == [f"instances_{name}.json" for name in ("test", "train", "valid")]
    held = [json.loads(path.read_text()) for path in files]
    assert len({json.dumps(each["categories"]) for each in held}) == 1
    assert all(each["licenses"][0]["name"] == "CC0" for each in held)


@pytest.mark.parametrize(("films", "held"), [(1, 1), (2, 0)])
def test_a_region_without_a_film_belongs_to_the_only_film(tmp_path: Path, films: int, held: int) -> None:
    finding = Finding("pneumothorax", regions=(Box(1, 2, 3, 4),))
    study = Study("s", "p", None, tuple(film(f"{n}", "PA") for n in range(films)), findings=(finding,))
    write_layout(Cohort("made", [study]), "coco", tmp_path)
    marks = json.loads((tmp_path / "annotations" / "instances_train.json").read_text())["annotations"]
    assert len(marks) == held


def test_what_is_absent_is_not_marked_and_an_empty_mask_is_none(tmp_path: Path) -> None:
    empty = Mask(np.zeros(SIZE, dtype=np.bool_), image="a")
    denied = Finding("pneumothorax", "absent", regions=(mask("a"),))
    study = Study("s", "p", None, (film("a", "PA"),), findings=(denied, Finding("edema", regions=(empty,))))
    write_layout(Cohort("made", [study]), "coco", tmp_path)
    content = json.loads((tmp_path / "annotations" / "instances_train.json").read_text())
    assert content["annotations"] == []
    assert [each["state"] for each in content["images"][0]["findings"]] == ["absent", "present"]


# Ids and output ------------------------------------------------------------------------------------------------------


@given(some.lists(some.text(max_size=8), unique=True, max_size=200))
def test_numbers_are_unique_stable_and_within_bounds(names: list[str]) -> None:
    one, two = Numbers(100, 999, "p"), Numbers(100, 999, "p")
    given_numbers = [one.of(name) for name in names]
    assert len(set(given_numbers)) == len(names)
    assert all(100 <= number <= 999 for number in given_numbers)
    assert [two.of(name) for name in names] == given_numbers
    assert [one.of(name) for name in names] == given_numbers


def test_official_numbers_stay_as_they_are() -> None:
    ids = MimicIds()
    assert ids.patient("p10000032") == "10000032"
    assert ids.patient("10000035") == "10000035"
    assert ids.study("s50414267") == "50414267"
    official = "02aa804e-bde0afdd-112c0b34-7bc16630-4e384014"
    assert ids.film("s", official, 0) == official
    assert ids.film("s", "other", 0) != ids.film("t", "other", 0)
    assert ids.film("s", "", 0) != ids.film("s", "", 1)
    assert folder("10000032") == "p10/p10000032"


def test_a_number_that_was_given_away_is_not_given_twice() -> None:
    numbers = Numbers(1, 3)
    assert {numbers.of("3"), numbers.of("a"), numbers.of("b")} == {1, 2, 3}
    with pytest.raises(InputError, match="numbers 3 at most, and 'c' is one more"):
        numbers.of("c")


def test_a_table_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "t.csv.gz"
    with Table(path, ("a", "b")) as table:
        table.add("1", 'two "quoted", cells\nand a line')
        assert not path.exists()
    with gzip.open(path, "rt", newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], ["1", 'two "quoted", cells\nand a line']]
    with pytest.raises(ZeroDivisionError), Table(tmp_path / "u.csv", ("a",)) as table:
        table.add(1 // 0)
    assert [name.name for name in tmp_path.iterdir()] == ["deep"]


def test_films_are_saved_by_their_suffix(tmp_path: Path) -> None:
    made = film("x", "PA")
    assert save_film(made, tmp_path / "x.png") == SIZE
    assert save_film(made, tmp_path / "x.jpg") == SIZE
    for name, kind in (("x.png", "PNG"), ("x.jpg", "JPEG")):
        with Picture.open(tmp_path / name) as picture:
            assert (picture.format, picture.mode) == (kind, "L")


@pytest.mark.parametrize(("own", "word"), [("val", "valid"), ("validate", "valid"), ("dev", "valid"), ("test", "test"),
                                           ("fold-3", "fold-3")])  # fmt: skip
def test_words_for_a_split(own: str, word: str) -> None:
    assert split_of(Cohort("c", [], lambda patient: own), Study("s")) == word


# Outside code --------------------------------------------------------------------------------------------------------


def test_torchxrayvision_loads_the_mimic_layout_unchanged(tmp_path: Path) -> None:
    pytest.importorskip("torchvision", reason="torchxrayvision needs torchvision, which is not installed")
    outside = pytest.importorskip("torchxrayvision").datasets
    write_layout(cohort(), "mimic-cxr", tmp_path)
    table = outside.MIMIC_Dataset(
        str(tmp_path / "files"), str(tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz"),
        str(tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz"), views=["PA", "AP"], unique_patients=False,
    )  # fmt: skip
    assert len(table) == 3
    items = [table[number] for number in range(3)]
    assert all(item["img"].shape == (1, *SIZE) for item in items)
    effusion, pneumothorax = (list(table.pathologies).index(name) for name in ("Effusion", "Pneumothorax"))
    assert [float(item["lab"][effusion]) for item in items[:2]] == [1.0, 1.0]
    assert float(items[0]["lab"][pneumothorax]) == 0.0


def test_torchxrayvision_loads_the_chexpert_layout_unchanged(tmp_path: Path) -> None:
    pytest.importorskip("torchvision", reason="torchxrayvision needs torchvision, which is not installed")
    outside = pytest.importorskip("torchxrayvision").datasets
    write_layout(cohort(), "chexpert", tmp_path)
    root = tmp_path / "CheXpert-v1.0"
    table = outside.CheX_Dataset(str(root), str(root / "train.csv"), views=["PA", "AP", "L"], unique_patients=False)
    assert len(table) == 3
    assert all(table[number]["img"].shape == (1, *SIZE) for number in range(3))
    effusion = list(table.pathologies).index("Effusion")
    assert [float(table[number]["lab"][effusion]) for number in range(3)] == [1.0, 1.0, 1.0]
