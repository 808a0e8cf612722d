"""Intervals as pictures: valid SVG, in order, honest about what has no value."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.app.interval_plot import Bar, plot, shown
from hilum.measure.stats import Interval

NAN = float("nan")
NUMBERS = st.floats(-1e6, 1e6)


def drawn(bars: list[Bar], *, zero: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(str(plot(bars, zero=zero)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_every_point_lies_in_its_range_and_inside_the_picture(numbers: list[tuple[float, float, float]]) -> None:
    bars = [Bar("b", Interval(sorted(n)[1], min(n), max(n))) for n in numbers]
    picture = drawn(bars)
    width = float(picture.get("width") or 0)
    groups = picture.findall("g")
    assert len(groups) == len(bars)
    for group in groups:
        line, point = group.find("line"), group.find("circle")
        assert line is not None
        assert point is not None
        low, value, high = (float(x or 0) for x in (line.get("x1"), point.get("cx"), line.get("x2")))
        assert 0 <= low <= value <= high <= width


def test_greater_values_lie_further_right_on_one_axis() -> None:
    points = [g.find("circle") for g in drawn([Bar(str(v), Interval(v, v, v)) for v in (0.1, 0.5, 0.9)]).findall("g")]
    places = [float(p.get("cx") or 0) for p in points if p is not None]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2)
    assert places == sorted(places)


def test_what_has_no_value_or_no_interval_says_so() -> None:
    picture = drawn([Bar("a", Interval(NAN, NAN, NAN)), Bar("b", Interval(0.5, NAN, NAN))])
    first, second = picture.findall("g")
    assert first.find("circle") is None
    assert [t.text for t in first.findall("text")] == ["a", "undefined"]
    assert second.find("circle") is not None
    assert second.find("line") is None
    assert shown(Interval(0.5, NAN, NAN)) == "0.500 [no interval]"
    assert shown(Interval(NAN, NAN, NAN)) == "undefined"
    assert shown(Interval(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"


def test_zero_is_on_the_axis_of_a_difference() -> None:
    picture = drawn([Bar("gain", Interval(0.5, 0.4, 0.6))], zero=True)
    zero = next(line for line in picture.findall("line") if line.get("class") == "zero")
    point = picture.find("g/circle")
    assert point is not None
    assert float(zero.get("x1") or 0) < float(point.get("cx") or 0)
    assert "zero" not in str(plot([Bar("gain", Interval(0.5, 0.4, 0.6))]))


def test_names_are_escaped_cut_and_kept_whole_for_a_reader() -> None:
    name = "<script>alert(1)</script> & a very long name of an arm"
    picture = drawn([Bar(name, Interval(0, 0, 0), control=True)])
    group = picture.find("g")
    assert group is not None
    assert group.get("class") == "control"
    assert group.find("title").text == name  # type: ignore[union-attr]
    assert len(group.find("text").text or "") <= 34  # type: ignore[union-attr]
    assert (picture.get("aria-label") or "").startswith(name)


def test_a_plot_of_nothing_is_a_picture() -> None:
    assert drawn([]).tag == "svg"
