"""`hilum project --insert`: names, places, labels in every output, and matter whose attenuation is the table's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.app.project_case import Projected, project_ct
from hilum.app.project_insert import check, known, names
from hilum.app.project_run import Job, fingerprint
from hilum.app.project_settings import Settings
from hilum.core.errors import InputError
from hilum.data.ct import Case
from hilum.data.drr_cohort import film_at, masks_of
from hilum.drr.coefficients import mass_attenuation
from hilum.drr.insert import read_rfo_row
from hilum.io.seg import read_masks
from tests.app.conftest import Ran
from tests.app.test_project_case import named
from tests.data.made_ct import chest, nifti

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")
pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")

Command = Callable[..., Ran]
RAW = Settings(size=(160, 160), physics="raw", insert=("clamp",), insert_at=("-60:0:20",))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("insert")
    hu, ids = chest()
    ct, masks = nifti(folder / "ct.nii.gz", hu), nifti(folder / "ct_seg.nii.gz", named(ids))
    return Case("ct", str(ct), masks=(str(masks),))


def cube(path: Path, side_mm: float) -> Path:
    """A cube as an ASCII STL."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * side_mm
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    lines = ["solid cube"]
    for a, b, c, d in quads:
        for three in ((a, b, c), (a, c, d)):
            points = "\n".join(f"vertex {' '.join(map(str, corners[i]))}" for i in three)
            lines.append(f"facet normal 0 0 0\nouter loop\n{points}\nendloop\nendfacet")
    path.write_text("\n".join([*lines, "endsolid cube"]))
    return path


def added(with_it: Projected, without: Projected) -> np.ndarray:
    return with_it.films[0].image.pixels - without.films[0].image.pixels


@pytest.mark.parametrize(
    ("word", "name"),
    [("ETT", "endotracheal tube"), ("lap-pad", "lap pad"), ("scissors", "scissors tip"), ("Chest_Tube", "chest tube")],
)
def test_names_are_taken_as_people_write_them(word: str, name: str) -> None:
    assert known(word) == name
    assert name in names()


@pytest.mark.parametrize(
    ("insert", "at", "said"),
    [
        (("neddle",), (), "did you mean 'needle'"),
        (("qqqq",), (), "choose from needle, sponge"),
        (("needle",), ("mediastinm",), "did you mean 'mediastinum'"),
        (("needle",), ("1:2:x",), "three numbers in mm"),
        (("needle",), ("pleura", "sternum"), "got 2 for 1"),
        ((), ("pleura",), "names nothing"),
        (("missing.stl",), (), "there is no file 'missing.stl'"),
        (("part.stl:titanum",), (), "did you mean 'titanium'"),
    ],
)
def test_a_bad_name_or_place_ends_before_any_ct_is_read(
    insert: tuple[str, ...], at: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        check(insert, at)
    with pytest.raises(InputError, match=said):
        Settings(insert=insert, insert_at=at)


def test_a_cube_of_titanium_adds_its_tabled_attenuation_and_no_more(case: Case, tmp_path: Path) -> None:
    """In the air in front of the body nothing is pushed aside: the gain is mu times the way through, ray by ray."""
    word = f"{cube(tmp_path / 'part.stl', 30.0)}:titanium"
    bare = replace(RAW, insert=(), insert_at=())
    film = project_ct(case, replace(RAW, insert=(word,), insert_at=("0:-160:0",)))
    gain, part = added(film, project_ct(case, bare)), film.films[0].parts[-1]
    per_mm = float(mass_attenuation("titanium", 65.0)) * 4.5 / 10.0
    np.testing.assert_allclose(gain, part.shadow.path_lengths() * per_mm, atol=2e-3)
    assert 30.0 < part.shadow.path_mm.max() < 30.0 * 3**0.5 + 0.1
    assert part.inserted is not None
    assert (part.name, part.inserted.critical, part.inserted.materials) == ("part", True, ("titanium",))


def test_inside_the_body_an_object_pushes_its_tissue_aside(case: Case, tmp_path: Path) -> None:
    """Water-like matter in soft tissue of 45 HU hardly shows; the same in the lung does."""
    word, bare = f"{cube(tmp_path / 'part.stl', 30.0)}:pvc", replace(RAW, insert=(), insert_at=())
    tissue = added(project_ct(case, replace(RAW, insert=(word,), insert_at=("0:30:0",))), project_ct(case, bare))
    lung = added(project_ct(case, replace(RAW, insert=(word,), insert_at=("-75:0:0",))), project_ct(case, bare))
    per_mm = float(mass_attenuation("pvc", 65.0)) * 1.35 / 10.0
    assert lung.max() == pytest.approx(tissue.max() + 0.0195 * 0.9 * 30 * lung.max() / (per_mm * 30), rel=0.25)
    assert lung.max() > 1.5 * tissue.max()


def test_the_shadow_lies_where_its_place_is_projected_on_every_film(case: Case) -> None:
    films = project_ct(case, replace(RAW, views=("PA", "LL"), poses=((0.0, 0.0, 0.0), (0.0, 0.0, 12.0)))).films
    assert len(films) == 4
    for film in films:
        row, column = film.geometry.shadow(np.array([[-60.0, 0.0, 20.0]]))[0]
        box = film.parts[-1].shadow.box()
        assert box is not None
        assert box.x0 - 3 < column < box.x1 + 3
        assert box.y0 - 3 < row < box.y1 + 3


def test_a_seed_gives_the_same_objects_and_another_others(case: Case) -> None:
    one, again, other = (
        project_ct(case, replace(RAW, insert=("needle", "sponge"), insert_at=(), seed=seed)).films[0]
        for seed in (1, 1, 2)
    )
    assert one.rfo == again.rfo != other.rfo
    assert np.array_equal(one.image.pixels, again.image.pixels)
    assert {part.inserted.site for part in one.parts if part.inserted} <= {"pleura", "mediastinum"}


def test_what_is_worn_is_not_critical_and_lies_in_front(case: Case) -> None:
    film = project_ct(case, replace(RAW, views=("LL",), insert=("necklace", "needle"), insert_at=("skin-in-front",)))
    for part in film.films[0].parts:
        assert part.inserted is not None
        assert not part.inserted.critical
        assert np.argwhere(part.shadow.mask().pixels)[:, 1].mean() < 60  # the front is on image left
    assert [critical for critical, _ in read_rfo_row(film.films[0].rfo)] == [False, False]


def test_without_masks_the_sentence_says_what_to_give(case: Case) -> None:
    for name, said in (("needle", "--insert-at 'skin in front'"), ("ett", "give --masks")):
        with pytest.raises(InputError, match=said):
            project_ct(replace(case, masks=()), replace(RAW, insert=(name,), insert_at=()))
    with pytest.raises(InputError, match="no trachea"):  # the made chest has masks, but none of a trachea
        project_ct(case, replace(RAW, insert=("ett",), insert_at=()))


def test_an_object_beside_the_detector_is_remarked_and_a_mesh_in_metres_refused(case: Case, tmp_path: Path) -> None:
    away = project_ct(case, replace(RAW, insert_at=("900:0:0",)))
    assert "the clamp is on none of the films" in away.remarks
    assert away.films[0].rfo == ""
    with pytest.raises(InputError, match=r"0\.05 mm long"):
        project_ct(case, replace(RAW, insert=(str(cube(tmp_path / "m.stl", 0.05)),)))


def test_a_changed_mesh_is_projected_again(case: Case, tmp_path: Path) -> None:
    mesh = cube(tmp_path / "m.stl", 20.0)
    job = Job(case, replace(RAW, insert=(str(mesh),)), str(tmp_path))
    before = fingerprint(job)
    assert fingerprint(job) == before
    cube(mesh, 22.0625)
    assert fingerprint(job) != before


def test_masks_boxes_coco_segmentation_record_and_page_name_the_objects(
    case: Case, tmp_path: Path, hilum: Command
) -> None:
    ran = hilum(
        "project", case.path, "--labels", "heart", "--insert", "needle,needle,buttons", "--insert-at",
        "-60:0:20,60:0:20,skin in front", "--size", "160", "--seed", "5", "-o", tmp_path,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    (place,) = (path.parent for path in tmp_path.glob("*/drr.json"))
    (film,) = json.loads((place / "drr.json").read_text())["films"]
    assert [part["name"] for part in film["structures"]] == ["heart"]
    assert [part["name"] for part in film["objects"]] == ["needle", "needle 2", "buttons"]
    assert [part["critical"] for part in film["objects"]] == [True, True, False]
    coco = json.loads((place / "coco.json").read_text())
    kinds = {each["id"]: (each["name"], each["supercategory"]) for each in coco["categories"]}
    assert [kinds[each["category_id"]] for each in coco["annotations"]] == [
        ("heart", "anatomy"), *[("needle", "retained object")] * 2, ("buttons", "device or worn object"),
    ]  # fmt: skip
    segments = {mask.label: mask.pixels for mask in read_masks(place / "PA-seg.dcm")}
    rows = read_rfo_row(film["rfo"])
    for part, each, (critical, corners) in zip(film["objects"], coco["annotations"][1:], rows, strict=True):
        with Picture.open(place / part["files"]["mask"]) as picture:
            mask = np.asarray(picture) > 0
        assert np.array_equal(segments[part["name"]], mask)
        found = np.argwhere(mask)
        x0, y0, x1, y1 = part["box"]
        assert (found.min(axis=0) == (y0, x0)).all()
        assert (found.max(axis=0) + 1 == (y1, x1)).all()
        assert each["bbox"] == [x0, y0, x1 - x0, y1 - y0]
        assert corners.ravel().tolist() == part["box"]
        assert critical == part["critical"]
    assert [mask.label for mask in masks_of(film_at(place, "PA"))] == ["heart", "needle", "needle 2", "buttons"]
    page = (place / "page.html").read_text()
    for words in ("needle 2", "critical if retained", "skin in front", "inserted as iron"):
        assert words in page
