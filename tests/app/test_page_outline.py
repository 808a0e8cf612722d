"""Outlines and markup, against closed forms and a filler of polygons that is not ours."""

import html

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from PIL import ImageDraw
from scipy.ndimage import binary_fill_holes, gaussian_filter

from hilum.app.markup import Html, element, join, text
from hilum.app.outline import enclosed, outlines


def disc(size, radius, center):
    rows, columns = np.ogrid[:size, :size]
    return (rows + 0.5 - center[1]) ** 2 + (columns + 0.5 - center[0]) ** 2 <= radius**2


@pytest.mark.parametrize("size", [100, 1000, 2048])
def test_a_disc_keeps_its_area_centre_and_edge(size):
    radius, center = 0.3 * size, (0.45 * size, 0.5 * size)
    (ring,) = outlines(disc(size, radius, center))
    step = max(1, size / 512)
    assert enclosed(ring) == pytest.approx(np.pi * radius**2, rel=0.03)
    assert np.abs(np.hypot(*(ring - center).T) - radius).max() < 1.5 * step
    assert len(ring) < 200
    (exact,) = outlines(disc(size, radius, center), tolerance=0)
    assert enclosed(exact) == pytest.approx(np.pi * radius**2, rel=0.004)


def test_a_hole_is_a_second_border_that_runs_the_other_way():
    mask = np.zeros((60, 80), bool)
    mask[10:50, 20:70] = True
    mask[20:30, 30:60] = False
    exact_outer, exact_inner = outlines(mask, tolerance=0)
    # Midpoints cut 1/8 of a pixel off each of the four corners; nothing else may be lost.
    assert enclosed(exact_outer) == 2000 - 0.5
    assert enclosed(exact_inner) == -(300 - 0.5)
    outer, _ = outlines(mask)
    assert enclosed(outer) == pytest.approx(2000, rel=0.03)
    assert outer.min(0) == pytest.approx((20, 10), abs=0.6)
    assert outer.max(0) == pytest.approx((70, 50), abs=0.6)


def test_empty_full_and_one_pixel_masks():
    assert outlines(np.zeros((5, 7), bool)) == []
    (whole,) = outlines(np.ones((5, 7), bool))
    assert whole.max(0) == pytest.approx((7, 5), abs=0.6)
    (dot,) = outlines(np.pad(np.ones((1, 1), bool), 3))
    assert dot.mean(0) == pytest.approx((3.5, 3.5))


def test_specks_are_left_out():
    mask = np.zeros((200, 200), bool)
    mask[20:180, 20:90] = mask[5, 5] = True
    assert len(outlines(mask)) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_a_filled_outline_is_the_mask_again(seed):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(90, 70)), 6)
    mask = binary_fill_holes(noise > np.quantile(noise, 0.6))
    canvas = Picture.new("1", (70 * 8, 90 * 8))
    for ring in outlines(mask):
        ImageDraw.Draw(canvas).polygon([(8 * x, 8 * y) for x, y in ring], fill=1)
    again = np.asarray(canvas).reshape(90, 8, 70, 8).mean(axis=(1, 3)) > 0.5
    assert (again & mask).sum() / (again | mask).sum() > 0.93


@given(st.text())
def test_text_is_shown_as_it_is_or_marked_unshowable(words):
    shown = html.unescape(text(words))
    assert all(a in (b, "�") for a, b in zip(shown, words, strict=True))
    assert not set("<>\"'") & set(text(words))
    text(words).encode("utf-8")


def test_markup_is_kept_and_strings_are_escaped():
    inner = element("b", "1 < 2", class_="x")
    assert inner == '<b class="x">1 &lt; 2</b>'
    assert element("p", inner, None, "&") == f"<p>{inner}&amp;</p>"
    assert element("img", alt='"', hidden=True, title=None, open=False) == '<img alt="&quot;" hidden>'
    assert join(["<", Html("<i></i>")], ", ") == "&lt;, <i></i>"
