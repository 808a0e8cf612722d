"""What the bench of readers costs: drawing, label training, features, and a step of every arm of Libra and MAIRA-2.

    python benchmarks/reader_arms.py --patients 300 --steps 40

Prints seconds of processor time on one thread, and what a whole reproduction of each comes to at its default size.
"""

from __future__ import annotations

import argparse
import inspect
import time

import torch

from hilum.systems import _libra_judge, _maira_2_judge, libra, maira_2
from hilum.systems._maira_2_arms import INPUTS
from hilum.systems._maira_2_claims import DROPPED, GROUNDED, REPORT_ONLY
from hilum.systems._reader_lab import SMALL, lab, scaled

MAIRA_ARMS = (*INPUTS, DROPPED, REPORT_ONLY, GROUNDED)


def main() -> None:
    """Measure and print."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--patients", type=int, default=300)
    given.add_argument("--steps", type=int, default=40)
    asked = given.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    scale = scaled(SMALL, {"patients": asked.patients, "steps": asked.steps, "encoder_steps": 0, "workers": 1})
    bench = lab(scale)
    drawn = time.process_time() - began
    print(f"drawing {asked.patients} patients: {drawn:.1f} s, {1000 * drawn / asked.patients:.0f} ms each")
    began = time.process_time()
    bench.features.see(film for study in bench.train for film in study.films)
    films = sum(len(study.films) for study in bench.train)
    print(f"features of {films} films: {1000 * (time.process_time() - began) / films:.2f} ms each")
    for system, work, arms in (
        (libra, _libra_judge.arm_of, _libra_judge.KINDS),
        (maira_2, _maira_2_judge.arm_of, MAIRA_ARMS),
    ):
        steps = int(inspect.signature(system.reproduce).parameters["steps"].default)
        total = 0.0
        for name in arms:
            began = time.process_time()
            work(bench, name, 0)
            spent = time.process_time() - began
            total += spent * steps / asked.steps
            print(f"{system.__name__.split('.')[-1]}, {name}: {spent / asked.steps:.3f} s a step, tests of "
                  f"{len(bench.test)} studies counted in")  # fmt: skip
        print(f"three seeds of {steps} steps: at most {3 * total / 60:.0f} minutes of processor time")


if __name__ == "__main__":
    main()
