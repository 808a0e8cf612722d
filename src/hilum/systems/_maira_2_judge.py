"""MAIRA-2 judged: a reader for every set of inputs, one with input dropout, one that grounds; controls and guards."""

from __future__ import annotations

from collections.abc import Callable

from hilum.learn.reader.guards import guard_rows
from hilum.systems._maira_2_arms import (
    INPUTS,
    grounded_answers,
    limited,
    preset_of_arm,
    text_only,
    with_dropout,
    wrong_lateral,
    wrong_prior,
)
from hilum.systems._maira_2_claims import (
    ALL,
    BESIDE,
    CLAIMS,
    CONTROLS,
    DROPPED,
    DROPPED_ON,
    FACTS,
    FL,
    FLP,
    GROUNDED,
    GROUNDED_MARGIN,
    IOU,
    MARGIN,
    METRICS,
    OTHER_BOXES,
    OTHER_P,
    REPORT_ONLY,
    SWAPPED_L,
    F,
)
from hilum.systems._reader_door import Parts
from hilum.systems._reader_jobs import Answered, worked
from hilum.systems._reader_lab import Lab, Scale, arm, jobs_of, samples_of
from hilum.systems._reader_picture import pages
from hilum.systems._reader_trials import Trials, guard_answers, lowered, settings_line

CAPTION = "Test studies: films, what is true, and what readers of the first seed wrote"
BOXES = "Grounded findings: true boxes green, written boxes yellow"
Say = Callable[[str], None]


def judge_maira_2(bench: Lab, scale: Scale, *, seed: int, say: Say) -> Parts:
    """Train and judge every arm of a lab, a seed after the other from the first one on."""
    trials, kept, errors = Trials(bench.patients), dict[str, Answered](), 0
    jobs = jobs_of((*INPUTS, DROPPED, REPORT_ONLY, GROUNDED), scale, seed=seed)
    for (name, number), made in worked(arm_of, jobs, bench, workers=scale.workers, say=say):
        trials.read(bench.test, made)
        errors += made.errors
        if number == seed:
            kept[name] = made
    trials.scores[FACTS][GROUNDED_MARGIN] = [lowered(scored, MARGIN) for scored in trials.scores[FACTS][ALL]]
    arms = [*INPUTS, SWAPPED_L, OTHER_P, REPORT_ONLY, *DROPPED_ON.values(), GROUNDED, OTHER_BOXES]
    guards = sorted(name for name in trials.scores[FACTS] if name.startswith(f"{ALL}:"))
    lines = [
        *bench.lines(), *(f"{name}: {made.line}" for name, made in kept.items()), "every arm:",
        *trials.table(arms, (*METRICS, IOU, "box-f1"), seed=seed), "guards of the reader of all inputs:",
        *trials.table(guards, METRICS, seed=seed),
        f"grounded answers: {errors} boxes could not be read, in {scale.seeds} seeds",
    ]  # fmt: skip
    judged = [trials.judged(some, seed=seed) for some in (CLAIMS, CONTROLS, BESIDE)]
    return judged[0], judged[1], judged[2], lines, _pictures(bench, kept)


def _pictures(bench: Lab, kept: dict[str, Answered]) -> dict[str, bytes | str]:
    """Two test studies with a prior and two without, with what readers wrote."""
    few = [at for at, study in enumerate(bench.test) if study.prior][:2]
    few += [at for at, study in enumerate(bench.test) if not study.prior][:2]
    shown = [bench.test[at] for at in few]
    said = {name: [kept[name].texts[name][at] for at in few] for name in (F, FLP, ALL)}
    grounded = kept[GROUNDED]
    boxes = [[box for some in grounded.boxes[GROUNDED][at].values() for box in some] for at in few]
    return {CAPTION: pages(shown, said),
            BOXES: pages(shown, {GROUNDED: [grounded.texts[GROUNDED][at] for at in few]}, boxes=boxes)}  # fmt: skip


def arm_of(bench: Lab, name: str, seed: int) -> Answered:
    """Train one arm and return what it writes of the test studies, under its controls too."""
    if name == GROUNDED:
        return _grounded(bench, seed)
    if name == DROPPED:
        return _dropout(bench, seed)
    if name == REPORT_ONLY:
        preset, learned = text_only(bench.lessons(seed=seed), seed=seed)
        asked = text_only(bench.test, seed=seed)[1]
    else:
        preset = preset_of_arm(name)
        learned, asked = (samples_of(some, preset, seed=seed) for some in (bench.lessons(seed=seed), bench.test))
    reader = arm(bench, preset, learned, seed=seed)
    texts = guard_answers(reader, asked, name, seed=seed) if name == ALL else {name: reader.write(asked)}
    if name == FL:
        texts[SWAPPED_L] = reader.write(wrong_lateral(asked, seed=seed))
    if name == FLP:
        texts[OTHER_P] = reader.write(wrong_prior(asked, seed=seed))
    return Answered(texts, line=settings_line(reader))


def _dropout(bench: Lab, seed: int) -> Answered:
    """One reader that learned to do without any input, read on each set of them."""
    preset = preset_of_arm(ALL)
    reader = arm(
        bench, preset, with_dropout(samples_of(bench.lessons(seed=seed), preset, seed=seed), seed=seed), seed=seed
    )
    asked = samples_of(bench.test, preset, seed=seed)
    texts = {shown: reader.write(limited(asked, name)) for name, shown in DROPPED_ON.items()}
    return Answered(texts, line=settings_line(reader))


def _grounded(bench: Lab, seed: int) -> Answered:
    """A reader that learned the same findings as a list with boxes, of the same inputs."""
    preset = preset_of_arm(ALL, boxes=True)
    reader = arm(bench, preset, samples_of(bench.lessons(seed=seed), preset, ("grounded",), seed=seed), seed=seed)
    asked = samples_of(bench.test, preset, ("grounded",), seed=seed)
    texts, boxes, wrong = grounded_answers(reader, asked)
    other, misplaced, _ = grounded_answers(reader, guard_rows(asked, seed=seed)["swapped"])
    return Answered({GROUNDED: texts, OTHER_BOXES: other}, {GROUNDED: boxes, OTHER_BOXES: misplaced},
                    settings_line(reader, GROUNDED), len(wrong))  # fmt: skip
