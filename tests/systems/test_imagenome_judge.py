"""The claim of Chest ImaGenome is judged beside both its control arms, or not at all."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.systems._imagenome_gold import coded, counts
from hilum.systems.imagenome import ImaGenomeSystem

TEXTS = [
    ("Small right pleural effusion. Left lung is clear.", "Pleural Effusion/right", ["right"]),
    ("No pleural effusion. Left apical pneumothorax.", "Pneumothorax/left", ["left"]),
    ("Left lower lobe atelectasis. No pneumothorax.", "Pulmonary Atelectasis/lower lobe/left", ["left"]),
]


def row(number: int) -> dict[str, str]:
    text, code, side = TEXTS[number % len(TEXTS)]
    region = ["lower lobe"] if "lower lobe" in code else []
    return {
        "report_id": f"made{number}", "findings": f"{text} Film {number}.", "impression": "", "gold_status": "ok",
        "text_hash": f"{2 * number + 1:x}", "mesh_major": code,
        "qualifiers_json": json.dumps([{"term": code, "side": side, "region": region}]),
    }  # fmt: skip


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    rows = [row(number) for number in range(30)]
    (tmp_path / "openi").mkdir()
    with (tmp_path / "openi" / "gold_findings.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def test_reading_location_and_negation_beats_doing_without(pack: Path) -> None:
    made = ImaGenomeSystem.reproduce(pack, half="test")
    assert made.outcome == "holds"
    parts = list(made.scores.values())
    assert [part.claim.better_than for part in parts] == ["default location only", "no negation"]
    assert set(parts[0].arms) == {"whole", "default location only", "no negation"}


def test_without_data_it_says_what_to_give() -> None:
    made = ImaGenomeSystem.reproduce()
    assert made.outcome == "cannot be tested here"
    assert "--data" in made.lines[0]


def test_a_wrong_half_and_a_wrong_folder_are_sentences(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="half must be dev, test or all"):
        ImaGenomeSystem.reproduce(pack, half="train")
    with pytest.raises(InputError, match="no coded report in the dev half"):
        ImaGenomeSystem.reproduce(pack, half="dev")
    with pytest.raises(MissingError, match="--data"):
        ImaGenomeSystem.reproduce(tmp_path / "none")


def test_a_code_without_a_side_is_not_scored() -> None:
    bare = {"qualifiers_json": json.dumps([{"term": "Pleural Effusion", "side": [], "region": []}]),
            "mesh_major": "Pleural Effusion"}  # fmt: skip
    pairs, skipped = coded(bare)
    assert pairs == set()
    assert "pleural effusion" in skipped
    stated = {("right costophrenic angle", "pleural effusion")}
    assert counts([(pairs, skipped)], [stated]).tolist() == [[0, 0, 0]]
