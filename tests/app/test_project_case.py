"""One CT projected: sides, places, grids of every kind, and the sentences for views that cannot be made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.app.project_case import EXAMPLE, Projected, project_ct
from hilum.app.project_settings import Settings, parse_numbers, parse_size
from hilum.core.errors import InputError
from hilum.data.ct import Case
from tests.data.made_ct import chest, nifti, series, upright

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")
pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")

LABELS = ("lungs", "heart", "spine", "left lung")
RAW = Settings(views=("PA", "LL"), labels=LABELS, size=(96, 96), physics="raw")


def projected(
    folder: Path, settings: Settings = RAW, affine: np.ndarray | None = None, shape: object = None
) -> Projected:
    grid = upright() if affine is None else affine
    hu, ids = chest(grid, shape or (26, 34, 40))  # type: ignore[arg-type]
    ct, masks = nifti(folder / "ct-1.nii.gz", hu, grid), nifti(folder / "ct-1_seg.nii.gz", named(ids), grid)
    return project_ct(Case("ct-1", str(ct), masks=(str(masks),)), settings)


def named(ids: np.ndarray) -> np.ndarray:
    """The made structures under TotalSegmentator's numbers."""
    return np.array([0, 12, 10, 51, 37], np.uint8)[ids]


def centre(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(axis=0)


def part(film: object, name: str) -> np.ndarray:
    (found,) = (each.shadow.mask().pixels for each in film.parts if each.name == name)  # type: ignore[attr-defined]
    return found


def test_the_heart_is_on_image_right_from_behind_and_in_front_from_the_side(tmp_path: Path) -> None:
    frontal, lateral = projected(tmp_path).films
    middle = 47.5
    assert centre(part(frontal, "heart"))[1] > middle + 2
    assert centre(part(frontal, "left lung"))[1] > middle + 10
    assert abs(centre(part(frontal, "spine"))[1] - middle) < 1
    assert centre(part(lateral, "heart"))[1] < middle - 2
    assert centre(part(lateral, "spine"))[1] > middle + 10
    assert centre(part(frontal, "heart"))[0] > centre(part(frontal, "lungs"))[0]
    assert (frontal.image.orientation, lateral.image.orientation) == (("L", "F"), ("P", "F"))


def test_a_mirrored_ct_shows_its_heart_on_the_other_side(tmp_path: Path) -> None:
    """The control of the test above: if sides came from anything but the voxels, this would not change."""
    hu, ids = chest()
    ct, masks = nifti(tmp_path / "a.nii", hu[:, :, ::-1]), nifti(tmp_path / "a_seg.nii", named(ids)[:, :, ::-1])
    (film,) = project_ct(
        Case("a", str(ct), masks=(str(masks),)), Settings(labels=("heart",), size=(96, 96), physics="raw")
    ).films
    assert centre(part(film, "heart"))[1] < 45


def test_masks_lie_where_the_structures_shadow_falls(tmp_path: Path) -> None:
    for film in projected(tmp_path).films:
        for name, place in (("heart", (30, -25, -30)), ("left lung", (75, 0, 0))):
            shadow = film.geometry.shadow(np.array([place], float))[0]
            assert np.abs(centre(part(film, name)) - shadow).max() < 3.0


def flipped() -> np.ndarray:
    affine = upright()
    affine[:3, 3] += affine[:3, 2] * 39 + affine[:3, 0] * 25
    affine[:3, [0, 2]] *= -1
    return affine


def sheared() -> np.ndarray:
    affine = upright()
    affine[1, 0] += 2.0
    affine[1, 3] -= 2.0 * 12.5
    return affine


def oblique() -> np.ndarray:
    angle = np.radians(20)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn @ upright()


def swapped() -> np.ndarray:
    return upright()[:, [1, 0, 2, 3]]  # the first array axis runs front to back


@pytest.mark.parametrize("grid", [flipped, sheared, oblique, swapped])
def test_the_same_body_on_another_grid_gives_the_same_film(tmp_path: Path, grid: object) -> None:
    affine = grid()  # type: ignore[operator]
    shape = (34, 26, 40) if grid is swapped else (26, 34, 40)
    whole, other = projected(tmp_path / "a"), projected(tmp_path / "b", affine=affine, shape=shape)
    for one, two in zip(whole.films, other.films, strict=True):
        inside = one.image.pixels > 1
        gap = np.abs(one.image.pixels - two.image.pixels)[inside] / one.image.pixels[inside]
        assert np.median(gap) < (0.02 if grid in (flipped, swapped) else 0.05)  # voxels of 9 mm fall otherwise
        for name in ("heart", "left lung"):
            assert np.abs(centre(part(one, name)) - centre(part(two, name))).max() < 1.0


def test_dicom_and_nifti_of_one_ct_give_one_film(tmp_path: Path) -> None:
    hu, _ = chest()
    series(tmp_path / "slices", hu)
    settings = Settings(size=(64, 64), physics="raw")
    films = [project_ct(Case("a", str(place)), settings).films[0].image.pixels
             for place in (nifti(tmp_path / "a.nii", hu), tmp_path / "slices")]  # fmt: skip
    np.testing.assert_allclose(films[0], films[1], rtol=1e-4, atol=1e-4)


def test_a_view_that_misses_the_body_is_refused(tmp_path: Path) -> None:
    for physics in ("raw", "film"):
        settings = Settings(size=(32, 32), offset_mm=(0.0, 3000.0), physics=physics)
        with pytest.raises(InputError, match=r"view PA misses the body.*3000 mm along.*--offset"):
            projected(tmp_path, settings)


def test_names_of_structures_are_groups_sides_or_single(tmp_path: Path) -> None:
    settings = Settings(labels=("lungs", "right lung", "heart", "all"), size=(48, 48), physics="raw")
    (film,) = projected(tmp_path, settings).films
    members = {each.name: each.members for each in film.parts}
    assert members["lungs"] == ("lung_upper_lobe_left", "lung_upper_lobe_right")
    assert members["right lung"] == ("lung_upper_lobe_right",)
    assert set(members) == {
        "lungs", "right lung", "heart", "lung_upper_lobe_left", "lung_upper_lobe_right", "vertebrae_T7",
    }  # fmt: skip
    both = part(film, "lung_upper_lobe_left") | part(film, "lung_upper_lobe_right")
    assert (part(film, "lungs") >= both).all()
    with pytest.raises(InputError, match="no structure is named 'liver'; this CT has heart, lung_upper"):
        projected(tmp_path, Settings(labels=("liver",), size=(48, 48)))


def test_physics_films_are_grey_seeded_and_logged(tmp_path: Path) -> None:
    first, again, other = (
        projected(tmp_path, Settings(views=("PA", "LL"), size=(64, 64), seed=seed)).films for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first[0].image.pixels, again[0].image.pixels)
    assert (first[0].image.pixels != other[0].image.pixels).any()
    assert [film.parameters["exposure name"] for film in first] == ["PA", "lateral"]
    assert first[0].parameters["kilovolts"] > 60
    shown = first[0].image.display()
    assert 0.0 <= shown.min() < shown.max() <= 1.0


def test_poses_turn_the_patient(tmp_path: Path) -> None:
    settings = Settings(labels=("spine", "heart"), size=(96, 96), physics="raw", poses=((0, 0, 0), (0, 0, 20)))
    straight, turned = projected(tmp_path, settings).films
    assert (straight.name, turned.name) == ("PA-1", "PA-2")
    # Turned to the left about the head axis, what lies behind moves to the patient's right.
    moved = centre(part(turned, "spine"))[1] - centre(part(straight, "spine"))[1]
    expected = -80 * np.sin(np.radians(20)) * straight.geometry.magnification / straight.geometry.pitch_mm[1]
    assert moved == pytest.approx(expected, abs=2.0)


def test_settings_refuse_what_cannot_be_projected() -> None:
    for given, words in (
        ({"views": ("PAL",)}, "--view does not know 'PAL'"), ({"views": ()}, "--view needs"),
        ({"size": (4, 4)}, "--size must lie"), ({"field_mm": 0.0}, "--field must lie"),
        ({"model": "rays"}, "--model does not know"), ({"physics": "magic"}, "--physics does not know"),
        ({"formats": ("tiff",)}, "--formats does not know"), ({"rescale": "x"}, "--rescale takes"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            Settings(**given)  # type: ignore[arg-type]
    assert parse_size("1024") == (1024, 1024)
    assert parse_size("640x480") == (640, 480)
    for wrong in ("", "big", "1x2x3", "-5"):
        with pytest.raises(InputError, match="--size takes"):
            parse_size(wrong)
    with pytest.raises(InputError, match="--pose takes 3 numbers"):
        parse_numbers("1,2", 3, "--pose")


@pytest.mark.slow
def test_the_real_ct_has_its_stomach_and_apex_on_image_right() -> None:
    from hilum.core.errors import MissingError
    from hilum.data.chest_ct import folder

    try:
        folder()
    except MissingError as error:
        pytest.skip(str(error))
    settings = Settings(labels=("stomach", "heart", "liver", "spine"), size=(128, 128), physics="raw")
    (film,) = project_ct(Case("example", EXAMPLE), settings).films
    spine = centre(part(film, "spine"))[1]
    assert centre(part(film, "stomach"))[1] > spine + 5
    assert centre(part(film, "heart"))[1] > spine + 5
    assert centre(part(film, "liver"))[1] < spine - 5
