"""The GPT-4V study as a harness: prompt families by tasks over any backend, with blank and swapped films beside.

Source: "A systematic evaluation of GPT-4V's multimodal capability for medical image analysis" (arXiv 2310.20381): an
evaluation protocol and no model; the model it evaluated has been retired, so that its numbers cannot be reproduced by
anyone. Here the protocol runs over floors, our own small reader and any endpoint that is named. That lexical metrics
misrank is judged without a model. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hilum.core.registry import register
from hilum.learn.outside.endpoint import Endpoint, endpoint_at
from hilum.measure.claim import judge, verdict
from hilum.measure.verdict import Verdict
from hilum.systems._chestx_ray8_films import whole
from hilum.systems._gpt4v_claims import GROUNDING, MISRANK, PROMPTS, TEXT
from hilum.systems._gpt4v_cohort import cases
from hilum.systems._gpt4v_endpoint import endpoint_rows, requests
from hilum.systems._gpt4v_floors import Nearest
from hilum.systems._gpt4v_judge import floors, judged_reader, learned, styled
from hilum.systems._gpt4v_lexical import judged
from hilum.systems._gpt4v_picture import BOXES, METRICS, boxes_png, metrics_svg, prompts_svg
from hilum.systems._gpt4v_picture import PROMPTS as PROMPTS_CAPTION
from hilum.systems._gpt4v_rows import Rows
from hilum.systems._gpt4v_turned import WHOLE

SIZE = 64
PUBLISHED = (
    "published for GPT-4V, other data and prompts, not comparable: boxes on MS-CXR about 0.08 mean IoU, closed "
    "questions of VQA-RAD about 61 % (from memory of the paper, to be verified)"
)


def reproduce(
    *, seed: int = 0, seeds: int | str = 3, patients: int | str = 300, specialist: int | str = 400,
    reader: int | str = 600, endpoint: str = "", few: int | str = 20,
    say: Callable[[str], None] = lambda line: None,
) -> Verdict:  # fmt: skip
    """Judge the study's three claims on made scenes; an endpoint is asked only where it is named.

    Args:
        seed: of cohort, wordings and examples, and of the first training.
        seeds: trainings, draws of examples and wordings.
        patients: to draw; about a fifth of them are judged.
        specialist, reader: optimiser steps; reader=0 leaves the small reader out.
        endpoint: 'URL#MODEL' with settings as for --model chat:URL#MODEL.
        few: cases that an endpoint is asked about.
        say: told what is being done, and how many requests will be sent before the first is.

    Raises:
        InputError: if a choice is wrong, or the endpoint's address is.
        RefusedError: if the endpoint does not look at films.
    """
    count, drawn, masks, asked = whole(seeds=seeds, patients=patients, specialist=specialist, few=few)
    steps = (masks, 0 if str(reader) == "0" else whole(reader=reader)[0])
    backend = _named(endpoint)
    say(f"drawing {drawn} patients")
    train, test = (cases(drawn, seed=seed, size=SIZE, split=split) for split in ("train", "test"))
    by_patient = {case.study.patient: case.text for case in test}
    scored, owners, told = judged(list(by_patient.items()), seed=seed, seeds=count, say=say)
    parts = [judge(claim, {name: scored[WHOLE][name] for name in (claim.arm, claim.better_than, *claim.controls)},
                   owners, seed=seed) for claim in MISRANK]  # fmt: skip
    rows = Rows(test, train)
    say("floors")
    floors(rows, seed=seed, seeds=count)
    why, specialists, small = learned(rows, seed=seed, seeds=count, steps=steps, say=say)
    more, lines = judged_reader(rows, why, seed=seed)
    notes = [f"{len(train)} studies to learn from, {len(test)} of other patients to judge on, {SIZE} px", *told,
             *rows.lines(), *styled(rows, seed=seed), *lines]  # fmt: skip
    if backend is not None:
        theirs, said = endpoint_rows(Rows(test[:asked], train), backend, specialists, seed=seed, seeds=count, say=say)
        more, notes = [*more, *theirs], [*notes, *said]
    else:
        notes.append("no endpoint was named: one would add its rows for a model that never saw such films, "
                     f"--set endpoint=URL#MODEL ({requests(asked, count):,} requests for {asked} cases)")  # fmt: skip
    figures: dict[str, bytes | str] = {METRICS: metrics_svg(scored, owners)}
    figures |= {f"{PROMPTS_CAPTION} ({name})": prompts_svg(rows.scored, name) for name in ("bleu-4", "finding-f1")}
    if specialists:
        figures[BOXES] = boxes_png(test, specialists[0], small or Nearest(train))
    return replace(verdict(TEXT, [*parts, *more], notes=[*notes, PUBLISHED]), figures=figures)


def _named(endpoint: str) -> Endpoint | None:
    return endpoint_at(endpoint.removeprefix("chat:")) if endpoint else None


@register.system(
    "gpt4v-study", summary="Prompt families over any reader; which metrics misrank; boxes beside a specialist's",
    source="arXiv 2310.20381",
)  # fmt: skip
class Gpt4vStudy:
    """The harness, and how its claims are judged."""

    claims, minutes = (*PROMPTS, *MISRANK, GROUNDING), 12.0
    reproduce = staticmethod(reproduce)
