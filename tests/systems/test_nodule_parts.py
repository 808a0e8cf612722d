"""Parts of the nodule recipe: layouts, spheres and pools by brute force, statistics by sklearn and scipy."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from sklearn.metrics import roc_auc_score

from hilum.core.errors import InputError, RefusedError
from hilum.core.image import Volume
from hilum.data.lidc import Nodule, Reading
from hilum.measure.size_adjusted import ADJUSTED, MATCHED, RAW
from hilum.measure.surroundings import Lung, Surroundings, Tubes
from hilum.systems import _nodule_judge as judge
from hilum.systems import _nodule_lidc as lidc
from hilum.systems import _nodule_places as places
from hilum.systems._nodule_picture import picture

STEP = (2.0, 1.0, 1.5)


def block(shape: tuple[int, int, int] = (12, 20, 16), step: tuple[float, float, float] = STEP) -> Lung:
    none = Tubes(np.zeros(shape, bool), step)
    return Lung(np.ones(shape, bool), none, none, step)


def columns(count: int, draw: np.random.Generator, **given: np.ndarray) -> dict[str, np.ndarray]:
    held = {name: draw.normal(size=count) for name, _ in judge.SHOWN.values()}
    return {**held, "diameter_mm": draw.uniform(4, 20, count), **given}


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 200), st.integers(0, 1000))
def test_a_layout_has_as_many_nodules_as_asked_and_one_to_four_of_a_patient(count: int, seed: int) -> None:
    made = places.layout(count, seed=seed)
    again = places.layout(count, seed=seed)
    assert len(made.patients) == len(made.malignant) == count
    assert (made.patients == again.patients).all()
    assert (made.malignant == again.malignant).all()
    assert set(np.unique(made.patients, return_counts=True)[1].tolist()) <= {1, 2, 3, 4}


def test_nodules_of_one_patient_are_of_one_class_more_often_than_those_of_two() -> None:
    made = places.layout(4000, seed=0)
    same = made.patients[1:] == made.patients[:-1]
    alike = made.malignant[1:] == made.malignant[:-1]
    # With a rate drawn evenly from [0, 1], two of a patient agree in 2/3 of cases; two patients in 1/2.
    assert alike[same].mean() == pytest.approx(2 / 3, abs=0.04)
    assert alike[~same].mean() == pytest.approx(1 / 2, abs=0.04)


def test_too_few_nodules_are_refused_with_their_number() -> None:
    with pytest.raises(InputError, match="20 or more, got 19"):
        places.layout(19, seed=0)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 22), st.floats(0, 19), st.floats(0, 22), st.floats(0.5, 9))
def test_a_sphere_is_every_voxel_within_its_radius(z: float, y: float, x: float, radius: float) -> None:
    lung, centre = block(), np.array([z, y, x])
    mask, corner = places.sphere(centre, radius, lung)
    whole = np.zeros(lung.lung.shape, bool)
    whole[tuple(slice(c, c + n) for c, n in zip(corner, mask.shape, strict=True))] = mask
    at = np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(whole.shape, STEP, strict=True)), indexing="ij"), -1)
    # by distance voxel by voxel; those on the surface may fall to either side by rounding
    away = ((at - centre) ** 2).sum(axis=-1)
    clear = np.abs(away - radius**2) > 1e-6
    assert (whole == (away <= radius**2))[clear].all()


def test_a_sphere_is_cut_to_the_lung_and_has_the_volume_of_one() -> None:
    fine = block((40, 40, 40), (0.5, 0.5, 0.5))
    mask, _ = places.sphere(np.array([10.0, 10.0, 10.0]), 6.0, fine)
    assert mask.sum() * 0.125 == pytest.approx(4 / 3 * np.pi * 216, rel=0.02)  # whole voxels are counted
    half = np.ones((40, 40, 40), bool)
    half[:20] = False
    cut = Lung(half, fine.airways, fine.vessels, fine.spacing_mm)
    below, _ = places.sphere(np.array([10.0, 10.0, 10.0]), 6.0, cut)
    assert below.sum() / mask.sum() == pytest.approx(0.52, abs=0.03)


def test_a_pool_is_drawn_evenly_from_the_mask_alone() -> None:
    clear = np.zeros((6, 6, 6), bool)
    clear[1, :, 2], clear[4, 3, :] = True, True
    pool = places.even_pool(clear, STEP, 3, 0)
    index = np.rint(pool / STEP).astype(int)
    assert clear[tuple(index.T)].all()
    assert (index[:, 0] == 1).mean() == pytest.approx(0.5, abs=0.03)
    assert (places.even_pool(clear, STEP, 3, 0) == pool).all()
    assert not (places.even_pool(clear, STEP, 3, 1) == pool).all()


def test_benign_nodules_are_measured_once_and_stand_alike_in_every_arm(draw: np.random.Generator) -> None:
    lung = block((16, 24, 20))
    pool = places.even_pool(lung.lung[2:-2, 4:-4, 4:-4], STEP, 0, 0) + np.array([4.0, 4.0, 6.0])
    site = places.Site(lung, pool, np.full(len(pool), 1 / len(pool)))
    given_ = places.layout(24, seed=1)
    found = places.place(given_, [site], seed=2, say=lambda line: None)
    assert set(found) == set(places.ARMS)
    well, ill = ~given_.malignant, given_.malignant
    for name in ("diameter_mm", "pleura_mm"):
        one = found[places.NULL][name]
        for arm in places.ARMS:
            assert np.array_equal(found[arm][name][well], one[well])
    assert (found[places.SIZE]["diameter_mm"][ill] > found[places.NULL]["diameter_mm"][ill]).all()
    assert np.isnan(found[places.NULL]["airway_mm"]).all()  # there is none in this block


def test_rows_become_columns() -> None:
    rows = [Surroundings(4.0, 1.0, 2.0, 3.0, 1, 2, 0.1, 0.2, 0.3, 0.4), Surroundings(5.0, 0, 0, 0, 0, 0, 0, 0, 0, 0)]
    made = places.table(rows)
    assert made["diameter_mm"].tolist() == [4.0, 5.0]
    assert made["vessel_count"].tolist() == [2.0, 0.0]
    assert set(made) == {name for name, _ in judge.SHOWN.values()}


@pytest.mark.parametrize("name", list(judge.SHOWN))
def test_the_raw_score_is_sklearns_auroc_with_the_sign_that_speaks_for_malignancy(
    name: str, draw: np.random.Generator
) -> None:
    held, ill = columns(60, draw), draw.random(60) < 0.4
    column, sign = judge.SHOWN[name]
    assert judge.scored(held, ill, name, RAW).value == pytest.approx(roc_auc_score(ill, sign * held[column]))


def test_an_unknown_metric_is_refused_with_those_there_are(draw: np.random.Generator) -> None:
    with pytest.raises(InputError, match=r"a metric is one of .*, got 'accuracy'"):
        judge.scored(columns(30, draw), draw.random(30) < 0.5, "vessel count", "accuracy")


def test_a_feature_that_is_size_itself_says_nothing_beyond_size(draw: np.random.Generator) -> None:
    size = draw.uniform(4, 20, 1200)
    ill = draw.random(1200) < 1 / (1 + np.exp(-(size - 12) / 3))
    held = columns(1200, draw, diameter_mm=size, vessel_count=size + draw.normal(0, 1e-6, 1200))
    assert judge.scored(held, ill, "vessel count", RAW).value > 0.75
    assert judge.scored(held, ill, "vessel count", MATCHED).value == pytest.approx(0.5, abs=0.05)


def test_presence_is_the_odds_ratio_and_chi_squared_of_scipy(draw: np.random.Generator) -> None:
    there, ill = draw.random(200) < 0.4, draw.random(200) < 0.5
    held = columns(200, draw, vessel_count=there.astype(float))
    a, b, c, d = ((one & two).sum() for one in (there, ~there) for two in (ill, ~ill))
    statistic = chi2_contingency([[a, b], [c, d]], correction=False)[0]
    said = judge.presence([held], ill, "vessel count")
    assert said.startswith(f"{a * d / (b * c):.2f} [")
    assert said.endswith(f"chi2 {statistic:.1f}")


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_presence_of_what_all_or_none_have_is_said(value: float, draw: np.random.Generator) -> None:
    held = columns(40, draw, vessel_count=np.full(40, value))
    assert judge.presence([held], draw.random(40) < 0.5, "vessel count") == "none or all have it"


def test_the_board_gives_every_metric_and_says_what_was_not_measured(draw: np.random.Generator) -> None:
    ill = draw.random(80) < 0.5
    held = columns(80, draw, airway_mm=np.full(80, np.nan))
    people = [str(n // 2) for n in range(80)]
    lines, numbers = judge.board([held], ill, people, ["near airway", "near vessel"], seed=0)
    assert lines[1].strip() == "near airway             not measured in every nodule"
    assert set(numbers) == {"near vessel"}
    assert set(numbers["near vessel"]) == set(judge.METRICS)
    assert numbers["near vessel"][RAW].value == pytest.approx(roc_auc_score(ill, -held["vessel_mm"]))
    shown = numbers["near vessel"][ADJUSTED]
    assert f"{np.exp(shown.value):.2f} [{np.exp(shown.low):.2f}, {np.exp(shown.high):.2f}]" in lines[2]


def test_a_copied_arm_gains_nothing_and_a_perfect_one_wins(draw: np.random.Generator) -> None:
    ill = np.arange(60) % 2 == 0
    people = [str(n) for n in range(60)]
    plain = columns(60, draw)
    told = columns(60, draw, vessel_count=ill.astype(float), diameter_mm=plain["diameter_mm"])
    claim = judge.Claim("seen", places.NEAR, places.NULL, RAW, (places.SIZE,))
    runs = [{places.NEAR: told, places.NULL: plain, places.SIZE: plain}] * 3
    (won,) = judge.judged(runs, ill, people, [("vessel count", claim)], seed=0)
    assert won.outcome == "holds"
    assert won.arms[places.NEAR].value == 1.0
    (same,) = judge.judged([dict.fromkeys(run, plain) for run in runs], ill, people, [("vessel count", claim)], seed=0)
    assert (same.outcome, same.gain.value, same.gain.low, same.gain.high) == ("fails", 0.0, 0.0, 0.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(10, 120), st.integers(0, 10**6))
def test_classes_dealt_anew_keep_their_number_in_every_stratum_of_size(count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    ill, size = draw.random(count) < 0.4, draw.uniform(3, 30, count)
    dealt = lidc._dealt(ill, size, seed)
    assert dealt.sum() == ill.sum()
    for part in np.array_split(np.argsort(size, kind="stable"), max(2, count // 20)):
        assert dealt[part].sum() == ill[part].sum()


def reading(malignancy: int, across: float, z: float = 0.0) -> Reading:
    square = np.array([[2.0, 2.0], [2.0, 2.0 + across], [6.0, 2.0 + across], [6.0, 2.0]])
    return Reading(malignancy, ((z, square, True),))


def nodule(number: int, malignancy: int, across: float, readers: int = 1) -> Nodule:
    return Nodule(f"LIDC-IDRI-{number:04d}", "1.2", number, (1.0, 0.5, 0.5), (reading(malignancy, across),) * readers)


def test_size_lines_tell_counts_means_and_sklearns_auroc(draw: np.random.Generator) -> None:
    made = [nodule(n, 1 if n % 2 else 5, float(draw.uniform(4, 12)), readers=1 + n % 3) for n in range(30)]
    lines = lidc.size_lines(made, seed=0)
    assert [line.split(",")[1].strip().split(" ")[0] for line in lines] == ["1", "2", "3"]
    ill, wide = np.array([n.label == "malignant" for n in made]), np.array([n.diameter_mm for n in made])
    assert f"30 nodules of 30 patients, mm across: benign {wide[~ill].mean():.1f}" in lines[0]
    assert f"diameter alone AUROC {roc_auc_score(ill, wide):.3f}" in lines[0]
    assert lidc.size_lines([nodule(n, 5, 8.0) for n in range(6)], seed=0) == []  # one class says nothing


def test_folders_of_patients_lie_at_the_root_or_one_below(tmp_path: Path) -> None:
    for place in ("LIDC-IDRI-0002", "part/LIDC-IDRI-0001", "part/more/LIDC-IDRI-0003", "other"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "LIDC-IDRI-0004").write_text("a file")
    found = lidc.patient_folders(tmp_path)
    assert set(found) == {"LIDC-IDRI-0001", "LIDC-IDRI-0002"}
    with pytest.raises(InputError, match=r"'LIDC-IDRI-0002' holds no scan of series 1\.2\.3"):
        lidc.scan_of(found["LIDC-IDRI-0002"], "1.2.3")


def test_a_scan_that_cannot_be_used_is_said_and_left_out(tmp_path: Path) -> None:
    said: list[str] = []
    made = [nodule(1, 5, 8.0), nodule(2, 1, 8.0)]
    assert list(lidc.measured({"LIDC-IDRI-0001": tmp_path}, made, limit=0, say=said.append)) == []
    assert said[0] == "LIDC-IDRI scan 1 of 1: LIDC-IDRI-0001, 1 nodules"
    assert said[1].startswith("LIDC-IDRI-0001 left out: ")
    assert len(said) == 2


def test_a_scan_that_is_not_in_hu_is_refused() -> None:
    grid = np.indices((40, 60, 60))
    body = ((grid[1] - 30) / 27) ** 2 + ((grid[2] - 30) / 27) ** 2 <= 1
    lung = (np.abs(grid[2] - 30) > 4) & (((grid[1] - 30) / 20) ** 2 + ((grid[2] - 30) / 22) ** 2 <= 1)
    lung &= (grid[0] > 4) & (grid[0] < 36)
    hu = np.where(body, 40.0, -1000.0)
    hu[lung] = -985.0  # nearly air: no lung is as thin
    affine = np.array([[0, 0, 5.0, 0], [0, 5.0, 0, 0], [5.0, 0, 0, 0], [0, 0, 0, 1.0]])
    with pytest.raises(RefusedError, match="median of -985 HU, -970 to -600 was expected"):
        lidc.measured_scan(Volume(hu.astype(np.float32), affine), [])


def test_too_few_nodules_of_a_class_are_not_judged_and_a_planted_one_holds(draw: np.random.Generator) -> None:
    def rows(count: int, ill: int) -> list[tuple[Nodule, Surroundings]]:
        made = []
        for n in range(count):
            sick = n < ill
            mm = float(draw.uniform(4, 20))
            tubes = 3.0 * sick + float(draw.normal(0, 0.3))
            made.append((nodule(n, 5 if sick else 1, 8.0),
                         Surroundings(mm, 1.0, 2.0, 3.0, 0, 0, tubes, float(draw.normal()), 0.0, 0.0)))  # fmt: skip
        return made

    with pytest.raises(InputError, match="9 nodules of LIDC-IDRI were measured, 4 malignant: too few"):
        lidc.judge_lidc(rows(9, 4), seed=0)
    parts, lines = lidc.judge_lidc(rows(120, 60), seed=0)
    assert lines[0] == "LIDC-IDRI: 120 nodules of 120 patients, 60 malignant"
    outcomes = {part.claim.text: part.outcome for part in parts}
    assert outcomes["LIDC-IDRI: airway volume in shell separates the classes, size-matched"] == "holds"
    assert outcomes["LIDC-IDRI: vessel volume in shell separates the classes, size-matched"] == "fails"


def test_the_picture_is_a_png_of_both_halves() -> None:
    from PIL import Image

    lung = block((10, 12, 14))
    volume = Volume(np.full((10, 12, 14), -870.0, np.float32), np.diag([*STEP, 1.0]))
    made = SimpleNamespace(volume=volume, lung=lung.lung)
    shown = picture(made, lung, np.array([[4.0, 5.0, 6.0]]), np.zeros((0, 3)), zoom=3)  # type: ignore[arg-type]
    with Image.open(BytesIO(shown)) as opened:
        assert opened.format == "PNG"
        assert opened.size == (2 * 14 * 3, round(10 * 3 * 2.0 / 1.5))
        found = {colour for _, colour in opened.convert("RGB").getcolors(1 << 16)}
    assert (120, 230, 120) in found  # a benign centre
    assert (255, 210, 60) not in found  # no malignant one was given
