"""PAXRay's measures against counts by hand and sklearn, tones that keep order, and grounding that must win or lose."""

from __future__ import annotations

import json
from collections import defaultdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from scipy.stats import spearmanr
from sklearn.metrics import f1_score, jaccard_score

from hilum.core.errors import MissingError
from hilum.core.geometry import Letterbox
from hilum.core.seed import generator
from hilum.systems import _paxray_ground as ground
from hilum.systems import _paxray_judge as judge
from hilum.systems import _paxray_lesions as lesions
from hilum.systems import _paxray_real as real
from hilum.systems import _paxray_tone as tone
from hilum.systems._paxray_cohort import FACTS, Gathered, _known
from hilum.systems._paxray_films import CLASSES, LOBES, NAMES, SEEN, exposure, paxray_film
from tests.phantom.bodies import made_body

SEEDS = st.integers(0, 10**6)
BOX = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 12), st.integers(1, 12)).map(
    lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3]))
)


def drawn(box: ground.Box) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
    return mask


@settings(max_examples=60, deadline=None)
@given(BOX, BOX)
def test_overlap_of_boxes_is_sklearns_of_their_pixels_and_the_same_both_ways(one: ground.Box, two: ground.Box) -> None:
    exact = jaccard_score(drawn(one).ravel(), drawn(two).ravel())
    assert ground.iou(one, two) == pytest.approx(exact)
    assert ground.iou(one, two) == ground.iou(two, one)
    assert ground.iou(one, one) == ground.hit(one, one) == 1.0
    assert ground.iou(None, one) == ground.hit(None, one) == 0.0
    assert ground.mask_box(drawn(one)) == one


@settings(max_examples=60, deadline=None)
@given(BOX, BOX)
def test_a_box_that_hits_has_its_centre_in_the_truth(one: ground.Box, truth: ground.Box) -> None:
    across, down = (one[0] + one[2]) / 2, (one[1] + one[3]) / 2
    assert ground.hit(one, truth) == float(drawn(truth)[int(down), int(across)])


def test_the_best_proposal_is_the_first_whose_centre_is_inside() -> None:
    ranked = [(3.0, (0.0, 0.0, 4.0, 4.0)), (2.0, (10.0, 10.0, 14.0, 14.0)), (1.0, (11.0, 11.0, 13.0, 13.0))]
    inside = drawn((8.0, 8.0, 20.0, 20.0))
    assert ground.best_inside(ranked, None) == ranked[0][1]
    assert ground.best_inside(ranked, inside) == ranked[1][1]
    assert ground.best_inside(ranked, np.zeros((40, 40), bool)) is ground.best_inside([], None) is None


def test_contrast_is_the_difference_in_deviations_of_the_ring() -> None:
    film = np.tile([0.4, 0.6], (40, 20)).astype(np.float32)  # mean 0.5, deviation 0.1
    film[16:24, 16:24] = 0.9
    assert ground._contrast(film, (16.0, 16.0, 24.0, 24.0)) == pytest.approx(4.0)
    assert ground._contrast(film, (2.0, 2.0, 6.0, 6.0)) == pytest.approx(0.0, abs=1e-5)
    assert ground._contrast(film[:4, :4], (0.0, 0.0, 4.0, 4.0)) == float("-inf")  # there is no ring


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_dice_and_iou_are_sklearns_film_by_film(seed: int) -> None:
    answer, truth = np.random.default_rng(seed).random((2, 3, 2, 8, 8)) < 0.4
    truth[:, :, 0, 0] = True
    found = real.dice(answer[:, 0], truth[:, 0])
    assert found == pytest.approx([f1_score(t[0].ravel(), a[0].ravel()) for a, t in zip(answer, truth, strict=True)])
    shares = real.mean_iou(answer, truth)
    for share, a, t in zip(shares, answer, truth, strict=True):
        assert share == pytest.approx(jaccard_score(t.reshape(2, -1).T, a.reshape(2, -1).T, average="macro"))


def test_classes_that_a_film_does_not_show_take_no_part_and_a_perfect_answer_is_one() -> None:
    truth = np.zeros((2, 3, 6, 6), bool)
    truth[0, 0, :3], truth[0, 1, 3:], truth[1, 2] = True, True, True
    assert real.mean_iou(truth, truth).tolist() == [1.0, 1.0]
    assert real.dice(truth[:, 0], truth[:, 0]).tolist() == [1.0, 0.0]  # nothing drawn is no overlap
    more = truth.copy()
    more[0, 2] = True  # a class that is not there is not counted against it
    assert real.mean_iou(more, truth).tolist() == [1.0, 1.0]
    assert real.mean_iou(~truth, truth).tolist() == [0.0, 0.0]


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 300), st.integers(20, 300))
def test_a_mask_that_is_framed_keeps_its_share_of_the_film(height: int, width: int) -> None:
    mask = np.zeros((height, width), bool)
    mask[: height // 2] = True
    square = real.framed(mask, 96)
    rows, columns = Letterbox(height, width, 96).inner
    assert square.sum() / (rows * columns) == pytest.approx(0.5, abs=0.06)
    assert real.framed(np.ones((height, width), bool), 96).sum() == rows * columns
    assert not real.framed(np.zeros((height, width), bool), 96).any()


def test_lungs_are_any_of_their_classes_above_one_half() -> None:
    chance = np.zeros((1, len(NAMES), 2, 3), np.float32)
    chance[0, NAMES.index(SEEN[0]), 0, 0] = 0.51
    chance[0, NAMES.index(SEEN[1]), 1, 1] = 0.5
    chance[0, NAMES.index("heart"), 0, 2] = 0.99
    assert real.lungs(chance)[0].tolist() == [[True, False, False], [False, False, False]]
    assert real.lungs(chance, ("heart",))[0].sum() == 1


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_stretched_film_fills_the_range_in_the_same_order(seed: int) -> None:
    film = np.random.default_rng(seed).normal(3, 7, (30, 30)).astype(np.float32)
    made = tone.stretched(film)
    assert (made.min(), made.max()) == (0.0, 1.0)
    low, high = np.percentile(film, (0.5, 99.5))
    assert ((made == 0) == (film <= low)).mean() > 0.99
    inside = (film > low) & (film < high)
    assert spearmanr(made[inside], film[inside]).statistic > 0.999
    again = tone.stretched(40 * film - 5)
    assert again == pytest.approx(made, abs=1e-3)


def test_a_flat_film_stays_finite() -> None:
    assert np.isfinite(tone.stretched(np.full((8, 8), 0.3, np.float32))).all()


def test_unseen_tones_are_drawn_by_number_and_keep_light_and_dark() -> None:
    ramp = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (40, 1))
    films = np.stack([ramp, ramp])
    made = tone.unseen_tone(films, 3)
    assert made.shape == films.shape
    assert np.array_equal(made, tone.unseen_tone(films, 3))
    assert not np.array_equal(made[0], made[1])
    for film in made:
        assert spearmanr(film.mean(axis=0), ramp[0]).statistic > 0.98


@pytest.mark.parametrize("seed", range(4))
def test_training_tones_never_leave_the_range_and_repeat_under_their_seed(seed: int) -> None:
    film = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    made = judge.tone(film, generator(seed, "t"))
    assert made.shape == film.shape
    assert 0 <= made.min() <= made.max() <= 1
    assert np.array_equal(made, judge.tone(film, generator(seed, "t")))


def gathered(splits: tuple[str, ...], masks: np.ndarray | None = None) -> Gathered:
    count = len(splits)
    masks = np.zeros((count, 2, 32, 32), bool) if masks is None else masks
    return Gathered(
        np.zeros((count, 32, 32), np.float16), masks, np.ones((count, 2), bool), ("lung", "heart"),  # type: ignore[arg-type]
        tuple(f"f{n}" for n in range(count)), tuple(f"p{n // 2}" for n in range(count)), splits,
    )  # fmt: skip


def test_rows_of_a_split_and_the_counts_of_the_card() -> None:
    pytest.importorskip("torch")
    from hilum.systems._paxray_card import Recipe, card_of

    data = gathered(("train", "test", "train", "val", "train"))
    assert data.rows("train").tolist() == [0, 2, 4]
    assert data.rows("none").tolist() == []
    data.known[1, 0] = False
    card = card_of(data, Recipe(), {"test": {"mean IoU": 0.5}}, {"steps": 3})
    assert card["data"]["train"] == {"films": 3, "patients": 3}
    assert card["films without a class"] == {"lung": 1}
    assert (card["steps"], card["classes"], card["measured"]["test"]["mean IoU"]) == (3, ["lung", "heart"], 0.5)
    json.dumps(card)


def test_a_network_that_says_everything_measures_the_share_that_is_there_of_what_was_drawn() -> None:
    torch = pytest.importorskip("torch")
    from hilum.systems import _paxray_card as card

    class All(torch.nn.Module):  # type: ignore[misc, name-defined]
        """Says that every class is everywhere."""

        def __init__(self) -> None:
            super().__init__()
            self.level = torch.nn.Parameter(torch.tensor(9.0))

        def forward(self, film: Any) -> Any:
            return self.level.expand(len(film), 2, *film.shape[-2:])

    masks = np.zeros((3, 2, 32, 32), bool)
    masks[:, 0], masks[:, 1, :8] = True, True
    data = gathered(("test",) * 3, masks)
    found = card.measured(All().eval(), data, "test")
    assert found == {"films": 3, "mean IoU": 0.625, "IoU": {"lung": 1.0, "heart": 0.25}}
    data.known[:, 1] = False
    assert card.measured(All().eval(), data, "test")["IoU"] == {"lung": 1.0}
    assert card.measured(All().eval(), data, "val") == {"films": 0, "mean IoU": None, "IoU": {}}


def test_rows_of_an_array_are_numbered_anew() -> None:
    pytest.importorskip("torch")
    from hilum.systems._paxray_train import _Some

    some = _Some(np.arange(40).reshape(10, 4), np.array([7, 2, 5]))
    assert (len(some), some.shape) == (3, (3, 4))
    assert some[np.array([2, 0])].tolist() == [[20, 21, 22, 23], [28, 29, 30, 31]]


def test_what_was_gathered_is_kept_only_where_it_is_the_same(tmp_path: Path) -> None:
    facts: dict[str, object] = {"size": 32, "ids": ["a"], "classes": ["lung"]}
    assert _known(tmp_path, facts) is None
    (tmp_path / FACTS).write_text(json.dumps(facts))
    assert _known(tmp_path, facts) is None  # the array is not there
    np.save(tmp_path / "known.npy", np.array([[True]]))
    known = _known(tmp_path, facts)
    assert known is not None
    assert known.tolist() == [[True]]
    assert _known(tmp_path, {**facts, "size": 64}) is None
    (tmp_path / FACTS).write_text("{")
    assert _known(tmp_path, facts) is None


def test_a_folder_without_weights_says_how_to_make_them(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from hilum.systems._paxray_card import trained

    with pytest.raises(MissingError, match=r"no model\.safetensors and card\.json in .*hilum train paxray"):
        trained(tmp_path)


def test_grounding_finds_what_is_proposed_in_the_right_place_and_other_anatomy_loses() -> None:
    size = 20
    masks = np.zeros((2, len(NAMES), size, size), bool)
    right, left = NAMES.index("right upper lobe"), NAMES.index("left lower lobe")
    masks[:, right, :8, :8], masks[:, left, 12:, 12:] = True, True
    found = ((2.0, 2.0, 5.0, 5.0), (14.0, 14.0, 18.0, 18.0))
    given_ = lesions.Grounded(
        np.zeros((2, size, size), np.float32), np.array(found),
        ("Consolidation in the right upper lobe.", "Consolidation in the left lower lobe."),
        ("right upper lobe", "left lower lobe"), ("p", "q"),
    )  # fmt: skip
    ranked = [[(2.0, found[0]), (1.0, found[1])]] * 2
    trials: judge.Trials = defaultdict(lambda: defaultdict(list))
    judge._ground(trials, masks, given_, ranked, size)
    hits = {arm: runs[0].value for arm, runs in trials[judge._HIT].items()}
    assert hits[judge.INSIDE] == 1.0
    assert hits[judge.OTHER] == 0.0
    assert hits[judge.ANYWHERE] == 0.5  # the same proposal is the first for both films
    boxes = {arm: runs[0].value for arm, runs in trials[judge._BOX].items()}
    assert boxes[judge.INSIDE] == 1.0
    assert boxes[judge.ANATOMY] == pytest.approx((9 / 64 + 16 / 64) / 2)
    assert boxes[judge.WHOLE] == pytest.approx((9 / 400 + 16 / 400) / 2)


def test_every_lobe_is_a_class_and_every_claim_has_two_arms() -> None:
    assert set(LOBES) <= set(CLASSES)
    assert set(SEEN) & set(CLASSES) == set()
    assert all(claim.arm != claim.better_than for claim in judge.CLAIMS)
    assert len({claim.text for claim in judge.CLAIMS}) == len(judge.CLAIMS)


def test_a_projected_film_runs_from_nought_to_one_with_bone_bright_and_the_lungs_dark() -> None:
    pytest.importorskip("numba")
    body = made_body()
    geometry = exposure(body, 48, generator(0, "e"))
    film = paxray_film(body, geometry)
    assert (film.min(), film.max()) == (0.0, 1.0)
    masks = {name: judge_mask(body, geometry, name) for name in ("lung", "vertebrae")}
    assert film[masks["vertebrae"]].mean() > film[masks["lung"] & ~masks["vertebrae"]].mean()


def judge_mask(body: Any, geometry: Any, name: str) -> np.ndarray:
    """Where rays run through a structure for over 20 mm."""
    from hilum.drr.field import Field
    from hilum.drr.render import line_integrals

    return np.asarray(line_integrals(Field(body.mask(name).astype(np.float32), body.volume.affine), geometry) > 20.0)


def test_the_picture_of_real_films_is_a_png_of_eight_tiles_with_both_outlines() -> None:
    films = np.full((3, 24, 24), 0.5, np.float32)
    masks = np.zeros((3, 24, 24), bool)
    masks[:, 4:12, 4:12] = True
    answer = np.zeros((3, len(NAMES), 24, 24), np.float32)
    answer[:, NAMES.index(SEEN[0]), 14:20, 14:20] = 0.9
    with Picture.open(BytesIO(real.picture((films, masks, ("a", "b", "c")), answer))) as opened:
        assert opened.size == (4 * 48, 2 * 48)
        colours = {colour for _, colour in opened.convert("RGB").getcolors(1 << 16)}
    assert {(0, 255, 0), (255, 51, 26)} <= {tuple(int(v) for v in c) for c in colours}
