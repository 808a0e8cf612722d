"""The film set the embedded model is trained on: what goes in, what stays out, and that it repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

pytest.importorskip("torch")

from hilum.core.image import Volume
from hilum.data.pack import rows
from hilum.systems import _embedded_corpus as corpus
from hilum.systems import _embedded_simulated as simulated
from hilum.systems._embedded_labels import FINDINGS, TRAINED
from hilum.systems._embedded_recipe import QUICK, Recipe, resolve


@pytest.fixture(scope="module")
def chest() -> Volume:
    """A body of water with two lungs of air and a spine, on a coarse grid in LPS."""
    voxels = np.full((60, 40, 60), -1000.0, np.float32)
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in voxels.shape), indexing="ij")
    voxels[(x / 0.9) ** 2 + (y / 0.8) ** 2 < 1] = 30.0
    for side in (-0.45, 0.45):
        voxels[((x - side) / 0.3) ** 2 + (y / 0.6) ** 2 < 1] = -850.0
    voxels[(np.abs(x) < 0.1) & (np.abs(y - 0.55) < 0.15)] = 600.0
    return Volume(voxels, np.diag([6.0, 6.0, 6.0, 1.0]), id="made")


@pytest.fixture(scope="module")
def small(pack: Path) -> corpus.FilmSet:
    return corpus.build_corpus(pack, QUICK, seed=5)


def test_simulated_films_are_displays_with_a_kind(chest: Volume) -> None:
    made = list(simulated.simulated(chest, count=12, seed=0))
    assert {kind for _, kind in made} == {"lateral", "frontal"}
    for film, _ in made:
        assert film.dtype == np.float32
        assert film.min() >= 0
        assert film.max() <= 1
        assert film.std() > 0.05
        assert min(film.shape) > 40


def test_simulated_films_repeat_and_vary(chest: Volume) -> None:
    first, second = (list(simulated.simulated(chest, count=4, seed=1)) for _ in range(2))
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, second, strict=True))
    other = list(simulated.simulated(chest, count=4, seed=2))
    assert any(a.shape != b.shape or not np.array_equal(a, b) for (a, _), (b, _) in zip(first, other, strict=True))


def test_the_share_of_laterals_is_what_is_asked(chest: Volume) -> None:
    thin = Volume(chest.voxels[::3, ::3, ::3], np.diag([18.0, 18.0, 18.0, 1.0]), id="thin")
    assert all(kind == "lateral" for _, kind in simulated.simulated(thin, count=5, seed=0, lateral_share=1.0))
    assert all(kind == "frontal" for _, kind in simulated.simulated(thin, count=5, seed=0, lateral_share=0.0))


def test_a_coarse_volume_covers_the_same_body(chest: Volume) -> None:
    fine = Volume(np.zeros((40, 40, 10), np.float32), np.diag([0.8, 0.8, 5.0, 1.0]))
    thin = simulated.coarse(fine, 2.5)
    assert thin.spacing_mm == pytest.approx((2.4, 2.4, 5.0))
    assert thin.voxels.shape == (14, 14, 10)


def test_film_curves_keep_dense_things_brighter() -> None:
    integrals = np.tile(np.linspace(0, 6, 120, dtype=np.float32), (120, 1))
    for seed in range(8):
        grey = simulated.film_curve(integrals, np.random.default_rng(seed))
        assert (np.diff(grey.mean(axis=0)) >= -1e-6).all()
        assert grey[:, -1].mean() > grey[:, 0].mean() + 0.3


def test_the_real_cts_are_in_patient_space(pack: Path) -> None:
    pytest.importorskip("nibabel")
    found = list(simulated.volumes(pack))
    assert len(found) == 3
    for volume in found:
        height = volume.voxels.shape[2] * volume.spacing_mm[2]
        assert 200 < height < 500
        assert volume.voxels.min() < -800


def test_refused_pictures_are_of_every_kind_and_never_tiny(chest: Volume) -> None:
    real = corpus.pictures(
        [np.eye(200, dtype=np.float32)] * 2, group="g", chest=True, views=[[True] * 3] * 2, split="train"
    )
    photos = [np.random.default_rng(0).random((90, 120), dtype=np.float32)]
    made = corpus.refused(real, [chest], photos, count=40, seed=0)
    assert len(made) > 30
    assert all(min(picture.shape) >= 8 for picture in made)
    again = corpus.refused(real, [chest], photos, count=40, seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(made, again, strict=True))


def test_pictures_without_labels_know_nothing() -> None:
    made = corpus.pictures(
        [np.eye(50, 80, dtype=np.float32)], group="x", chest=False, views=[[True] * 3], split="train"
    )
    assert made.frames.shape == (1, corpus.CACHE, corpus.CACHE)
    assert not made.known.any()
    assert not made.chest.any()
    assert made.lung_weight.sum() == 0


def test_the_corpus_holds_no_test_only_source(small: corpus.FilmSet) -> None:
    groups = {name.split("/")[0] for name in small.group.tolist()}
    assert groups <= {*TRAINED, "simulated", "refused"}
    assert {"simulated", "refused", "nih512", "kermany224", "hannover"} <= groups
    assert not any("covid_cc" in name for name in small.name.tolist())


def test_masks_lie_on_their_films(small: corpus.FilmSet) -> None:
    drawn = small.lung_weight > 0
    assert drawn.sum() >= 5
    share = (small.lung[drawn] > 127).mean(axis=(1, 2))
    assert ((share > 0.08) & (share < 0.6)).all()
    pairs = list(zip(small.frames[drawn], small.lung[drawn] > 127, strict=True))
    inside = np.array([frame[mask].mean() for frame, mask in pairs])
    outside = np.array([frame[~mask & (frame > 0)].mean() for frame, mask in pairs])
    assert (inside < outside).mean() > 0.9


def test_unknown_stays_unknown_in_the_corpus(small: corpus.FilmSet) -> None:
    hannover = np.char.startswith(small.group, "hannover")
    kermany = small.group == "kermany224"
    assert not small.known[hannover].any()
    assert (small.known[kermany].sum(axis=1) == 2).all()
    assert small.known[small.group == "nih512"].all()
    assert small.target.shape[1] == len(FINDINGS)


def test_the_split_file_lists_real_films_only(small: corpus.FilmSet, tmp_path: Path) -> None:
    corpus.write_split(small, tmp_path / "split.csv")
    lines = (tmp_path / "split.csv").read_text().splitlines()
    assert lines[0] == "file,patient,split"
    assert not any("simulated" in line or "refused" in line for line in lines)
    real = ~np.isin(small.group, ["simulated", "refused"])
    assert len(lines) == 1 + int(real.sum())


def test_a_mask_file_is_letterboxed_like_its_film(tmp_path: Path) -> None:
    for folder in ("covid_cc", "covid_cc/masks"):
        (tmp_path / folder).mkdir()
    film = np.zeros((200, 100), np.uint8)
    film[50:150, 20:60] = 200
    Picture.fromarray(film).save(tmp_path / "covid_cc/a.png")
    Picture.fromarray((film > 0).astype(np.uint8) * 255).save(tmp_path / "covid_cc/masks/a.png")
    (tmp_path / "manifest.csv").write_text(
        "file,source,licence,patient,view,labels,boxes,mask,extra\n"
        "covid_cc/a.png,h,CC BY 3.0,h-1,AP,COVID-19,,covid_cc/masks/a.png,\n"
    )
    made = corpus.film_set(tmp_path, rows(tmp_path), lambda row: "train")
    bright, inside = made.frames[0] > 127, made.lung[0] > 127
    assert 2 * (bright & inside).sum() / (bright.sum() + inside.sum()) > 0.98
    assert made.group.tolist() == ["covid_cc/mask"]


def test_batches_teach_the_gate_alone_from_turned_and_negative_films(small: corpus.FilmSet) -> None:
    import torch

    from hilum.systems._embedded_objective import batches

    recipe = resolve(Recipe(), {"batch": 32, "augment.turned": 0.5, "augment.negative": 0.5})
    batch = batches(small, recipe, size=64, seed=0)(3)
    unread = (batch.turns > 0) | batch.negative | ~batch.chest
    assert unread.any()
    assert not batch.known[unread].any()
    assert batch.views[unread].all()
    assert batch.lung_weight[unread].sum() == 0
    assert batch.known[~unread].any()
    again = batches(small, recipe, size=64, seed=0)(3)
    assert torch.equal(batch.film, again.film)
    assert not torch.equal(batch.film, batches(small, recipe, size=64, seed=1)(3).film)


def test_every_loss_is_finite_and_reaches_its_head(small: corpus.FilmSet) -> None:
    import torch

    from hilum.nets.heads import FilmReader
    from hilum.systems._embedded_objective import batches, lung_loss, reader_loss

    torch.manual_seed(0)
    net = FilmReader(len(FINDINGS))
    batch = batches(small, resolve(Recipe(), {"batch": 24}), size=64, seed=0)(0)
    total, parts = reader_loss(Recipe())(net, batch)
    total.backward()
    assert set(parts) == set(Recipe().loss)
    assert all(np.isfinite(value) for value in parts.values())
    for head in (net.findings.predict, net.gate, net.view, net.decoder.predict):
        assert head.weight.grad is not None
        assert float(head.weight.grad.abs().sum()) > 0
    value, parts = lung_loss(lambda film: net(film).lung, batch)
    assert parts["lung"] == pytest.approx(float(value.detach()))
