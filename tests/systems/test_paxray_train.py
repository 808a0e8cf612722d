"""`hilum train paxray` on a projected cohort: it learns, its card is true, it resumes, and its network reads back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.data.drr_cohort import drr, masks_of
from tests.app.conftest import Ran
from tests.app.conftest import hilum as hilum
from tests.app.test_project_case import named
from tests.data.made_ct import chest, nifti

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
pytest.importorskip("safetensors", reason="safetensors (extra 'train') is not installed")
pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")
pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")

from hilum.learn.segment import PackedMasks, fit_masks, read_masks  # noqa: E402
from hilum.nets.resunet import ResUNet  # noqa: E402
from hilum.systems._paxray_card import measured, resolve  # noqa: E402
from hilum.systems._paxray_cohort import gather  # noqa: E402
from hilum.systems._paxray_train import train as run  # noqa: E402
from hilum.systems.paxray import trained  # noqa: E402

Command = Callable[..., Ran]
QUICK = {"net": "small", "size": "64", "steps": "6", "batch": "2", "tones": "plain"}
FLAGS = [word for name, value in QUICK.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve made CTs of one shape, the heart missing from the masks of one."""
    from hilum.app.project_command import Asked
    from hilum.app.project_command import run as project
    from hilum.app.project_settings import Settings

    folder = tmp_path_factory.mktemp("cohort")
    hu, ids = chest()
    for number in range(12):
        here = np.where(ids == 3, 0, ids) if number == 0 else ids
        nifti(folder / "cts" / f"p{number:02d}.nii.gz", np.roll(hu, number % 3 - 1, axis=2))
        nifti(folder / "cts" / f"p{number:02d}_seg.nii.gz", np.roll(named(here), number % 3 - 1, axis=2))
    labels = ("lung_upper_lobe_left", "all")
    settings = Settings(labels=labels, size=(64, 64), physics="raw", formats=("masks",), frame="field")
    assert project(Asked([folder / "cts"], folder / "drr", quiet=True), settings)
    return folder / "drr"


def test_a_cohort_is_gathered_as_it_is_on_disk(cohort: Path, tmp_path: Path) -> None:
    data = gather(cohort, tmp_path, size=64, views=("PA",), resume=False)
    assert len(data.ids) == len(set(data.patients)) == 12
    assert set(data.splits) <= {"train", "val", "test"}
    heart = data.classes.index("heart")
    assert (~data.known).sum() == 1
    films = {film.id: film for study in drr(cohort) for film in study.films}
    for row, name in enumerate(data.ids):
        np.testing.assert_allclose(data.films[row], films[name].display(), atol=2e-3)
        for mask in masks_of(films[name]):
            column = data.classes.index(mask.label)
            assert data.known[row, column]
            np.testing.assert_array_equal(data.masks[np.array([row])][0, column], mask.pixels)
    assert data.known[:, heart].sum() == 11
    kept = (tmp_path / "films.npy").stat().st_mtime_ns
    gather(cohort, tmp_path, size=64, views=("PA",), resume=True)
    assert (tmp_path / "films.npy").stat().st_mtime_ns == kept
    gather(cohort, tmp_path, size=32, views=("PA",), resume=True)
    assert (tmp_path / "films.npy").stat().st_mtime_ns > kept


def test_packed_masks_are_the_masks_at_any_width(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((5, 3, 7, 13)) > 0.5
    np.save(tmp_path / "m.npy", np.packbits(masks, axis=-1))
    packed = PackedMasks(tmp_path / "m.npy", 13)
    assert (len(packed), packed.shape) == (5, masks.shape)
    np.testing.assert_array_equal(packed[np.array([4, 0, 4])], masks[[4, 0, 4]])


def test_what_was_not_drawn_teaches_nothing() -> None:
    """Wrong masks of a class leave no trace where the class is said to be unknown."""
    rng = np.random.default_rng(0)
    films = rng.random((6, 32, 32)).astype(np.float32)
    right = films[:, None] > 0.5
    known = np.ones((6, 1), bool)
    known[3:] = False
    wrong = np.where(known[:, :, None, None], right, ~right)

    def answer(masks: np.ndarray) -> np.ndarray:
        torch.manual_seed(0)
        return read_masks(fit_masks(ResUNet(classes=1), films, masks, steps=4, batch=4, known=known), films)

    np.testing.assert_array_equal(answer(right), answer(wrong))


def test_the_command_trains_and_the_card_says_what_was_done(cohort: Path, tmp_path: Path, hilum: Command) -> None:
    ran = hilum("train", "paxray", "--data", f"drr:{cohort}", "-o", tmp_path, *FLAGS)
    assert ran.code == 0, ran.err
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["settings"]["net"] == "small"
    assert (card["steps"], card["seed"]) == (6, 0)
    assert sum(each["films"] for each in card["data"].values()) == 12
    assert card["films without a class"] == {"heart": 1}
    assert set(card["measured"]) == set(card["data"]) - {"train"}
    assert "licence of the CTs" in card
    net, read = trained(tmp_path)
    assert list(read["classes"]) == card["classes"]
    data = gather(cohort, tmp_path / "arrays", size=64, views=("PA",), resume=True)
    for split, figures in card["measured"].items():
        assert measured(net, data, split) == figures
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".pt", ".pth", ".pkl")]


def test_a_training_cut_short_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    films = rng.random((5, 32, 32)).astype(np.float32)
    seen: list[int] = []

    def fitted(folder: Path, *, last: int, resume: bool = False) -> dict:
        def tone(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            seen.append(1)
            if len(seen) > last:
                raise KeyboardInterrupt  # as when the person stops it
            return film + rng.normal(0, 0.01, film.shape).astype(np.float32)

        folder.mkdir(exist_ok=True)
        torch.manual_seed(7)
        net = fit_masks(
            ResUNet(classes=1), films, films[:, None] > 0.5, steps=7, batch=2, tone=tone, folder=folder, resume=resume,
            save_every=2,
        )  # fmt: skip
        return net.state_dict()

    whole = fitted(tmp_path / "a", last=100)
    seen.clear()
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "b", last=9)  # in the fifth of seven steps
    seen.clear()
    again = fitted(tmp_path / "b", last=100, resume=True)
    assert len(seen) == 2 * 3  # three steps were left after the last state
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_the_command_goes_on_where_it_stopped_and_changes_nothing_when_done(cohort: Path, tmp_path: Path) -> None:
    whole = trained(run(cohort, tmp_path, seed=3, resume=False, settings=QUICK))[0].state_dict()
    again = trained(run(cohort, tmp_path, seed=3, resume=True, settings=QUICK))[0].state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.slow
def test_it_learns_where_the_lungs_are_on_patients_left_out(cohort: Path, tmp_path: Path) -> None:
    run(cohort, tmp_path, seed=0, resume=False, settings={**QUICK, "steps": "120", "rate": "0.003"})
    card = json.loads((tmp_path / "card.json").read_text())
    found = [split["IoU"] for split in card["measured"].values()]
    assert found
    for split in found:
        assert split["lung_upper_lobe_left"] > 0.7


def test_nothing_to_train_on_is_said_in_a_sentence(cohort: Path, tmp_path: Path, hilum: Command) -> None:
    assert "hilum project" in hilum("train", "paxray", "--data", tmp_path, "-o", tmp_path / "o").err
    ran = hilum("train", "paxray", "--data", cohort, "--set", "views=LL", "-o", tmp_path / "o")
    assert ran.code == 1
    assert "no LL film with masks" in ran.err
    with pytest.raises(MissingError, match="hilum train paxray"):
        trained(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("szie", "3", "unknown setting 'szie'"), ("size", "50", "multiple of 32"), ("net", "big", "'published' or"),
     ("rate", "fast", "rate must be a number")],
)  # fmt: skip
def test_a_bad_setting_is_said(name: str, value: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        resolve({name: value})
    assert resolve({}).size == 480
