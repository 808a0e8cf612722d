"""The same fit in two processes of a Ray cluster gives the weights of one process."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ray.train.torch", reason="Ray Train comes with hilum[cluster]")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.cluster import on_cluster  # noqa: E402
from tests.learn import spread_case  # noqa: E402

pytestmark = pytest.mark.slow


def test_two_workers_end_where_one_process_does_and_a_failure_keeps_its_sentence(tmp_path: Path) -> None:
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules["tests.learn.spread_case"])
    on_cluster(partial(spread_case.run, "ddp", tmp_path / "two"))
    spread_case.run("ddp", tmp_path / "one")
    one, two = (spread_case.ended(tmp_path / name) for name in ("one", "two"))
    assert max(float((one[name] - two[name]).abs().max()) for name in one) <= spread_case.TOLERANCE
    assert '"processes": 2' in (tmp_path / "two" / "fit.json").read_text()
    with pytest.raises(InputError, match="the loss of step 4 is nan"):
        on_cluster(partial(spread_case.run, "ddp", tmp_path / "bad", bad=3))
