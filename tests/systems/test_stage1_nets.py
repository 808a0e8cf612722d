"""The networks of MLRG's and SEI's first stages: what their losses come to in cases that can be worked out."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")

from hilum.learn.label_trunk import label_trunk  # noqa: E402
from hilum.learn.objectives.contrast import info_nce  # noqa: E402
from hilum.nets.views import CURRENT, LATEST, padded  # noqa: E402
from hilum.systems._mlrg_fit import Arm, embedded, fit_arm  # noqa: E402
from hilum.systems._mlrg_net import Batch, small_net, stage1_loss  # noqa: E402
from hilum.systems._mlrg_sets import Films, sets_of  # noqa: E402
from hilum.systems._sei_fit import fit_stage  # noqa: E402
from hilum.systems._sei_net import Batch as SeiBatch  # noqa: E402
from hilum.systems._sei_net import small_net as small_sei  # noqa: E402
from hilum.systems._sei_net import stage1_loss as sei_loss  # noqa: E402
from hilum.systems._sei_train import Recipe  # noqa: E402
from hilum.systems._stage1 import WIDTH, Stage1, film_tokens, trunk_of  # noqa: E402
from tests.systems.made_films import pairs  # noqa: E402


def lone(count: int, study: list[int] | None = None, *, when: int = CURRENT) -> Batch:
    """Anchors that look at nothing, with reports of two words."""
    gen = torch.Generator().manual_seed(count)
    rows = torch.arange(count)
    films = Films(rows, torch.full((count,), when), rows, padded([[]] * count))
    ids = torch.stack((2 + rows % 7, 3 + rows % 5), dim=1)
    return Batch(films, torch.randn(count, 5, WIDTH, generator=gen), rows % 2, torch.tensor(study or range(count)), ids,
                 ids > 0)  # fmt: skip


def mlrg() -> torch.nn.Module:
    torch.manual_seed(0)
    return small_net(12).eval()


def test_l_g_of_different_studies_is_clips_loss() -> None:
    net, batch = mlrg(), lone(5)
    with torch.no_grad():
        fused, _ = net.fused(batch.tokens, batch.view, batch.films)
        film, text = fused[:, 0], net.told(batch.ids, batch.mask)
        unit = torch.nn.functional.normalize
        expected = float(info_nce(unit(film, dim=-1) @ unit(text, dim=-1).T / 0.5))
        assert stage1_loss(net, batch, tau=0.5, mpc=False)[1]["l_g"] == pytest.approx(expected, rel=1e-5)


def test_two_anchors_of_one_study_share_their_report() -> None:
    """With one study in the batch every report belongs to every anchor: the loss is that of a uniform target."""
    net, batch = mlrg(), lone(4, [7, 7, 7, 7])
    with torch.no_grad():
        fused, _ = net.fused(batch.tokens, batch.view, batch.films)
        unit = torch.nn.functional.normalize
        s = unit(fused[:, 0], dim=-1) @ unit(net.told(batch.ids, batch.mask), dim=-1).T / 0.5
        expected = -0.5 * (s.log_softmax(1).mean() + s.T.log_softmax(1).mean())
        told = stage1_loss(net, batch, tau=0.5, mpc=True)[1]
    assert told["l_g"] == pytest.approx(float(expected), rel=1e-5)


def test_l_mpc_of_two_films_of_one_study_alone_is_nothing() -> None:
    """Each has the other as its only candidate, so there is nothing to tell apart."""
    with torch.no_grad():
        told = stage1_loss(mlrg(), lone(3, [1, 1, 2]), tau=0.5, mpc=True)[1]
    assert told["l_mpc"] == pytest.approx(0.0, abs=1e-6)


def test_l_mpc_is_near_the_logarithm_of_its_rivals_where_nothing_is_learned() -> None:
    """At a high temperature all candidates weigh the same."""
    study = [number // 2 for number in range(12)]
    with torch.no_grad():
        told = stage1_loss(mlrg(), lone(12, study), tau=1e4, mpc=True)[1]
    assert told["l_mpc"] == pytest.approx(math.log(11), abs=1e-3)
    assert told["l_g"] == pytest.approx(math.log(12), abs=1e-3)


def test_films_that_are_all_earlier_leave_l_mpc_empty() -> None:
    with torch.no_grad():
        told = stage1_loss(mlrg(), lone(4, [1, 1, 2, 2], when=LATEST), tau=0.5, mpc=True)[1]
    assert told["l_mpc"] == 0.0


def test_every_weight_of_mlrg_learns() -> None:
    torch.manual_seed(0)
    net = small_net(12).train()
    made = pairs(patients=4)
    films = Films(torch.tensor([0, 1, 2, 3, 0]), torch.tensor([0, 0, 0, 0, 1]), torch.tensor([0, 2, 3]),
                  padded([[1], [3, 4], []]))  # fmt: skip
    ids = torch.tensor([[2, 3, 4], [5, 6, 0], [7, 8, 9]])
    batch = Batch(films, torch.randn(5, 5, WIDTH), torch.tensor([0, 2, 0, 2, 0]),
                  torch.from_numpy(sets_of(made).study)[[0, 0, 2, 2, 0]], ids, ids > 0)  # fmt: skip
    stage1_loss(net, batch, tau=0.5, mpc=True)[0].backward()
    silent = [name for name, value in net.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    # a softmax does not feel a constant added to all keys; biases before a batch norm are taken off by it
    assert {name for name in silent if not name.endswith((".key.bias", ".first.bias"))} == set()


def test_every_weight_of_sei_learns() -> None:
    torch.manual_seed(0)
    net = small_sei(12).train()
    ids = torch.tensor([[2, 3, 4], [5, 6, 0], [7, 8, 9], [3, 9, 2]])
    sei_loss(net, SeiBatch(torch.randn(4, 6, WIDTH), ids, ids > 0), tau=0.5)[0].backward()
    silent = [name for name, value in net.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert {name for name in silent if not name.endswith(".bias")} == set()


def test_reports_do_not_feel_their_padding_nor_their_neighbours() -> None:
    for net, told in ((mlrg(), lambda n, i: n.told(i, i > 0)), (_sei(), lambda n, i: n.told(i, i > 0)[0])):
        with torch.no_grad():
            both = told(net, torch.tensor([[2, 3, 0, 0], [4, 5, 6, 7]]))
            one = told(net, torch.tensor([[2, 3]]))
        assert torch.allclose(both[0], one[0], atol=1e-5)


def _sei() -> torch.nn.Module:
    torch.manual_seed(0)
    return small_sei(12).eval()


def test_anchors_of_a_batch_do_not_see_each_other() -> None:
    made = pairs(patients=5)
    sets, tokens = sets_of(made), torch.randn(len(made), 5, WIDTH)
    net = mlrg()
    rows = np.arange(len(made))
    whole, alone = embedded(net, made, sets, tokens, rows)  # type: ignore[arg-type]
    small, single = embedded(net, made, sets, tokens, rows, batch=3)  # type: ignore[arg-type]
    assert whole == pytest.approx(small, abs=1e-5)
    assert alone == pytest.approx(single, abs=1e-5)


def test_the_frozen_encoder_stays_as_it_is(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path))
    made = pairs()
    recipe = Stage1(trunk_steps=2, steps=3, batch=4, grid=2)
    trunk = trunk_of(made, recipe, say=lambda line: None)
    assert not any(value.requires_grad for value in trunk.parameters())
    before = film_tokens(trunk, made.films, grid=2)
    ids = torch.tensor([[2, 3]] * len(made))
    fit_arm(small_net(12), made, sets_of(made), before, (ids, ids > 0), Arm(), recipe, seed=0)
    assert torch.equal(before, film_tokens(trunk, made.films, grid=2))
    again = label_trunk(made, width=WIDTH, steps=2)  # kept, and read back
    assert torch.equal(before, film_tokens(again, made.films, grid=2))


def test_films_without_a_text_are_never_drawn() -> None:
    tokens = torch.randn(6, 5, WIDTH)
    tokens[3:] = torch.nan  # would spoil the loss if they were
    ids = torch.tensor([[2, 3], [4, 5], [6, 7], [0, 0], [0, 0], [0, 0]])
    seen: list[float] = []
    fit_stage(small_sei(12), tokens, (ids, ids > 0), Recipe(steps=3, batch=2), seed=0,
              progress=lambda step, row: seen.append(row["loss"]))  # fmt: skip
    assert np.isfinite(seen).all()
