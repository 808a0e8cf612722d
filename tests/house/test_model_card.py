"""The page about the model says what its card says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_model_cards_page_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "model_card_page.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_report_is_printed_from_the_shipped_card() -> None:
    command = [sys.executable, "-m", "hilum.systems.embedded", "--report"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    page = (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8")
    assert done.stdout.strip() in page
