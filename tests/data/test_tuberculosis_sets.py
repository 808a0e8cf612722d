"""Montgomery and Shenzhen in their layouts, made small: readings, labels from names, lungs named by where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.data import montgomery as mc
from hilum.data import shenzhen as sz
from hilum.data.montgomery import montgomery, reading
from hilum.data.shenzhen import shenzhen
from tests.data.layouts import cut, layout, picture


def text(path: Path, words: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words, encoding="utf-8")
    return path


def half(*, right: bool) -> np.ndarray:
    """A mask on the right or left half of a film of 8 columns."""
    drawn = np.zeros((6, 8), np.uint8)
    drawn[1:5, (5 if right else 1) : (7 if right else 3)] = 255
    return drawn


@layout("montgomery")
def made_montgomery(root: Path) -> Path:
    place = root / "MontgomerySet"
    for name in ("MCUCXR_0001_0", "MCUCXR_0104_1"):
        picture(place / f"CXR_png/{name}.png")
        picture(place / f"ManualMask/leftMask/{name}.png", half(right=True))
        picture(place / f"ManualMask/rightMask/{name}.png", half(right=False))
    text(place / "ClinicalReadings/MCUCXR_0001_0.txt", "Patient's Sex: F \nPatient's Age: 027Y\nnormal\n")
    text(
        place / "ClinicalReadings/MCUCXR_0104_1.txt", "Patient's Sex: M\r\nPatient's Age: 033Y\r\nCavitary nodule.\r\n"
    )
    return root


@layout("shenzhen")
def made_shenzhen(root: Path) -> Path:
    place = root / "ChinaSet_AllFiles"
    for name in ("CHNCXR_0001_0", "CHNCXR_0327_1"):
        picture(place / f"CXR_png/{name}.png")
    text(place / "ClinicalReadings/CHNCXR_0001_0.txt", "male 45yrs\nnormal")
    text(place / "ClinicalReadings/CHNCXR_0327_1.txt", "Female 21yrs\nright PTB, female breast shadow")
    picture(place / "mask/CHNCXR_0001_0_mask.png", half(right=True))
    return root


def test_a_name_tells_the_label_and_the_reading_is_its_report(tmp_path: Path) -> None:
    normal, ill = montgomery(made_montgomery(tmp_path))
    assert [(f.concept, f.state) for f in normal.findings] == [("no finding", "present"), ("tuberculosis", "absent")]
    assert [(f.concept, f.state) for f in ill.findings] == [("tuberculosis", "present")]
    assert ill.report is not None
    assert ill.report.findings == "Cavitary nodule."
    assert ill.report.indication == "Patient's Sex: M; Patient's Age: 033Y"
    assert ill.patient == "MCUCXR_0104"


def test_a_film_knows_its_spacing_and_how_it_lies(tmp_path: Path) -> None:
    film = next(iter(montgomery(made_montgomery(tmp_path)))).films[0]
    assert not film.loaded
    assert (film.spacing_mm, film.spacing_plane) == ((0.0875, 0.0875), "detector")
    assert (film.view, film.orientation) == ("PA", ("L", "F"))
    assert film.pixels.shape == (6, 8)
    assert 0 <= film.pixels.min() <= film.pixels.max() <= 1


@pytest.mark.parametrize("swapped", [False, True])
def test_lungs_are_named_by_where_they_lie(tmp_path: Path, swapped: bool) -> None:
    made_montgomery(tmp_path)
    folder = tmp_path / "MontgomerySet/ManualMask"
    if swapped:
        (folder / "leftMask").rename(folder / "kept")
        (folder / "rightMask").rename(folder / "leftMask")
        (folder / "kept").rename(folder / "rightMask")
    film = next(iter(montgomery(tmp_path))).films[0]
    right, left = mc.masks_of(film)
    assert (right.label, left.label) == ("right lung", "left lung")
    assert right.pixels[:, :4].any()  # the patient's right is on the left of the film
    assert left.pixels[:, 4:].any()
    assert right.image == left.image == film.id


def test_two_masks_on_one_side_are_refused(tmp_path: Path) -> None:
    picture(made_montgomery(tmp_path) / "MontgomerySet/ManualMask/rightMask/MCUCXR_0001_0.png", half(right=True))
    with pytest.raises(InputError, match="MCUCXR_0001_0 lie on one half"):
        mc.masks_of(next(iter(montgomery(tmp_path))).films[0])


def test_films_without_outline_or_reading_have_none(tmp_path: Path) -> None:
    made_montgomery(tmp_path)
    for path in (*tmp_path.glob("*/ManualMask/*/*"), *tmp_path.glob("*/ClinicalReadings/*")):
        path.unlink()
    for study in montgomery(tmp_path):
        assert mc.masks_of(study.films[0]) == ()
        assert study.report is None


def test_shenzhen_reads_alike_with_one_outline_for_both_lungs(tmp_path: Path) -> None:
    normal, ill = shenzhen(made_shenzhen(tmp_path))
    assert [s.patient for s in (normal, ill)] == ["CHNCXR_0001", "CHNCXR_0327"]
    assert [(f.concept, f.state) for f in ill.findings] == [("tuberculosis", "present")]
    assert ill.report is not None
    assert (ill.report.indication, ill.report.findings) == ("Female 21yrs", "right PTB, female breast shadow")
    (mask,) = sz.masks_of(normal.films[0])
    assert (mask.label, mask.area) == ("lungs", 8)
    assert sz.masks_of(ill.films[0]) == ()
    assert sz.masks_of(normal.films[0], tmp_path / "ChinaSet_AllFiles/mask")[0] == mask
    assert normal.films[0].spacing_mm is None


def test_palette_pictures_are_grey(tmp_path: Path) -> None:
    from PIL import Image as Picture

    path = made_shenzhen(tmp_path) / "ChinaSet_AllFiles/CXR_png/CHNCXR_0001_0.png"
    Picture.fromarray(np.full((6, 8), 128, np.uint8)).convert("P").save(path)
    assert next(iter(shenzhen(tmp_path))).films[0].pixels.mean() == pytest.approx(128 / 255, abs=0.01)


def test_a_reading_may_have_any_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"male 45yrs\n\xff\xfe scar\n\n")
    found = reading(path)
    assert found is not None
    assert found.findings.endswith("scar")
    assert reading(tmp_path / "none.txt") is None


@pytest.mark.parametrize(("cohort", "name"), [(montgomery, "MCUCXR"), (shenzhen, "CHNCXR")])
def test_missing_parts_are_said(tmp_path: Path, cohort: type, name: str) -> None:
    with pytest.raises(MissingError, match=f"{name}.*lhncbc"):
        cohort(tmp_path)
    picture(tmp_path / f"CXR_png/{name}_0001.png")
    with pytest.raises(InputError, match="not named as"):
        cohort(tmp_path)


def test_a_cut_mask_is_said(tmp_path: Path) -> None:
    cut(made_montgomery(tmp_path) / "MontgomerySet/ManualMask/leftMask/MCUCXR_0001_0.png", 0.3)
    with pytest.raises(InputError, match="copy it anew"):
        mc.masks_of(next(iter(montgomery(tmp_path))).films[0])
