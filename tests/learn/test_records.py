"""Logs of a fit: rows cut at a resume, the time left, event files, and what changed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import MissingError  # noqa: E402
from hilum.learn.fit import Fit, fit  # noqa: E402
from hilum.learn.records import Record, Table, changes, lasting, read_record, write_record  # noqa: E402
from hilum.learn.running import Running  # noqa: E402
from tests.learn import test_resume as case  # noqa: E402


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min"), (130, "2 min 10 s"), (3600, "1 h 0 min"), (3900, "1 h 5 min")],
)
def test_times_are_said_as_people_do(seconds: float, said: str) -> None:
    assert lasting(seconds) == said


def test_a_table_goes_on_at_its_step_and_begins_anew_at_none(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    table = Table(path, first=0)
    for step in (5, 10, 15):
        table.write({"step": step, "seconds": step / 2, "loss": 1 / 3})
    again = Table(path, first=10)
    assert again.last == {"step": "10", "seconds": "5", "loss": "0.333333"}
    again.write({"step": 15, "loss": 0.25, "seconds": 9, "more": 1})
    assert path.read_text().splitlines() == ["step,seconds,loss", "5,2.5,0.333333", "10,5,0.333333", "15,9,0.25"]
    Table(path, first=0)
    assert not path.exists()


def test_a_row_that_a_kill_cut_in_half_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,seconds,loss\n5,1,0.5\n1")
    Table(path, first=5)
    assert path.read_text().splitlines() == ["step,seconds,loss", "5,1,0.5"]
    path.write_text("")
    Table(path, first=5)
    assert not path.exists()


def test_seconds_go_on_where_they_were(tmp_path: Path) -> None:
    Record(tmp_path, first=0, steps=9).write({"step": 4, "seconds": 100.0, "loss": 1.0}, rate=0.1, waited_s=0)
    again = Record(tmp_path, first=4, steps=9)
    assert 100 <= again.seconds() < 110
    assert again.left_s(9) == 0


def test_the_time_left_is_the_pace_so_far() -> None:
    record = Record(None, first=10, steps=110)
    record.began -= 20
    assert record.left_s(20) == pytest.approx(180, rel=0.05)


def test_event_files_hold_the_curve(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard comes with hilum[log]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    spec = Fit(steps=8, rate=0.02, bf16=False, log_every=2)
    fit(case.net(), case.batches, case.loss, spec, seed=1, folder=tmp_path, how=Running(tensorboard=True))
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    rows = case.curve(tmp_path)
    assert [event.step for event in events.Scalars("loss")] == [2, 4, 6, 8]
    assert [event.value for event in events.Scalars("loss")] == pytest.approx(
        [float(row["loss"]) for row in rows], rel=1e-5
    )
    assert events.Scalars("rate")[-1].value < events.Scalars("rate")[0].value


def test_without_tensorboard_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingError, match=r"a log for TensorBoard needs .* pip install 'hilum\[log\]'"):
        Record(tmp_path, first=0, steps=1, tensorboard=True)


def test_a_record_is_read_back_and_changes_are_told(tmp_path: Path) -> None:
    assert read_record(tmp_path) == read_record(None) == {}
    write_record(tmp_path / "deep", {"steps": 3, "spec": {"rate": 0.1, "betas": (1, 2)}})
    told = read_record(tmp_path / "deep")["spec"]
    assert changes(told, {"rate": 0.1, "betas": (1, 2), "new": 1}) == []
    assert changes(told, {"rate": 0.2, "betas": (1, 2)}) == ["rate was 0.1 and is 0.2"]
