"""The prompt study run over floors, our small reader and, where one is named, an endpoint; and its claims judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hilum.core.errors import MissingError
from hilum.learn.outside.asking import Backend
from hilum.measure.claim import Judged
from hilum.measure.stats import Interval, bounds, patient_weights
from hilum.systems._gpt4v_claims import BOTH, GROUNDING, PROMPTS, ZERO, looks
from hilum.systems._gpt4v_cohort import FAMILIES
from hilum.systems._gpt4v_floors import RESTYLED, Constant, Copies, Nearest
from hilum.systems._gpt4v_rows import Rows
from hilum.systems._gpt4v_run import CONDITIONS, Arm

Say = Callable[[str], None]
_UNDEFINED = Interval(float("nan"), float("nan"), float("nan"))


def floors(rows: Rows, *, seed: int, seeds: int) -> None:
    """Run what cannot be talked to: each where it can differ."""
    constant, nearest, restyled = Constant(rows.pool), Nearest(rows.pool), Nearest(rows.pool, restyled=True)
    rows.write(constant, (ZERO,), ("true",), seed=seed)
    rows.write(nearest, (ZERO,), CONDITIONS, seed=seed)
    for number in range(seed, seed + seeds):
        rows.write(Copies(constant), FAMILIES[1:], ("true",), seed=number)
        rows.write(restyled, FAMILIES, ("true",), seed=number)
        rows.write(restyled, (ZERO, BOTH), CONDITIONS[1:], seed=number)
    rows.answer(constant, (ZERO,), ("true",), seed=seed)
    rows.answer(nearest, (ZERO,), CONDITIONS, seed=seed)
    rows.point(constant, ("true",), seed=seed)
    rows.point(nearest, CONDITIONS, seed=seed)


def learned(
    rows: Rows, *, seed: int, seeds: int, steps: tuple[int, int], say: Say
) -> tuple[str, list[Backend], Backend | None]:  # fmt: skip
    """Train and run the specialist and our small reader.

    Args:
        rows: to add to.
        seed, seeds: first, and how many trainings of each.
        steps: of the specialist and of the reader; 0 leaves the reader out.
        say: told what is being done.

    Returns:
        Why the reader did not run, '' where it did; the specialists, one for each seed; and the last reader.
    """
    specialists: list[Backend] = []
    reader: Backend | None = None
    try:
        from hilum.systems._gpt4v_reader import trained_reader
        from hilum.systems._gpt4v_specialist import trained

        for number in range(seed, seed + seeds):
            say(f"seed {number}: a specialist learns masks of {len(rows.pool)} films")
            specialists.append(trained(rows.pool, steps=steps[0], seed=number))
            rows.point(specialists[-1], CONDITIONS, seed=number)
            if steps[1] < 1:
                continue
            say(f"seed {number}: the small reader learns to write, to answer and to point")
            reader = trained_reader(rows.pool, steps=steps[1], seed=number, say=say)
            rows.write(reader, FAMILIES, CONDITIONS, seed=number)
            rows.answer(reader, (ZERO, BOTH), CONDITIONS, seed=number)
            rows.point(reader, CONDITIONS, seed=number)
    except (ImportError, MissingError) as error:
        return f"needs torch and transformers, pip install 'hilum[train,language]' ({error})", specialists, None
    return ("" if steps[1] > 0 else "the reader was left out (reader=0)"), specialists, reader


def judged_reader(rows: Rows, why: str, *, seed: int) -> tuple[list[Judged], list[str]]:
    """Judge the claims of prompts and boxes for our small reader, behind the guard that it looks."""
    claims = (*PROMPTS, GROUNDING)
    if why:
        return [Judged(claim, "cannot be tested here", _UNDEFINED, reason=why) for claim in claims], []
    backend = PROMPTS[0].arm.split(",")[0]
    guards = [rows.judged(looks(backend, family), seed=seed) for family in (ZERO, BOTH)]
    lines = [guard_line(each) for each in guards]
    blind = [each for each in guards if each.outcome != "holds"]
    parts = [rows.judged(claim, seed=seed) for claim in claims]
    if blind:
        reason = "the reader does not show that it looks at the film (its score does not fall with another patient's)"
        parts = [replace(part, outcome="cannot be tested here", reason=reason) for part in parts]
    return parts, [*lines, *(beyond(rows, backend, name, seed=seed) for name in ("bleu-4", "finding-f1"))]


def guard_line(part: Judged) -> str:
    """Return the guard that a backend looks, as judged, in one line."""
    return f"{part.claim.text}: true minus another patient's film {part.claim.metric} {part.gain}: {part.outcome}"


def beyond(rows: Rows, backend: str, metric: str, *, seed: int) -> str:
    """Return how much of a prompt's gain is there on blank films too, as a line: that part is style and not sight."""
    weights = patient_weights(rows.patients, replicates=1000, seed=seed)
    weights = np.concatenate([np.ones((1, weights.shape[1])), weights])
    gains = {}
    for film in ("true", "blank"):
        ends = [np.mean([run[metric].at(weights) for run in rows.scored[Arm(backend, family, film)]], axis=0)
                for family in (ZERO, BOTH)]  # fmt: skip
        gains[film] = ends[1] - ends[0]
    rest = gains["true"] - gains["blank"]
    told = {name: bounds(float(values[0]), values[1:]) for name, values in (*gains.items(), ("rest", rest))}
    return (f"{backend}: gain in {metric} by one + one on true films {told['true']}, on blank films {told['blank']}, "
            f"beyond what blank films gain {told['rest']}")  # fmt: skip


def styled(rows: Rows, *, seed: int) -> list[str]:
    """Return what examples are worth to a writer that takes only their words, and sees as much with them as without."""
    return [beyond(rows, RESTYLED, name, seed=seed) for name in ("bleu-4", "finding-f1")]
