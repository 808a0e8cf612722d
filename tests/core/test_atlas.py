"""The atlas: boxes lie in the image, keep their order, follow a flip, and bad masks are refused with a reason."""

from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.atlas import boxes, frames, regions
from hilum.core.errors import InputError
from hilum.core.region import Box
from hilum.core.vocabulary import label_set

SIDES = ("right", "left")


def lungs(height: int = 200, width: int = 220, *, top: int = 20, tall: int = 140, wide: int = 70, gap: int = 30):
    """Two half-ellipses, wider at the base, left of and right of the middle."""
    rows = (np.arange(height) - top) / tall
    inside = (rows >= 0) & (rows < 1)
    reach = np.where(inside, wide * np.sqrt(np.clip(1 - (1 - rows) ** 2, 0, 1)), 0)[:, None]
    offset = np.arange(width)[None, :] - width / 2
    return (np.abs(offset) >= gap / 2) & (np.abs(offset) < gap / 2 + reach)


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    tall = draw(st.integers(60, 150))
    wide, gap = draw(st.integers(tall // 3, 2 * tall // 3)), draw(st.integers(12, 24))
    top, left = draw(st.integers(0, 40)), draw(st.integers(0, 60))
    mask = lungs(top + tall + draw(st.integers(1, 40)), 2 * wide + gap + 4, top=top, tall=tall, wide=wide, gap=gap)
    return np.pad(mask, ((0, 0), (left, draw(st.integers(0, 60)))))


def test_there_is_a_region_for_every_boxed_site_and_each_has_a_source() -> None:
    assert {region.name for region in regions()} == set(label_set("imagenome-29").labels)
    for region in regions():
        x0, y0, x1, y1 = region.corners
        assert x0 < x1
        assert y0 < y1
        assert region.frame in ("right lung", "left lung", "midline")
        assert region.source
        assert all(value >= 0 for value in region.spread)


def test_frames_are_boxes_of_the_lungs_and_of_both_about_the_midline() -> None:
    right, left = np.zeros((20, 40), bool), np.zeros((20, 40), bool)
    right[4:16, 5:15] = True
    left[4:18, 21:35] = True
    found = frames(right, left)
    assert found["right lung"] == (5, 4, 15, 16)
    assert found["left lung"] == (21, 4, 35, 18)
    assert found["midline"] == (18 - 15, 4, 18 + 15, 18)  # inner edges 15 and 21; both together 30 wide


def test_hand_worked_boxes() -> None:
    mask = np.zeros((120, 200), bool)
    mask[10:100, 20:80] = True
    mask[10:100, 120:180] = True
    found = boxes(mask)
    assert found["right lung"].corners == (20, 10, 80, 100)
    assert found["left lung"].corners == (120, 10, 180, 100)
    assert found["right mid lung zone"].corners == pytest.approx((20, 40, 80, 70), abs=0.1)
    assert found["right costophrenic angle"].corners == pytest.approx((20, 85, 44, 100), abs=0.1)
    assert found["left costophrenic angle"].corners == pytest.approx((156, 85, 180, 100), abs=0.1)
    assert found["spine"].center[0] == pytest.approx(100, abs=2)
    assert found["abdomen"].y1 == 120


@settings(max_examples=60, deadline=None)
@given(masks())
def test_boxes_lie_in_the_image_and_zones_are_stacked(mask: np.ndarray) -> None:
    found = boxes(mask)
    height, width = mask.shape
    for name, box in found.items():
        assert 0 <= box.x0 < box.x1 <= width, name
        assert 0 <= box.y0 < box.y1 <= height, name
    for side in SIDES:
        upper, mid, lower = (found[f"{side} {zone} lung zone"] for zone in ("upper", "mid", "lower"))
        lung = found[f"{side} lung"]
        assert upper.y1 == pytest.approx(mid.y0, abs=0.05)
        assert mid.y1 == pytest.approx(lower.y0, abs=0.05)
        assert (upper.y0, lower.y1) == (lung.y0, lung.y1)
        for name in ("apical zone", "costophrenic angle", "upper lung zone", "lower lung zone"):
            part = found[f"{side} {name}"]
            assert part.intersection(lung) == pytest.approx(part.area)
        assert found[f"{side} apical zone"].y1 < upper.y1
    assert found["right lung"].x1 <= found["left lung"].x0
    assert found["carina"].intersection(found["trachea"]) > 0
    assert found["cardiac silhouette"].intersection(found["mediastinum"]) == pytest.approx(
        found["cardiac silhouette"].area
    )


@settings(max_examples=40, deadline=None)
@given(masks())
def test_a_flipped_film_gives_flipped_boxes(mask: np.ndarray) -> None:
    width = mask.shape[1]
    straight, flipped = boxes(mask, ("L", "F")), boxes(mask[:, ::-1], ("R", "F"))
    assert straight.keys() == flipped.keys()
    for name, box in straight.items():
        assert flipped[name].corners == pytest.approx((width - box.x1, box.y0, width - box.x0, box.y1)), name


@settings(max_examples=30, deadline=None)
@given(masks(), st.integers(2, 3))
def test_boxes_scale_with_the_film(mask: np.ndarray, times: int) -> None:
    large = boxes(np.kron(mask, np.ones((times, times), bool)))
    for name, box in boxes(mask).items():
        assert large[name].corners == pytest.approx([times * edge for edge in box.corners], abs=times + 1), name


def test_the_patients_right_is_on_image_left_unless_the_header_says_otherwise() -> None:
    assert boxes(lungs())["right lung"].x1 < boxes(lungs())["left lung"].x0
    turned = boxes(lungs(), ("R", "F"))
    assert turned["left lung"].x1 < turned["right lung"].x0
    assert turned["cardiac silhouette"].center[0] < 110 < boxes(lungs())["cardiac silhouette"].center[0]


def one_lung() -> np.ndarray:
    mask = lungs()
    mask[:, 110:] = False
    return mask


def frame_only() -> np.ndarray:
    mask = np.zeros((200, 200), bool)
    for left in (10, 110):
        mask[10:190, left : left + 80] = True
        mask[14:186, left + 4 : left + 76] = False
    return mask


def uneven() -> np.ndarray:
    mask = np.zeros((200, 200), bool)
    mask[10:190, 10:100] = True
    mask[100:130, 140:160] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((50, 60), bool), "empty"),
        (one_lung(), "right lung only"),
        (np.pad(lungs(), 600), "cover"),
        (np.repeat(lungs(60, 220, top=5, tall=45), 1, axis=0), "heights"),
        (uneven(), "of the lung area"),
        (frame_only(), "fills"),
        (lungs(top=0)[30:], "edge"),
        (lungs()[:120], "edge"),
    ],
)
def test_a_mask_that_fails_is_refused_with_the_reason(mask: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        boxes(mask)


@pytest.mark.parametrize("shape", [(5,), (3, 4, 5), (0, 0), (0, 7)])
def test_hostile_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        boxes(np.ones(shape, bool))


def test_a_lateral_or_lying_film_is_refused() -> None:
    with pytest.raises(InputError, match="upright frontal"):
        boxes(lungs(), ("P", "F"))
    with pytest.raises(InputError, match="upright frontal"):
        boxes(lungs(), ("L", "H"))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.floats(0, 1))
def test_noise_gives_boxes_or_one_sentence(seed: int, height: int, width: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    with suppress(InputError):
        assert all(box.x1 <= width and box.y1 <= height for box in boxes(mask).values())


def test_real_masks_are_taken_and_the_heart_lies_where_it_was_marked(pack: Path) -> None:
    from PIL import Image as Picture

    with (pack / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["mask"] and row["file"].startswith(("hannover", "covid_cc"))]
    found = {}
    for row in rows:
        found[Path(row["file"]).stem] = boxes(np.asarray(Picture.open(pack / row["mask"]).convert("L")) > 127)
    marks = Path(__file__).resolve().parents[2] / "scripts" / "atlas_marks.csv"
    with marks.open(encoding="utf-8", newline="") as file:
        held = [row for row in csv.DictReader(file) if row["site"] == "cardiac silhouette"]
    ious = [
        found[row["film"]]["cardiac silhouette"].iou(Box(*(float(row[e]) for e in ("x0", "y0", "x1", "y1"))))
        for row in held
    ]
    assert len(held) == 8
    assert np.mean(ious) > 0.5
