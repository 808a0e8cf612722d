"""Properties of CXR-LLaVA's stages: towers, draws of a step, states that training goes on from, scores, the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.core.seed import generator  # noqa: E402
from hilum.learn.pairs import Pairs, gather  # noqa: E402
from hilum.nets.towers import SmallImage  # noqa: E402
from hilum.phantom.shadows import CONCEPTS, shadows  # noqa: E402
from hilum.systems._cxr_llava_claims import (  # noqa: E402
    ALONE,
    BOTH,
    LABELLED,
    ON_REAL,
    PROBE,
    RANDOM,
    READER,
    READER_BESIDE,
    REAL,
    TEXT,
)
from hilum.systems._cxr_llava_fit import Stage, fit_stage_a, fit_stage_b, rows_at, scored_texts  # noqa: E402
from hilum.systems._cxr_llava_labels import DENIALS, OPENINGS, rendered, renderings  # noqa: E402
from hilum.systems._cxr_llava_net import LabelClip  # noqa: E402
from hilum.systems._cxr_llava_scores import nearest  # noqa: E402
from hilum.systems._cxr_llava_train import Recipe, encoder_of, settings_of  # noqa: E402
from hilum.systems.cxr_llava import CxrLlava  # noqa: E402


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return gather(shadows(count=24, size=32, chance=0.4), size=32, names=CONCEPTS, split=lambda study: "train")


def _clip() -> LabelClip:
    torch.manual_seed(0)
    return LabelClip(SmallImage(16), 16, 20, space=12)


def test_both_towers_give_unit_vectors_and_scores_are_cosines_over_the_temperature() -> None:
    net, film = _clip().eval(), torch.rand(3, 1, 32, 32)
    ids = torch.tensor([[2, 3, 0], [4, 0, 0], [5, 6, 7]])
    films, texts = net.films(film), net.texts(ids, ids > 0)
    for vectors in (films, texts):
        assert torch.allclose(vectors.norm(dim=-1), torch.ones(3), atol=1e-5)
    assert torch.allclose(net(film, ids, ids > 0), films @ texts.T / 0.07, atol=1e-3)


def test_the_temperature_does_not_fall_below_a_hundredth() -> None:
    net, film, ids = _clip().eval(), torch.rand(2, 1, 32, 32), torch.tensor([[2], [3]])
    with torch.no_grad():
        net.scale.fill_(50.0)
        assert net(film, ids, ids > 0).abs().max() <= 100 + 1e-3


def test_padding_does_not_change_a_text() -> None:
    net = _clip().eval()
    short, long = torch.tensor([[2, 3]]), torch.tensor([[2, 3, 0, 0, 0]])
    assert torch.allclose(net.texts(short, short > 0), net.texts(long, long > 0), atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_a_rendering_says_all_that_is_there_and_denies_only_what_is_not(seed: int) -> None:
    rng = generator(seed, "labels")
    target, known = rng.random(len(CONCEPTS)) < 0.4, rng.random(len(CONCEPTS)) < 0.7
    text = rendered(CONCEPTS, target, known, generator(seed, "words"), denied=len(CONCEPTS))
    said, _, denied = text.partition(".")
    for name, there, sure in zip(CONCEPTS, target, known, strict=True):
        assert (name in said) == (there and sure)
        assert (name in denied) == (not there and sure)
    assert said.startswith((*OPENINGS, "No finding"))
    assert not denied or denied.strip().startswith(DENIALS)


def test_renderings_tell_films_of_different_labels_apart(pairs: Pairs) -> None:
    texts = renderings(pairs)
    labels = {tuple(row) for row in pairs.target.tolist()}
    assert len(set(texts)) == len(labels)


def test_rows_of_a_step_depend_on_the_step_and_the_seed_alone(pairs: Pairs) -> None:
    assert (rows_at(pairs, 16, 1, 7) == rows_at(pairs, 16, 1, 7)).all()
    assert (rows_at(pairs, 16, 1, 7) != rows_at(pairs, 16, 1, 8)).any()
    assert (rows_at(pairs, 16, 1, 7) != rows_at(pairs, 16, 2, 7)).any()


def test_rows_can_be_drawn_where_nothing_is_found(pairs: Pairs) -> None:
    empty = replace(pairs, target=np.zeros_like(pairs.target))
    rows = rows_at(empty, 200, 0, 0)
    assert set(rows.tolist()) == set(range(24))


def test_a_stage_that_is_done_is_not_done_again(pairs: Pairs, tmp_path: Path) -> None:
    stage = Stage(3, 4, folder=tmp_path, save_every=2)
    torch.manual_seed(0)
    first = fit_stage_a(SmallImage(16), 16, pairs, stage, seed=0)
    torch.manual_seed(9)  # other weights to begin with: the state takes their place
    again = fit_stage_a(SmallImage(16), 16, pairs, replace(stage, resume=True), seed=0)
    for one, two in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)


def test_the_labels_of_others_are_what_the_control_is_told(pairs: Pairs) -> None:
    """Given its own labels by number, a stage learns as it does without being told whose they are."""
    nets = []
    for owners in (None, np.arange(24), np.arange(24)[::-1].copy()):
        torch.manual_seed(0)
        encoder = SmallImage(16)
        fit_stage_b(encoder, 16, pairs, Stage(2, 4), seed=0, owners=owners)
        nets.append(torch.cat([each.flatten() for each in encoder.parameters()]))
    assert torch.equal(nets[0], nets[1])
    assert not torch.equal(nets[0], nets[2])


def test_scores_of_films_do_not_depend_on_which_others_are_scored(pairs: Pairs) -> None:
    net, words = fit_stage_b(SmallImage(16), 16, pairs, Stage(1, 4), seed=0)
    texts = renderings(pairs)[:3]
    all_at_once = scored_texts(net, words, pairs.films, texts)
    assert np.allclose(all_at_once[5:6], scored_texts(net, words, pairs.films[5:6], texts), atol=1e-5)


def test_the_nearest_text_scores_one_the_farthest_none_and_chance_half() -> None:
    rng = generator(0, "nearest")
    scores, own = rng.normal(size=(400, 9)), rng.integers(0, 9, 400)
    assert nearest(scores, own).value == pytest.approx(0.5, abs=0.05)
    rows = np.arange(400)
    scores[rows, own] = 99
    assert nearest(scores, own).value == 1
    scores[rows, own] = -99
    assert nearest(scores, own).value == 0
    assert np.isfinite(nearest(np.zeros((3, 1)), np.zeros(3, int)).values).all()


@pytest.mark.parametrize("size", [32, 112, 512])
def test_encoders_take_the_size_that_the_settings_name(size: int) -> None:
    with torch.device("meta"):
        for name in ("small", "vit-l-16"):
            net, width = encoder_of(settings_of({"encoder": name, "size": size}))
            assert width == (128 if name == "small" else 1024)
            assert sum(each.numel() for each in net.parameters()) > 100_000


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"clip_steps": -1}, {"patients": 0}, {"size": 16}, {"rate": "fast"}])
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        settings_of(wrong)


def test_defaults_and_presets() -> None:
    assert settings_of({}) == Recipe()
    assert settings_of({"preset": "published", "size": 256}).size == 256
    assert CxrLlava.build(published=False)(torch.rand(1, 1, 64, 64)).patches.shape == (1, 64, 128)


def test_every_claim_has_its_metric_and_the_reader_claims_are_apart() -> None:
    assert {claim.metric for claim in LABELLED} == {PROBE, TEXT}
    assert ON_REAL.metric == REAL
    assert {RANDOM, ALONE} == {claim.better_than for claim in LABELLED[:2]}
    assert LABELLED[1].arm == BOTH
    assert set(CxrLlava.claims) == {*LABELLED, ON_REAL, *READER, *READER_BESIDE}
