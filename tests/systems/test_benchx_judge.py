"""How the ranking is judged: on logits whose quality is set, so that every answer is known beforehand."""

from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.pairs import Pairs  # noqa: E402
from hilum.learn.transfer import Tuning  # noqa: E402
from hilum.learn.wording import Wording  # noqa: E402
from hilum.measure.binary import weighted_auroc  # noqa: E402
from hilum.systems._benchx_cells import encoders, run_cells  # noqa: E402
from hilum.systems._benchx_claims import RANDOM, SUPERVISED  # noqa: E402
from hilum.systems._benchx_judge import judge_ranking  # noqa: E402
from hilum.systems._benchx_lines import Aurocs, published_lines, ranking, retrieval_lines  # noqa: E402
from hilum.systems._benchx_picture import ranking_svg  # noqa: E402
from hilum.systems._benchx_pretrain import network  # noqa: E402
from hilum.systems._benchx_protocol import DEFAULT, FROZEN, SEARCHED, TUNED, Cell, Cells, Protocol, Split  # noqa: E402
from hilum.systems._benchx_reading import Scale  # noqa: E402
from hilum.systems._benchx_run import real_lines  # noqa: E402

METHODS = ("convirt", "gloria", "medklip", "mrm")
COUNT = 160


def pairs(count: int = COUNT, side: int = 32, seed: int = 0) -> Pairs:
    """Films with a bright top where the first finding is; two findings, a patient for every two films."""
    rng = np.random.default_rng(seed)
    target = (rng.random((count, 2)) < 0.5).astype(np.float32)
    films = rng.integers(0, 90, (count, side, side)).astype(np.uint8)
    films[target[:, 0] > 0, : side // 2] += 120
    names = np.array([f"s{at}" for at in range(count)])
    patients = np.array([f"p{at // 2}" for at in range(count)])
    text = tuple("Bright top." if row[0] else "Nothing there." for row in target)
    same = np.full(count, "PA")
    return Pairs(
        films, same, names, patients, same, same, np.zeros(count, np.int32), text, ("",) * count,
        tuple((each,) for each in text), ("a", "b"), target, np.ones((count, 2), bool), np.zeros((count, 2), bool),
        np.zeros((count, 2, side, side // 8), np.uint8), (target > 0).astype(np.int8),
    )  # fmt: skip


def made(quality: dict[str, dict[str, float]], *, noise: float = 0.0, seeds: int = 3) -> tuple[Cells, Pairs]:
    """Logits that carry the truth as strongly as told: recipe -> arm -> strength."""
    test, cells = pairs(), Cells()
    for recipe, arms in quality.items():
        for arm, strength in arms.items():
            for seed in range(seeds):
                rng = np.random.default_rng([seed, sum(map(ord, arm + recipe))])
                logits = rng.normal(size=(COUNT, 2)) + (strength + noise * rng.normal()) * test.target
                cells.add(Cell(FROZEN, 1.0, recipe), arm, logits.astype(np.float32))
                cells.spread.setdefault(arm, []).append(0.1 * (1 + seed))
                cells.chosen.setdefault(arm, {"norm on": 1})
    return cells, test


BEST_FIRST = {**dict(zip(METHODS, (4.0, 3.0, 2.0, 1.0), strict=True)), RANDOM: 0.2, SUPERVISED: 5.0}
LAST_FIRST = {**dict(zip(METHODS, (1.0, 2.0, 3.0, 4.0), strict=True)), RANDOM: 0.2, SUPERVISED: 5.0}


def test_a_recipe_that_turns_the_ranking_round_is_found_out() -> None:
    cells, test = made({DEFAULT: LAST_FIRST, SEARCHED: BEST_FIRST})
    parts, beside, lines = judge_ranking(cells, test, ("a", "b"), METHODS, seeds=3, seed=0)
    changes, overtake = parts
    assert changes.outcome == "holds"
    assert changes.arms["between recipes"].value == pytest.approx(-1.0)
    assert changes.arms["between seeds"].value == pytest.approx(1.0)
    assert overtake.outcome == "holds"  # ConVIRT and GLoRIA are the best under their own recipes
    assert beside[0].outcome == "holds"
    assert any("place 4 -> 1" in line for line in lines if "convirt" in line)


def test_a_recipe_that_changes_nothing_and_noise_are_not_mistaken_for_a_change() -> None:
    cells, test = made({DEFAULT: LAST_FIRST, SEARCHED: LAST_FIRST})
    parts, _, _ = judge_ranking(cells, test, ("a", "b"), METHODS, seeds=3, seed=0)
    assert [part.outcome for part in parts] == ["fails", "fails"]
    same = dict.fromkeys((*METHODS, RANDOM, SUPERVISED), 1.0)
    cells, test = made({DEFAULT: same, SEARCHED: same}, noise=0.5)
    parts, _, _ = judge_ranking(cells, test, ("a", "b"), METHODS, seeds=3, seed=0)
    assert parts[0].outcome == "fails"  # rankings differ, but so do those of two seeds


def test_one_seed_cannot_tell() -> None:
    cells, test = made({DEFAULT: LAST_FIRST, SEARCHED: BEST_FIRST}, seeds=1)
    parts, _, _ = judge_ranking(cells, test, ("a", "b"), METHODS, seeds=1, seed=0)
    assert {part.outcome for part in parts} == {"cannot be tested here"}
    with pytest.raises(InputError, match="two methods"):
        judge_ranking(cells, test, ("a", "b"), METHODS[:1], seeds=1, seed=0)


def test_aurocs_are_those_of_each_finding_and_made_once() -> None:
    cells, test = made({DEFAULT: BEST_FIRST, SEARCHED: BEST_FIRST})
    values, one = Aurocs(cells, test, ("a", "b")), np.ones((1, COUNT))
    cell = Cell(FROZEN, 1.0, DEFAULT)
    found = values.of(one, cell, "gloria", 1)
    logits = cells.logits[cell]["gloria"][1]
    wanted = [weighted_auroc(test.target[:, at] > 0, logits[:, at], one)[0] for at in range(2)]
    assert found[0] == pytest.approx(np.mean(wanted))
    assert values.of(one, cell, "gloria", 1) is found
    assert list(np.argsort(-ranking(values, METHODS, cell, 3))) == [0, 1, 2, 3]


def test_published_figures_rank_no_better_by_year() -> None:
    (line,) = published_lines(
        ("convirt", "gloria", "refers", "medclip", "mgca", "medklip", "mflag", "mrm", "ptunifier")
    )
    assert "8 methods" in line
    taus = [float(each) for each in re.findall(r"-?\d\.\d\d", line)]
    assert all(-1 < tau < 0.6 for tau in taus[:3])


def test_retrieval_is_told_of_methods_that_compare() -> None:
    test = pairs(12)
    wording = Wording.of(test.report)
    scale = Scale(width=16, channels=(4, 8), words=8)
    nets = {
        name: [network(name, wording, test.names, scale, seed=at) for at in range(2)] for name in ("convirt", "mrm")
    }
    lines = retrieval_lines(nets, test, lambda texts: wording.code(texts, longest=8))
    assert "12 films and 2 different reports" in lines[0]
    assert "film to text R@1,5,10" in lines[1]
    assert "compares nothing" in lines[2]


def test_the_picture_shows_every_arm_and_marks_those_that_moved() -> None:
    rows = [("convirt", 0.6, 0.7, 0.01), ("m&m", 0.65, 0.66, 0.02)]
    svg = ranking_svg(rows, [("random-init", 0.5, 0.5, 0.0)], {"convirt": (2, 1), "m&m": (1, 2)}, title="t")
    assert svg.startswith("<svg")
    assert svg.count("<circle") == 6
    assert "m&amp;m" in svg
    assert "m&m" not in svg
    centres = [float(x) for x in re.findall(r'circle cx="([\d.]+)"', svg)]
    assert centres[1] > centres[0]  # 0.7 lies right of 0.6
    assert svg.count('stroke="#b3261e"') == 2


@pytest.mark.slow
def test_the_whole_experiment_runs_on_films_that_tell_one_finding() -> None:
    train, val, test = pairs(60, seed=1), pairs(40, seed=2), pairs(80, seed=3)
    split = Split(train, val, test, test)
    how = Protocol(
        methods=("convirt", "mrm"), fractions=(0.5, 1.0),
        probe=Tuning(rate=1e-2, steps=40, check_every=20, batch=16, frozen=True),
        searched={"norm": (False, True), "rate": (1e-2, 5e-2)}, whole=Tuning(steps=6, batch=8, check_every=3),
    )  # fmt: skip
    wording, scale, cells = Wording.of(train.report), Scale(width=16, channels=(4, 8), steps=25, batch=12), Cells()
    said: list[str] = []
    arms = encoders(split, wording, scale, how, seed=0, say=said.append)
    run_cells(cells, arms, split, how, seed=0, say=said.append)
    assert set(arms) == {RANDOM, SUPERVISED, "convirt", "mrm"}
    assert {(c.mode, c.share, c.recipe) for c in cells.logits} == {
        (mode, share, recipe) for mode in (FROZEN, TUNED) for share in (0.5, 1.0) for recipe in (DEFAULT, SEARCHED)
    }
    values, one = Aurocs(cells, test, ("a",)), np.ones((1, 80))
    assert values.of(one, Cell(FROZEN, 1.0, SEARCHED), SUPERVISED, 0)[0] > 0.9
    assert len(said) == 6
    lines = real_lines(cells, split, seed=0)
    assert any(line.strip().startswith("supervised") for line in lines)
    assert "none were given" in real_lines(cells, Split(train, val, test), seed=0)[0]
