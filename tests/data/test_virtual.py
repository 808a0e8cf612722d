"""A cohort's folder as data: studies with priors, lazy films, masks, truth; and what is said of a damaged one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import HilumError, InputError, MissingError
from hilum.data.virtual import MANIFEST, manifest, masks_of, truth_of, verify, virtual
from hilum.io.shards import write_shard
from hilum.phantom.samples import files_of
from tests.phantom.test_samples import made_study


def folder(root: Path) -> Path:
    """Two shards as `hilum draw` lays them out: one patient who comes twice in train, one in test."""
    shards = []
    for name, split, patient, visits in (("train-00000", "train", "a", 2), ("test-00000", "test", "b", 1)):
        studies = [made_study(patient, visit) for visit in range(1, visits + 1)]
        samples = [(drawn.study.id, files_of(drawn)) for drawn in studies]
        sha = write_shard(root / f"{name}.tar", samples)
        shards.append({"name": f"{name}.tar", "split": split, "sha256": sha, "patients": [patient], "studies": visits})
    (root / MANIFEST).write_text(json.dumps({"shards": shards, "recipe": {"seed": 0}}), encoding="utf-8")
    return root


def test_studies_come_in_order_with_their_priors(tmp_path: Path) -> None:
    studies = list(virtual(folder(tmp_path)))
    assert [study.id for study in studies] == ["a-1", "a-2", "b-1"]
    assert [study.prior.id if study.prior else "" for study in studies] == ["", "a-1", ""]


def test_films_are_read_on_use_and_show_what_was_drawn(tmp_path: Path) -> None:
    film = next(iter(virtual(folder(tmp_path)))).films[0]
    assert not film.loaded
    assert np.abs(film.display() - made_study("a").study.films[0].display()).max() <= 0.5 / 255 + 1e-6
    assert film.synthetic
    assert film.spacing_mm == (2.0, 2.0)


def test_splits_are_those_of_the_manifest(tmp_path: Path) -> None:
    cohort = virtual(folder(tmp_path))
    assert [study.id for study in cohort.split("test")] == ["b-1"]
    assert cohort.split_of("a") == "train"
    with pytest.raises(InputError, match="no patient 'z'"):
        cohort.split_of("z")


def test_masks_and_truth_are_found_by_film_and_study(tmp_path: Path) -> None:
    root = folder(tmp_path)
    film = [study.films[0] for study in virtual(root)][1]
    (lungs,) = masks_of(film)
    assert lungs == made_study("a", 2).anatomy["pa"][0]
    assert truth_of(root, "a-2")["row"] == {"id": "a-2"}
    with pytest.raises(InputError, match="no study 'z-9'"):
        truth_of(root, "z-9")
    with pytest.raises(InputError, match="not of a cohort"):
        masks_of(made_study().study.films[0])


def test_verify_names_what_changed_since(tmp_path: Path) -> None:
    root = folder(tmp_path)
    assert verify(root) == ()
    (root / "test-00000.tar").write_bytes(b"other")
    assert verify(root) == ("test-00000.tar",)
    (root / "train-00000.tar").unlink()
    assert verify(root) == ("train-00000.tar", "test-00000.tar")


def test_an_unfinished_cohort_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="--resume"):
        virtual(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"shards": [{}]}', '{"shards": 3}'])
def test_a_damaged_manifest_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        manifest(tmp_path)


@pytest.mark.parametrize("name", ["../a.tar", "/etc/a.tar", "x/../../a.tar", "a.zip"])
def test_a_manifest_cannot_point_outside_its_folder(tmp_path: Path, name: str) -> None:
    told = {"shards": [{"name": name, "split": "train", "patients": []}]}
    (tmp_path / MANIFEST).write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(InputError, match="no file beside it"):
        manifest(tmp_path)


def test_a_shard_cut_short_is_a_fault_and_no_end(tmp_path: Path) -> None:
    root = folder(tmp_path)
    shard = root / "train-00000.tar"
    shard.write_bytes(shard.read_bytes()[:-12000])
    with pytest.raises(HilumError):
        list(virtual(root))


def test_a_sample_without_a_record_is_said(tmp_path: Path) -> None:
    root = folder(tmp_path)
    write_shard(root / "test-00000.tar", [("b-1", {"pa.png": b""})])
    with pytest.raises(InputError, match="without a record"):
        list(virtual(root).split("test"))
