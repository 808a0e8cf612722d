"""The JSON form: everything written is read back equal, and damage is named."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hilum.core.check import example_studies
from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding, Measurement, Span
from hilum.core.image import Image, Lut, MadeBy, Volume, Window
from hilum.core.record import SCHEMA, from_json, to_json
from hilum.core.region import Box, Mask, Points
from hilum.core.report import Question, Report, Sentence
from hilum.core.study import Study

PIXELS = np.linspace(-5, 5, 20, dtype=np.float32).reshape(4, 5)
PARTS: list[Any] = [
    Window(40, 400, "SIGMOID"),
    Lut(3, np.array([0, 0.5, 1], np.float32)),
    Image(PIXELS, Window(0, 10), True, "LL", (0.2, 0.1), "detector", ("A", "F"), "id", MadeBy("x", "1", "ff"), True),
    Volume(np.zeros((2, 3, 4), np.float32), np.diag([2.0, 1.0, 1.0, 1.0]), "ct"),
    Box(1.5, 2, 3, 4.25, "id", 0.5),
    Mask(np.eye(5, dtype=bool), "id", "lungs"),
    Points(np.array([[1.0, 2.0], [3.0, 4.5]]), "id", True),
    Finding(
        "pleural effusion", "uncertain", 0.31, "platt", ("left pleural space",), {"severity": "small"}, "worsened",
        (Box(0, 0, 2, 2), Mask(np.ones((2, 2), bool))), (Measurement("depth", 12.0, "mm", Points(np.zeros((2, 2)))),),
        Span("findings", 3, 9), ("f-1",), MadeBy("m"), "f-2",
    ),
    Report("cough", "PA", "none", "A small effusion.", "Effusion.", (Sentence("findings", 0, 17, ("f-2",)),), "draft"),
    Question("Side?", ("left", "right"), "left", "location", "q1"),
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_every_type_survives_json(part: Any) -> None:
    assert from_json(json.dumps(to_json(part, pixels=True))) == part


@pytest.mark.parametrize("study", example_studies(), ids=lambda study: study.id)
def test_studies_with_and_without_priors_survive(study: Study) -> None:
    assert from_json(json.dumps(to_json(study, pixels=True))) == study


def test_a_study_with_everything_survives() -> None:
    study = Study("s", "p", datetime(2024, 2, 3, 4, 5, 6), (PARTS[2],), questions=(PARTS[9],))
    study = study.add(
        findings=[PARTS[7]], report=PARTS[8], made_by=MadeBy("m"), notes=("n",), not_assessed=[("a", "b")]
    )
    assert from_json(json.dumps(to_json(study, pixels=True))) == study


@given(arrays(bool, array_shapes(min_dims=2, max_dims=3, max_side=9)))
def test_masks_survive_as_runs(pixels: np.ndarray) -> None:
    mask = Mask(pixels)
    assert from_json(to_json(mask)) == mask


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-1e6, 1e6, width=32)))
def test_pixels_survive_exactly(pixels: np.ndarray) -> None:
    assert np.array_equal(from_json(to_json(Image(pixels), pixels=True)).pixels, pixels)


def test_without_pixels_the_record_is_small_and_says_what_is_missing() -> None:
    image = from_json(to_json(PARTS[2]))
    assert image.view == "LL"
    assert len(json.dumps(to_json(PARTS[2]))) < 1500
    with pytest.raises(MissingError, match="without them"):
        _ = image.pixels


def test_a_lazy_image_is_not_decoded_to_write_its_record() -> None:
    def explode() -> np.ndarray:
        raise AssertionError("decoded")

    assert to_json(Image(explode))["pixels"] == {"type": "pixels"}


def test_a_cohort_keeps_its_order_facts_and_splits() -> None:
    cohort = Cohort("c", list(example_studies()), {"train": 0.5, "test": 0.5}, "CC0", "me", "chexpert-14")
    again = from_json(json.dumps(to_json(cohort, pixels=True)))
    assert list(again) == list(cohort)
    assert (again.name, again.licence, again.label_set) == ("c", "CC0", "chexpert-14")
    assert [again.split_of(s.patient) for s in again] == [cohort.split_of(s.patient) for s in cohort]


@pytest.mark.parametrize(
    "data, said",
    [
        ("{", "not valid JSON"),
        ("[]", "not a Hilum record"),
        ({"schema": 1, "type": "Spaceship"}, "not a Hilum record"),
        ({"schema": SCHEMA + 1, "type": "Box"}, "upgrade hilum"),
        ({"schema": 1, "type": "Box", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "colour": 3}, "no field colour"),
        ({"schema": 1, "type": "Box", "x0": 0}, "damaged"),
        ({"schema": 1, "type": "Mask", "pixels": {"type": "runs", "shape": [2, 2], "runs": [9]}}, "damaged"),
    ],
)
def test_damage_is_named(data: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_json(data)


def test_only_records_have_a_json_form() -> None:
    with pytest.raises(InputError, match="no JSON form"):
        to_json(object())
