"""The realism page from tiny made folders: films of both sets, arms of one shot, rows, and the page with its files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from hilum.app.draw_run import draw_cohort
from hilum.app.realism_arms import ARMS, arm
from hilum.app.realism_films import Shadow, chosen, cohort_films, real_films, sheet
from hilum.app.realism_heart import agreement, ctr, drawn_ctr, hearts, sentence
from hilum.app.realism_page import blocks, write_page
from hilum.app.realism_rows import compare, far, far_rows
from hilum.core.errors import HilumError, MissingError
from hilum.io.png import save_png
from hilum.measure.realism import flat_lung_snr
from hilum.measure.spectrum import radial_spectrum_slope
from hilum.phantom.imaging_store import load_shot
from hilum.phantom.patient import Pose
from hilum.phantom.recipe import Recipe

SIZE = 176


def made_film(draw: np.random.Generator, shape: tuple[int, int] = (200, 180)) -> tuple[np.ndarray, np.ndarray]:
    """Two dark lungs in a bright body with grain, and their outline."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    y, x = y / shape[0], x / shape[1]
    lungs = ((np.abs(x - 0.5) - 0.22) / 0.14) ** 2 + ((y - 0.45) / 0.32) ** 2 < 1
    film = 0.75 - 0.5 * lungs + 0.05 * np.sin(40 * y) + 0.02 * draw.normal(size=shape)
    return np.clip(film, 0, 1), lungs


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of 26 frontal films of 25 patients, half with outlines, one lateral and one of another source."""
    root, draw = tmp_path_factory.mktemp("pack"), np.random.default_rng(4)
    heads = ("file", "licence", "patient", "view", "labels", "boxes", "mask", "extra")
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(heads)
        for number in range(28):
            source = "kermany224" if number == 27 else "hannover" if number % 2 else "nih512"
            view = "LATERAL" if number == 26 else ("PA", "AP", "AP_SUPINE")[number % 3]
            name, outline = f"{source}/{number}.png", f"{source}/masks/{number}.png" if number % 2 else ""
            (root / source / "masks").mkdir(parents=True, exist_ok=True)
            film, lungs = made_film(draw)
            save_png((film * 255).astype(np.uint8), root / name)
            if outline:
                save_png((lungs * 255).astype(np.uint8), root / outline)
            table.writerow((name, "CC0", f"p{min(number, 24)}", view, "", "", outline, ""))
    return root


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five made patients with stored shots."""
    out = tmp_path_factory.mktemp("cohort")
    draw_cohort(Recipe(5, seed=3, size=SIZE, spacing_mm=5.0, maps=True), out, workers=1)
    return out


def test_real_films_are_frontal_of_known_sources_and_one_of_each_patient(pack: Path) -> None:
    found = real_films(pack, size=SIZE, most=100)
    assert len(found) == len({film.patient for film in found}) == 25
    assert {film.name.split("/")[0] for film in found} == {"nih512", "hannover"}
    assert {film.view for film in found} == {"PA", "AP"}
    assert {film.pixels.shape for film in found} == {(SIZE, round(SIZE * 0.9))}


def test_outlined_films_come_with_their_outlines(pack: Path) -> None:
    found = real_films(pack, size=SIZE, most=5, masked=True)
    assert len(found) == 5
    for film in found:
        assert film.lungs is not None
        assert film.lungs.shape == film.pixels.shape
        assert film.pixels[film.lungs].mean() < film.pixels[~film.lungs].mean()


def test_the_order_of_films_depends_on_the_seed_alone(pack: Path) -> None:
    first, again, other = (real_films(pack, size=64, most=8, seed=seed) for seed in (1, 1, 2))
    assert [film.name for film in first] == [film.name for film in again] != [film.name for film in other]


def test_a_pack_without_films_and_a_folder_without_cohort_are_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file,licence,patient,view,labels,boxes,mask,extra\n", encoding="utf-8")
    with pytest.raises(MissingError, match="no frontal film"):
        real_films(tmp_path, size=64, most=4)
    with pytest.raises(MissingError, match=r"cohort\.json"):
        cohort_films(tmp_path, most=4)


@pytest.mark.slow
def test_virtual_films_come_by_family_with_masks_shot_and_pose(cohort: Path) -> None:
    found = cohort_films(cohort, most=100)
    assert list(found) == ["parametric"]
    for film in found["parametric"]:
        assert film.pixels.shape == (SIZE, SIZE)
        assert film.lungs is not None
        assert film.shot
        assert 0.25 < drawn_ctr(film) < 0.9
    assert len(cohort_films(cohort, most=2)["parametric"]) == 2


@pytest.mark.slow
def test_the_full_arm_is_the_film_of_the_cohort(cohort: Path) -> None:
    films = cohort_films(cohort, most=5)["parametric"]
    apart = [np.abs(arm(load_shot(film.shot), Pose(**film.pose), "full") - film.pixels).mean() for film in films]
    # stored maps are halves, so quanta fall otherwise, and a steep look-up table on some film may raise that
    assert np.median(apart) < 0.02


@pytest.mark.slow
def test_each_arm_takes_out_what_it_says(cohort: Path) -> None:
    films = cohort_films(cohort, most=3)["parametric"]
    made = {name: [arm(load_shot(f.shot), Pose(**f.pose), name) for f in films] for name in ARMS}
    slope = {name: np.mean([radial_spectrum_slope(film) for film in each]) for name, each in made.items()}
    snr = {name: np.median([flat_lung_snr(film) for film in each]) for name, each in made.items()}
    assert slope["raw"] < slope["full"]
    assert slope["no noise"] <= slope["full"] + 0.02
    assert snr["no noise"] >= snr["full"]
    assert not np.array_equal(made["no scatter"][0], made["full"][0])
    assert made["raw"][0].min() == 0.0
    assert made["raw"][0].max() == 1.0


def shadows(count: int, start: str, *, draw: np.random.Generator) -> list[Shadow]:
    return [Shadow(np.float32(made_film(draw)[0]), f"{start}{k}", f"{start}{k}", "PA") for k in range(count)]


def test_a_row_says_what_misses_its_target() -> None:
    who = [str(k) for k in range(50)]
    values = np.linspace(-1, 1, 50)
    real = ({"area": values, "slope": values - 2.9, "tone": values}, who)
    made = {"near": ({"area": values + 0.3, "slope": values - 2.8, "tone": values}, who),
            "far": ({"area": values + 2.0, "slope": values - 4.0, "tone": values}, who)}  # fmt: skip
    found = {key: compare(key, real, made)["sets"] for key in ("area", "slope", "tone")}
    assert [found["area"][name]["met"] for name in made] == [True, False]
    assert [found["slope"][name]["met"] for name in made] == [True, False]
    assert found["tone"]["near"]["met"] is None
    assert found["area"]["far"]["in_sd"] == pytest.approx(2.0 / values.std())


def test_films_like_the_real_ones_are_nearer_than_others(draw: np.random.Generator) -> None:
    real = shadows(36, "p", draw=draw)
    other = [Shadow(draw.random((180, 160), np.float32), f"x{k}", "", "PA") for k in range(12)]
    rows = {row["set"]: row for row in far_rows(far(real, {"like": shadows(12, "v", draw=draw), "raw": other}))}
    assert rows["raw"]["share"] == 1.0
    assert rows["like"]["share"] < 0.2
    assert rows["floor"]["share"] == 0.0
    assert {row["n"] for row in rows.values()} == {12}


def heart_film(width: int, start: str = "p", *, drawn: bool = True) -> Shadow:
    """A body 100 wide with lungs 80 wide and a bright heart of a share of them, with grain."""
    lungs, heart = np.zeros((100, 100), bool), np.zeros((100, 100), bool)
    lungs[10:90, 10:90], heart[45:90, 50 - width // 2 : 50 + width // 2] = True, True
    film = 0.8 - 0.5 * (lungs & ~heart) + 0.02 * np.random.default_rng(width).normal(size=(100, 100))
    film = np.float32(np.clip(film, 0, 1))
    return Shadow(film, f"{start}{width}", "", "PA", lungs if drawn else None, heart if drawn else None)


def test_the_ratio_is_of_the_largest_piece_of_heart() -> None:
    film = heart_film(40)
    assert film.heart is not None
    assert drawn_ctr(film) == ctr(film.heart, film.lungs) == 0.5
    speck = film.heart.copy()
    speck[2, 2] = True
    assert ctr(speck, film.lungs) == 0.5
    assert np.isnan(ctr(np.zeros((5, 5), bool), np.ones((5, 5), bool)))
    assert np.isnan(drawn_ctr(heart_film(40, drawn=False)))


def test_agreement_is_correlation_and_bias_of_what_both_know() -> None:
    found = agreement(np.array([0.4, 0.5, 0.6, np.nan]), np.array([0.45, 0.55, 0.65, 0.1]))
    assert found["correlation"] == pytest.approx(1.0)
    assert found["bias"] == pytest.approx(0.05)
    assert found["n"] == 3
    assert "Too few" in sentence(agreement(np.array([0.4]), np.array([0.4])))
    assert "not judged" in sentence({**found, "correlation": 0.2, "heart dice": 0.5})
    assert "not judged" not in sentence({**found, "heart dice": 0.5})


@pytest.mark.slow
def test_the_segmenter_finds_hearts_of_patients_it_has_not_seen() -> None:
    virtual = [heart_film(width) for width in range(24, 64, 2)]
    real = [heart_film(width, "r", drawn=False) for width in (30, 44, 58)]
    found = hearts(virtual, real, [heart_film(36, "o")], steps=60)
    assert found.check["correlation"] > 0.8
    assert found.check["heart dice"] > 0.8
    assert found.check["real lung dice"] > 0.9
    assert found.real[0] < found.real[1] < found.real[2]


def test_a_sheet_holds_each_film_once(draw: np.random.Generator) -> None:
    films = [Shadow(np.full((30, 20), level, np.float32), str(k), "", "PA") for k, level in enumerate((0.0, 0.5, 1.0))]
    pixels = sheet(films, columns=2, side=54)
    assert pixels.shape == (108, 108)
    assert [pixels[27, 27], pixels[27, 81], pixels[81, 27], pixels[81, 81]] == [0, 128, 255, 60]
    picked = chosen(films, 9, seed=1)
    assert sorted(film.patient for film in picked) == ["0", "1", "2"]
    with pytest.raises(HilumError, match="no films"):
        sheet([])


@pytest.mark.slow
def test_one_call_writes_the_page_and_its_figures(cohort: Path, pack: Path, tmp_path: Path) -> None:
    facts = write_page(cohort, pack, tmp_path / "out", steps=2, real=25)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "realism.html", "realism.json", "sheet-virtual.jpg", "sheet.jpg",
    ]  # fmt: skip
    kept = json.loads((tmp_path / "out" / "realism.json").read_text(encoding="utf-8"))
    assert kept["virtual"] == facts["virtual"]
    assert kept["real"]["films"] == 25
    text = (tmp_path / "out" / "realism.html").read_text(encoding="utf-8")
    for title, _, rows in blocks(facts):
        assert not rows or title.replace("<", "&lt;") in text
    assert "Radial spectrum slope" in text
    assert text.count("data:image/jpeg") == 1
    assert (tmp_path / "out" / "sheet-virtual.jpg").stat().st_size < 400_000
