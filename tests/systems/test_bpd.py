"""BPD: the oracle's AUROC, tests against analytic values and their floors, a site trained on, real children, sites."""

from __future__ import annotations

import io
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

torch = pytest.importorskip("torch")

from scipy.stats import norm, wilcoxon  # noqa: E402

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.data.pack import COLUMNS  # noqa: E402
from hilum.learn.federated import exchanged  # noqa: E402
from hilum.measure.binary import auroc  # noqa: E402
from hilum.systems import _bpd_bodies as bodies  # noqa: E402
from hilum.systems import _bpd_judge as judging  # noqa: E402
from hilum.systems import _bpd_stats as stats  # noqa: E402
from hilum.systems._bpd_arm import arm as arm_of  # noqa: E402
from hilum.systems._bpd_claims import ARMS, BESIDE, CLAIMED, CLAIMS, REAL_ARMS, REAL_CLAIMS, arm_name  # noqa: E402
from hilum.systems._bpd_compared import compared  # noqa: E402
from hilum.systems._bpd_learn import How, read  # noqa: E402
from hilum.systems._bpd_net import small  # noqa: E402
from hilum.systems._bpd_picture import sheet  # noqa: E402
from hilum.systems._bpd_real import children  # noqa: E402
from hilum.systems._bpd_recipe import resolve, site_of  # noqa: E402
from hilum.systems._bpd_sites import WAYS, over_sites, sites, starting_from, thawed  # noqa: E402
from hilum.systems._bpd_starts import smaller, starting, taught  # noqa: E402
from hilum.systems._bpd_train import train, trained  # noqa: E402
from hilum.systems._bpd_trials import Trials  # noqa: E402
from hilum.systems.bpd import Bpd, build, reproduce  # noqa: E402

TINY = {"net": "small", "start": "random", "size": "32", "epochs": "3", "probe": "1", "runs": "1", "folds": "2"}


@pytest.fixture(scope="module")
def chests() -> np.ndarray:
    """Films of two dark lungs in a bright body."""
    rows, columns = np.mgrid[:64, :64] / 64
    made = []
    for shift in np.linspace(-0.04, 0.04, 6):
        film = np.where((np.abs(columns - 0.5) < 0.42) & (rows > 0.08), 0.75, 0.0)
        for side in (0.32, 0.68):
            film[((columns - side - shift) / 0.13) ** 2 + ((rows - 0.5) / 0.3) ** 2 < 1] = 0.25
        made.append(film)
    return np.rint(np.stack(made) * 255).astype(np.uint8)


def test_an_oracle_has_the_auroc_it_is_tuned_to(chests: np.ndarray) -> None:
    assert norm.cdf(bodies.APART / np.sqrt(2)) == pytest.approx(bodies.ORACLE)
    found = [bodies.infants(chests, 160, size=32, seed=seed) for seed in range(8)]
    assert {int(each.bpd.sum()) for each in found} == {64}
    assert np.mean([auroc(each.bpd, each.severity) for each in found]) == pytest.approx(0.85, abs=0.03)
    again = bodies.infants(chests, 160, size=32, seed=3)
    assert np.array_equal(again.films, found[3].films)
    with pytest.raises(InputError, match="children of both kinds"):
        bodies.infants(chests, 2, size=32, seed=0, prevalence=0.1)


def test_grain_is_in_the_lungs_and_rises_with_severity(chests: np.ndarray) -> None:
    drawn = bodies.infants(chests, 300, size=48, seed=1)
    films = drawn.films.astype(float)
    step = np.abs(np.diff(films, axis=2))[:, 18:30, 12:36].mean(axis=(1, 2))
    assert np.corrcoef(step, drawn.severity)[0, 1] > 0.5
    rim = np.abs(np.diff(films, axis=2))[:, :3].mean(axis=(1, 2))
    assert abs(np.corrcoef(rim, drawn.severity)[0, 1]) < 0.2


def test_textures_are_of_as_many_kinds_as_are_said() -> None:
    films, kind = bodies.textures(200, size=32, seed=0)
    assert films.shape == (200, 32, 32)
    assert set(kind.tolist()) == set(range(bodies.KINDS))
    rough = np.abs(np.diff(films.astype(float), axis=2)).mean(axis=(1, 2)) / films.std(axis=(1, 2))
    assert rough[kind == 3].mean() > rough[kind == 5].mean()  # clouds whose power falls slowly are the rougher


def test_six_runs_that_agree_give_the_papers_p_whatever_the_gain() -> None:
    for gain in (0.001, 0.06, 0.3):
        least = wilcoxon(gain * np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5])).pvalue
        assert least == pytest.approx(stats.runs_floor(6)) == pytest.approx(0.03125)
    assert stats.runs_floor(1) == 1.0


def test_a_permutation_never_goes_below_its_floor_and_is_the_exact_one_of_few_patients() -> None:
    target = np.array([0, 0, 0, 0, 1, 1, 1, 1], bool)
    best, worst = np.arange(8.0), -np.arange(8.0)
    p = stats.permuted(target, best, worst, permutations=99, seed=0)
    assert p >= stats.permutation_floor(99) == 0.01
    assert stats.permuted(target, best, best, permutations=99) == 1.0
    draw = np.random.default_rng(0)
    first, second = draw.permutation(8).astype(float), draw.permutation(8).astype(float)
    seen = abs(auroc(target, first) - auroc(target, second))
    exact = np.mean([
        abs(auroc(target, np.where(swap, second, first)) - auroc(target, np.where(swap, first, second))) >= seen - 1e-12
        for swap in product((False, True), repeat=8)
    ])  # fmt: skip
    assert stats.permuted(target, first, second, permutations=4000) == pytest.approx(exact, abs=0.03)


def test_scores_are_averaged_over_the_runs_that_tested_a_patient() -> None:
    mean, tested = stats.averaged(np.array([[1.0, np.nan, 3.0], [3.0, np.nan, np.nan]]))
    assert tested.tolist() == [True, False, True]
    assert mean[tested].tolist() == [2.0, 3.0]


def test_an_arm_that_knows_beats_one_that_guesses_and_both_are_told() -> None:
    draw = np.random.default_rng(0)
    target = np.arange(120) < 48
    names = tuple(f"{n:03d}" for n in range(120))
    good = 2.5 * target + draw.normal(0, 1, (6, 120)) - 1.0
    poor = draw.normal(0, 1, (6, 120))
    poor[:, 100:] = good[:, 100:] = np.nan
    told = stats.beaten(target, good, poor, patients=names, replicates=300, permutations=199)
    assert told.bootstrap.low > 0.2
    assert told.p_delong < 1e-4
    assert told.p_permutation == told.floor == 1 / 200
    assert (told.runs, told.agreeing, told.p_runs_floor) == (6, 6, 0.03125)
    assert "floor 0.005" in str(told)
    arm = arm_of(target, good, patients=names, replicates=300)
    assert (arm.tested, arm.patients) == (100, 120)
    assert arm.delong.value == pytest.approx(arm.bootstrap.value)
    assert arm.folds["AUROC"][0] < arm.delong.value  # runs averaged say more than each
    assert 0 <= arm.calibration < 0.3
    with pytest.raises(InputError, match="same folds"):
        stats.beaten(target, good, poor[:, ::-1], patients=names)


def trials_of(gain: float, *, cohorts: int = 21) -> Trials:
    """Arms whose scores differ by design: in-domain ones lie above the others by a gain in standard deviations."""
    draw = np.random.default_rng(1)
    bpd = np.stack([draw.permutation(np.arange(100) < 40) for _ in range(cohorts)])
    severity = draw.normal(0, 1, bpd.shape) + 1.5 * bpd
    logits = {name: draw.normal(0, 1, bpd.shape) + bpd * (0.8 + gain * name.startswith("in-domain")) for name in ARMS}
    return Trials(logits, bpd, severity, np.repeat(np.arange(3), cohorts // 3))


def test_claims_hold_where_they_should_and_the_power_is_told() -> None:
    parts, beside, lines = judging.judged(trials_of(0.8), replicates=300)
    assert [part.outcome for part in parts] == ["holds", "holds"]
    assert all(part.seeds == 3 for part in parts)
    assert {part.outcome for part in beside[:3]} == {"fails"}  # arms of one start differ by chance alone
    none, _, _ = judging.judged(trials_of(0.0), replicates=300)
    assert [part.outcome for part in none] == ["fails", "fails"]
    assert "21 cohorts" in lines[0]
    assert any("of 21 cohorts, exchange p" in line and "floor 0.0001" in line for line in lines)


def test_a_seeds_score_is_the_mean_over_its_own_cohorts() -> None:
    trials = trials_of(0.3, cohorts=6)
    each = trials.aurocs(ARMS[0])
    for number, scored in enumerate(judging.scored(trials, ARMS[0])):
        assert scored.value == pytest.approx(each[2 * number : 2 * number + 2].mean())
        weights = np.array([[3.0 if at == 2 * number else 1.0 for at in range(6)]])
        assert scored.at(weights)[0] == pytest.approx((3 * each[2 * number] + each[2 * number + 1]) / 4)


def test_every_arm_of_a_claim_is_one_that_runs() -> None:
    assert len(ARMS) == 12
    assert set(CLAIMED) <= set(ARMS)
    for claim in (*CLAIMS, *BESIDE):
        assert {claim.arm, claim.better_than, *claim.controls} <= set(CLAIMED)
    assert {arm_name(*each) for each in REAL_ARMS} <= set(ARMS)
    assert Bpd.claims[: len(CLAIMS)] == CLAIMS


def test_an_encoder_is_taught_labels_and_arms_of_a_seed_start_alike(chests: np.ndarray) -> None:
    films = np.concatenate([chests, 255 - chests])
    target = np.repeat([[0.0, 1.0], [1.0, 0.0]], 6, axis=0).astype(np.float32)
    encoder = taught(films, target, np.ones(target.shape, bool), seed=0, steps=8)
    start = starting(encoder, films)
    first, again = start(4), start(4)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())
    held = encoder.state_dict()
    assert all(torch.equal(value, held[name]) for name, value in first.encoder.state_dict().items())
    blank = starting(None, films)(4)
    assert not torch.equal(blank.encoder.conv1.weight, first.encoder.conv1.weight)
    assert torch.equal(blank.head.weight, first.head.weight)
    assert smaller(films, 32).shape == (12, 32, 32)
    with pytest.raises(InputError, match="no film"):
        taught(films[:0], target[:0], np.ones((0, 2), bool), seed=0)


@pytest.fixture
def site_folder(tmp_path: Path, chests: np.ndarray) -> Path:
    """Sixteen newborns with two films each and one of unknown grade, the label visible as brightness."""
    root = tmp_path / "site"
    root.mkdir()
    lines = ["patient_id,bpd", "99,unknown"]
    for patient in range(16):
        grade = ("no", "severe", "mild", "moderate")[patient % 4]
        lines.append(f"{patient},{grade}")
        for film in "ab":
            Picture.fromarray(chests[patient % 6] // (1 + patient % 2)).save(root / f"{patient}_{film}.png")
    Picture.fromarray(chests[0]).save(root / "99_a.png")
    (root / "sheet.csv").write_text("\n".join(lines) + "\n")
    return root


def test_a_site_is_trained_on_and_read_back(site_folder: Path, tmp_path: Path) -> None:
    site = site_of(site_folder, size=32)
    assert (len(site.patients), len(site.films), int(site.bpd.sum())) == (16, 32, 8)
    out = train(f"bpd-site:{site_folder}", tmp_path / "out", seed=0, resume=False, settings=TINY)
    net, card = trained(out)
    assert card["data"] == {"patients": 16, "films": 32, "moderate or severe": 8}
    assert card["cross-validation"]["tested"] == 16
    assert "never evaluate there" in card["trained on"]
    lines = (out / "scores.csv").read_text().splitlines()
    assert lines[0] == "patient,bpd,logit_run_1"
    assert len(lines) == 17
    first = read(net, site.films)
    written = (out / "scores.csv").stat().st_mtime_ns
    again, _ = trained(train(site_folder, tmp_path / "out", seed=0, resume=True, settings=TINY))
    assert np.array_equal(first, read(again, site.films))
    assert (out / "scores.csv").stat().st_mtime_ns == written  # the cross-validation was kept


def test_settings_and_folders_that_cannot_be_used_are_told(site_folder: Path, tmp_path: Path) -> None:
    for settings, said in (
        ({"nets": 1}, "unknown setting 'nets'"), ({"epochs": "many"}, "epochs must be a number"),
        ({"schedule": "all"}, "schedule must be one of"), ({"size": 8}, "size is 32 or more"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            resolve(settings)
    with pytest.raises(MissingError, match="resnet50-res512-all"):
        train(site_folder, tmp_path / "out", seed=0, resume=False, settings={"weights": str(tmp_path / "none")})
    with pytest.raises(InputError, match="patients of each class"):
        train(site_folder, tmp_path / "out", seed=0, resume=False, settings={**TINY, "folds": "9"})
    with pytest.raises(MissingError, match="hilum train bpd"):
        trained(tmp_path / "nothing")
    assert not list(tmp_path.glob("out/*.safetensors"))


def test_the_defaults_are_the_published_ones() -> None:
    recipe = resolve({})
    assert (recipe.epochs, recipe.probe, recipe.batch, recipe.runs, recipe.folds) == (30, 10, 8, 6, 5)
    assert (recipe.size, recipe.start, recipe.schedule) == (512, "in-domain", "probe + progressive + CutMix")
    assert build(start="random", net="small")(torch.rand(2, 1, 64, 64)).shape == (2,)


def pack_of(root: Path, bacterial: int, viral: int, chest: np.ndarray) -> Path:
    (root / "kermany224").mkdir(parents=True)
    lines = [",".join(COLUMNS)]
    for cause, count in (("bacteria", bacterial), ("virus", viral)):
        for number in range(count):
            for film in (1, 2):
                name = f"kermany224/person{number + (1000 if cause == 'virus' else 0)}_{cause}_{film}.jpg"
                Picture.fromarray(chest).save(root / name)
                labels = f"Pneumonia|Pneumonia_{'Bacterial' if cause == 'bacteria' else 'Viral'}"
                row = {"file": name, "licence": "made", "patient": "", "view": "AP", "labels": labels, "boxes": "",
                       "mask": "", "extra": ""}  # fmt: skip
                lines.append(",".join(row[column] for column in COLUMNS))
    (root / "manifest.csv").write_text("\n".join(lines) + "\n")
    return root


def test_real_children_are_as_many_as_published_and_each_is_one(tmp_path: Path, chests: np.ndarray) -> None:
    site = children(pack_of(tmp_path / "pack", 12, 15, chests[0]), size=32, count=20)
    assert (len(site.films), int(site.bpd.sum()), len(set(site.patients))) == (20, 8, 20)
    assert all((int(name.removeprefix("person")) < 1000) == bool(ill)
               for name, ill in zip(site.patients, site.bpd, strict=True))  # fmt: skip
    with pytest.raises(MissingError, match="a viral cause"):
        children(pack_of(tmp_path / "few", 12, 3, chests[0]), size=32, count=20)


def test_three_ways_over_sites_answer_for_the_same_children(chests: np.ndarray) -> None:
    pytest.importorskip("flwr", reason="flwr (extra 'federated') is not installed")
    found = sites(chests, size=32, seed=0, tested=24, counts=(20, 30))
    assert [len(each) for each in found.known] == [20, 30]
    assert abs(found.known[0].films.mean() - found.known[1].films.mean()) > 1  # detectors differ
    told, made = over_sites(found, starting_from(small(seed=0).encoder, 0), seed=0, how=How(batch=8), rounds=3, local=1)
    assert set(told) == set(WAYS)
    assert all([len(row) for row in rows] == [24, 24] for rows in told.values())
    held = dict(small(seed=0).named_parameters())
    assert made.up[0] == 2 * 4 * sum(held[name].numel() for name in exchanged(small(seed=0), thawed(0, 3)))
    assert made.up[0] < made.up[-1]
    table = compared([(found, told)] * 3)
    assert table["federated over local"].value == pytest.approx(table["federated"].value - table["local"].value)


def test_the_picture_shows_adults_children_and_textures(chests: np.ndarray) -> None:
    picture = Picture.open(io.BytesIO(sheet(chests, chests, size=32, seed=0)))
    assert picture.size == (8 * 32 * 2, 5 * 32 * 2)


def test_choices_that_cannot_be_judged_are_told() -> None:
    for choices, said in (({"parts": "all"}, "parts are some of"), ({"size": 50}, "multiple of 16"),
                          ({"seeds": "few"}, "whole number"), ({"arms": "some"}, "'all' or 'claimed'")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            reproduce(**choices)


def test_what_needs_real_films_says_so_without_them() -> None:
    pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")
    made = reproduce(parts="real", seeds=1, size=32, epochs=6)
    assert made.outcome == "cannot be tested here"
    text = "\n".join(made.lines)
    assert "32 px, 6 epochs (2 of probe)" in text
    assert [claim.text for claim in REAL_CLAIMS if f"{claim.text}: not tested without --data" not in text] == []
    assert not made.figures
