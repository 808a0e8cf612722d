"""Rows of films on disk: the same as in memory, in a fraction of it, gone on with after a kill, plain when damaged."""

import json
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hilum.core.cohort import Cohort
from hilum.core.errors import DecodeError, InputError, TooLargeError
from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.learn.pair_store import EVERY, Writer, place_for
from hilum.learn.pairs import CONCEPTS, Pairs, gather, join

SHAPE = (72, 60)
TEXTS = (
    ("Small left pleural effusion. No pneumothorax.", "Pleural effusion on the left."),
    ("The heart is enlarged.", "Cardiomegaly."),
    ("Die Lunge ist frei \u2013 kein Erguß.", ""),
)


def pixels(number: int, broken: int = -1) -> np.ndarray:
    """A film of its number alone."""
    if number == broken:
        raise DecodeError("the file is cut")
    return np.random.default_rng(number).random(SHAPE, np.float32)


def study(number: int, broken: int = -1, read: Callable[[int], None] = lambda number: None) -> Study:
    """A made study: two films of every third, a report of all but every fifth, a region on every seventh."""

    def film(view: str, at: int) -> Image:
        def load() -> np.ndarray:
            read(at)
            return pixels(at, broken)

        return Image(load, view=view, id=f"{number}.{view}")  # type: ignore[arg-type]

    views = ("PA", "LL") if number % 3 == 0 else ("AP",)
    films = tuple(film(view, 2 * number + at) for at, view in enumerate(views))
    findings: tuple[Finding, ...] = (Finding("pneumothorax", "absent"),)
    if number % 7 == 0:
        spot = np.zeros(SHAPE, np.bool_)
        spot[number % 50 :, 10:30] = True
        findings += (Finding("pleural effusion", sites=("left pleural space",), regions=(Mask(spot, films[0].id),)),
                     Finding("lung nodule", regions=(Box(5, 6, 20, 30, films[-1].id),)))  # fmt: skip
    said = TEXTS[number % 3]
    report = Report(indication="Cough." * (number % 2), findings=said[0], impression=said[1])
    return Study(f"s{number}", f"p{number // 2}", datetime(2020, 1, 1 + number % 2), films,
                 report if number % 5 else None, findings)  # fmt: skip


def cohort(count: int, broken: int = -1, read: Callable[[int], None] = lambda number: None) -> Cohort:
    """Made studies, anew each time."""

    def studies() -> Iterator[Study]:
        yield from (study(number, broken, read) for number in range(count))

    return Cohort("made", studies, splits={"train": 0.7, "val": 0.3})


def gathered(count: int, folder: Path | None, *, size: int = 32, **more: object) -> Pairs:
    """Rows of made studies."""
    made = cohort(count)
    return gather(made, size=size, group="made", split=_split(made), folder=folder,
                  **more)  # type: ignore[arg-type]  # fmt: skip


def _split(made: Cohort) -> Callable[[Study], str]:
    return lambda each: made.split_of(each.patient)


def assert_same(one: Pairs, other: Pairs) -> None:
    """Every field alike, row for row."""
    assert len(one) == len(other)
    for item in fields(Pairs):
        mine, yours = getattr(one, item.name), getattr(other, item.name)
        if isinstance(yours, tuple):
            assert tuple(mine) == yours, item.name
        else:
            assert np.asarray(mine).dtype == yours.dtype, item.name
            assert np.array_equal(mine, yours), item.name


def test_rows_on_disk_are_those_in_memory(tmp_path: Path) -> None:
    held, kept = gathered(60, None), gathered(60, tmp_path)
    assert_same(kept, held)
    assert kept.marked.any()
    at = np.array([5, 3, 3, 60])
    assert_same(kept.take(at), held.take(at))
    half = held.target[:, CONCEPTS.index("pleural effusion")] > 0
    assert_same(kept.take(half).take(np.array([2, 0])), held.take(half).take(np.array([2, 0])))
    assert (kept.prior_of() == held.prior_of()).all()
    assert all((one == two).all() for one, two in zip(kept.mates(), held.mates(), strict=True))
    column = held.column("lung nodule")
    rows = np.flatnonzero(held.marked[:, column])
    assert kept.mask(rows, column).any()
    assert (kept.mask(rows, column) == held.mask(rows, column)).all()
    assert_same(join([kept.take(at), held]), join([held.take(at), held]))
    kept.save(tmp_path / "rows.npz")
    assert_same(Pairs.load(tmp_path / "rows.npz"), held)


def test_taking_rows_copies_no_film(tmp_path: Path) -> None:
    kept = gathered(40, tmp_path)
    some = kept.take(kept.frontal)
    assert some.films.source is kept.films.source  # type: ignore[attr-defined]
    assert isinstance(kept.films.source, np.memmap)  # type: ignore[attr-defined]
    film = some.films[3]
    film[:] = 0  # what was read is the reader's own: the file stays
    assert some.films[3].any()


@pytest.mark.parametrize(
    "asked", [3, -1, slice(2, 9, 3), [4, 1, 1], (slice(None), 2), (5, 3), ([1, 2], 4), ([3, 0], [1, 2])]
)
def test_films_and_regions_are_indexed_as_arrays_are(tmp_path: Path, asked: object) -> None:
    held, kept = gathered(20, None), gathered(20, tmp_path)
    rows = np.arange(len(held))[::-2]
    for name in ("films", "bits"):
        mine, yours = getattr(kept.take(rows), name), getattr(held.take(rows), name)
        assert mine.shape == yours.shape
        assert np.array_equal(mine[asked], yours[asked]), name
    for name in ("films", "bits"):
        with pytest.raises(IndexError):
            getattr(kept, name)[len(held)]


def test_texts_are_indexed_as_tuples_are(tmp_path: Path) -> None:
    held, kept = gathered(20, None), gathered(20, tmp_path)
    for name in ("report", "sentences", "indication"):
        mine, yours = getattr(kept, name), getattr(held, name)
        assert mine == yours
        assert (mine[0], mine[-1], mine[2:5]) == (yours[0], yours[-1], yours[2:5])
        assert mine != yours[1:]
    assert any("\u2013" in each for each in kept.report)
    for name in ("report", "sentences", "indication"):
        mine = getattr(kept, name)
        with pytest.raises(IndexError):
            mine[len(held)]


def peak(count: int, folder: Path | None) -> int:
    """Bytes allocated at the most while rows of 64 px are gathered, numpy's among them."""
    tracemalloc.start()
    try:
        made = cohort(count)
        kept = gather(made, size=64, folder=folder)
        assert len(kept) > count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_films(tmp_path: Path) -> None:
    peak(30, tmp_path)  # tables of the text reader are loaded once
    few, many = (peak(count, tmp_path) for count in (300, 1_800))
    rows = sum(1 + (number % 3 == 0) for number in range(300, 1_800))
    film = 64 * 64 + len(CONCEPTS) * 64 * 8  # bytes of one and its regions as arrays
    assert peak(300, None) > 400 * film
    assert (many - few) / rows < 1_500  # keys, labels and visits, at any size of film
    assert (many - few) / rows < 0.1 * film


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_pair_store import cohort, _split
from hilum.learn.pairs import gather

def read(number):
    if number >= {fatal}:
        os.kill(os.getpid(), signal.SIGKILL)

made = cohort({count}, read=read)
gather(made, size=32, group="made", split=_split(made), folder=Path({folder!r}))
"""


@pytest.mark.slow
def test_after_a_kill_it_goes_on_from_what_was_kept(tmp_path: Path) -> None:
    count = 2 * EVERY + 80
    script = KILLED.format(
        tests=str(Path(__file__).parent), fatal=2 * (2 * EVERY + 40), count=count, folder=str(tmp_path)
    )
    done = subprocess.run([sys.executable, "-c", script], env=dict(os.environ), capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    read: list[int] = []
    made = cohort(count, read=read.append)
    kept = gather(made, size=32, group="made", split=_split(made), folder=tmp_path)
    rest = read[10:]  # a film of studies 1, 2, 4 and so on is looked at for the mark
    assert min(rest) == 2 * 2 * EVERY  # 512 studies were kept: their films are not read again
    assert_same(kept, gathered(count, None))
    assert [path.suffix for path in tmp_path.iterdir()] == [""]


def _stopped(count: int, at: int, folder: Path) -> None:
    def read(number: int) -> None:
        if number >= 2 * at:  # past the last study that is looked at
            raise KeyboardInterrupt

    made = cohort(count, read=read)
    with pytest.raises(KeyboardInterrupt):
        gather(made, size=16, group="made", split=_split(made), folder=folder)


def test_a_state_that_is_damaged_is_begun_anew(tmp_path: Path) -> None:
    count = EVERY + 20
    expected = gathered(count, None, size=16)
    for name, said in (("progress.json", "{"), ("films.npy", "short"), ("texts.jsonl", "")):
        folder = tmp_path / name
        _stopped(count, EVERY + 5, folder)
        (part,) = folder.iterdir()
        (part / name).write_text(said)
        assert_same(gathered(count, folder, size=16), expected)


def test_what_is_gathered_is_read_back_and_anything_else_is_gathered_anew(tmp_path: Path) -> None:
    read: list[int] = []
    made = cohort(12, read=read.append)
    for looks in (4, 8):
        gather(made, size=16, folder=tmp_path, split=_split(made))
        assert len(read) == 16 + looks
    gather(made, size=24, folder=tmp_path, split=_split(made))
    gather(made, size=16, folder=tmp_path, split=_split(made), names=("pneumothorax",))
    gather(made, size=16, folder=tmp_path, split=_split(made), complete=True)
    gather(made, size=16, folder=tmp_path)
    gather(cohort(13), size=16, folder=tmp_path, split=_split(made))
    gather([replace(each, report=None) for each in made], size=16, folder=tmp_path, split=_split(made))
    gather(
        [replace(each, images=made_anew(each.images)) for each in made], size=16, folder=tmp_path, split=_split(made)
    )
    assert len(list(tmp_path.iterdir())) == 8


def made_anew(films: tuple[Image, ...]) -> tuple[Image, ...]:
    """The same films by name, of other pixels."""
    return tuple(replace(each, pixels=1 - each.pixels) for each in films)


def test_a_small_set_stays_in_memory(tmp_path: Path) -> None:
    for small, kept in ((16 * 16 * 16, 0), (16 * 16 * 16 - 1, 1)):
        rows = gather(cohort(12), size=16, folder=tmp_path, small=small)
        assert len(list(tmp_path.iterdir())) == kept
        assert_same(rows, gather(cohort(12), size=16))


def test_studies_that_come_only_once_are_gathered_alike(tmp_path: Path) -> None:
    made = cohort(12)
    expected = gather(made, size=16)
    assert_same(gather(iter(made), size=16, folder=tmp_path), expected)
    assert_same(gather(Cohort("once", iter(made)), size=16, folder=tmp_path), expected)  # type: ignore[arg-type]
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_told_of_a_study_is_told_to_its_rows(tmp_path: Path) -> None:
    def told(each: Study) -> Study:
        return each.add(findings=[Finding("cardiomegaly")])

    for folder in (None, tmp_path):
        kept = gather(cohort(6), size=16, told=told, folder=folder)
        assert kept.target[:, kept.column("cardiomegaly")].all()


def test_films_that_cannot_be_read_are_told_each_time(tmp_path: Path) -> None:
    lost: list[tuple[str, str]] = []
    for times in (1, 2):
        kept = gather(cohort(9, broken=4), size=16, folder=tmp_path, lost=lambda *why: lost.append(why))
        assert [film for film, _ in lost] == ["2.AP"] * times
        assert all("cut" in why for _, why in lost)
        assert "s2" not in kept.study
    with pytest.raises(InputError, match="no film could be read"):
        gather([study(2, broken=4)], size=16, folder=tmp_path)


@pytest.mark.parametrize(
    "name", ["films.npy", "bits.npy", "target.npy", "ends.npy", "keys.jsonl", "texts.jsonl", "rows.json"]
)
@pytest.mark.parametrize("how", ["cut", "gone", "garbage"])
def test_damaged_files_are_told_in_one_sentence(tmp_path: Path, name: str, how: str) -> None:
    kept = gathered(9, tmp_path, size=16)
    (place,) = tmp_path.iterdir()
    path = place / name
    size = path.stat().st_size
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: size // 2] if how == "cut" else b"\xff" * size)
    del kept
    if name == "rows.json" and how == "gone":
        with pytest.raises(InputError, match="delete the folder"):
            gathered(9, tmp_path, size=16)
        return
    with pytest.raises(InputError) as told:
        list(gathered(9, tmp_path, size=16).report)  # bytes inside a text are seen when it is read
    said = str(told.value)
    assert "delete" in said
    assert str(place) in said
    assert "\n" not in said
    assert len(said) < 300


def test_a_disk_without_room_is_said_before_a_film_is_read(tmp_path: Path) -> None:
    read: list[int] = []
    with pytest.raises(TooLargeError, match="make room"):
        gather(cohort(3, read=read.append), size=4_000_000, folder=tmp_path)
    assert len(read) == 2  # the looks for the mark


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks there")
def test_two_processes_do_not_write_one_folder(tmp_path: Path) -> None:
    writer = partial(Writer, tmp_path / "rows", size=16, names=("pneumothorax",), films=1)
    with writer(), pytest.raises(InputError, match="another process"), writer():
        pass
    with writer():
        pass


def test_a_place_is_one_data_set_as_its_files_are(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("a,b\n")
    first = place_for("nih", tmp_path)
    (tmp_path / "out").mkdir()
    assert place_for("nih", tmp_path) == first  # a folder in it changes nothing
    assert place_for("jsrt", tmp_path) != first
    assert place_for("virtual", tmp_path) is None
    table.write_text("a,b\n1,2\n")
    assert place_for("nih", tmp_path) != first


def test_the_list_of_what_there_is_tells_sizes(tmp_path: Path) -> None:
    gathered(9, tmp_path, size=16)
    (place,) = tmp_path.iterdir()
    told = json.loads((place / "rows.json").read_text())
    assert told["rows"] == 12
    assert told["bytes"]["films.npy"] == 128 + 12 * 16 * 16
    assert np.load(place / "films.npy").shape == (12, 16, 16)  # a plain array for anyone
    assert told["bytes"]["bits.npy"] == 128 + told["marks"] * 16 * 2
