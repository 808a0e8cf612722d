"""Lines of the model card against sklearn and scipy, sources by their rules, and corpus parts made by hand."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, f1_score, recall_score, roc_auc_score

from hilum.core.errors import InputError
from hilum.core.geometry import Letterbox
from hilum.core.image import Volume
from hilum.data.pack import LabelledBox, PackRow
from hilum.learn.calibrate import Platt
from hilum.systems import _embedded_judge as judge
from hilum.systems import _embedded_scores as scores
from hilum.systems import _embedded_tables as tables
from hilum.systems._embedded_corpus import CACHE, _letterboxed_mask, pictures
from hilum.systems._embedded_evaluate import Seen, without_fields
from hilum.systems._embedded_labels import FINDINGS, labels
from hilum.systems._embedded_recipe import Recipe, resolve
from hilum.systems._embedded_report import _number
from hilum.systems._embedded_simulated import _nrrd, coarse, film_curve

SIZE = 64
PNEUMONIA, OPACITY = FINDINGS.index("Pneumonia"), FINDINGS.index("Lung Opacity")


def row(number: int, source: str = "nih512", **changes: Any) -> PackRow:
    held = {"file": f"{source}/{number}.png", "source": source, "licence": "free", "patient": f"nih-{number}",
            "view": "PA", "labels": (), "boxes": (), "mask": "", "extra": {}}  # fmt: skip
    return PackRow(**{**held, **changes})


def film(
    given_: PackRow, split: str = "test", *, logit: float = 0.0, dice: float = float("nan"),
    placed: float = float("nan"),
) -> Seen:  # fmt: skip
    """A film with two lungs, of which the network says one logit for everything."""
    lung = np.full((1, SIZE, SIZE), -5.0, np.float32)
    lung[0, 16:48, 8:26] = lung[0, 16:48, 36:56] = 5.0
    outputs = {"chest": np.float32(4), "inverted": np.float32(-4), "rotation": np.array([6, 0, 0, 0], np.float32),
               "view": np.array([3, 0, 0], np.float32), "findings": np.full(len(FINDINGS), logit, np.float32),
               "maps": np.full((len(FINDINGS), 4, 4), -4.0, np.float32), "lung": lung,
               "distance": np.float32(10)}  # fmt: skip
    return Seen(given_, split, *labels(given_), outputs, Letterbox(SIZE, SIZE, SIZE), dice, placed)


def films(count: int, seed: int = 0, *, gap: float = 1.0) -> list[Seen]:
    draw = np.random.default_rng(seed)
    sick = draw.random(count) < 0.4
    return [
        film(row(n, labels=("Pneumonia",) if ill else ("No Finding",)), logit=float(draw.normal() + gap * ill))
        for n, ill in enumerate(sick)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=6))
def test_logits_become_probabilities_as_scipy_has_them(logits: list[float]) -> None:
    assert judge.sigmoid(np.array(logits)) == pytest.approx(expit(logits))
    assert judge.softmax(np.array(logits)) == pytest.approx(softmax(logits))
    assert judge.softmax(np.array(logits) + 1000.0).sum() == pytest.approx(1.0)


def test_logits_beyond_all_bounds_stay_finite() -> None:
    assert judge.sigmoid(np.array([-1e30, 0.0, 1e30])).tolist() == pytest.approx([0.0, 0.5, 1.0])


@pytest.mark.parametrize("seed", range(3))
def test_a_line_of_the_card_is_sklearns(seed: int) -> None:
    seen = films(120, seed)
    picked = scores.sources()["nih512 random"]
    platt = Platt(1.0, 0.0, "made", 1, 1)
    line = scores.finding_row(seen, "nih512 random", picked, PNEUMONIA, (platt, (0.3, 0.7)))
    assert line is not None
    truth = np.array([item.target[PNEUMONIA] > 0 for item in seen])
    logit = np.array([item.logits[PNEUMONIA] for item in seen])
    chance = expit(logit)
    assert (line["n"], line["positives"]) == (120, int(truth.sum()))
    assert line["auroc"] == pytest.approx(roc_auc_score(truth, logit), abs=1e-4)
    assert line["average_precision"] == pytest.approx(average_precision_score(truth, logit), abs=1e-4)
    for name, threshold in (("at_absent", 0.3), ("at_present", 0.7)):
        said = chance >= threshold
        assert line[name]["sensitivity"] == pytest.approx(recall_score(truth, said), abs=1e-4)
        assert line[name]["specificity"] == pytest.approx(recall_score(~truth, ~said), abs=1e-4)
    assert line["uncertain_share"] == pytest.approx(((chance >= 0.3) & (chance < 0.7)).mean(), abs=1e-4)
    low, high = line["interval"]
    assert low < line["auroc"] < high
    assert line["false_positives_have"] == {"No Finding": int(((chance >= 0.7) & ~truth).sum())}
    assert line["false_negatives_have"] == {"Pneumonia": int(((chance < 0.3) & truth).sum())}


def test_a_line_without_a_calibration_ends_early_and_an_unknown_finding_has_none() -> None:
    picked = scores.sources()["nih512 random"]
    line = scores.finding_row(films(60), "nih512 random", picked, PNEUMONIA, None)
    assert line is not None
    assert set(line) == {"source", "n", "positives", "auroc", "interval", "average_precision"}
    child = [film(row(n, "kermany224", labels=("Pneumonia",))) for n in range(5)]
    kermany = scores.sources()["kermany224"]
    assert scores.finding_row(child, "kermany224", kermany, FINDINGS.index("Mass"), None) is None
    assert scores.finding_row([], "nih512 random", picked, PNEUMONIA, None) is None


def test_shuffled_labels_bring_a_line_to_chance(draw: np.random.Generator) -> None:
    seen = films(600, 3, gap=3.0)
    dealt = [replace(item, target=seen[int(n)].target) for item, n in zip(seen, draw.permutation(600), strict=True)]
    lines = [
        scores.finding_row(each, "s", scores.sources()["nih512 random"], PNEUMONIA, None) for each in (seen, dealt)
    ]
    assert lines[0] is not None
    assert lines[1] is not None
    assert lines[0]["auroc"] > 0.95
    low, high = lines[1]["interval"]
    assert low < 0.5 < high


@pytest.mark.parametrize(
    ("changes", "split", "expected"),
    [
        ({}, "test", {"nih512 random", "nih512 random + boxed", "nih512 random, PA films only",
                      "nih512 random, some finding"}),
        ({"labels": ("No Finding",)}, "test", {"nih512 random", "nih512 random + boxed",
                                               "nih512 random, PA films only",
                                               "nih512 random, opacity or No Finding"}),
        ({"view": "AP", "labels": ("Edema",)}, "test", {
            "nih512 random", "nih512 random + boxed", "nih512 random, AP films only", "nih512 random, some finding",
            "nih512 random, opacity or No Finding"}),
        ({"extra": {"rsna_target": 0}, "view": ""}, "test", {
            "nih512 random", "nih512 random + boxed", "nih512 random, read by RSNA", "nih512 random, some finding"}),
        ({}, "boxed", {"nih512 random + boxed"}),
        ({}, "val", set()),
        ({"source": "nih64"}, "test", {"nih64 random"}),
        ({"source": "kermany224"}, "test", {"kermany224"}),
        ({"source": "kermany_full"}, "test", {"kermany_full"}),
        ({"source": "covid_cc"}, "test", set()),
    ],
)  # fmt: skip
def test_a_film_is_in_the_sources_its_row_says(changes: dict[str, Any], split: str, expected: set[str]) -> None:
    given_ = film(row(1, **changes), split)
    assert {name for name, picked in scores.sources().items() if picked(given_)} == expected


def test_rsnas_reading_stands_for_opacity_and_pneumonia_alone() -> None:
    read = film(row(1, labels=("Mass",), extra={"rsna_target": 1}))
    name = "nih512 random, read by RSNA"
    assert scores.truth(read, name, OPACITY) == scores.truth(read, name, PNEUMONIA) == 1.0
    assert np.isnan(scores.truth(read, name, FINDINGS.index("Mass")))
    assert scores.truth(read, "nih512 random", FINDINGS.index("Mass")) == 1.0
    assert scores.truth(read, "nih512 random", OPACITY) == 0.0
    unknown = film(row(1, "hannover"))
    assert np.isnan(scores.truth(unknown, "nih512 random", OPACITY))


@pytest.mark.parametrize(
    ("value", "digits", "shown"), [(0.123456, 4, 0.1235), (float("nan"), 4, None), (float("inf"), 4, None), (2, 1, 2.0)]
)
def test_numbers_are_rounded_for_json_and_missing_ones_are_none(value: float, digits: int, shown: float | None) -> None:
    assert scores.round_(value, digits) == shown


def test_numbers_are_shown_with_three_digits_or_a_dash() -> None:
    assert _number(0.98765) == "0.988"
    assert _number(None).strip() == "-"
    assert len(_number(None)) == len(_number(0.5))


def test_the_lung_table_is_the_mean_of_its_films_and_leaves_out_those_without_a_mask() -> None:
    seen = [film(row(n, "hannover"), dice=value) for n, value in enumerate((0.9, 0.8, 1.0, float("nan")))]
    seen.append(film(row(9, "hannover"), "val", dice=0.1))
    table = tables.lung_table(seen)
    assert set(table) == {"hannover"}
    assert (table["hannover"]["n"], table["hannover"]["dice"], table["hannover"]["worst"]) == (3, 0.9, 0.8)
    low, high = table["hannover"]["interval"]
    assert 0.8 <= low <= 0.9 <= high <= 1.0
    assert tables.lung_table([]) == {}


def test_hannovers_masks_are_compared_where_they_lie_and_where_they_belong() -> None:
    seen = [film(row(n, "hannover"), dice=0.9, placed=0.7) for n in range(3)]
    seen += [film(row(n, "covid_cc"), dice=0.8, placed=0.8) for n in range(3, 6)]
    table = tables.lung_table(seen)
    assert {name: found["dice"] for name, found in table.items()} == {
        "hannover": 0.9, tables.PLACED: 0.7, "covid_cc": 0.8,
    }  # fmt: skip


def test_the_gate_counts_refusals_by_reason() -> None:
    fine, noise = film(row(1)), film(row(2))
    noise.outputs["chest"] = np.float32(-3)
    other = film(row(3, "nih64"))
    gate = tables.gate_table([fine, noise, other], {"pictures": [fine.outputs, noise.outputs]})
    assert gate["real_films"]["nih512"]["n"] == 2
    assert gate["real_films"]["nih512"]["refused"] == 1
    assert list(gate["real_films"]["nih512"]["reasons"]) == ["this does not look like a chest radiograph"]
    assert gate["real_films"]["nih64"] == {"n": 1, "refused": 0, "reasons": {}}
    assert gate["others"]["pictures"] == {"n": 2, "accepted": 1}
    assert gate["limits"]["distance"] == 1e9  # no validation film: nothing is refused for its distance


def test_the_view_table_is_a_confusion_matrix_with_true_views_in_rows() -> None:
    seen = [film(row(n, view=view)) for n, view in enumerate(("PA", "AP", "AP Supine", "LATERAL", "LATERAL"))]
    seen[3].outputs["view"] = np.array([0, 0, 5], np.float32)
    seen[1].outputs["view"] = np.array([0, 5, 0], np.float32)
    table = tables.view_table(seen)["sources"]["nih512"]
    assert table["confusion"] == [[1, 0, 0], [1, 1, 0], [1, 0, 1]]
    assert table["accuracy"] == 0.6
    assert table["frontal_or_lateral"] == 0.8
    assert "nih64" not in tables.view_table(seen)["sources"]


def test_lungs_and_centre_are_boxes_that_look_at_no_map() -> None:
    methods = tables._boxes_by_method(film(row(1)), "Pneumonia")
    assert methods["centre"].tolist() == [[16.0, 16.0, 48.0, 48.0]]
    assert sorted(methods["lungs"].tolist()) == [[8.0, 16.0, 26.0, 48.0], [36.0, 16.0, 56.0, 48.0]]
    assert methods["model"].shape == (0, 4)  # a flat map has no box


def test_boxes_of_other_films_and_other_labels_are_not_counted() -> None:
    box = (LabelledBox("Infiltrate", (8.0, 16.0, 26.0, 48.0), "NIH_BBox_List_2017"),)
    seen = [film(row(1, boxes=box), "boxed"), film(row(2, boxes=box), "val"), film(row(3, "nih64", boxes=box))]
    table = tables.localisation_table(seen)
    assert list(table) == ["Infiltration"]
    assert table["Infiltration"]["lungs"] == {
        "boxes": 1, "films": 1, "iobb_0.25": 1.0, "iou_0.1": 1.0, "false_per_film": 1.0,
    }  # fmt: skip
    assert table["Infiltration"]["model"]["iobb_0.25"] == 0.0


def test_only_the_sign_of_the_lung_field_is_kept() -> None:
    given_ = film(row(1))
    outputs, box = without_fields({**given_.outputs, "features": np.ones(9)}, given_.box, np.zeros((4, 4)))
    assert outputs["lung"].dtype == np.int8
    assert ((outputs["lung"] > 0) == (given_.outputs["lung"] > 0)).all()
    assert "features" not in outputs
    assert box is given_.box


@settings(max_examples=20, deadline=None)
@given(st.integers(30, 500), st.integers(30, 500))
def test_a_mask_in_its_frame_keeps_its_share_and_lies_within_the_film(height: int, width: int) -> None:
    outline = np.zeros((height, width), bool)
    outline[height // 4 : height // 2, width // 4 : width // 2] = True
    square = _letterboxed_mask(outline)
    assert square.shape == (CACHE, CACHE)
    assert set(np.unique(square).tolist()) <= {0, 255}
    box = Letterbox(height, width, CACHE)
    share = (square > 0).sum() / (box.inner[0] * box.inner[1])
    assert share == pytest.approx(outline.mean(), abs=0.03)
    assert 2 * ((square > 0) & (_letterboxed_mask(~outline) > 0)).sum() == 0


def test_pictures_keep_their_kind_and_their_brightest_and_darkest() -> None:
    frames = [np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)] * 2
    made = pictures(frames, group="refused", chest=False, views=[[True] * 3] * 2, split="train")
    assert len(made) == 2
    assert not made.chest.any()
    assert not made.known.any()
    assert (made.frames.min(), made.frames.max()) == (0, 255)
    assert made.name.tolist() == ["refused-0", "refused-1"]


def test_a_nrrd_is_read_where_its_header_puts_it(tmp_path: Path) -> None:
    voxels = np.arange(24, dtype="<i2").reshape(2, 3, 4)
    header = (b"NRRD0005\ntype: short\nsizes: 2 3 4\nspace: left-posterior-superior\n"
              b"space directions: (0.5,0,0) (0,0.75,0) (0,0,2)\nencoding: gzip\n\n")  # fmt: skip
    path = tmp_path / "cip.nrrd"
    path.write_bytes(header + gzip.compress(voxels.tobytes(order="F")))
    volume = _nrrd(path)
    assert np.array_equal(volume.voxels, voxels)
    assert volume.spacing_mm == (0.5, 0.75, 2.0)
    assert volume.id == "cip"


def test_a_thinned_volume_keeps_every_voxel_it_keeps_where_it_was() -> None:
    voxels = np.random.default_rng(0).normal(size=(12, 10, 6)).astype(np.float32)
    volume = Volume(voxels, np.array([[0.5, 0, 0, 3.0], [0, 1.2, 0, -4.0], [0, 0, 5.0, 9.0], [0, 0, 0, 1.0]]))
    thin = coarse(volume, 2.5)
    assert thin.voxels.shape == (3, 5, 6)
    assert thin.spacing_mm == pytest.approx((2.5, 2.4, 5.0))
    assert np.array_equal(thin.voxels[1, 2], voxels[5, 4])
    assert thin.affine @ [1, 2, 3, 1] == pytest.approx(volume.affine @ [5, 4, 3, 1])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_a_film_curve_never_inverts_and_stays_in_range(seed: int) -> None:
    ramp = np.tile(np.linspace(0.4, 8, 30, dtype=np.float32), (30, 1))  # too small to be cropped
    grey = film_curve(ramp, np.random.default_rng(seed))
    assert grey.shape == ramp.shape
    assert 0 <= grey.min() <= grey.max() <= 1
    assert spearmanr(ramp.ravel(), grey.ravel()).statistic > 0.95  # clipped ends are ties, ranked in any order


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"depth": 3}, "unknown setting 'depth': choose from size"), ({"first.depth": 3}, "'first' has no 'depth'")],
)
def test_an_unknown_setting_is_named_with_those_there_are(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        resolve(Recipe(), changes)


@pytest.mark.parametrize("seed", range(3))
def test_where_low_meets_high_the_thresholds_are_one_and_the_f1_there_is_perfect(seed: int) -> None:
    seen = [replace(item, split="val") for item in films(80, seed, gap=30.0)]
    fitted = scores.calibrate(seen, PNEUMONIA)
    assert fitted is not None
    platt, (low, high) = fitted
    truth = np.array([item.target[PNEUMONIA] > 0 for item in seen])
    chance = platt(np.array([item.logits[PNEUMONIA] for item in seen]))
    assert low == high
    assert f1_score(truth, chance >= low) == 1.0
    assert (platt.films, platt.positives) == (80, truth.sum())
