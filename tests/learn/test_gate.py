"""A gate on made features: the rate it keeps, the kinds it names, its files, and what it refuses to do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from hilum.core.errors import InputError, MissingError
from hilum.learn.gate import CHILD, KINDS, LATERAL, NOT_CHEST, REASONS, UNLIKE, Gate, rate_interval

WIDTH = 8
CENTERS = {"inverted": 0, LATERAL: 1, CHILD: 2}


def films(seed: int, count: int = 400, at: int | None = None) -> np.ndarray:
    """Return Gaussian features, of right films around 0, of a misuse 7 deviations along an axis of its own."""
    made = np.random.default_rng(seed).normal(size=(count, WIDTH))
    if at is not None:
        made[:, at] += 7
    return made


def kinds(count: int = 80) -> dict[str, np.ndarray]:
    return {name: films(50 + axis, count, axis) for name, axis in CENTERS.items()}


def far_away(count: int = 20) -> np.ndarray:
    """Return features that neither films nor examples are like."""
    made = films(77, count)
    made[:, 5] -= 30
    return made


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate.fit(films(0), kinds(), validation=films(1), rate=0.05, fitted_on="made features")


def test_known_misuses_are_refused_by_name_and_right_films_pass(gate: Gate) -> None:
    assert np.mean([name == "" for name in gate.named(films(2, 2000))]) > 0.9
    for name, axis in CENTERS.items():
        assert np.mean([said == name for said in gate.named(films(9, 200, axis))]) > 0.97
    assert set(gate.named(far_away())) == {UNLIKE}


@pytest.mark.parametrize("distance", ["mahalanobis", "neighbours"])
@pytest.mark.parametrize("rate", [0.01, 0.02, 0.1, 0.25])
@pytest.mark.parametrize("known", [True, False])
def test_on_validation_films_the_rate_is_the_one_asked_for(distance: str, rate: float, known: bool) -> None:
    validation = films(1)
    fitted = Gate.fit(films(0), kinds() if known else None, validation=validation, rate=rate, distance=distance)
    refused = sum(bool(name) for name in fitted.named(validation))
    assert refused == round(rate * len(validation))
    assert fitted.facts["validation"]["refused"] == refused


def test_with_gaussian_films_the_distances_limit_is_chi_squares() -> None:
    fitted = Gate.fit(films(0, 4000), validation=films(1, 4000), rate=0.05)
    assert fitted.limits[UNLIKE] == pytest.approx(chi2.ppf(0.95, WIDTH), rel=0.05)


def test_the_interval_holds_the_share_of_new_films_as_often_as_it_says() -> None:
    """Limits from 150 films, the share of new ones known from chi-square: about 95 % of intervals hold it."""
    draw, held = np.random.default_rng(4), 0
    for _ in range(400):
        limit = np.sort(chi2.rvs(WIDTH, size=150, random_state=draw))[::-1][5]
        low, high = rate_interval(5, 150)
        held += low <= chi2.sf(limit, WIDTH) <= high
    assert 0.92 <= held / 400 <= 0.98


def test_a_limit_for_sites_never_seen_is_wider_and_keeps_its_rate_there() -> None:
    draw = np.random.default_rng(6)
    offsets = draw.normal(size=(12, WIDTH)) * 1.5
    site = np.repeat(np.arange(9), 60)
    rows = draw.normal(size=(540, WIDTH)) + offsets[site]
    names = np.array([f"site {number}" for number in site])
    here = Gate.fit(rows, patients=[str(n) for n in range(540)], rate=0.05)
    there = Gate.fit(rows, patients=[str(n) for n in range(540)], rate=0.05, sites=names)
    unseen = np.concatenate([draw.normal(size=(300, WIDTH)) + offset for offset in offsets[9:]])
    share = [np.mean([bool(name) for name in each.named(unseen)]) for each in (here, there)]
    assert there.limits[UNLIKE] > here.limits[UNLIKE]
    assert share[1] < share[0]
    assert share[1] < 0.15
    assert "sites left out" in there.facts["validation"]["set_on"]


def test_an_allowed_kind_passes_though_no_film_like_it_was_trained_on(gate: Gate) -> None:
    laterals = films(9, 100, CENTERS[LATERAL])
    assert np.mean([said == LATERAL for said in gate.named(laterals)]) > 0.97
    assert np.mean([said == "" for said in gate.named(laterals, allowed=[LATERAL])]) > 0.97
    assert set(gate.named(far_away(), allowed=[LATERAL])) == {UNLIKE}
    assert gate.named(laterals, allowed=["a kind of another gate"]) == gate.named(laterals)


def test_everything_allowed_leaves_the_distance_alone(gate: Gate) -> None:
    assert set(gate.named(far_away(), allowed=CENTERS)) <= {UNLIKE, ""}
    assert not any(gate.named(films(9, 50, 0), allowed=CENTERS))


def test_what_a_model_asks_depends_on_the_header_and_on_whom_it_is_for(gate: Gate) -> None:
    lateral, child = (films(9, 1, CENTERS[name])[0] for name in (LATERAL, CHILD))
    assert gate.reason(lateral, stated_view="PA").startswith("this looks like a lateral film")
    assert gate.reason(lateral, stated_view="LL") == ""
    assert gate.reason(lateral, stated_view="unknown") == ""
    assert gate.reason(child, stated_view="PA") == ""
    assert gate.reason(child, adults_only=True).startswith("this looks like a child's film")


def test_a_judgement_is_a_triple_with_a_sentence_and_its_figure(gate: Gate) -> None:
    refused, reason, score = gate.judge(films(9, 1, 0)[0])
    assert refused
    assert score > 0
    assert reason.startswith(f"{REASONS['inverted']} (probability ")
    refused, reason, score = gate.judge(far_away(1)[0])
    assert refused
    assert score > 0
    assert f"limit {gate.limits[UNLIKE]:.4g}" in reason
    assert gate.judge(np.zeros(WIDTH))[:2] == (False, "")
    assert gate.judge(np.zeros(WIDTH)).score < 0


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), reach=st.floats(0, 12), allow=st.booleans())
def test_a_film_is_refused_where_its_score_is_above_0_and_then_has_a_reason(
    seed: int, reach: float, allow: bool
) -> None:
    held = _shared()
    ray = np.random.default_rng(seed).normal(size=(6, WIDTH)) * reach / 2
    allowed = (LATERAL,) if allow else ()
    for judged, name in zip(held.judge_each(ray, allowed=allowed), held.named(ray, allowed=allowed), strict=True):
        assert judged.refused == (judged.score > 0) == bool(judged.reason) == bool(name)


def _shared(_kept: list[Gate] = []) -> Gate:  # noqa: B006
    if not _kept:
        _kept.append(Gate.fit(films(0), kinds(), validation=films(1), rate=0.05))
    return _kept[0]


def test_films_one_by_one_are_judged_as_all_at_once(gate: Gate) -> None:
    mixed = np.concatenate((films(3, 10), films(9, 5, 0), far_away(5)))
    together = gate.judge_each(mixed)
    assert [gate.judge(film).reason for film in mixed] == [judged.reason for judged in together]


def test_made_films_among_the_right_ones_keep_the_misuse_from_being_how_they_were_made() -> None:
    """Examples of laterals share an oddity of their making; without made frontals the head takes that for a lateral."""
    oddity = np.zeros(WIDTH)
    oddity[6] = 14
    examples = {LATERAL: films(11, 80, 1) + oddity}
    blind = Gate.fit(films(0), examples, validation=films(1))
    told = Gate.fit(films(0), examples, validation=films(1), also=films(12, 80) + oddity)
    frontals, laterals = films(13, 200) + oddity, films(14, 200, 1)
    assert np.mean([said == LATERAL for said in blind.named(frontals)]) > 0.5
    assert np.mean([said == LATERAL for said in told.named(frontals)]) < 0.05
    assert np.mean([said == LATERAL for said in told.named(laterals)]) > 0.9


def test_without_validation_films_whole_patients_are_held_out() -> None:
    patients = np.repeat([f"p{n}" for n in range(100)], 4)
    fitted = Gate.fit(films(0), patients=patients, rate=0.05)
    assert fitted.facts["validation"]["films"] == 100
    assert fitted.facts["films"] == 300
    assert fitted.limits == Gate.fit(films(0), patients=patients, rate=0.05).limits
    assert fitted.limits != Gate.fit(films(0), patients=patients, rate=0.05, seed=1).limits


def test_energy_takes_logits_and_refuses_films_that_no_class_claims() -> None:
    draw = np.random.default_rng(0)
    sure = draw.normal(size=(300, 3))
    sure[np.arange(300), draw.integers(0, 3, 300)] += 12
    fitted = Gate.fit(sure[:150], validation=sure[150:], distance="energy", rate=0.05)
    assert all(fitted.named(draw.normal(size=(50, 3))))
    assert fitted.far.arrays("far") == {}


def test_kinds_and_sentences_of_ones_own() -> None:
    fitted = Gate.fit(
        films(0), {"veterinary": films(5, 60, 3), "phantom": films(6, 60, 4)}, validation=films(1),
        reasons={"veterinary": "this is an animal"},
    )  # fmt: skip
    assert fitted.judge(films(9, 1, 3)[0]).reason.startswith("this is an animal (probability")
    assert fitted.judge(films(9, 1, 4)[0]).reason.startswith("this looks like: phantom")


@pytest.mark.parametrize("distance", ["mahalanobis", "relative", "neighbours"])
def test_what_is_saved_judges_alike(distance: str, tmp_path: Path) -> None:
    first = Gate.fit(films(0), kinds(), validation=films(1), distance=distance, classes=["a", "b"] * 200)
    again = Gate.load(first.save(tmp_path / "model", model_sha256="ab" * 32), model_sha256="ab" * 32)
    mixed = np.concatenate((films(3, 200), films(9, 50, 0), far_away()))
    assert again.named(mixed) == first.named(mixed)
    old, new = (each.scores(mixed)[UNLIKE] for each in (first, again))
    assert new == pytest.approx(old, rel=1e-3, abs=1e-2)
    assert again.facts == first.facts
    assert again.reasons == first.reasons


def test_a_gate_of_a_distance_alone_is_saved_too_and_the_same_bytes_come_out(tmp_path: Path) -> None:
    fitted = Gate.fit(films(0), validation=films(1))
    fitted.save(tmp_path / "a")
    Gate.fit(films(0), validation=films(1)).save(tmp_path / "b")
    for name in ("gate.safetensors", "gate.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    again = Gate.load(tmp_path / "a")
    assert again.heads is None
    assert set(again.named(far_away())) == {UNLIKE}
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["gate.json", "gate.safetensors"]


def test_reading_needs_neither_scipy_nor_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    Gate.fit(films(0), kinds(), validation=films(1)).save(tmp_path)
    code = (
        "import sys, numpy; from hilum.learn.gate import Gate; "
        f"g = Gate.load({str(tmp_path)!r}); print(g.judge(numpy.full(8, -40.0)).refused, "
        "[n for n in ('scipy', 'torch', 'safetensors') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"


def test_a_folder_without_a_gate_has_none_and_half_a_gate_is_an_error(tmp_path: Path) -> None:
    assert Gate.beside(tmp_path) is None
    Gate.fit(films(0), validation=films(1)).save(tmp_path)
    assert Gate.beside(tmp_path) is not None
    (tmp_path / "gate.safetensors").unlink()
    with pytest.raises(MissingError, match=r"gate\.safetensors is missing"):
        Gate.beside(tmp_path)


def test_a_gate_is_not_used_with_another_network(tmp_path: Path) -> None:
    Gate.fit(films(0), validation=films(1)).save(tmp_path, model_sha256="a" * 64)
    assert Gate.load(tmp_path).kinds == ()
    with pytest.raises(InputError, match="is for the network aaaaaaaaaaaa, this one is bbbbbbbbbbbb"):
        Gate.load(tmp_path, model_sha256="b" * 64)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"format": 99}, "has format 99, this Hilum reads 1"),
        ({"sha256": "0"}, "do not belong together"),
        ({"limits": None, "facts": None}, "is damaged"),
        ({"facts": {"distance": "cosine"}}, "is damaged"),
    ],
)
def test_a_damaged_gate_is_named(change: dict[str, object], said: str, tmp_path: Path) -> None:
    Gate.fit(films(0), validation=films(1)).save(tmp_path)
    held = json.loads((tmp_path / "gate.json").read_text())
    (tmp_path / "gate.json").write_text(json.dumps(held | change))
    with pytest.raises(InputError, match=said):
        Gate.load(tmp_path)


def test_a_cut_json_is_named(tmp_path: Path) -> None:
    Gate.fit(films(0), validation=films(1)).save(tmp_path)
    (tmp_path / "gate.json").write_text('{"format": 1,')
    with pytest.raises(InputError, match="is damaged"):
        Gate.load(tmp_path)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"rate": 0.0}, r"must lie in \(0, 0.5\], got 0"),
        ({"rate": 0.7}, "got 0.7"),
        ({"rate": 0.001}, "400 validation films cannot tell a rate of 0.001: give at least 1000"),
        ({"distance": "cosine"}, "no distance 'cosine': choose one of mahalanobis"),
        ({"kinds": {UNLIKE: np.zeros((5, 8))}}, "the kind 'unlike' is the distance's"),
        ({"classes": ["PA"]}, "classes must name one for each of 400 films"),
        ({"sites": ["here"] * 400}, "at least two, got only 'here'"),
        ({"validation": np.zeros((400, 3))}, r"must be \(N, 8\)"),
        ({"kinds": {"inverted": np.zeros((5, 3))}}, r"must be \(N, 8\)"),
        ({"also": np.zeros((5, 3)), "kinds": {"inverted": np.zeros((5, 8))}}, r"must be \(N, 8\)"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Gate.fit(films(0), **{"validation": films(1), **arguments})  # type: ignore[arg-type]


def test_features_of_another_encoder_or_of_several_films_are_refused(gate: Gate) -> None:
    with pytest.raises(InputError, match=r"must be \(N, 8\)"):
        gate.judge(np.zeros(9))
    with pytest.raises(InputError, match="one film is judged at a time, got features of 3"):
        gate.judge(np.zeros((3, 8)))
    with pytest.raises(InputError, match="not finite"):
        gate.judge(np.full(8, np.nan))


def test_every_kind_of_ours_has_a_sentence_of_its_own() -> None:
    assert len(set(REASONS.values())) == len(REASONS)
    assert {NOT_CHEST, LATERAL, CHILD, UNLIKE, "inverted", "cropped"} <= set(REASONS)
    assert KINDS not in REASONS
