"""The shipped model: its card, its promises and its behaviour on made and real films."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.image import Image
from hilum.core.study import Study
from hilum.core.vocabulary import concept
from hilum.data import pack as packs
from hilum.systems._embedded_labels import boxed_patients, split_of
from hilum.systems._embedded_report import run, table
from hilum.systems.embedded import WEIGHTS, Assessment, Embedded, embedded


@pytest.fixture(scope="module")
def model() -> Embedded:
    return Embedded(threads=2)


@pytest.fixture(scope="module")
def held_out(pack: Path) -> list[packs.PackRow]:
    """Test films of the 512 px source, never trained on."""
    everything = packs.rows(pack, packs.FILM_SOURCES)
    boxed = boxed_patients(everything)
    return [row for row in everything if row.source == "nih512" and split_of(row, boxed) == "test"]


def test_the_weights_match_the_card_and_are_small(model: Embedded) -> None:
    assert model.session.sha256 == model.card["sha256"]
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) <= 25_000_000
    assert model.made_by.sha256 == model.card["sha256"]


def test_the_card_is_whole(model: Embedded) -> None:
    card = model.card
    assert len(card["findings"]) + len(card["not_assessed"]) == 15
    for name, facts in card["findings"].items():
        assert concept(name).name == name
        low, high = facts["threshold"]
        assert 0 < low <= high < 1
        assert facts["positives"] >= 20
        assert facts["interval"][0] >= 0.70
    assert all(reason for reason in card["not_assessed"].values())
    assert "RSNA" not in " ".join(card["trained_on"])
    assert card["onnx_vs_torch"] < 1e-3


def test_a_finding_that_a_control_contradicts_is_withdrawn_unless_asked_for(
    model: Embedded, pack: Path, held_out: list[packs.PackRow]
) -> None:
    for name, facts in model.card["withdrawn"].items():
        assert name not in model.card["findings"]
        assert model.card["not_assessed"][name].startswith("withdrawn")
        assert facts["against"]["interval"][1] < 0.70
    film = packs.pixels(pack, held_out[0])
    asked = Embedded(threads=2, withdrawn=True).assess(film)
    assert {f.concept for f in asked.findings} == {*model.card["findings"], *model.card["withdrawn"]}
    assert not {f.concept for f in asked.findings} & set(asked.not_assessed)
    assert {f.concept for f in model.assess(film).findings} == set(model.card["findings"])


def test_no_folder_name_of_a_machine_is_shipped() -> None:
    private = [str(place).encode() + b"/" for place in (Path.home(), Path(__file__).resolve().parents[3])]
    for path in WEIGHTS.iterdir():
        content = path.read_bytes()
        assert not any(place in content for place in private if len(place) > 2), path.name


def test_the_split_manifest_holds_no_patient_twice() -> None:
    lines = (WEIGHTS / "split.csv").read_text().splitlines()[1:]
    sides: dict[str, set[str]] = {}
    for line in lines:
        _, patient, split = line.rsplit(",", 2)
        sides.setdefault(patient, set()).add(split)
    assert all(len(found) == 1 for found in sides.values())
    assert not any("covid_cc" in line for line in lines)


def test_the_report_lists_every_finding(model: Embedded) -> None:
    text = table(model.card)
    for name in (*model.card["findings"], *model.card["not_assessed"]):
        assert name in text
    assert run(["--report"]) == text


def test_the_command_line_says_what_it_needs() -> None:
    with pytest.raises(InputError, match="nothing to do"):
        run([])
    with pytest.raises(InputError, match="--data"):
        run(["--evaluate"])


def test_missing_and_foreign_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"card\.json"):
        _ = Embedded(folder=tmp_path).card
    card = json.loads((WEIGHTS / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, "sha256": "0" * 64}))
    (tmp_path / "model.onnx").write_bytes((WEIGHTS / "model.onnx").read_bytes())
    with pytest.raises(InputError, match="do not belong together"):
        Embedded(folder=tmp_path).assess(np.zeros((64, 64), np.float32))


@pytest.mark.parametrize("picture", ["black", "noise", "ramp"])
def test_what_is_no_film_is_refused_with_a_reason(model: Embedded, picture: str) -> None:
    made = {
        "black": np.zeros((300, 200), np.float32),
        "noise": np.random.default_rng(0).random((256, 256), dtype=np.float32),
        "ramp": np.linspace(0, 1, 300 * 300, dtype=np.float32).reshape(300, 300),
    }[picture]
    found = model.assess(made)
    assert not found.chest
    assert found.reason
    assert found.findings == ()
    assert found.lungs is None
    assert len(found.not_assessed) == 15


def test_a_study_without_a_film_that_can_be_read_gets_no_finding(model: Embedded) -> None:
    study = Study("s", images=(Image(np.zeros((200, 200), np.float32), id="f"),))
    answer = model.read(study)
    assert answer.findings == ()
    assert answer.provenance[-1].made_by == model.made_by


def test_inference_needs_no_torch() -> None:
    code = (
        "import sys, numpy as np; from hilum.systems.embedded import Embedded; "
        "Embedded().assess(np.zeros((99, 80), np.float32)); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_real_films_are_read(model: Embedded, pack: Path, held_out: list[packs.PackRow]) -> None:
    films = held_out[::20]
    every = Embedded(threads=2, withdrawn=True)
    found = [every.assess(packs.pixels(pack, row)) for row in films]
    assert sum(answer.chest for answer in found) >= 0.8 * len(found)
    for row, answer in zip(films, found, strict=True):
        if not answer.chest:
            continue
        assert answer.view in ("PA", "AP")
        assert answer.lungs is not None
        assert answer.lungs.shape == packs.pixels(pack, row).shape
        assert 0.08 < answer.lungs.mean() < 0.6
        assert {f.concept for f in answer.findings} == {*model.card["findings"], *model.card["withdrawn"]}
        for finding in answer.findings:
            assert 0 <= finding.probability <= 1
            assert finding.calibration.startswith("platt-")
            assert finding.state == "present" or not finding.boxes
            for box in finding.boxes:
                assert 0 <= box.x0 < box.x1 <= 512
                assert 0 <= box.y0 < box.y1 <= 512


def test_the_same_film_gives_the_same_answer(model: Embedded, pack: Path, held_out: list[packs.PackRow]) -> None:
    film = packs.pixels(pack, held_out[3])
    first, second, other = (Embedded(threads=n, withdrawn=True).assess(film) for n in (2, 2, 1))
    assert model.assess(film).view == first.view
    assert [f.probability for f in first.findings] == [f.probability for f in second.findings]
    assert [f.probability for f in first.findings] == pytest.approx([f.probability for f in other.findings], abs=1e-4)


def test_window_gain_does_not_change_the_reading(model: Embedded, pack: Path, held_out: list[packs.PackRow]) -> None:
    film, every = packs.pixels(pack, held_out[5]), Embedded(threads=2, withdrawn=True)
    first, second = every.assess(film), every.assess(film * 0.5 + 0.2)
    assert model.assess(film).view == first.view == second.view
    for a, b in zip(first.findings, second.findings, strict=True):
        assert a.probability == pytest.approx(b.probability, abs=0.05)


def test_turned_and_inverted_films_are_refused_for_that(
    model: Embedded, pack: Path, held_out: list[packs.PackRow]
) -> None:
    reasons: dict[str, list[str]] = {"turned": [], "inverted": []}
    for row in held_out[::24]:
        film = packs.pixels(pack, row)
        reasons["turned"].append(model.assess(np.ascontiguousarray(np.rot90(film))).reason)
        reasons["inverted"].append(model.assess(1 - film).reason)
    for word, found in reasons.items():
        assert np.mean([word in reason for reason in found]) >= 0.85


def test_a_stated_lateral_gets_no_findings(model: Embedded, pack: Path, held_out: list[packs.PackRow]) -> None:
    answer: Assessment = model.assess(packs.pixels(pack, held_out[0]), stated_view="LL")
    if answer.chest:
        assert answer.view == "lateral"
        assert answer.findings == ()
        assert "lateral" in answer.not_assessed["pneumonia"]


def test_the_other_dicom_files_are_refused(model: Embedded, pack: Path) -> None:
    from hilum.io.dicom import read_image

    names = [row.file for row in packs.rows(pack, ("dicom",)) if "NOT_A_CHEST_RADIOGRAPH" in row.labels]
    assert len(names) == 2
    assert not any(model.assess(read_image(pack / name).display()).chest for name in names)


def test_the_registered_model_signs_and_keeps_what_was_there(pack: Path, held_out: list[packs.PackRow]) -> None:
    study = packs.study(pack, held_out[7])
    answer = embedded(study)
    assert answer.findings[: len(study.findings)] == study.findings
    assert answer.provenance[-1].made_by.name == "hilum-embedded"


@pytest.mark.slow
def test_it_is_fast_enough(model: Embedded, pack: Path, held_out: list[packs.PackRow]) -> None:
    rows = held_out[:24]
    model.assess(packs.pixels(pack, rows[0]))
    began = time.process_time()
    for row in rows:
        model.assess(packs.pixels(pack, row))
    assert (time.process_time() - began) / len(rows) < 0.5  # CPU seconds over 2 cores: 4 films a second


@pytest.mark.slow
def test_training_runs_end_to_end_on_a_handful_of_films(tmp_path: Path, pack: Path) -> None:
    for name in ("torch", "safetensors", "onnxscript", "nibabel"):
        pytest.importorskip(name)
    from hilum.systems.embedded import train

    out = train(data=pack, out=tmp_path / "run", seed=3, settings={"quick": "1"})
    assert {"model.onnx", "card.json", "split.csv", "config.json", "log.csv"} <= {path.name for path in out.iterdir()}
    card = json.loads((out / "card.json").read_text())
    assert len(card["findings"]) + len(card["not_assessed"]) == 15
    model = Embedded(folder=out)
    assert model.assess(np.zeros((64, 64), np.float32)).made_by.sha256 == card["sha256"]
