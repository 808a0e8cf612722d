"""Another device than the processor is asked for by name, and refused in one sentence where it is not there."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.drr.field import Field  # noqa: E402
from hilum.drr.geometry import aim  # noqa: E402
from hilum.drr.gpu import integrals  # noqa: E402
from hilum.drr.render import line_integrals  # noqa: E402

FIELD = Field(np.random.default_rng(0).random((12, 14, 16)).astype(np.float32), np.diag([2.0, 2.0, 2.0, 1.0]))
GEOMETRY = aim(FIELD.affine, FIELD.shape, angles_deg=(5.0, 0.0, 9.0), detector=(24, 24), pitch_mm=(2.0, 2.0))


def test_the_torch_path_gives_the_processors_film() -> None:
    assert np.allclose(integrals(FIELD, GEOMETRY, "cpu"), line_integrals(FIELD, GEOMETRY), rtol=2e-3, atol=2e-2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a card is there")
def test_a_card_that_is_not_there_is_missing() -> None:
    with pytest.raises(MissingError, match="CUDA"):
        line_integrals(FIELD, GEOMETRY, device="cuda")


def test_a_card_has_one_kernel() -> None:
    with pytest.raises(InputError, match="trilinear model"):
        line_integrals(FIELD, GEOMETRY, model="siddon", device="cuda")
