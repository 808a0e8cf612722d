"""First stages of MLRG and SEI by hand: probes, films and reports found, facts, features, and settings refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.learn.pairs import Pairs  # noqa: E402
from hilum.measure.claim import Claim  # noqa: E402
from hilum.nets.towers import SmallText  # noqa: E402
from hilum.nets.views import CURRENT, LATEST  # noqa: E402
from hilum.systems import _mlrg_claims as mlrg_claims  # noqa: E402
from hilum.systems import _mlrg_net as mlrg  # noqa: E402
from hilum.systems import _mlrg_train as mlrg_train  # noqa: E402
from hilum.systems import _sei_claims as sei_claims  # noqa: E402
from hilum.systems import _sei_net as sei  # noqa: E402
from hilum.systems import _sei_train as sei_train  # noqa: E402
from hilum.systems._mlrg_fit import Arm, embedded, fit_arm  # noqa: E402
from hilum.systems._mlrg_judge import ARMS  # noqa: E402
from hilum.systems._mlrg_score import nearest_other_view, probed, view_to_report, view_to_study  # noqa: E402
from hilum.systems._mlrg_sets import films_of, sets_of  # noqa: E402
from hilum.systems._sei_cases import Cases, facts_of, said, texts_of  # noqa: E402
from hilum.systems._sei_fit import features_of, hash_of  # noqa: E402
from hilum.systems._sei_published import resnet  # noqa: E402
from hilum.systems._sei_style import by_authors  # noqa: E402
from hilum.systems._stage1 import WIDTH, Stage1  # noqa: E402
from tests.systems.made_films import EFFUSION, NORMAL, pairs  # noqa: E402

SEEDS = st.integers(0, 10_000)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_nearest_film_of_the_other_kind_is_the_one_of_the_greatest_cosine(seed: int) -> None:
    made = pairs(patients=3)
    alone = np.random.default_rng(seed).normal(size=(len(made), 4))
    found, cosine = nearest_other_view(made, alone), unit(alone) @ unit(alone).T
    for row, other in enumerate(found):
        rivals = np.flatnonzero(made.view != made.view[row])
        assert other in rivals
        assert cosine[row, other] == pytest.approx(cosine[row, rivals].max(), abs=1e-6)
    right = [made.study[other] == made.study[row] for row, other in enumerate(found)]
    assert view_to_study(made, alone).value == pytest.approx(np.mean(right))
    scaled = alone * np.random.default_rng(seed).uniform(0.1, 10, (len(made), 1))
    assert np.array_equal(nearest_other_view(made, scaled), found)  # lengths say nothing


def test_films_whose_study_has_one_kind_are_not_asked_but_stay_rivals() -> None:
    made = pairs(patients=2).take(np.array([0, 1, 2, 4, 5]))  # the second study of the first patient has no lateral
    alone = np.eye(5)
    alone[1] = alone[2]  # the lateral film looks like the frontal one of another study
    found = nearest_other_view(made, alone)
    assert found[2] == -1
    assert found[1] == 2
    score = view_to_study(made, alone)
    assert np.isnan(score.values[2])
    assert score.values[1] == 0.0
    assert np.isnan(view_to_study(made.take(np.array([0, 2])), alone[:2]).value)  # no lateral film at all


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, k=st.integers(1, 6))
def test_reports_found_are_those_of_a_sort_by_cosine(seed: int, k: int) -> None:
    made, draw = pairs(patients=3), np.random.default_rng(seed)
    told, rows = draw.normal(size=(len(made), 4)), made.frontal
    told[1::2] = told[::2]  # films of a study share their report
    texts = [f"report of {study}" for study in made.study]
    fused = draw.normal(size=(len(rows), 4))
    score = view_to_report(made, rows, fused, told, texts, k)
    first = np.unique(made.study, return_index=True)[1]
    order = np.argsort(-(unit(fused) @ unit(told[first]).T), axis=1)[:, :k]
    want = [float(made.study[row] in made.study[first][near]) for row, near in zip(rows, order, strict=True)]
    assert score.values.tolist() == want
    assert view_to_report(made, rows, fused, told, ["the same"] * len(made), 1).value == 1.0


def test_a_probe_of_what_tells_nothing_is_at_chance_and_of_the_answer_is_right() -> None:
    made = pairs(patients=4)
    flat = np.ones((len(made), 2))
    assert probed(made.names, made, flat, made, flat).value == pytest.approx(0.5)
    answer = made.target.astype(np.float64)
    assert probed(made.names, made, answer, made, answer).value == 1.0
    assert probed(made.names, made, answer, made, 1.0 - answer).value == 0.0
    never = replace(made, target=np.zeros_like(made.target))  # one class alone teaches nothing
    assert probed(made.names, never, answer, made, answer).value == pytest.approx(0.5)


def test_an_arm_of_no_steps_is_the_network_as_it_came() -> None:
    made = pairs(patients=2)
    torch.manual_seed(0)
    net = mlrg.small_net(9)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    tokens = torch.randn(len(made), 3, WIDTH)
    texts = (torch.ones(len(made), 2, dtype=torch.int64), torch.ones(len(made), 2, dtype=torch.bool))
    same = fit_arm(net, made, sets_of(made), tokens, texts, Arm(steps=0.0), Stage1(), seed=0)
    assert same is net
    assert not net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_films_are_embedded_alike_whatever_the_batch_and_alone_whoever_is_beside() -> None:
    made = pairs(patients=3)
    torch.manual_seed(1)
    net, sets, tokens = mlrg.small_net(9), sets_of(made), torch.randn(len(made), 4, WIDTH)
    rows = np.array([5, 0, 7, 2])
    fused, alone = embedded(net, made, sets, tokens, rows)
    parts, by_itself = embedded(net, made, sets, tokens, rows, batch=1)
    np.testing.assert_allclose(fused, parts, atol=1e-5)
    np.testing.assert_allclose(alone, by_itself, atol=1e-5)
    single, again = embedded(net, made, sets, tokens, rows, views=False, priors=False)
    np.testing.assert_allclose(alone, again, atol=1e-5)
    assert np.abs(fused - single).max() > 1e-3  # other films are looked at


def test_the_published_sets_hold_the_film_the_mates_and_the_prior() -> None:
    made = pairs(patients=1, visits=3)
    sets = sets_of(made)
    films = films_of(sets, [4])
    roles = set(zip(films.rows.tolist(), films.when.tolist(), strict=True))
    assert roles == {(4, CURRENT), (5, CURRENT), (2, LATEST)}
    assert set(zip(*(part.tolist() for part in (films_of(sets, [4], views=False).rows,
                                                films_of(sets, [4], views=False).when)), strict=True)) == {
        (4, CURRENT), (2, LATEST)}  # fmt: skip
    with pytest.raises(InputError, match="earlier visit of the same patient"):
        sets_of(_LiesAboutPriors(**{name: getattr(made, name) for name in made.__dataclass_fields__}))


class _LiesAboutPriors(Pairs):
    """Films whose order of visits was lost on the way: the last film is said to come before the first."""

    def prior_of(self) -> np.ndarray:
        return np.full(len(self), len(self) - 1, np.int32)


@pytest.mark.parametrize("module", [mlrg_claims, sei_claims])
def test_claims_and_what_stands_beside_them_are_of_different_arms(module: Any) -> None:
    every: tuple[Claim, ...] = (*module.CLAIMS, *module.BESIDE)
    assert len({(claim.arm, claim.better_than, claim.metric) for claim in every}) == len(every)
    for claim in every:
        assert claim.arm != claim.better_than
        assert claim.arm not in claim.controls


def test_arms_of_mlrg_differ_in_what_their_names_say() -> None:
    none, single, multi, full = (ARMS[name] for name in (mlrg_claims.NONE, mlrg_claims.SINGLE, mlrg_claims.MULTI,
                                                         mlrg_claims.FULL))  # fmt: skip
    assert none.steps == 0.0
    assert (single.views, single.priors, single.mpc) == (False, False, False)
    assert replace(multi, mpc=True) == full == Arm()


SETTINGS: dict[str, Callable[[Mapping[str, Any]], Stage1]] = {
    "mlrg": mlrg_train.settings_of, "sei": sei_train.settings_of,
}  # fmt: skip


@pytest.mark.parametrize("system", SETTINGS)
@pytest.mark.parametrize(
    ("changes", "said"),
    [({"rate": "nan"}, "every other number above 0"), ({"tau": float("inf")}, "every other number above 0"),
     ({"clip": "nan"}, "every other number above 0"), ({"steps": None}, "steps must be a number, got 'None'"),
     ({"batch": "two"}, "batch must be a number, got 'two'"), ({"size": 16}, "size is 32 or more"),
     ({"preset": "large"}, "'small' or 'published', got 'large'"), ({"stepz": 4}, "unknown setting 'stepz'")],
)  # fmt: skip
def test_settings_that_cannot_be_are_told(system: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        SETTINGS[system](changes)


def test_published_settings_are_the_released_ones_and_can_still_be_changed() -> None:
    for name, module in (("mlrg", mlrg), ("sei", sei)):
        made, own = SETTINGS[name]({"preset": "published"}), SETTINGS[name]({})
        shared = [key for key in module.PUBLISHED if hasattr(made, key)]
        assert {"size", "batch", "rate", "tau", "longest"} <= set(shared)
        assert all(getattr(made, key) == module.PUBLISHED[key] for key in shared)
        assert any(getattr(own, key) != module.PUBLISHED[key] for key in shared)
        assert SETTINGS[name]({"preset": "published", "batch": "4"}).batch == 4
    with pytest.raises(InputError, match="told is one of entities, plain, prose"):
        sei_train.settings_of({"told": "words"})


def test_a_small_text_encoder_needs_words_and_a_folder_a_network(tmp_path: Any) -> None:
    for module, recipe in ((mlrg_train, mlrg_train.Recipe()), (sei_train, sei_train.Recipe())):
        with pytest.raises(InputError, match="needs the words of the training reports"):
            module.net_of(recipe, None, WIDTH)
        with pytest.raises(MissingError, match="nothing"):
            module.trained(tmp_path / "nothing")


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_facts_are_known_findings_that_are_there(seed: int) -> None:
    draw, made = np.random.default_rng(seed), pairs(patients=2)
    shape = made.target.shape
    made = replace(made, target=draw.integers(0, 2, shape).astype(np.float32), known=draw.random(shape) < 0.6,
                   sides=draw.integers(0, 4, shape).astype(np.int8))  # fmt: skip
    for row, facts in enumerate(facts_of(made)):
        there = [at for at in range(2) if made.target[row, at] == 1 and made.known[row, at]]
        assert facts == {f"{made.names[at]}|{made.sides[row, at]}" for at in there}
        words = said(facts)
        assert (words == "none") == (not there)
        assert all(made.names[at] in words for at in there)
        assert ("left " in words) == any(made.sides[row, at] == 2 for at in there)


def test_cases_are_scored_by_what_they_share_with_the_film() -> None:
    train, asked = pairs(patients=3, name="t"), pairs(patients=2, name="a")
    held, facts = facts_of(train), facts_of(asked)
    cases = Cases(train, asked, torch.zeros(1), torch.zeros(1), held, facts)
    by_fact = {fact: 10.0 * np.eye(3, dtype=np.float32)[at] for at, fact in enumerate(sorted(set(held), key=sorted))}
    features, queries = (np.stack([by_fact[each] for each in some]) for some in (held, facts))
    score = cases.scores(cases.find(features, queries, "mark"))
    assert {name: each.value for name, each in score.items()} == {
        sei_claims.FIRST: 1.0, sei_claims.FIVE: 1.0, sei_claims.ILL: 1.0,
    }  # fmt: skip
    wrong = cases.scores(cases.find(features, np.roll(queries, 4, axis=0), "mark"))  # each asks with another's film
    assert wrong[sei_claims.FIRST].value == 0.0


def test_every_arm_of_sei_reads_the_same_studies_and_films_of_a_study_the_same_words() -> None:
    made = pairs(patients=4)
    texts = texts_of(made, seed=1)
    assert texts[sei_claims.ENTITIES] == texts[sei_claims.GLOBAL]
    for told in texts.values():
        assert len(told) == len(made)
        assert list(told[::2]) == list(told[1::2])
    assert sorted(texts[sei_claims.SHUFFLED]) == sorted(texts[sei_claims.ENTITIES])
    assert texts == texts_of(made, seed=1)
    assert texts[sei_claims.PROSE] != texts_of(made, seed=2)[sei_claims.PROSE]
    assert by_authors([EFFUSION, "", NORMAL], ["a", "b", "c"], seed=0)[1] == ""


def test_features_are_of_length_one_by_film_and_patch_whatever_the_batch() -> None:
    torch.manual_seed(0)
    net, tokens = sei.small_net(8), torch.randn(7, 5, WIDTH)
    made = features_of(net, tokens)
    np.testing.assert_allclose(np.linalg.norm(made.reshape(7, 5, WIDTH), axis=2), 1.0, rtol=1e-5)
    np.testing.assert_allclose(features_of(net, tokens, batch=2), made, atol=1e-6)
    moved = tokens.clone()
    moved[3, 4] += 1.0
    changed = np.abs(features_of(net, moved) - made).reshape(7, 5, WIDTH).max(axis=2) > 1e-6
    assert np.argwhere(changed).tolist() == [[3, 4]]  # each patch is projected by itself


def test_seis_words_are_zero_where_there_are_none_and_its_hash_is_of_all_weights() -> None:
    torch.manual_seed(0)
    net = sei.Sei(sei.SeiSize(6, WIDTH, 4), SmallText(8, WIDTH)).eval()
    mask = torch.tensor([[True, True, True], [True, False, False]])
    text, words = net.told(torch.tensor([[2, 3, 4], [5, 0, 0]]), mask)
    assert text.shape == (2, 4)
    assert not words[~mask].any()
    assert words[mask].any(dim=-1).all()
    before = hash_of(net)
    assert before == hash_of(net) != hash_of(net, net)
    with torch.no_grad():
        net.word.second.bias[0] += 1.0
    assert hash_of(net) != before


def test_seis_loss_without_words_is_its_instance_term_and_unit_vectors_change_the_token_term_alone() -> None:
    torch.manual_seed(0)
    net = sei.small_net(8).eval()
    ids = torch.tensor([[2, 3], [4, 5], [6, 0]])
    batch = sei.Batch(torch.randn(3, 5, WIDTH), ids, ids > 0)
    both, parts = sei.stage1_loss(net, batch, tau=0.5)
    alone, instance = sei.stage1_loss(net, batch, tau=0.5, words=False)
    _, flat = sei.stage1_loss(net, batch, tau=0.5, unit=True)
    assert set(instance) == {"instance"}
    assert float(alone.detach()) == pytest.approx(parts["instance"]) == pytest.approx(flat["instance"])
    assert float(both.detach()) == pytest.approx(parts["instance"] + parts["token"], rel=1e-5)
    assert parts["token"] != pytest.approx(flat["token"], rel=1e-3)


@pytest.mark.parametrize(("blocks", "width"), [({4: 1, 5: 1, 6: 1, 7: 1}, 4), ({4: 2, 5: 1, 6: 3, 7: 1}, 2)])
def test_a_residual_network_of_any_size_is_numbered_and_ends_at_a_thirty_second(
    blocks: dict[int, int], width: int
) -> None:
    net = resnet(blocks, width).eval()
    assert {at: len(net[at]) for at in blocks} == blocks
    assert net(torch.rand(1, 3, 64, 96)).shape == (1, 32 * width, 2, 3)
