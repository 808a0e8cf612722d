"""Rows of films: what is known, where it lies, which film came before; against hand-made studies."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import DecodeError, InputError
from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.learn.pairs import Pairs, gather, join

NAMES = ("pleural effusion", "pneumothorax", "lung nodule")


def _film(name: str, view: str = "PA", shape: tuple[int, int] = (40, 20)) -> Image:
    pixels = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    return Image(pixels, view=view, id=name)  # type: ignore[arg-type]


def _study(patient: str, number: int, *findings: Finding, views: tuple[str, ...] = ("PA",), **more: object) -> Study:
    name = f"{patient}-{number}"
    films = tuple(_film(f"{name}.{view}", view) for view in views)
    return Study(name, patient, datetime(2020, 1, 1 + number), films, findings=findings, **more)  # type: ignore[arg-type]


def test_unknown_is_not_absent_unless_a_cohort_is_complete() -> None:
    study = _study("a", 0, Finding("pleural effusion"), Finding("pneumothorax", "absent"))
    rows = gather([study], size=16, names=NAMES)
    assert rows.target.tolist() == [[1, 0, 0]]
    assert rows.known.tolist() == [[True, True, False]]
    assert gather([study], size=16, names=NAMES, complete=True).known.all()


def test_what_is_too_faint_or_uncertain_is_unknown() -> None:
    faint = Finding("lung nodule", attributes={"flag": "invisible"})
    rows = gather([_study("a", 0, faint, Finding("pneumothorax", "uncertain"))], size=16, names=NAMES, complete=True)
    assert rows.known.tolist() == [[True, False, False]]
    assert not rows.target.any()
    assert not rows.marked.any()


def test_a_clear_second_one_outweighs_a_faint_first() -> None:
    two = (Finding("lung nodule"), Finding("lung nodule", attributes={"flag": "invisible"}))
    for findings in (two, two[::-1]):
        rows = gather([_study("a", 0, *findings)], size=16, names=NAMES, complete=True)
        assert rows.target[0, 2] == 1
        assert rows.known[0, 2]


def test_regions_follow_the_letterbox() -> None:
    pixels = np.zeros((40, 20), np.bool_)
    pixels[20:, :10] = True  # the lower left quarter of a tall film
    masked = Finding("pleural effusion", sites=("right pleural space",), regions=(Mask(pixels, "a-0.PA"),))
    boxed = Finding("pneumothorax", sites=("left lung",), regions=(Box(0, 20, 10, 40, "a-0.PA"),))
    rows = gather([_study("a", 0, masked, boxed)], size=16, names=NAMES)
    truth = np.zeros((16, 16), np.bool_)
    truth[8:, 4:8] = True  # 8 columns of film between bars of 4
    assert (rows.mask(np.array([0]), 0)[0] == truth).all()
    assert (rows.mask(np.array([0]), 1)[0] == truth).all()
    assert rows.marked.tolist() == [[True, True, False]]
    assert rows.sides.tolist() == [[1, 2, 0]]


def test_a_region_of_another_view_is_not_this_films() -> None:
    pixels = np.ones((40, 20), np.bool_)
    finding = Finding("pleural effusion", regions=(Mask(pixels, "a-0.LL"),))
    rows = gather([_study("a", 0, finding, views=("PA", "LL"))], size=16, names=NAMES)
    assert rows.marked[:, 0].tolist() == [False, True]
    assert rows.target[:, 0].tolist() == [1, 1]


def test_priors_are_strictly_earlier_films_of_the_same_kind_by_date() -> None:
    late, early = _study("a", 5, views=("PA", "LL")), _study("a", 1, views=("AP", "LL"))
    rows = gather([late, early, _study("b", 0)], size=16, names=NAMES)
    assert rows.visit.tolist() == [1, 1, 0, 0, 0]  # the later one came first in the list
    assert rows.prior_of().tolist() == [2, 3, -1, -1, -1]
    assert [mates.tolist() for mates in rows.mates()] == [[0, 1], [0, 1], [2, 3], [2, 3], [4]]


def test_two_films_of_one_visit_are_not_each_others_prior() -> None:
    rows = gather([_study("a", 0, views=("PA", "AP")), _study("a", 1)], size=16, names=NAMES)
    prior = rows.prior_of()
    assert prior[:2].tolist() == [-1, -1]
    assert prior[2] in (0, 1)


def test_without_a_date_or_at_one_date_nothing_is_earlier() -> None:
    undated = [replace(_study("a", number), time=None) for number in range(3)]
    same = [replace(_study("b", number), time=datetime(2020, 1, 1)) for number in range(2)]
    rows = gather([*undated, *same], size=16, names=NAMES)
    assert not rows.visit.any()
    assert (rows.prior_of() == -1).all()


def test_reports_become_minimal_sentences() -> None:
    report = Report(indication="Cough.", findings="Small left pleural effusion.", impression="No pneumothorax.")
    rows = gather([replace(_study("a", 0), report=report)], size=16, names=NAMES)
    assert rows.indication == ("Cough.",)
    assert any("effusion" in each and "left" in each for each in rows.sentences[0])
    assert any(each.startswith("There is no pneumothorax") for each in rows.sentences[0])


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    rows = gather([_study("a", 0, Finding("pneumothorax")), _study("b", 0)], size=16, names=NAMES, group="made")
    rows.save(tmp_path / "rows.npz")
    back = Pairs.load(tmp_path / "rows.npz")
    assert back.names == rows.names
    assert back.sentences == rows.sentences
    assert back.patient.tolist() == ["a", "b"]
    assert (back.bits == rows.bits).all()
    assert (back.target == rows.target).all()
    (tmp_path / "rows.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(InputError, match="delete it"):
        Pairs.load(tmp_path / "rows.npz")


def test_taking_and_joining_keep_rows_together() -> None:
    rows = gather([_study(name, 0, Finding("pneumothorax")) for name in "abc"], size=16, names=NAMES)
    again = join([rows.take(np.array([2])), rows.take(np.array([True, True, False]))])
    assert again.patient.tolist() == ["c", "a", "b"]
    assert len(again.report) == 3
    other = gather([_study("d", 0)], size=8, names=NAMES)
    with pytest.raises(InputError, match="gather them alike"):
        join([rows, other])


def test_a_film_that_cannot_be_read_is_told_and_the_others_go_on() -> None:
    def broken() -> np.ndarray:
        raise DecodeError("the file is cut")

    bad = replace(_study("a", 0), images=(Image(broken, view="PA", id="bad"),))  # type: ignore[arg-type]
    told: list[tuple[str, str]] = []
    rows = gather([bad, _study("b", 0)], size=16, names=NAMES, lost=lambda film, why: told.append((film, why)))
    assert rows.patient.tolist() == ["b"]
    assert told[0][0] == "bad"
    assert "cut" in told[0][1]
    with pytest.raises(InputError, match="no film could be read"):
        gather([bad], size=16, names=NAMES)
