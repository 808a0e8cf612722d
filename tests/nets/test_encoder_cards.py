"""The page of encoders says what the cards say."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from hilum.core.errors import InputError
from hilum.nets.encoder_cards import HOUNSFIELD_LIKE, IMAGES, TEXTS, card_of

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_holds_the_tables_as_printed() -> None:
    spec = importlib.util.spec_from_file_location("list_encoders", ROOT / "scripts" / "list_encoders.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "encoders.md").read_text(encoding="utf-8")
    assert "\n".join(module.rows()) in page


def test_cards_need_no_torch() -> None:
    code = "import sys, hilum.nets.encoder_cards; print('torch' in sys.modules or 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["rad-dino", "chexnet", "biovil-t", "resnet50-res512-all"])
def test_a_name_finds_its_card(name: str) -> None:
    assert card_of(IMAGES, name, "image").name == name


def test_a_wrong_name_is_answered_with_near_ones() -> None:
    with pytest.raises(InputError, match="no text encoder is called 'med-kebart'; did you mean med-kebert"):
        card_of(TEXTS, "med-kebart", "text")


def test_the_range_of_torchxrayvision() -> None:
    (mean, *_), (deviation, *_) = HOUNSFIELD_LIKE
    assert ((0 - mean) / deviation, (1 - mean) / deviation) == (-1024.0, 1024.0)
