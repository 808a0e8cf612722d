"""RadZero's parts against values counted by hand, and a network that learned discs at sides within seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.cache import VARIABLE  # noqa: E402
from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.core.image import Image  # noqa: E402
from hilum.core.registry import get  # noqa: E402
from hilum.learn.pairs import join  # noqa: E402
from hilum.learn.wording import Wording  # noqa: E402
from hilum.learn.zero_shot import ask, open_aligned, questions, remember  # noqa: E402
from hilum.systems import radzero  # noqa: E402
from hilum.systems._aligned import auroc_of  # noqa: E402
from hilum.systems._radzero_claims import ARMS, CLS, OURS, SHUFFLED  # noqa: E402
from hilum.systems._radzero_fit import align, network  # noqa: E402
from hilum.systems._radzero_folder import read, write  # noqa: E402
from hilum.systems._radzero_look import cached, looking  # noqa: E402
from hilum.systems._radzero_model import Model, best_threshold, concepts_told  # noqa: E402
from hilum.systems._radzero_reading import ATTENTION, Reading, centre, maps_of, read_films  # noqa: E402
from hilum.systems._radzero_recipe import Recipe, resolve  # noqa: E402
from hilum.systems._radzero_scores import dice, following, macro, pointing, threshold_of  # noqa: E402
from hilum.systems._radzero_texts import (  # noqa: E402
    concept_of,
    drawn,
    prompt,
    says_absent,
    sentences_of,
    told,
    without_place,
    wording_of,
)
from hilum.systems._radzero_train import films_of  # noqa: E402
from tests.systems.aligned_toy import NAMES, PX, SIZE, toy_model, toy_pairs  # noqa: E402


@pytest.mark.parametrize(
    ("sentence", "plain"),
    [
        ("There is a pleural effusion of the right lung.", "There is a pleural effusion."),
        ("There is a lung nodule of the right upper lobe.", "There is a lung nodule."),
        ("There is no pleural effusion of the right lung.", ""),
        ("There is cardiomegaly.", ""),
        ("Nothing of the kind.", ""),
    ],
)
def test_what_a_sentence_implies_without_its_place(sentence: str, plain: str) -> None:
    assert without_place(sentence) == plain


def test_absences_and_concepts_are_read_by_the_parser() -> None:
    assert says_absent("There is no pneumothorax.")
    assert not says_absent("There is a pneumothorax of the left lung.")
    assert concept_of("There is a pneumothorax of the left lung.") == "pneumothorax"
    assert prompt("pleural effusion", "left") == "There is a pleural effusion of the left lung."
    with pytest.raises(InputError, match="no sentence"):
        prompt("no such finding")


def test_films_own_their_sentences_and_what_these_imply() -> None:
    pairs = toy_pairs(12)
    owned = sentences_of(pairs)
    for row, own in enumerate(owned):
        assert set(pairs.sentences[row]) <= set(own)
        assert len(own) == len(pairs.sentences[row]) + int(pairs.target[row].sum())
    found = told(pairs, wording_of(pairs))
    for row, own in enumerate(owned):
        assert {found.texts[at] for at in np.flatnonzero(found.true[row])} == set(own)
    assert [found.texts[at] for at in np.flatnonzero(found.absent)] == [
        text for text in found.texts if text.startswith("There is no ")
    ]
    whole = told(pairs, wording_of(pairs), whole=True)
    assert set(whole.texts) == set(pairs.report)
    assert (whole.true.sum(1) == 1).all()


def test_shuffled_films_are_told_another_films_sentences() -> None:
    pairs = toy_pairs(40)
    words = wording_of(pairs)
    own, moved = told(pairs, words), told(pairs, words, shuffled=3)
    assert sorted(own.texts) == sorted(moved.texts)
    order = [moved.texts.index(text) for text in own.texts]
    assert (moved.true[:, order] != own.true).any(1).mean() > 0.5
    assert moved.true.sum() == own.true.sum()
    with pytest.raises(InputError, match="no film has a sentence"):
        told(replace(pairs, sentences=((),) * 40), words)


def test_a_step_draws_all_that_is_present_and_some_absences() -> None:
    pairs = toy_pairs(30)
    found = told(pairs, wording_of(pairs))
    rows = np.arange(30)
    said = drawn(found, rows, np.random.default_rng(0), absences=1, single=False)
    for place in range(30):
        texts = said[said[:, 0] == place, 1].numpy()
        present = np.flatnonzero(found.true[place] & ~found.absent)
        assert set(present) <= set(texts)
        assert found.absent[texts].sum() == min(1, int((found.true[place] & found.absent).sum()))
    single = drawn(found, rows, np.random.default_rng(0), absences=1, single=True)
    assert single[:, 0].tolist() == list(range(30))
    assert all(found.true[place, text] for place, text in single.tolist())


def test_the_best_threshold_is_the_one_counted_by_hand() -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0], np.float32)
    truth = np.array([False, False, True, True, True])
    level = best_threshold(values, truth)
    assert 1.0 <= level < 2.0
    assert best_threshold(values, ~truth) < 0.1  # all but the lowest is the best that a level can do


def test_macro_is_a_mean_of_means_and_follows_the_weights() -> None:
    columns = [
        (np.array([0, 1]), np.array([1.0, 0.0])),
        (np.array([2]), np.array([1.0])),
        (np.array([], int), np.array([])),
    ]
    scored = macro("x", 3, columns, "by hand")
    assert scored.value == pytest.approx(0.75)
    assert scored.at(np.array([[3.0, 1.0, 1.0], [1.0, 1.0, 0.0]])) == pytest.approx([0.875, 0.5])


def _reading(pairs, maps: np.ndarray, sided: np.ndarray | None = None) -> Reading:  # type: ignore[no-untyped-def]
    given = torch.from_numpy(maps.astype(np.float32))
    both = (
        torch.from_numpy(sided.astype(np.float32))
        if sided is not None
        else torch.zeros(*given.shape[:2], 2, given.shape[2])
    )
    return Reading(NAMES, np.zeros(given.shape[:2], np.float32), given, given, both, (PX, PX))


def test_a_map_that_is_the_region_points_and_outlines_perfectly() -> None:
    pairs = toy_pairs(20, seed=5)
    truth = np.stack([pairs.mask(np.arange(20), at) for at in (0, 1)], axis=1).reshape(20, 2, -1)
    maps = maps_of(_reading(pairs, truth), PX)
    level = threshold_of(pairs, NAMES, maps)
    assert pointing(pairs, NAMES, maps).value == 1
    assert dice(pairs, NAMES, maps, level).value == pytest.approx(1)
    wrong = maps_of(_reading(pairs, 1.0 - truth), PX)
    assert pointing(pairs, NAMES, wrong).value == 0
    assert dice(pairs, NAMES, wrong, 0.5).value == 0


def test_the_centre_is_the_same_for_all_and_misses_what_lies_at_the_sides() -> None:
    maps = centre(PX)(np.arange(3), 0)
    assert (maps == maps[0]).all()
    y, x = divmod(int(maps[0].argmax()), PX)
    assert abs(y - PX / 2) <= 1
    assert abs(x - PX / 2) <= 1
    assert pointing(toy_pairs(20), NAMES, centre(PX)).value == 0


def test_following_counts_both_prompts() -> None:
    pairs = toy_pairs(20, seed=6)
    at = np.zeros((2, PX, PX))
    at[0, 5, 3], at[1, 5, PX - 4] = 1, 1  # right prompt to the film's left, left prompt to its right
    sided = np.broadcast_to(at.reshape(2, -1), (20, 2, 2, PX * PX)).copy()
    blank = np.zeros((20, 2, PX * PX))
    assert following(pairs, NAMES, _reading(pairs, blank, sided)).value == 1
    assert following(pairs, NAMES, _reading(pairs, blank, sided[:, :, ::-1].copy())).value == 0
    stays = np.broadcast_to(at[:1].reshape(1, -1), (20, 2, 2, PX * PX)).copy()
    assert following(pairs, NAMES, _reading(pairs, blank, stays)).value == 0.5


@pytest.fixture(scope="module")
def model() -> Model:
    return toy_model(OURS)


@pytest.fixture(scope="module")
def small() -> Model:
    return toy_model(OURS, small=True)


@pytest.mark.slow
def test_it_learns_what_and_where_and_the_shuffled_control_does_not(model: Model) -> None:
    films = toy_pairs(60, seed=2)
    found = {}
    for arm in (OURS, CLS, SHUFFLED):
        net = toy_model(arm)
        reading = read_films(net.net, cached(net.net.image, films.films), net.words, NAMES)
        maps = maps_of(reading, PX)
        found[arm] = (auroc_of(films, NAMES, reading.logits).value, pointing(films, NAMES, maps).value)
    assert found[OURS][0] > 0.9
    assert found[OURS][1] > 0.25  # a disc is 4 to 6 % of a film
    assert found[OURS][1] > found[CLS][1]
    assert found[SHUFFLED][0] < 0.75


def test_the_map_follows_the_side_in_the_prompt(model: Model) -> None:
    films = toy_pairs(60, seed=2)
    reading = read_films(model.net, cached(model.net.image, films.films), model.words, NAMES)
    assert following(films, NAMES, reading).value > 0.6
    right, left = reading.sided[..., 0, :], reading.sided[..., 1, :]
    assert not torch.allclose(right, left)


@pytest.mark.slow
def test_arms_of_one_seed_start_alike_and_end_apart(model: Model) -> None:
    words = wording_of(toy_pairs())
    first, other = (network(model.net.image, len(words), SIZE, how, seed=0) for how in ("similarity", "learned"))
    assert all(torch.equal(value, other.layers.state_dict()[name]) for name, value in first.layers.state_dict().items())
    assert not torch.allclose(*(each.net.state_dict()["layers.0.query.weight"] for each in (toy_model(CLS), model)))


def test_the_same_seed_gives_the_same_weights() -> None:
    pairs = toy_pairs(16)
    words = wording_of(pairs)
    size = replace(SIZE, steps=3)
    nets = []
    for _ in range(2):
        net = network(toy_model(OURS).net.image, len(words), size, "similarity", seed=1)
        nets.append(align(net, cached(net.image, pairs.films), told(pairs, words), ARMS[OURS], size, seed=1))
    for name, value in nets[0].state_dict().items():
        assert torch.equal(value, nets[1].state_dict()[name]), name


def test_looking_sees_what_is_cached_but_for_the_variation() -> None:
    pairs = toy_pairs(4)
    image = toy_model(OURS).net.image
    pooled, patches = looking(image, pairs.films)(np.arange(4), np.random.default_rng(0))
    kept = cached(image, pairs.films, versions=2)
    assert patches.shape == kept.patches.shape[1:]
    assert pooled.shape == kept.pooled.shape[1:]
    assert torch.allclose(
        kept.patches[0].float(), image(torch.from_numpy(pairs.films)[:, None] / 255.0).patches, atol=0.02
    )
    assert not torch.allclose(kept.patches[0], kept.patches[1])


def test_what_is_written_is_read_back_equal(small: Model, tmp_path: Path) -> None:
    write(small, tmp_path)
    again = read(tmp_path)
    films = (toy_pairs(3, seed=9).films / 255).astype(np.float32)
    asked = [prompt("lung nodule")]
    assert all((a == b).all() for a, b in zip(small.match(films, asked), again.match(films, asked), strict=True))
    assert again.card == json.loads((tmp_path / "card.json").read_text())
    assert again.made_by.sha256 == again.card["sha256"]
    assert open_aligned(tmp_path).card == again.card


def test_damage_is_named(small: Model, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="lacks a file"):
        read(tmp_path)
    write(small, tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"abcd")
    with pytest.raises(InputError, match="not the file that its card names"):
        read(tmp_path)
    write(small, tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, "words": card["words"][:-1]}))
    with pytest.raises(InputError, match=r"'text\.embed\.weight' is \(\d+, 32\), expected"):
        read(tmp_path)
    (tmp_path / "card.json").write_text("{")
    with pytest.raises(InputError, match="no JSON"):
        read(tmp_path)


def test_asked_on_a_film_it_answers_with_a_calibrated_probability_and_a_box(model: Model) -> None:
    films = toy_pairs(40, seed=3)
    chances: dict[bool, list[float]] = {True: [], False: []}
    for row in range(20):
        film = Image(films.films[row].astype(np.float32), view="PA", id=f"f{row}")
        (answer,) = ask(model, film, questions("pleural effusion"))
        assert answer.calibration.startswith("platt-")
        assert answer.heat.shape == (PX, PX)
        chances[bool(films.target[row, 1])].append(answer.probability)
    assert np.mean(chances[True]) > np.mean(chances[False]) + 0.3
    sided = ask(model, film, questions("right pleural effusion. left pleural effusion"))
    assert {each.sentence for each in sided} == {prompt("pleural effusion", side) for side in ("right", "left")}
    assert set(concepts_told(films)) == set(NAMES)


def test_words_it_cannot_read_are_named(model: Model) -> None:
    assert model.words_unknown("There is a lung nodule of the lingula.") == ("lingula",)
    assert model.words_unknown(prompt("lung nodule")) == ()
    assert isinstance(model.words, Wording)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"step": "3"}, "unknown setting 'step'"),
        ({"steps": "many"}, "steps must be a number"),
        ({"whole": "perhaps"}, "whole must be a yes or no"),
        ({"preset": "huge"}, "preset is 'small' or 'published'"),
        ({"width": "30"}, "multiple of heads"),
        ({"rate": "-1"}, "rate is above 0"),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        resolve(changes)


def test_presets_are_the_published_figures_and_the_small_ones() -> None:
    published = resolve({"preset": "published"})
    assert (published.px, published.batch, published.rate, published.layers, published.dedupe) == (
        518,
        64,
        1e-4,
        2,
        False,
    )
    assert (published.image, published.text, published.width) == ("dinov2-base", "all-mpnet-base-v2", 768)
    assert resolve({"preset": "published", "dedupe": "yes"}).dedupe
    small = resolve({"steps": "7", "single": "true"})
    assert (small.steps, small.single, small.dedupe, small.px) == (7, True, True, 112)
    assert Recipe().steps == 0


def test_folders_without_training_films_are_named(tmp_path: Path) -> None:
    with pytest.raises((InputError, MissingError)):
        films_of(tmp_path, resolve({}), seed=0)


def test_registered_with_its_claims_and_doors(small: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = get("system", "radzero")
    assert {"build", "train", "aligned", "authors", "reproduce"} <= set(dir(system))
    assert len(system.claims) >= 3
    net = system.build(width=16, words=9)
    assert net.head.how == "similarity"
    with pytest.raises(InputError, match="multiple of 16"):
        radzero.reproduce(size=100)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    write(small, tmp_path / "made")
    remember(tmp_path / "made")
    assert open_aligned().made_by.name == "radzero"


def test_maps_of_attention_are_monotone_in_likeness_for_vl_cabs(model: Model) -> None:
    films = toy_pairs(4, seed=8)
    reading = read_films(model.net, cached(model.net.image, films.films), model.words, NAMES)
    for row in range(4):
        order = reading.maps[row, 0].argsort()
        assert (reading.attention[row, 0][order].diff() >= 0).all()
    assert maps_of(reading, PX, ATTENTION)(np.arange(2), 0).shape == (2, PX, PX)
    assert len(join([films, films])) == 8
