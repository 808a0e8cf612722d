"""Boxes as a set: overlaps, matching and losses against transformers' own, and squares that are found again."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hilum.core.errors import InputError  # noqa: E402
from hilum.core.geometry import Letterbox  # noqa: E402
from hilum.core.region import Box  # noqa: E402
from hilum.learn.objectives.detect import (  # noqa: E402
    Boxed,
    Truth,
    Weights,
    corners_of,
    fit_boxes,
    generalised_iou,
    match,
    read_boxes,
    set_loss,
)
from hilum.measure.boxes import voc  # noqa: E402
from hilum.nets.detector import Detector, Found  # noqa: E402

TINY: dict[str, Any] = {"width": 32, "queries": 5, "layers": 2, "stages": (4, 8, 8, 8)}
KINDS = ("detr", "deformable-detr", "rt-detr")


def answers(classes: int, *, films: int = 2, queries: int = 5) -> Found:
    draw = torch.Generator().manual_seed(classes)
    boxes = torch.rand(films, queries, 4, generator=draw) * 0.4 + 0.2
    return Found(torch.randn(films, queries, classes, generator=draw), boxes)


def truths(*, known: bool = True) -> list[Truth]:
    everything = torch.full((2,), known, dtype=torch.bool)
    two = Truth(torch.tensor([[0.5, 0.5, 0.2, 0.3], [0.3, 0.4, 0.2, 0.2]]), torch.tensor([0, 1]), everything)
    return [two, Truth(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), everything)]


def squares(count: int, seed: int, *, side: int = 64) -> Boxed:
    """Films with one square each, grey or white: label 0 or 1."""
    rng = np.random.default_rng(seed)
    films, boxes, labels = np.zeros((count, side, side), np.float32), [], []
    for film in films:
        wide, label = int(rng.integers(16, 28)), int(rng.integers(0, 2))
        x, y = (int(each) for each in rng.integers(0, side - wide, 2))
        film[y : y + wide, x : x + wide] = (0.4, 1.0)[label]
        boxes.append(np.array([[x, y, x + wide, y + wide]], float))
        labels.append(np.array([label]))
    return Boxed(films, boxes, labels, np.ones((count, 2), bool))


@pytest.mark.parametrize(
    ("one", "two", "value"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),
        ((0, 0, 1, 1), (2, 0, 3, 1), -1 / 3),
        ((0, 0, 1, 1), (9, 9, 10, 10), 2 / 100 - 1),
    ],
)
def test_generalised_overlap_by_hand(one: tuple[int, ...], two: tuple[int, ...], value: float) -> None:
    first, second = (torch.tensor([each], dtype=torch.float32) for each in (one, two))
    assert float(generalised_iou(first, second)) == pytest.approx(value)


def test_generalised_overlap_is_transformers() -> None:
    from transformers.image_transforms import center_to_corners_format
    from transformers.loss.loss_for_object_detection import generalized_box_iou

    boxes = answers(3).boxes[0]
    torch.testing.assert_close(corners_of(boxes), center_to_corners_format(boxes))
    corners = corners_of(boxes)
    torch.testing.assert_close(generalised_iou(corners, corners.flip(0)), generalized_box_iou(corners, corners.flip(0)))


@pytest.mark.parametrize("softmax", [True, False])
def test_matching_is_the_cheapest_of_all_assignments(softmax: bool) -> None:
    """Against every assignment of queries to two true boxes, by the loss's own cost with one term at a time."""
    found, truth = answers(3 if softmax else 2), truths()[0]
    only = Weights(label=0.0, corners=1.0, overlap=0.0)
    queries, chosen = match(found.logits[0], found.boxes[0], truth, softmax=softmax, weights=only)
    cost = torch.cdist(found.boxes[0], truth.boxes, p=1)
    best = min(float(cost[a, 0] + cost[b, 1]) for a, b in permutations(range(5), 2))
    assert float(cost[queries, chosen].sum()) == pytest.approx(best, rel=1e-6)
    assert sorted(chosen.tolist()) == [0, 1]


@pytest.mark.parametrize("kind", ["detr", "deformable-detr"])
def test_the_loss_is_transformers(kind: str) -> None:
    from transformers.loss.loss_deformable_detr import DeformableDetrForObjectDetectionLoss
    from transformers.loss.loss_for_object_detection import ForObjectDetectionLoss

    softmax = kind == "detr"
    found = answers(3 if softmax else 2)
    labels = [{"class_labels": each.labels, "boxes": each.boxes} for each in truths()]
    config = Detector(kind, classes=2, **TINY).model.config
    config.auxiliary_loss = False
    theirs = ForObjectDetectionLoss if softmax else DeformableDetrForObjectDetectionLoss
    total, parts, _ = theirs(found.logits, labels, torch.device("cpu"), found.boxes, config)
    ours, said = set_loss(found, truths(), softmax=softmax, weights=Weights())
    assert said["label"] == pytest.approx(float(parts["loss_ce"]), rel=1e-4)
    assert said["corners"] == pytest.approx(float(parts["loss_bbox"]), rel=1e-4)
    assert said["overlap"] == pytest.approx(float(parts["loss_giou"]), rel=1e-4)
    assert float(ours) == pytest.approx(float(total), rel=1e-4)


def test_a_label_that_is_not_known_teaches_nothing() -> None:
    found = answers(2)
    logits = found.logits.clone().requires_grad_()
    given = [each._replace(known=torch.tensor([True, False])) for each in truths()]
    loss, _ = set_loss(Found(logits, found.boxes), [given[1], given[1]], softmax=False)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[..., 0] != 0).all()
    assert (logits.grad[..., 1] == 0).all()


def test_a_batch_without_boxes_still_learns_to_be_silent() -> None:
    found = Found(torch.zeros(1, 4, 3, requires_grad=True), torch.full((1, 4, 4), 0.3, requires_grad=True))
    loss, said = set_loss(found, truths()[1:], softmax=True)
    loss.backward()
    assert said["corners"] == said["overlap"] == 0.0
    assert found.logits.grad is not None
    assert (found.logits.grad[..., 2] < 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_detectors_answer_with_shares_of_the_film(kind: str) -> None:
    torch.manual_seed(0)
    net = Detector(kind, classes=2, **TINY).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        found = net(torch.rand(2, 1, 64, 64))
    assert found.boxes.shape == (2, 5, 4)
    assert found.logits.shape == (2, 5, 3 if net.softmax else 2)
    assert ((found.boxes >= 0) & (found.boxes <= 1)).all()
    scores = net.scores(found)
    assert scores.shape == (2, 5, 2)
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_few_steps_run_and_repeat(kind: str) -> None:
    data, rows = squares(8, 0), []
    for _ in range(2):
        torch.manual_seed(0)
        net = Detector(kind, classes=2, **TINY)  # type: ignore[arg-type]
        fit_boxes(net, data, steps=2, batch=4, progress=lambda step, row: rows.append(row["loss"]))
    assert np.isfinite(rows).all()
    assert rows[0] == pytest.approx(rows[1], rel=1e-5)


def test_boxes_come_back_in_pixels_of_the_source() -> None:
    """A film of 100 x 200 letterboxed to 64: a box of the frame's middle is one of the source's."""

    class Fixed(Detector):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)
            self.kind, self.one = "deformable-detr", torch.nn.Parameter(torch.zeros(1))

        def forward(self, film: torch.Tensor) -> Found:
            boxes = torch.tensor([[[0.5, 0.5, 0.25, 0.25], [0.0, 0.5, 0.5, 0.25], [0.5, 0.02, 0.1, 0.02]]])
            logits = torch.tensor([[[2.0, -9.0], [-9.0, 3.0], [5.0, -9.0]]])
            return Found(logits.expand(len(film), -1, -1), boxes.expand(len(film), -1, -1))

    frame = Letterbox(100, 200, 64)
    (found,) = read_boxes(Fixed(), np.zeros((1, 64, 64), np.float32), [frame])
    assert [label for label, _ in found] == [1, 0]  # the third lies in the black bar above the film
    assert found[1][1].corners == pytest.approx((75.0, 25.0, 125.0, 75.0), abs=0.5)
    assert found[0][1].corners[0] == 0.0  # cut at the film's edge
    assert found[1][1].score == pytest.approx(1 / (1 + np.exp(-2.0)))


@pytest.mark.slow
def test_squares_are_found_again() -> None:
    """Deformable DETR from nothing, one grey or white square a film: average precision far above a fixed box's."""
    torch.manual_seed(0)
    net = Detector("deformable-detr", classes=2, width=32, queries=6, layers=2, stages=(8, 16, 16, 16))
    fit_boxes(net, squares(200, 0), steps=200, batch=8, rate=2e-3)
    test, gain = squares(40, 1), []
    found = read_boxes(net, test.films, [Letterbox(64, 64, 64)] * 40)
    for label in (0, 1):
        rows = [n for n in range(40) if test.labels[n][0] == label]
        true = {str(n): [Box(*test.boxes[n][0])] if n in rows else [] for n in range(40)}
        said = {str(n): [box for which, box in found[n] if which == label] for n in range(40)}
        middle = {str(n): [Box(21.0, 21.0, 43.0, 43.0, score=0.5)] for n in range(40)}
        gain.append(voc(said, true, level=0.3) - voc(middle, true, level=0.3))
    assert sum(gain) / 2 > 0.2


def test_what_does_not_belong_together_is_said() -> None:
    data = squares(2, 0)
    with pytest.raises(InputError, match="do not belong together: expected N of each"):
        Boxed(data.films, data.boxes[:1], data.labels, data.known)
    with pytest.raises(InputError, match="2 films and 1 truths"):
        set_loss(answers(2), truths()[:1], softmax=False)
    with pytest.raises(InputError, match="no detector is called 'yolo'"):
        Detector("yolo", classes=1)  # type: ignore[arg-type]
    unknown = Boxed(data.films, data.boxes, data.labels, ~data.known)
    with pytest.raises(InputError, match="cannot leave out what is not known"):
        fit_boxes(Detector("rt-detr", classes=2, **TINY), unknown, steps=1)
    with pytest.raises(InputError, match="2 films and 1 letterboxes"):
        read_boxes(Detector("detr", classes=2, **TINY), data.films, [Letterbox(64, 64, 64)])
    empty = Boxed(data.films[:0], [], [], data.known[:0])
    with pytest.raises(InputError, match="no film to train on"):
        fit_boxes(Detector("detr", classes=2, **TINY), empty, steps=1)
