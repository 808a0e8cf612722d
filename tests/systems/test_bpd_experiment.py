"""The experiment's lines: what is told of bodies, sites and arms that did not run, on films made by hand."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.pairs import Pairs  # noqa: E402
from hilum.measure.claim import verdict  # noqa: E402
from hilum.measure.significance import permutation  # noqa: E402
from hilum.systems import _bpd_experiment as experiment  # noqa: E402
from hilum.systems._bpd_bodies import infants, textures  # noqa: E402
from hilum.systems._bpd_claims import ARMS, CLAIMED, GENERIC, IN_DOMAIN, RANDOM, REAL_CLAIMS  # noqa: E402
from hilum.systems._bpd_judge import judged, lines_of, scored  # noqa: E402
from hilum.systems._bpd_net import small  # noqa: E402
from hilum.systems._bpd_starts import origins, smaller, taught  # noqa: E402
from hilum.systems._bpd_trials import Effort, Trials  # noqa: E402

SIZE = 48
EFFORT = Effort(seeds=1, cohorts=1, children=20, tested=20, size=32, first=3, epochs=3, probe=1, batch=8)


def films(count: int = 8) -> np.ndarray:
    """Bright bodies with two dark lungs, each a little different."""
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    made = []
    for number in range(count):
        film = np.where((np.abs(columns - 0.5) < 0.44) & (rows > 0.06), 0.8, 0.0)
        for side in (0.3, 0.7):
            film[((columns - side) / 0.14) ** 2 + ((rows - 0.5) / (0.28 + 0.01 * number)) ** 2 < 1] = 0.2
        made.append(film)
    return np.rint(np.stack(made) * 255).astype(np.uint8)


def pairs(count: int = 8, *, split: str = "train") -> Pairs:
    """Rows of drawn films with two findings, one of which is unknown on the first film."""
    names = np.array([f"p{number}" for number in range(count)])
    target = np.stack([np.arange(count) % 2, np.arange(count) % 3 == 0], axis=1).astype(np.float32)
    known = np.ones((count, 2), bool)
    known[0, 1] = False
    blank = ("",) * count
    return Pairs(
        films(count), np.array(["AP"] * count), names, names, np.array(["parametric"] * count),
        np.array([split] * count), np.zeros(count, np.int32), blank, blank, ((),) * count,
        ("cardiomegaly", "pleural effusion"), target, known, np.zeros((count, 2), bool),
        np.zeros((count, 2, SIZE, SIZE // 8), np.uint8), np.zeros((count, 2), np.int8),
    )  # fmt: skip


def test_starts_are_of_one_shape_and_each_of_its_own_weights() -> None:
    held = origins(pairs(), size=32, seed=0, steps=3)
    assert set(held) == {IN_DOMAIN, GENERIC, RANDOM}
    assert held[RANDOM] is None
    known, generic = (held[name].state_dict() for name in (IN_DOMAIN, GENERIC))
    assert {name: value.shape for name, value in known.items()} == {
        name: value.shape for name, value in small(seed=0).encoder.state_dict().items()
    }
    assert not torch.equal(known["conv1.weight"], generic["conv1.weight"])
    again = origins(pairs(), size=32, seed=0, steps=3)
    assert all(torch.equal(value, again[IN_DOMAIN].state_dict()[name]) for name, value in known.items())


def test_labels_that_are_not_known_teach_nothing() -> None:
    drawn = pairs()
    target, known = drawn.target.copy(), drawn.known.copy()
    known[:, 1] = False
    other = target.copy()
    other[:, 1] = 1.0 - other[:, 1]
    first, again = (taught(smaller(drawn.films, 32), each, known, seed=0, steps=3) for each in (target, other))
    same = all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())
    assert same


def test_adults_and_bodies_are_told_with_what_makes_the_label() -> None:
    told = " ".join(experiment._bodies(pairs(8), pairs(5, split="test"), EFFORT))
    for part in ("8 drawn films with 2 findings", "20 to a cohort", "made of 5 films", "40% with disease", "0.85",
                 "1 seeds of 1 cohorts"):  # fmt: skip
        assert part in told


@pytest.mark.slow
def test_sites_are_told_with_bytes_and_need_an_encoder() -> None:
    pytest.importorskip("flwr", reason="flwr (extra 'federated') is not installed")
    held = [{IN_DOMAIN: small(seed=0).encoder}]
    effort = replace(EFFORT, batch=64)  # a site's pass is one step
    lines = experiment._federated(held, pairs(), effort, 1, seed=0, say=lambda line: None)
    text = "\n".join(lines)
    assert "1 federations" in lines[0]
    for part in ("local", "pooled", "federated", "federated over local", "pooled over federated"):
        assert re.search(rf"^    {part} +AUROC", text, re.M)
    given = [int(each.replace(",", "")) for each in re.findall(r"round: ([\d,]+) .* ([\d,]+) at the end", text)[0]]
    assert given[0] == 3 * 4 * (32 + 1)  # three sites, float32, the head's 32 weights and its bias
    assert given[1] > 100 * given[0]
    with pytest.raises(InputError, match="knows films"):
        experiment._federated([{IN_DOMAIN: None}], pairs(), effort, 1, seed=0, say=lambda line: None)


def test_each_part_is_told_alone() -> None:
    parts, beside, lines, figures = experiment.experiment(
        EFFORT, None, parts=("real",), patients=6, federations=1, runs=3, seed=0
    )
    assert (parts, beside, figures) == ([], [], {})
    assert [line for line in lines if "not tested without --data" in line] == [
        f"{claim.text}: not tested without --data, the pack of real films" for claim in REAL_CLAIMS
    ]


def trials(names: tuple[str, ...], cohorts: int = 9) -> Trials:
    draw = np.random.default_rng(3)
    bpd = np.stack([np.arange(50) < 20] * cohorts)
    logits = {name: draw.normal(0, 1, bpd.shape) + bpd for name in names}
    return Trials(logits, bpd, draw.normal(0, 1, bpd.shape) + 1.5 * bpd, np.arange(cohorts) // 3)


def test_arms_that_did_not_run_are_told_and_claims_still_judged() -> None:
    made = trials(CLAIMED)
    parts, beside, lines = judged(made, replicates=100)
    assert "not run" in "\n".join(lines)
    assert len(parts) == 2
    assert len(beside) == 5
    assert "not run" not in "\n".join(lines_of(trials(ARMS)))
    for part in (*parts, *beside):
        assert set(part.arms) == {part.claim.arm, part.claim.better_than, *part.claim.controls}


def test_the_gain_of_a_claim_is_the_mean_difference_over_cohorts() -> None:
    made = trials(CLAIMED)
    parts, _, lines = judged(made, replicates=100)
    for part in parts:
        gap = made.aurocs(part.claim.arm) - made.aurocs(part.claim.better_than)
        assert part.gain.value == pytest.approx(gap.mean())
        line = next(each for each in lines if each.startswith(f"{part.claim.arm} over {part.claim.better_than}:"))
        assert f"gain {gap.mean():+.3f}" in line
        assert f"{int((gap > 0).sum())} of 9 cohorts" in line
        assert f"exchange p {permutation(gap, permutations=10_000):.2g}" in line
        assert "floor 0.0039" in line  # 2 ** (1 - 9): nine cohorts have so few patterns of signs


def test_a_cohort_that_is_not_a_seeds_own_does_not_move_its_score() -> None:
    made = trials(CLAIMED)
    first = scored(made, CLAIMED[0])[0]
    heavy = np.ones((1, 9))
    heavy[0, 5] = 50.0  # a cohort of the second seed
    assert first.at(heavy)[0] == pytest.approx(first.value)
    heavy[0, 1] = 50.0
    assert first.at(heavy)[0] != pytest.approx(first.value)
    assert np.isnan(first.at(np.array([[0.0] * 3 + [1.0] * 6]))[0])


def test_infants_differ_from_draw_to_draw_and_nothing_but_grain_tells_them_apart() -> None:
    one, two = (infants(films(), 60, size=32, seed=seed) for seed in (0, 1))
    assert not np.array_equal(one.films, two.films)
    many = [infants(films(), 60, size=32, seed=seed) for seed in range(6)]
    level = np.concatenate([each.films.reshape(60, -1).mean(1) for each in many])
    bpd = np.concatenate([each.bpd for each in many])
    assert abs(level[bpd].mean() - level[~bpd].mean()) < 0.35 * level.std()


def test_textures_are_the_same_for_the_same_seed_and_no_class_is_empty_of_contrast() -> None:
    made, kind = textures(120, size=32, seed=5)
    again, same = textures(120, size=32, seed=5)
    assert np.array_equal(made, again)
    assert np.array_equal(kind, same)
    assert min(float(made[kind == each].std()) for each in np.unique(kind)) > 5


@pytest.mark.slow
def test_the_whole_runs_small() -> None:
    effort = replace(EFFORT, seeds=3, cohorts=2, first=2, arms=CLAIMED)
    bodies = replace(pairs(), split=np.array(["train"] * 5 + ["test"] * 3))
    parts, beside, lines, figures = experiment.experiment(
        effort, None, parts=("drawn",), patients=0, federations=0, runs=0, seed=0, bodies=bodies
    )
    assert verdict("the whole", parts).outcome in ("holds", "fails")
    assert [part.seeds for part in (*parts, *beside)] == [3] * 7
    text = "\n".join(lines)
    for told in ("5 drawn films", "films of other bodies", "an oracle that knows the severity", "6 cohorts", "not run",
                 IN_DOMAIN, GENERIC, RANDOM, "not tested without --data"):  # fmt: skip
        assert told in text
    assert "federated" not in text
    assert len(figures) == 1
