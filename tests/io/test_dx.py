"""Computed radiographs as DX: judged by dciodvfy, read back by our own reader, without identity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from hilum.core.errors import InputError
from hilum.core.image import Image, MadeBy
from hilum.core.study import Study
from hilum.io.dicom import read_image
from hilum.io.dx import Exposure, radiograph
from hilum.io.save import save_dicom
from tests.io.written import judged

MAKER = MadeBy("hilum project", "0.1.0")
STORED = np.arange(30 * 20, dtype=np.uint16).reshape(30, 20) * 100


def film(view: str, plane: str = "detector") -> Image:
    orientation = ("L", "F") if view in ("PA", "AP") else ("P", "F")
    return Image(
        STORED.astype(np.float32), view=view, spacing_mm=(0.4, 0.3), spacing_plane=plane, orientation=orientation,
        id=f"case-{view}", synthetic=True,
    )  # type: ignore[arg-type]  # fmt: skip


def exposure(plane: str = "detector", **changes: object) -> Exposure:
    far = plane == "detector"
    facts = {"magnification": 1800 / 1560 if far else 1.0, "description": "PA of a CT", **changes}
    return Exposure(1800.0 if far else None, 1560.0 if far else None, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("plane", ["detector", "patient"])
@pytest.mark.parametrize("view", ["PA", "AP", "LL", "RL"])
def test_dciodvfy_finds_no_error_in_any_view(tmp_path: Path, view: str, plane: str) -> None:
    ds = radiograph(film(view, plane), STORED, Study("case 1", "p1"), exposure(plane, kilovolts=120), made_by=MAKER)
    assert judged(ds, tmp_path) == []


def test_it_comes_back_with_its_view_spacing_orientation_and_as_synthetic(tmp_path: Path) -> None:
    path = save_dicom(radiograph(film("PA"), STORED, Study("case", "p"), exposure(), made_by=MAKER), tmp_path / "a.dcm")
    again = read_image(path)
    assert (again.view, again.spacing_mm, again.spacing_plane) == ("PA", (0.4, 0.3), "detector")
    assert again.orientation == ("L", "F")
    assert again.synthetic
    np.testing.assert_array_equal(again.pixels, STORED)
    assert again.display()[0, 0] < again.display()[-1, -1]


def test_the_header_says_that_it_was_computed_and_carries_the_exposure(tmp_path: Path) -> None:
    ds = radiograph(film("LL"), STORED, Study("case", "p"), exposure(), made_by=MAKER)
    assert list(ds.ImageType[:2]) == ["DERIVED", "PRIMARY"]
    for said in (ds.SeriesDescription, ds.DerivationDescription, ds.ImageComments):
        assert said.startswith("SYNTHETIC")
    assert "research use" in ds.DerivationDescription
    assert (float(ds.DistanceSourceToDetector), float(ds.DistanceSourceToPatient)) == (1800.0, 1560.0)
    assert float(ds.EstimatedRadiographicMagnificationFactor) == pytest.approx(1800 / 1560)
    assert "PixelSpacing" not in ds


def test_parallel_rays_measure_the_same_in_the_patient_and_have_no_source(tmp_path: Path) -> None:
    path = save_dicom(
        radiograph(film("PA", "patient"), STORED, Study("case"), exposure("patient"), made_by=MAKER), tmp_path / "a.dcm"
    )
    again = read_image(path)
    ds = pydicom.dcmread(path)
    assert again.spacing_mm == (0.4, 0.3)
    assert ds.PixelSpacing == ds.ImagerPixelSpacing
    assert float(ds.EstimatedRadiographicMagnificationFactor) == 1.0
    assert "DistanceSourceToDetector" not in ds


def test_no_name_gets_in_and_films_of_a_patient_share_its_pseudonym() -> None:
    made = [
        radiograph(film(view), STORED, Study("Quixote-7", "Zebedee"), exposure(), made_by=MAKER)
        for view in ("PA", "LL")
    ]
    assert all("Quixote" not in str(ds) and "Zebedee" not in str(ds) for ds in made)
    assert made[0].PatientID == made[1].PatientID
    assert made[0].StudyInstanceUID == made[1].StudyInstanceUID
    assert made[0].SOPInstanceUID != made[1].SOPInstanceUID


def test_the_same_film_gives_the_same_object() -> None:
    one, two = (radiograph(film("PA"), STORED, Study("case"), exposure(), made_by=MAKER) for _ in range(2))
    assert one.SOPInstanceUID == two.SOPInstanceUID
    other = radiograph(film("PA"), STORED + 1, Study("case"), exposure(), made_by=MAKER)
    assert other.SOPInstanceUID != one.SOPInstanceUID


def test_a_film_without_spacing_is_refused() -> None:
    with pytest.raises(InputError, match="no spacing"):
        radiograph(Image(STORED, view="PA"), STORED, Study("case"), exposure(), made_by=MAKER)
