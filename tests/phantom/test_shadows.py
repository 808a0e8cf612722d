"""Made chest films: the same bytes for the same seed, and truth that agrees with the geometry it is read from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.region import Box, Mask
from hilum.core.registry import get, register
from hilum.core.vocabulary import concept
from hilum.phantom.anatomy import Chest, draw_chest
from hilum.phantom.film import FIELD_MM, Pose, render
from hilum.phantom.shadows import draw_film, shadows, study
from hilum.phantom.signs import CONCEPTS, Sign, draw_sign

ALL = dict.fromkeys(CONCEPTS, 1.0)
QUIET = Pose(noise=0.0)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    first, again, other = (draw_film(3, ALL, size=64, seed=seed)[1] for seed in (1, 1, 2))
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert first.pixels.tobytes() != other.pixels.tobytes()
    assert first.pixels.dtype == np.float32
    assert (first.pixels >= 0).all()
    assert (first.pixels <= 1).all()


@pytest.mark.parametrize("ratio", [0.40, 0.48, 0.60, 0.68])
def test_the_heart_is_as_wide_as_the_ratio_drawn(ratio: float) -> None:
    chest = Chest(ctr=ratio)
    film = render(chest, pose=QUIET, size=512)
    widths = []
    for mask in (film.heart, film.lungs):
        columns = np.flatnonzero(mask.any(axis=0))
        widths.append(columns[-1] - columns[0] + 1)
    assert widths[0] * FIELD_MM / 512 == pytest.approx(ratio * 2 * chest.width, abs=2.0)
    assert widths[0] / widths[1] == pytest.approx(ratio, abs=0.012)


def test_cardiomegaly_sets_a_ratio_above_one_half() -> None:
    for severity in (0.05, 1.0):
        film = render(Chest(), (Sign("cardiomegaly", 0, severity),), size=64)
        assert 0.53 <= film.chest.ctr <= 0.68
        assert np.array_equal(film.masks["cardiomegaly"], film.heart)


def test_a_mirrored_film_flips_pixels_and_truth() -> None:
    chest = replace(draw_chest(0, "p"), ctr=0.45)
    signs = tuple(draw_sign(name, chest, 0, "f") for name in ("pleural effusion", "lung mass", "pneumothorax"))
    plain, mirrored = (render(chest, signs, pose=replace(QUIET, mirror=flag), size=128) for flag in (False, True))
    for name, mask in plain.masks.items():
        assert np.array_equal(mask[:, ::-1], mirrored.masks[name])
    assert np.array_equal(plain.lungs[:, ::-1], mirrored.lungs)
    grain = np.abs(plain.pixels[:, ::-1] - mirrored.pixels)  # the detector's grain does not turn with the patient
    assert grain.mean() < 0.01


@pytest.mark.parametrize("name", CONCEPTS)
def test_every_finding_is_a_concept_and_is_seen_where_its_mask_says(name: str) -> None:
    assert concept(name).name == name
    chest = draw_chest(5, "p")
    for number in range(3):
        sign = draw_sign(name, chest, 5, str(number))
        with_it = render(chest, (sign,), pose=QUIET, size=96)
        without = render(chest, (), pose=QUIET, size=96)
        changed = np.abs(with_it.pixels - without.pixels)
        mask = with_it.masks[name]
        if mask.any() and not sign.lift:
            assert changed[mask].mean() > 3 * changed[~mask].mean()


def test_density_rises_with_tissue_and_falls_with_free_air() -> None:
    chest = Chest()
    bare = render(chest, pose=QUIET, size=96).pixels
    for name, sign in (("lung mass", 1), ("consolidation", 1), ("pleural effusion", 1), ("pneumothorax", -1)):
        film = render(chest, (draw_sign(name, chest, 2, "x"),), pose=QUIET, size=96)
        assert sign * float((film.pixels - bare)[film.masks[name]].mean()) > 0.01, name


def test_a_study_states_every_finding_and_boxes_are_the_extent_of_masks() -> None:
    for number in range(6):
        found = study(number, dict.fromkeys(CONCEPTS, 0.5), size=64, seed=9)
        assert {finding.concept for finding in found.findings} == set(CONCEPTS)
        film = found.films[0]
        assert film.synthetic
        assert str(film.made_by).startswith("hilum.phantom.shadows")
        for finding in found.findings:
            assert finding.state in ("present", "absent")
            if finding.state == "absent":
                assert not finding.regions
                continue
            if not finding.regions:  # hidden behind the others
                continue
            box, mask = finding.regions
            assert isinstance(box, Box)
            assert isinstance(mask, Mask)
            rows, columns = np.nonzero(mask.pixels)
            assert box.corners == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            middle = box.center[0] - 32
            if finding.sites and abs(middle) > 6:
                assert finding.sites == (("left lung",) if middle > 0 else ("right lung",))


def test_shift_moves_the_chest_down() -> None:
    still, moved = (draw_film(1, {}, size=100, seed=3, shift=shift)[1] for shift in (0.0, 0.1))
    assert np.array_equal(still.lungs[5:85], moved.lungs[15:95])


def test_the_dataset_is_registered_splits_by_patient_and_has_the_prevalence_asked_for() -> None:
    cohort = get("dataset", "shadows")(count=60, size=32, prevalence={"lung mass": 0.5, "cardiomegaly": 0.0})
    studies = list(cohort)
    assert len(studies) == 60
    assert "computed" in register.find("dataset", "shadows").facts["licence"]
    masses = [f.state == "present" for s in studies for f in s.findings if f.concept == "lung mass"]
    assert 0.3 < np.mean(masses) < 0.7
    parts = {name: {s.patient for s in cohort.split(name)} for name in ("train", "val", "test")}
    assert not parts["train"] & parts["test"]
    assert len({s.patient for s in studies}) < 60  # some patients come twice


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be drawn"):
        draw_sign("fracture", Chest(), 0)
    with pytest.raises(InputError, match="prevalence needs"):
        draw_film(0, {"lung mass": 1.5})
    with pytest.raises(InputError, match="16 rows"):
        render(Chest(), size=8)
    assert list(shadows(count=0)) == []


@pytest.mark.parametrize("name", CONCEPTS)
def test_a_cohort_of_one_finding_states_it_in_every_study(name: str) -> None:
    for each in shadows(count=3, size=32, prevalence={name: 1.0}):
        (finding,) = each.findings
        assert finding.concept == name
        assert finding.state == "present"
        assert finding.attributes["severity"] in ("mild", "moderate", "severe")


def test_a_study_survives_being_written_down() -> None:
    found = study(0, {"lung mass": 1.0}, size=32, seed=4)
    again = study(0, {"lung mass": 1.0}, size=32, seed=4)
    assert found == again
    assert found.films[0].spacing_mm == (FIELD_MM / 32, FIELD_MM / 32)


def test_an_enlarged_heart_carries_its_ratio() -> None:
    (finding,) = study(0, {"cardiomegaly": 1.0}, size=32).findings
    (ratio,) = finding.measurements
    assert ratio.name == "cardiothoracic ratio"
    assert 0.53 <= ratio.value <= 0.68


def test_exposure_darkens_and_noise_is_as_strong_as_asked() -> None:
    usual, dark = (render(Chest(), pose=Pose(noise=0.0, dark=shift), size=64).pixels for shift in (0.0, 0.5))
    assert dark.mean() < usual.mean()
    noisy = render(Chest(), pose=Pose(noise=0.02), size=64).pixels
    inside = (usual > 0.2) & (usual < 0.8)
    assert float((noisy - usual)[inside].std()) == pytest.approx(0.02, rel=0.15)
