"""What recipes of alignment share: AUROC on the films where a finding is known, who is judged, real films of a pack."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.learn.label_trunk import UPRIGHT, LabelNet, film_batch, label_trunk, seen  # noqa: E402
from hilum.nets.towers import SmallImage  # noqa: E402
from hilum.nets.vit import PlainViT, Shape  # noqa: E402
from hilum.systems._aligned import MINED, OPACITY, auroc_of, judged_names, real_films  # noqa: E402
from hilum.systems._cxr_llava_train import Recipe  # noqa: E402
from hilum.systems._label_text import card_of, changed, filled, write  # noqa: E402
from tests.systems.aligned_toy import NAMES, toy_pairs  # noqa: E402

TINY = Shape(size=16, patch=4, width=8, layers=1, heads=2)


def _by_pairs(truth: np.ndarray, score: np.ndarray) -> float:
    """AUROC as the share of (sick, well) pairs in the right order, ties half."""
    ahead = score[truth][:, None] - score[~truth][None]
    return float(((ahead > 0) + 0.5 * (ahead == 0)).mean())


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_the_auroc_is_the_share_of_pairs_in_order_where_a_finding_is_known(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = replace(
        toy_pairs(24), target=(rng.random((24, 2)) < 0.5).astype(np.float32), known=rng.random((24, 2)) < 0.8
    )
    score = rng.integers(0, 5, (24, 2)).astype(float)  # with ties
    each = []
    for at in range(2):
        known = pairs.known[:, at]
        truth = pairs.target[known, at] > 0
        if 0 < truth.sum() < len(truth):
            each.append(_by_pairs(truth, score[known, at]))
    assert auroc_of(pairs, NAMES, score).value == pytest.approx(np.mean(each))


def test_unknown_films_may_score_anything_and_names_choose_the_column() -> None:
    pairs = toy_pairs(30, seed=2)
    known = pairs.known.copy()
    known[:7, 0] = False
    pairs, score = replace(pairs, known=known), np.random.default_rng(0).normal(size=(30, 2))
    other = score.copy()
    other[:7, 0] = 1e9
    assert auroc_of(pairs, NAMES, score).value == auroc_of(pairs, NAMES, other).value
    turned = auroc_of(pairs, NAMES[::-1], score[:, ::-1])
    assert turned.value == pytest.approx(auroc_of(pairs, NAMES, score).value)
    assert auroc_of(pairs, NAMES, pairs.target).value == 1
    assert auroc_of(pairs, NAMES, -pairs.target).value == 0
    with pytest.raises(InputError, match="no finding 'bullae'"):
        auroc_of(pairs, ("bullae",), score[:, :1])


def test_a_weight_of_two_is_having_the_film_twice() -> None:
    pairs, score = toy_pairs(20, seed=3), np.random.default_rng(1).normal(size=(20, 2))
    weights = np.ones((1, 20))
    weights[0, :6] = 2
    rows = np.r_[np.arange(20), np.arange(6)]
    assert auroc_of(pairs, NAMES, score).at(weights)[0] == pytest.approx(
        auroc_of(pairs.take(rows), NAMES, score[rows]).value
    )


@pytest.mark.parametrize(("with_it", "without", "judged"), [(3, 3, True), (2, 3, False), (3, 2, False)])
def test_a_finding_is_judged_from_enough_known_films_with_it_and_without(
    with_it: int, without: int, judged: bool
) -> None:
    pairs = toy_pairs(12)
    target, known = np.zeros((12, 2), np.float32), np.zeros((12, 2), np.bool_)
    target[:with_it, 0] = 1
    known[: with_it + without, 0] = True  # the rest is unknown and may not count as without
    found = judged_names(replace(pairs, target=target, known=known), least=3)
    assert found == (("lung nodule",) if judged else ())


def _pack(root: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    import csv

    columns = ("file", "licence", "patient", "view", "labels", "boxes", "mask", "extra")
    (root / "nih512").mkdir(parents=True)
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        for at, row in enumerate(rows):
            name = f"nih512/{at}.png"
            writer.writerow({**dict.fromkeys(columns, ""), "file": name, "licence": "x", "patient": f"p{at}", **row})
            grey = np.random.default_rng(at).integers(0, 255, (64, 64), dtype=np.uint8)
            Picture.fromarray(grey).save(root / name)
    return root


_BOX = json.dumps([{"label": "Lung Opacity", "x": 8, "y": 16, "w": 24, "h": 16},
                   {"label": "Mass", "x": 0, "y": 0, "w": 64, "h": 64}])  # fmt: skip
_ROWS = (
    {"view": "PA", "labels": "Effusion|Mass", "extra": '{"rsna_target": 1}', "boxes": _BOX},
    {"view": "LATERAL", "labels": "Edema"},
    {"view": "AP", "labels": "No Finding", "extra": '{"rsna_target": 0}'},
    {"view": "AP supine", "labels": "Cardiomegaly"},
)


def test_real_films_know_opacity_where_it_was_read_and_mined_labels_everywhere(tmp_path: Path) -> None:
    found = real_films(_pack(tmp_path, _ROWS), size=32)
    assert found.patient.tolist() == ["p0", "p2", "p3"]
    assert found.split.tolist() == ["read", "read", "mined"]
    assert found.names == (OPACITY, *MINED.values())
    assert found.known[:, 0].tolist() == [True, True, False]
    assert found.known[:, 1:].all()
    told = [[name for at, name in enumerate(found.names) if row[at]] for row in found.target]
    assert told == [[OPACITY, "pleural effusion", "lung mass"], [], ["cardiomegaly"]]


def test_boxes_of_opacity_alone_are_drawn_where_they_lie(tmp_path: Path) -> None:
    found = real_films(_pack(tmp_path, _ROWS), size=32)
    expected = np.zeros((32, 32), np.bool_)
    expected[8:16, 4:16] = True  # half of the pixels of the file
    assert (found.mask(np.array([0]), 0)[0] == expected).all()
    assert found.marked[:, 0].tolist() == [True, False, False]
    assert not found.marked[:, 1:].any()


def test_a_film_that_cannot_be_read_is_left_out_and_the_others_keep_their_labels(tmp_path: Path) -> None:
    root = _pack(tmp_path, _ROWS)
    (root / "nih512" / "0.png").write_bytes(b"no picture")
    found = real_films(root, size=32)
    assert found.patient.tolist() == ["p2", "p3"]
    assert found.split.tolist() == ["read", "mined"]
    assert found.target.sum(axis=1).tolist() == [0, 1]
    assert found.target[1, found.column("cardiomegaly")] == 1


def test_a_pack_without_frontal_films_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no frontal NIH film"):
        real_films(_pack(tmp_path, _ROWS[1:2]))


def test_varied_films_are_never_mirrored() -> None:
    """A bright third on the film's left stays brighter than its right under every draw; only mirroring turns that."""
    films = np.zeros((8, 48, 48), np.uint8)
    films[:, 8:40, 4:16] = 200
    for step in range(25):
        made = film_batch(films, seed=0, step=step)
        assert (made[..., :24].mean((1, 2, 3)) > made[..., 24:].mean((1, 2, 3)) + 0.05).all()
    flipped = film_batch(films, seed=0, step=0, vary=replace(UPRIGHT, mirror=1.0))
    assert (flipped[..., :24].mean((1, 2, 3)) < flipped[..., 24:].mean((1, 2, 3))).all()


def test_variation_follows_from_seed_and_step_alone() -> None:
    films = np.random.default_rng(0).integers(0, 255, (3, 32, 32), dtype=np.uint8)
    torch.manual_seed(1)
    one = film_batch(films, seed=4, step=9)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(one, film_batch(films, seed=4, step=9))
    assert torch.equal(state, torch.get_rng_state())  # and draws nothing from the common source
    assert not torch.equal(one, film_batch(films, seed=4, step=10))
    assert not torch.equal(one, film_batch(films, seed=5, step=9))
    assert 0 <= one.min() <= one.max() <= 1
    plain = film_batch(films, seed=4, step=9, vary=None)
    assert np.array_equal(np.rint(plain[:, 0].numpy() * 255), films)


def test_the_label_head_starts_at_its_bias_alone_and_a_trunk_needs_films(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = LabelNet(SmallImage(16), 16, 3).eval()
    logits = net(torch.rand(4, 1, 32, 32))
    assert torch.equal(logits, net.head.bias.expand(4, 3))
    with pytest.raises(InputError, match="no film to learn labels from"):
        label_trunk(toy_pairs(3).take(np.array([], int)), folder=tmp_path)
    with pytest.raises(InputError, match="no film to look at"):
        seen(net.encoder, np.zeros((0, 32, 32), np.uint8))


def test_what_is_seen_does_not_depend_on_how_films_are_batched() -> None:
    torch.manual_seed(0)
    encoder, films = SmallImage(16), toy_pairs(5).films
    one, two = seen(encoder, films, batch=5), seen(encoder, films, batch=2)
    assert not encoder.training
    assert torch.allclose(one.pooled, two.pooled, atol=1e-5)
    assert torch.allclose(one.patches, two.patches, atol=1e-5)
    assert one.patches.shape[:2] == (5, one.grid[0] * one.grid[1])


def test_a_vit_without_places_moves_its_patches_with_the_film() -> None:
    torch.manual_seed(0)
    net = PlainViT(TINY).eval()
    film = torch.rand(1, 1, 16, 16)
    moved = torch.roll(film, (4, 8), dims=(2, 3))  # whole patches: one down, two across
    with torch.no_grad():
        placed = (net(film).pooled - net(moved).pooled).abs().max()
        net.places[:, 1:] = 0
        one, two = net(film), net(moved)
    assert placed > 1e-4
    assert torch.allclose(one.pooled, two.pooled, atol=1e-5)
    back = torch.roll(two.patches.reshape(4, 4, -1), (-1, -2), dims=(0, 1)).reshape(1, 16, -1)
    assert torch.allclose(one.patches, back, atol=1e-5)


def test_a_vit_reads_each_film_by_itself_and_gives_normed_tokens() -> None:
    torch.manual_seed(0)
    net = PlainViT(replace(TINY, drop=0.5)).eval()
    films = torch.rand(3, 1, 16, 16)
    with torch.no_grad():
        together, alone = net(films), net(films[1:2])
    assert torch.allclose(together.patches[1:2], alone.patches, atol=1e-5)
    tokens = torch.cat([together.pooled[:, None], together.patches], dim=1)
    assert torch.allclose(tokens.mean(-1), torch.zeros(3, 17), atol=1e-5)
    assert torch.allclose(tokens.var(-1, unbiased=False), torch.ones(3, 17), atol=1e-2)


def test_damaged_folders_end_in_a_sentence(tmp_path: Path) -> None:
    net = torch.nn.Linear(2, 3)
    out = write(tmp_path / "made", net, {"name": "toy"}, toy_pairs(4))
    card = card_of(out, "toy")
    assert card["films by split"] == {"train": {"films": 4, "patients": 4}}
    assert torch.equal(filled(torch.nn.Linear(2, 3), out).weight, net.weight)
    whole = (out / "model.safetensors").read_bytes()
    for damaged in (whole[:-3], whole[:5], b""):
        (out / "model.safetensors").write_bytes(damaged)
        with pytest.raises(InputError, match="is damaged"):
            filled(torch.nn.Linear(2, 3), out)
    for told in ("{", "[]", "7", ""):
        (out / "card.json").write_text(told)
        with pytest.raises(InputError, match="no card of a system"):
            card_of(out, "toy")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "fast"])
def test_a_rate_that_is_no_finite_number_is_no_setting(value: str) -> None:
    with pytest.raises(InputError, match=f"rate must be float, got '{value}'"):
        changed(Recipe(), {"rate": value})
    with pytest.raises(InputError, match="steps must be int"):
        changed(Recipe(), {"steps": float(value) if value != "fast" else value})


def test_settings_keep_what_is_not_changed() -> None:
    assert changed(Recipe(), {"rate": "1e-4", "steps": "7"}) == replace(Recipe(), rate=1e-4, steps=7)
    with pytest.raises(InputError, match=r"unknown setting 'denied': choose from preset, encoder"):
        changed(Recipe(), {"denied": "1"})
