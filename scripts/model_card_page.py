"""Write docs/model-card.md from the card that ships with the weights: `python scripts/model_card_page.py`."""

from __future__ import annotations

import argparse
from pathlib import Path

from hilum.systems._embedded_report import table
from hilum.systems.embedded import Embedded

PAGE = Path(__file__).parents[1] / "docs" / "model-card.md"
HEAD = """# Model card: the embedded model

This page is made from `card.json`, which ships beside the weights, by `python scripts/model_card_page.py`; the gate
checks that the two agree. The same table is printed by `python -m hilum.systems.embedded --report`, and recomputed from
the weights and the films by `python -m hilum.systems.embedded --evaluate --data ROOT` (needs no torch).

**Research use only. Not a medical device.**
"""


def page() -> str:
    """Return the page's text."""
    card = Embedded().card
    lists = [
        ("Intended use", [card["intended_use"]]),
        ("Trained on", card["trained_on"]),
        ("Tested on, never trained on", card["tested_on_only"]),
        ("Labels", [card["labels"]]),
        ("Evidence rule, set before the test split was looked at", [card["evidence_rule"]]),
        ("Thresholds", [card["threshold_rule"]]),
        ("Sides", [card["laterality"]]),
        ("Weak points", card["weak_points"]),
        ("Licence", [card["licence"]]),
    ]
    parts = [HEAD]
    for title, lines in lists:
        parts.append(f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines) + "\n")
    parts.append("## Measured\n\n```\n" + table(card).strip("\n") + "\n```\n")
    return "\n".join(parts)


def main() -> None:
    """Write the page, or with --check tell whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        raise SystemExit(0 if PAGE.read_text(encoding="utf-8") == page() else "docs/model-card.md is out of date")
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
