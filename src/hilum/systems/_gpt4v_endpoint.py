"""An endpoint through the prompt study: a few cases, behind the gate, the number of requests said first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hilum.learn.outside.asking import Backend
from hilum.measure.claim import Judged
from hilum.systems._gpt4v_claims import BOTH, ZERO, looks, prompted, trails
from hilum.systems._gpt4v_judge import beyond, floors, guard_line
from hilum.systems._gpt4v_rows import Rows
from hilum.systems._gpt4v_run import CONDITIONS

Say = Callable[[str], None]


def endpoint_rows(
    rows: Rows, backend: Backend, specialists: Sequence[Backend], *, seed: int, seeds: int, say: Say
) -> tuple[list[Judged], list[str]]:  # fmt: skip
    """Run an endpoint on a few cases, beside the floors and specialists on the same ones, and judge the same claims.

    Args:
        rows: of the few cases; added to.
        backend: the endpoint.
        specialists: that its boxes are held against.
        seed, seeds: first, and how many draws of examples.
        say: told how many requests are to come before the first is sent.

    Raises:
        RefusedError: if it does not look at films.
        HilumError: if it does not answer.
    """
    from hilum.learn.outside.gate import gate

    say(f"{backend.name}: the gate, four requests; then about {requests(len(rows.cases), seeds):,} requests")
    looked = gate(getattr(backend, "uncached", lambda: backend)())
    floors(rows, seed=seed, seeds=seeds)
    rows.write(backend, (ZERO,), CONDITIONS, seed=seed)
    for number in range(seed, seed + seeds):
        rows.write(backend, (BOTH,), CONDITIONS, seed=number)
    rows.answer(backend, (ZERO, BOTH), CONDITIONS, seed=seed)
    rows.point(backend, CONDITIONS, seed=seed)
    for number, specialist in enumerate(specialists):
        rows.point(specialist, CONDITIONS, seed=seed + number)
    names = ("bleu-4", "finding-f1")
    parts = [rows.judged(prompted(backend.name, name, what), seed=seed)
             for name, what in zip(names, ("BLEU-4", "F1 of findings"), strict=True)]  # fmt: skip
    parts += [rows.judged(trails(backend.name), seed=seed)] if specialists else []
    guard = rows.judged(looks(backend.name, BOTH), seed=seed)
    if guard.outcome == "fails":
        reason = "it does not show that it looks at the film (its score does not fall with another patient's)"
        parts = [replace(part, outcome="cannot be tested here", reason=reason) for part in parts]
    told = [f"{backend.name} on {len(rows.cases)} cases, at the gate: {looked.note or 'open'}", guard_line(guard)]
    return parts, [*told, *(beyond(rows, backend.name, name, seed=seed) for name in names), *rows.lines()]


def requests(cases: int, seeds: int) -> int:
    """Return about how many requests an endpoint is sent for a number of cases: reports, two questions, two boxes."""
    films = len(CONDITIONS)
    return cases * films * (1 + seeds + 2 * 2 + 2)
