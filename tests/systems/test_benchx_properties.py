"""Benchx's lines, pictures, batches and names of released tensors, whatever comes in, beside another way to count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from hilum.core.cohort import Cohort  # noqa: E402
from hilum.core.errors import InputError  # noqa: E402
from hilum.core.image import Image  # noqa: E402
from hilum.core.registry import register  # noqa: E402
from hilum.core.report import Report  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.learn.pairs import Pairs  # noqa: E402
from hilum.learn.transfer import Tuning  # noqa: E402
from hilum.learn.wording import Wording  # noqa: E402
from hilum.measure.binary import weighted_auroc  # noqa: E402
from hilum.systems._benchx_claims import RANDOM, SUPERVISED  # noqa: E402
from hilum.systems._benchx_data import pairs_of  # noqa: E402
from hilum.systems._benchx_judge import tau_between_recipes, tau_between_seeds  # noqa: E402
from hilum.systems._benchx_lines import Aurocs, published_lines, ranking_lines, retrieval_lines  # noqa: E402
from hilum.systems._benchx_method import Method  # noqa: E402
from hilum.systems._benchx_names import image_tensors  # noqa: E402
from hilum.systems._benchx_picture import _ticks, ranking_svg  # noqa: E402
from hilum.systems._benchx_pretrain import METHODS  # noqa: E402
from hilum.systems._benchx_protocol import DEFAULT, FROZEN, SEARCHED, Cell, Cells, Protocol, Split  # noqa: E402
from hilum.systems._benchx_reading import Reading, Scale  # noqa: E402
from hilum.systems._benchx_run import real_lines  # noqa: E402
from hilum.systems._benchx_train import Recipe, resolve  # noqa: E402

COUNT, ARMS = 24, ("convirt", "gloria", "mrm")


def pairs(count: int = COUNT, *, views: Sequence[str] = ("PA",), texts: Sequence[str] = ("A mass.", "Clear.")) -> Pairs:
    rng = np.random.default_rng(count)
    at = np.arange(count)
    report = tuple(texts[n % len(texts)] for n in range(count))
    target, known = (rng.random((count, 2)) < 0.5).astype(np.float32), rng.random((count, 2)) < 0.8
    names = np.array([f"s{n // len(views):03}" for n in at])
    view = np.array([views[n % len(views)] for n in range(count)])
    return Pairs(
        rng.integers(0, 256, (count, 16, 16)).astype(np.uint8), view, names, names, view, view,
        np.zeros(count, np.int32), report, ("",) * count, tuple((each,) for each in report), ("a", "b"), target, known,
        np.zeros((count, 2), bool), np.zeros((count, 2, 16, 2), np.uint8), np.zeros((count, 2), np.int8),
    )  # fmt: skip


def said(seeds: int) -> Cells:
    cells, rng = Cells(), np.random.default_rng(seeds)
    for recipe in (DEFAULT, SEARCHED):
        for arm in (*ARMS, RANDOM, SUPERVISED):
            for seed in range(seeds):
                cells.add(Cell(FROZEN, 1.0, recipe), arm, rng.normal(size=(COUNT, 2)).astype(np.float32))
                if recipe == DEFAULT:
                    cells.spread.setdefault(arm, []).append(0.1 * seed)
            cells.chosen[arm] = {"seldom": 1, "often": 2}
    return cells


def by_hand(cells: Cells, test: Pairs, recipe: str, seed: int) -> list[float]:
    found = []
    for arm in ARMS:
        logits, each = cells.logits[Cell(FROZEN, 1.0, recipe)][arm][seed], []
        for at in range(2):
            truth, score = (part[test.known[:, at], at] for part in (test.target > 0, logits))
            each.append(np.mean(score[truth][:, None] > score[~truth][None]))
        found.append(float(np.mean(each)))
    return found


def test_both_taus_are_those_of_single_runs() -> None:
    cells, test, seeds = said(3), pairs(), 3
    values, one, way = Aurocs(cells, test, ("a", "b")), np.ones((1, COUNT)), [Cell(FROZEN, 1.0, DEFAULT)]
    table = {recipe: [by_hand(cells, test, recipe, seed) for seed in range(seeds)] for recipe in (DEFAULT, SEARCHED)}
    wanted = np.mean([kendalltau(*both).statistic for both in zip(table[DEFAULT], table[SEARCHED], strict=True)])
    assert tau_between_recipes(values, one, ARMS, way, seeds)[0] == pytest.approx(wanted)
    among = [kendalltau(rows[i], rows[j]).statistic for rows in table.values() for i, j in ((0, 1), (0, 2), (1, 2))]
    assert tau_between_seeds(values, one, ARMS, way, seeds)[0] == pytest.approx(np.mean(among))
    assert np.isnan(tau_between_seeds(values, one, ARMS, way, 1)).all()


def test_a_film_that_weighs_twice_counts_as_two() -> None:
    cells, test = said(1), pairs()
    weights = np.random.default_rng(0).integers(0, 3, (1, COUNT)).astype(np.float64)
    rows, cell = np.repeat(np.arange(COUNT), weights[0].astype(int)), Cell(FROZEN, 1.0, DEFAULT)
    found = Aurocs(cells, test, ("b",)).of(weights, cell, "mrm", 0)
    rows = rows[test.known[rows, 1]]
    logits = cells.logits[cell]["mrm"][0][rows, 1]
    assert found[0] == pytest.approx(weighted_auroc(test.target[rows, 1] > 0, logits, np.ones((1, len(rows))))[0])


def test_the_table_gives_each_arm_its_score_and_ranked_ones_a_place() -> None:
    cells, test = said(2), pairs()
    lines = ranking_lines(Aurocs(cells, test, ("a", "b")), cells, ARMS, 2)
    assert lines[0].startswith("frozen, 100 % of the patients: tau of the mean rankings ")
    means = {r: np.mean([by_hand(cells, test, r, seed) for seed in range(2)], axis=0) for r in (DEFAULT, SEARCHED)}
    for at, arm in enumerate(ARMS):
        spread = np.std([by_hand(cells, test, SEARCHED, seed)[at] for seed in range(2)])
        one, two = (int((means[r] > means[r][at]).sum()) + 1 for r in (DEFAULT, SEARCHED))
        assert (
            lines[1 + at].split()
            == (
                f"{arm} default {means[DEFAULT][at]:.3f} per method {means[SEARCHED][at]:.3f} (seeds +- {spread:.3f}) "
                f"place {one} -> {two}"
            ).split()
        )
    assert [line.split()[-1] for line in lines[4:6]] == ["-", "-"]
    assert all(line.split()[1:] == ["0.050", "often"] for line in lines[-5:])


def test_too_few_published_figures_are_said_and_not_ranked() -> None:
    for methods in (("convirt", "ptunifier"), ("ptunifier",), ()):
        assert published_lines(methods) == ["BenchX's figures on NIH: it has them for fewer than two of these methods"]
    years = {"convirt": 2020, "medklip": 2023, "mflag": 2023}
    held = [METHODS[name].published.auroc for name in years]
    wanted = [kendalltau(list(years.values()), [each[at] for each in held if each]).statistic for at in range(3)]
    found = re.findall(r"-?\d\.\d\d", published_lines(tuple(years))[0])
    assert [float(each) for each in found] == pytest.approx(wanted, abs=0.006)


class Knowing(Method):
    """Scores a film with a text by the film's place among the asked, the own text first or last."""

    def __init__(self, sign: float) -> None:
        """Without encoders."""
        super().__init__(torch.nn.Identity(), torch.nn.Identity(), width=1, vocabulary=5)
        self.sign = sign

    def scores(self, film: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the signed identity."""
        every: Tensor = self.sign * torch.eye(len(film))
        return every


@pytest.mark.parametrize("count", [2, 7, 12])
def test_chance_is_never_above_all_and_the_best_and_the_worst_are_told(count: int) -> None:
    test = pairs(count, texts=[f"text {n}" for n in range(count)])
    wording = Wording.of(test.report)
    lines = retrieval_lines({"best": [Knowing(1)], "worst": [Knowing(-1)]}, test, lambda texts: wording.code(texts))
    chances = [min(100.0, 100 * first / count) for first in (1, 5, 10)]
    assert lines[0].endswith(f"chance {chances[0]:.1f}, {chances[1]:.1f} and {chances[2]:.1f} %")
    assert lines[1].count("100.0") == 6
    worst = [100.0 if count <= first else 0.0 for first in (1, 5, 10)]
    assert [float(each) for each in re.findall(r"\d+\.\d", lines[2])] == worst * 2


def test_what_has_no_report_or_no_finding_to_score_is_said() -> None:
    mute = pairs(4, texts=("",))
    assert retrieval_lines({}, mute, lambda texts: (torch.zeros(0), torch.zeros(0))) == [
        "retrieval: no film has a report"
    ]
    few = pairs(4)
    cells = Cells(real={"mrm": [np.zeros((4, 2))]})
    assert real_lines(cells, Split(few, few, few, few), seed=0) == [
        "real films: no finding is on ten of them and missing from ten"
    ]


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.011, 0.7))
def test_ticks_are_multiples_of_their_step_inside_and_none_is_left_out(low: float, span: float) -> None:
    ticks = _ticks(low, low + span)
    assert 0 < len(ticks) <= 8 or span < 0.02
    assert all(low < tick <= low + span + 1e-9 for tick in ticks)
    if len(ticks) > 1:
        step = ticks[1] - ticks[0]
        assert np.allclose(np.array(ticks) / step, np.round(np.array(ticks) / step))
        assert ticks[0] - step <= low + 1e-9
        assert ticks[-1] + step > low + span - 1e-9


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0.3, 0.95), st.floats(0.3, 0.95)), min_size=1, max_size=9))
def test_circles_lie_in_the_order_of_their_scores(scores: list[tuple[float, float]]) -> None:
    rows = [(f"m{at}", one, two, 0.0) for at, (one, two) in enumerate(scores)]
    svg = ranking_svg(rows, [], {name: (1, 1) for name, *_ in rows}, title="t")
    drawn = [float(each) for each in re.findall(r'circle cx="([\d.]+)"', svg)]
    flat = [value for pair in scores for value in pair]
    assert len(drawn) == len(flat)
    for i, j in zip(np.argsort(flat, kind="stable"), np.argsort(flat, kind="stable")[1:], strict=False):
        assert drawn[i] <= drawn[j]
    assert "#b3261e" not in svg  # nobody moved


def reading(count: int = 12, **how: object) -> Reading:
    test = pairs(count, views=("PA", "LL"))
    scale = Scale(batch=how.pop("batch", 4), words=3)  # type: ignore[arg-type]
    return Reading(test, Wording.of(test.report), scale, **how)  # type: ignore[arg-type]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_a_batch_is_of_frontal_films_of_different_studies_with_their_own_findings(step: int, size: int) -> None:
    made = reading(batch=size)
    batch, count = made(step), min(size, 6)
    assert len(set(batch.ids)) == len(batch.ids) == len(batch.film) == count
    rows = [int(each[1:]) * 2 for each in batch.ids]  # the PA film of each study
    assert torch.equal(batch.target, torch.from_numpy(made.pairs.target[rows]))
    assert torch.equal(batch.known, torch.from_numpy(made.pairs.known[rows]))
    assert batch.report.shape == batch.report_mask.shape
    assert bool((batch.report_mask == (batch.report > 0)).all())
    assert 0.0 <= float(batch.film.min()) <= float(batch.film.max()) <= 1.0


def test_a_study_of_one_film_is_its_own_second_view() -> None:
    test = pairs(6)
    made = Reading(test, Wording.of(test.report), Scale(batch=4), views=True)
    assert [made._again(row, np.random.default_rng(0)) for row in range(6)] == list(range(6))
    assert {reading()._again(row, np.random.default_rng(seed)) for row in (4,) for seed in range(9)} == {5}


def test_joined_weights_are_cut_in_three_and_classifiers_left_behind() -> None:
    whole = torch.arange(24.0).view(12, 2)
    t = image_tensors({"module.blocks.3.attn.qkv.weight": whole, "head.weight": whole}, METHODS["mrm"].published)
    names = [f"encoder.layer.3.attention.attention.{part}.weight" for part in ("query", "key", "value")]
    assert sorted(t) == sorted(names)
    assert torch.equal(torch.cat([t[name] for name in names]), whole)
    one = torch.ones(1)
    kept = image_tensors({f"state_dict.visual.model.{name}": one for name in ("layer4.1.bn2.bias", "fc.bias")},
                         METHODS["convirt"].published)  # fmt: skip
    assert list(kept) == ["layer4.1.bn2.bias"]
    numbered = image_tensors({f"module.res_features.{at}.w": one for at in (0, 7, 8, "x")},
                             METHODS["medklip"].published)  # fmt: skip
    assert list(numbered) == ["conv1.w", "layer4.w"]


def test_a_split_of_the_sets_own_goes_before_the_hash(tmp_path: Path) -> None:
    kinds = ("train", "validate", "dev", "valid", "test")
    studies = [Study(f"s{n}", f"p{n}", images=(Image(np.full((8, 8), n / 9, np.float32), view="PA", id=f"f{n}"),),
                     report=Report(findings="Clear.")) for n in range(5)]  # fmt: skip

    @register.dataset("benchx-own-split", licence="CC0")
    def own(root: str | Path) -> Cohort:
        return Cohort("own", studies, splits=lambda patient: kinds[int(patient[1:])])

    found = pairs_of(f"benchx-own-split:{tmp_path}", size=16)
    assert dict(zip(found.patient, found.split, strict=True)) == {
        "p0": "train", "p1": "val", "p2": "val", "p3": "val", "p4": "test"
    }  # fmt: skip


def test_settings_keep_their_kinds_and_their_bounds() -> None:
    found = resolve({"rate": "0.5", "method": "mrm", "size": "64", "draw": "0"})
    assert found == replace(Recipe(), rate=0.5, method="mrm", size=64, draw=0)
    assert resolve({}) == Recipe()
    for changes in ({"size": 48}, {"size": 72}, {"probe": 0}, {"patients": -1}):
        with pytest.raises(InputError, match="multiple of 16 from 64"):
            resolve(changes)
    assert Protocol().probe == Tuning(rate=1e-2, steps=60, check_every=20, patience=3, frozen=True)
