"""How real virtual films look: a cohort against real films, measure by measure, on one page made by this command.

    hilum draw --cohort 60 --seed 1 --size 320 --families parametric,warped,hybrid --maps -o cohort/
    python benchmarks/realism.py cohort/ --real PACK -o realism/

Writes realism.json, realism.html, sheet-virtual.jpg, and sheet.jpg with real films, which stays on this machine.
Draw at 320 pixels: the spectrum is taken at 256 pixels over the central 80 %; smaller films have less to measure there.
Without --maps in the cohort there is no raw ceiling and no ablation.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from hilum.app.realism_heart import sentence
from hilum.app.realism_page import blocks, write_page
from hilum.core.errors import HilumError


def main() -> int:
    """Measure, print the tables as Markdown, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path, help="folder that hilum draw --cohort wrote")
    parser.add_argument("--real", type=Path, required=True, help="folder of real films with manifest.csv")
    parser.add_argument("-o", "--out", type=Path, default=Path("realism"))
    parser.add_argument("--films", type=int, default=200, help="virtual films of each family, at most")
    parser.add_argument("--real-films", type=int, default=300, help="real films, at most")
    parser.add_argument("--steps", type=int, default=150, help="of the judging network's training; 0 for none")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    began = time.perf_counter()

    def say(line: str) -> None:
        print(f"{time.perf_counter() - began:6.0f} s  {line}", file=sys.stderr, flush=True)

    try:
        facts = write_page(given.cohort, given.real, given.out, films=given.films, real=given.real_films,
                           steps=given.steps, seed=given.seed, say=say)  # fmt: skip
    except HilumError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for title, heads, rows in blocks(facts):
        if rows:
            print(f"\n{title}\n\n| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
            print("\n".join("| " + " | ".join(row) + " |" for row in rows))
    print(f"\n{sentence(facts['heart'])}\nPage: {given.out / 'realism.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
