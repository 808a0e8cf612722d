"""Made thoraces on film: labels, laterality and densities, by the same rules that label real CTs."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.drr.anatomy import anatomy
from hilum.drr.anatomy_rules import available
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Structures
from hilum.drr.labels import class_shadows
from hilum.drr.labels_measures import check_laterality, heart_size
from hilum.drr.project import film_geometry, project
from hilum.phantom.thorax_names import IDS, NAMES
from tests.phantom.thoraces import NAMES as PEOPLE
from tests.phantom.thoraces import hu, thorax

WANTED = (
    "heart",
    "liver",
    "stomach",
    "spleen",
    "lung_left",
    "lung_right",
    "lung_overall",
    *(f"t{n}" for n in range(3, 11)),
)


@pytest.mark.parametrize("name", PEOPLE[:2])
def test_left_is_on_image_right_and_a_mirrored_body_fails(name: str) -> None:
    body = thorax(name).body
    geometry = film_geometry(body.volume, view="PA", size=128, field_mm=430)
    check_laterality(class_shadows(anatomy(body.structures), geometry, WANTED))
    mirrored = Structures(body.structures.ids[::-1].copy(), body.structures.affine, body.structures.names)
    with pytest.raises(InputError, match=r"mirrored|disagree"):
        check_laterality(class_shadows(anatomy(mirrored), geometry, WANTED))


@pytest.mark.parametrize("name", PEOPLE[:2])
def test_the_ratio_on_film_is_that_of_the_body(name: str) -> None:
    """A PA film from 1.8 m magnifies heart and chest a little differently: within 0.035."""
    made = thorax(name)
    geometry = film_geometry(made.body.volume, view="PA", size=256, field_mm=430)
    found = heart_size(class_shadows(anatomy(made.body.structures), geometry, WANTED))
    assert found.ratio == pytest.approx(made.log["ctr"], abs=0.035)


def test_every_class_that_a_real_ct_gives_is_given() -> None:
    classes = set(available(anatomy(thorax("one").body.structures)))
    wanted = {
        "lung_left_lobeupper", "lung_right_lobemiddle", "lung_left_apical", "lung_right_base", "mediastinum_upper",
        "mediastinum_middle", "hemidiaphragm_left", "hemidiaphragm_right", "carina", "aorta_arch", "aorta_ascending",
        "aorta_descending", "rib_left_anterior_4", "rib_right_posterior_9", "airways", "esophagus", "clavicle_left",
        "scapula_right", "superior_vena_cava", "inferior_vena_cava", "sternum", "spine", "diaphragm",
    }  # fmt: skip
    assert wanted <= classes


def test_lungs_are_dark_and_the_middle_bright() -> None:
    made = thorax("one")
    image = project(made.body.volume, view="PA", size=128, field_mm=430, parallel=True).pixels
    geometry = film_geometry(made.body.volume, view="PA", size=128, field_mm=430, parallel=True)
    shadow = class_shadows(anatomy(made.body.structures), geometry, ("lung_overall", "heart", "liver"))
    full = {}
    for name, each in shadow.items():
        mask = np.zeros(image.shape, bool)
        rows, columns = each.inside.shape
        mask[each.row : each.row + rows, each.column : each.column + columns] = each.inside
        full[name] = mask
    lung = full["lung_overall"] & ~full["heart"] & ~full["liver"]
    assert np.median(image[full["heart"]]) > np.median(image[lung]) + 0.8
    assert np.median(image[full["liver"]]) > np.median(image[lung]) + 0.9


def test_a_body_attenuates_as_bodies_do() -> None:
    """Line integrals of a man's chest at the CT's energy: about 1 to 2.5 through lung, 3 to 6 through the middle."""
    made = thorax("man")
    mu = mu_map(made.body.volume)
    total = mu.values.sum(axis=1) * mu.scale * made.body.spacing_mm
    lung = made.body.mask("lung").sum(axis=1) * made.body.spacing_mm
    assert 0.9 < np.median(total[lung > 110]) < 3.0
    heart = made.body.mask("heart").sum(axis=1) * made.body.spacing_mm
    assert 2.8 < np.median(total[heart > 70]) < 6.5


def test_names_are_those_of_the_example_ct() -> None:
    pytest.importorskip("nibabel")
    from hilum.core.errors import MissingError
    from hilum.data.chest_ct import folder

    try:
        place = folder()
    except MissingError as error:
        pytest.skip(str(error))
    import csv

    with (place / "structures.csv").open(encoding="utf-8") as file:
        real = {int(row["id"]): row["structure"] for row in csv.DictReader(file)}
    assert dict(NAMES) == real


def test_ids_are_the_names_turned() -> None:
    assert len(NAMES) == 118
    assert all(NAMES[number] == name for name, number in IDS.items())
    assert IDS["heart"] == 51
    assert IDS["rib_right_12"] == 115


def test_densities_of_structures_match_the_example_ct() -> None:
    """Mean HU of one real CT's masks (TotalSegmentator's, 2 mm): ribs 280, vertebrae 265, sternum 164, scapula 350."""
    made = thorax("man", spacing_mm=2.0)
    ribs = hu(made, *(f"rib_{side}_{n}" for side in ("left", "right") for n in range(3, 10)))
    assert ribs.mean() == pytest.approx(280, abs=70)
    assert hu(made, "vertebrae_T8").mean() == pytest.approx(277, abs=70)
    assert hu(made, "sternum").mean() == pytest.approx(164, abs=60)
    assert hu(made, "scapula_left").mean() == pytest.approx(350, abs=100)
    assert hu(made, "clavicula_left").mean() == pytest.approx(360, abs=110)
    assert hu(made, "costal_cartilages").mean() == pytest.approx(110, abs=60)


def test_bones_are_as_large_as_bones() -> None:
    """Volumes in ml beside those of the same CT: rib 6 17, T8 25, sternum 45, scapula 68, clavicle 23."""
    made = thorax("man", spacing_mm=2.0)
    for name, real in (("rib_left_6", 17.0), ("vertebrae_T8", 25.5), ("sternum", 45.0), ("scapula_left", 68.0),
                       ("clavicula_right", 23.4), ("rib_right_9", 13.7)):  # fmt: skip
        volume = made.body.mask(name).sum() * 8.0 / 1000.0
        assert 0.55 * real < volume < 1.6 * real, name
