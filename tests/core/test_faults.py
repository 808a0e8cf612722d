"""What the core refuses, each with a sentence that says what came and what was expected."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hilum.core.cohort import Cohort
from hilum.core.errors import HilumError, InputError, MissingError, need
from hilum.core.finding import Span
from hilum.core.geometry import Letterbox, check_affine, check_view
from hilum.core.image import Image, Lut, Volume
from hilum.core.region import Mask, Points
from hilum.core.report import Report, Sentence
from hilum.core.study import Study

FAULTS: list[tuple[Callable[[], object], str]] = [
    (lambda: check_view("sideways"), "unknown view 'sideways'"),
    (lambda: Letterbox(0, 5, 5), "positive sizes"),
    (lambda: check_affine(np.full((4, 4), np.nan)), "finite 4 x 4"),
    (lambda: check_affine(np.eye(3)), "shape \\(3, 3\\)"),
    (lambda: Image(np.zeros((3, 3)), view="up"), "unknown view"),  # type: ignore[arg-type]
    (lambda: Image(np.zeros(3)), "shape \\(H, W\\)"),
    (lambda: Volume(np.zeros((3, 3)), np.eye(4)), "shape \\(D, H, W\\)"),
    (lambda: Lut(0, np.zeros((2, 2), np.float32)), "list of entries"),
    (lambda: Mask(np.zeros(4, bool)), "mask must be"),
    (lambda: Mask(np.zeros((2, 2, 2), bool)).box(), "2-D mask"),
    (lambda: Points(np.array([[np.nan, 0.0]])), "finite"),
    (lambda: Span("findings", 5, 2), "start <= end"),
    (lambda: Sentence("appendix", 0, 1), "not inside a report section"),
    (lambda: Report(status="signed"), "report status"),  # type: ignore[arg-type]
    (lambda: Study(""), "needs an id"),
    (lambda: Cohort("c", []).split_of("p"), "has no splits"),
]


@pytest.mark.parametrize("make, said", FAULTS)
def test_each_fault_is_one_sentence_of_the_users_kind(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1


def test_what_is_missing_has_its_own_code_and_says_what_to_install() -> None:
    error = need("nibabel", "volume", "Reading NIfTI")
    assert isinstance(error, MissingError)
    assert isinstance(error, HilumError)
    assert error.exit_code == 2
    assert "nibabel" in str(error)
    assert "hilum[volume]" in str(error)
