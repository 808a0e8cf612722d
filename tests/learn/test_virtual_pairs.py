"""Virtual patients as arrays: drawn once, kept, read back and added to; truth that fits the films."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from hilum.core.cache import VARIABLE, cache_folder
from hilum.core.errors import InputError
from hilum.learn.virtual_pairs import virtual_pairs

pytestmark = [
    pytest.mark.slow, pytest.mark.skipif(find_spec("numba") is None, reason="drawing needs the extra drr (numba)"),
]  # fmt: skip


def test_drawn_once_and_read_back_and_more_are_added(tmp_path: Path) -> None:
    said: list[str] = []
    first = virtual_pairs(2, size=64, families=("parametric",), folder=tmp_path, workers=1, say=said.append)
    assert said
    assert first.films.shape[1:] == (64, 64)
    said.clear()
    again = virtual_pairs(2, size=64, families=("parametric",), folder=tmp_path, say=said.append)
    assert not said
    assert (again.films == first.films).all()
    assert first.known.mean() > 0.9  # all but what is too faint to be seen
    present = first.target > 0
    assert (first.marked[~present] == 0).all()
    laterals = np.isin(first.view, ["LL", "RL"])
    assert present[~laterals].any()
    assert len(set(first.patient)) == 2


def test_no_process_is_refused() -> None:
    with pytest.raises(InputError, match="at least one process"):
        virtual_pairs(1, workers=0)


def test_the_cache_lies_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    assert cache_folder("a", "b") == tmp_path / "kept" / "a" / "b"
    assert (tmp_path / "kept" / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with pytest.raises(InputError, match=VARIABLE):
        cache_folder("a")
