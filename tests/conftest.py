"""What every test may use: the real-data folder where it is, and small made films."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")  # a busy machine is no fault of the code

ROOT = Path(__file__).resolve().parents[1]


def pack_root() -> Path | None:
    """The folder of real films that developers have; HILUM_PACK names another place."""
    root = Path(os.environ.get("HILUM_PACK") or ROOT.parent / "shared" / "data")
    return root if (root / "manifest.csv").is_file() else None


@pytest.fixture(scope="session")
def pack() -> Path:
    root = pack_root()
    if root is None:
        pytest.skip("the development data (HILUM_PACK or ../shared/data) is not on this machine")
    return root


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(20261124)


@pytest.fixture(autouse=True)
def registered_for_the_test() -> Iterator[None]:
    """What a test registers is gone when it ends; the package's own, found in the meantime, stays."""
    from hilum.core.registry import register

    before = set(register._entries)
    yield
    for key in set(register._entries) - before:
        if not register._entries[key].module.startswith("hilum."):
            del register._entries[key]
