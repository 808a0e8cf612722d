"""MAIRA-2 judged: a reader for every set of inputs, one with input dropout, one that grounds; controls and guards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hilum.learn.reader.guards import guard_rows
from hilum.learn.reader.trained import Trained
from hilum.measure.claim import Judged
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
from hilum.systems._reader_lab import Lab, Scale, arm, samples_of
from hilum.systems._reader_picture import pages
from hilum.systems._reader_scores import score
from hilum.systems._reader_trials import Trials, lowered, settings_line, shown_under_guards

CAPTION = "Test studies: films, what is true, and what readers of the first seed wrote"
BOXES = "Grounded findings: true boxes green, written boxes yellow"
Say = Callable[[str], None]


@dataclass
class Run:
    """What a judging gathers besides scores: answers of the first seed, errors of boxes, a line on decoding."""

    kept: dict[str, list[str]] = field(default_factory=dict)
    boxes: list[list[object]] = field(default_factory=list)
    wrong: int = 0
    lines: list[str] = field(default_factory=list)


def judge_maira_2(
    bench: Lab, scale: Scale, *, seed: int, say: Say
) -> tuple[list[Judged], list[Judged], list[Judged], list[str], dict[str, bytes | str]]:
    """Train and judge every arm, a seed after the other.

    Args:
        bench: the lab.
        scale: steps and seeds.
        seed: the first.
        say: told what is being done.

    Returns:
        The claims, the controls and what stands beside them as judged; lines; pictures by caption.
    """
    trials, run = Trials(bench.patients), Run()
    for number in range(seed, seed + scale.seeds):
        _plain(bench, trials, run, seed=number, first=number == seed, say=say)
        _dropout(bench, trials, seed=number, say=say)
        _text_only(bench, trials, seed=number, say=say)
        _grounded(bench, trials, run, seed=number, first=number == seed, say=say)
    arms = [*INPUTS, SWAPPED_L, OTHER_P, REPORT_ONLY, *DROPPED_ON.values(), GROUNDED, OTHER_BOXES]
    guards = sorted(name for name in trials.scores[FACTS] if name.startswith(f"{ALL}:"))
    lines = [
        f"{len(bench.train)} studies to learn from, {len(bench.test)} test studies of {len(set(bench.patients))} patients",
        f"change, Bayes accuracy from the current film alone: balanced {bench.floor.balanced:.3f}",
        *run.lines, "every arm:", *trials.table(arms, (*METRICS, IOU, "box-f1"), seed=seed),
        "guards of the reader of all inputs:", *trials.table(guards, METRICS, seed=seed),
        f"grounded answers: {run.wrong} boxes could not be read, in {scale.seeds} seeds",
    ]  # fmt: skip
    few = _few(bench)
    pictures: dict[str, bytes | str] = {
        CAPTION: pages([bench.test[at] for at in few], {name: [said[at] for at in few] for name, said in run.kept.items()
                                                        if name != GROUNDED}),
        BOXES: pages([bench.test[at] for at in few], {GROUNDED: [run.kept[GROUNDED][at] for at in few]},
                     boxes=[run.boxes[at] for at in few]),  # type: ignore[misc]
    }  # fmt: skip
    judged = [trials.judged(some, seed=seed) for some in (CLAIMS, CONTROLS, BESIDE)]
    return judged[0], judged[1], judged[2], lines, pictures


def _few(bench: Lab) -> list[int]:
    """A few test studies for the picture: two with a prior, two without."""
    with_prior = [at for at, study in enumerate(bench.test) if study.prior]
    without = [at for at, study in enumerate(bench.test) if not study.prior]
    return [*with_prior[:2], *without[:2]]


def _plain(bench: Lab, trials: Trials, run: Run, *, seed: int, first: bool, say: Say) -> None:
    """Readers of plain findings, one for each set of inputs."""
    for name in INPUTS:
        say(f"{name}, seed {seed}")
        preset = preset_of_arm(name)
        reader = arm(bench, preset, samples_of(bench.train, preset, seed=seed), seed=seed)
        asked = samples_of(bench.test, preset, seed=seed)
        if name == ALL:
            answers = shown_under_guards(reader, asked, bench.test, trials, name, seed=seed)["true"]
        else:
            answers = reader.write(asked)
            trials.take(name, score(bench.test, answers))
        if name == FL:
            trials.take(SWAPPED_L, score(bench.test, reader.write(wrong_lateral(asked, seed=seed))))
        if name == FLP:
            trials.take(OTHER_P, score(bench.test, reader.write(wrong_prior(asked, seed=seed))))
        if name == ALL:
            trials.scores[FACTS][GROUNDED_MARGIN].append(lowered(trials.scores[FACTS][ALL][-1], MARGIN))
        if first and name in (F, FLP, ALL):
            run.kept[name] = answers
        if first and name == ALL:
            run.lines.append(settings_line(reader))


def _dropout(bench: Lab, trials: Trials, *, seed: int, say: Say) -> None:
    """One reader that learned to do without any input, read on each set of them."""
    say(f"{DROPPED}, seed {seed}")
    preset = preset_of_arm(ALL)
    reader = arm(bench, preset, with_dropout(samples_of(bench.train, preset, seed=seed), seed=seed), seed=seed)
    asked = samples_of(bench.test, preset, seed=seed)
    for name, shown in DROPPED_ON.items():
        trials.take(shown, score(bench.test, reader.write(limited(asked, name))))


def _text_only(bench: Lab, trials: Trials, *, seed: int, say: Say) -> None:
    """A reader that is told the prior report and shown no prior film."""
    say(f"{REPORT_ONLY}, seed {seed}")
    preset, learned = text_only(bench.train, seed=seed)
    reader = arm(bench, preset, learned, seed=seed)
    trials.take(REPORT_ONLY, score(bench.test, reader.write(text_only(bench.test, seed=seed)[1])))


def _grounded(bench: Lab, trials: Trials, run: Run, *, seed: int, first: bool, say: Say) -> None:
    """A reader that learned the same findings as a list with boxes, of the same inputs."""
    say(f"{GROUNDED}, seed {seed}")
    preset = preset_of_arm(ALL, boxes=True)
    reader: Trained = arm(bench, preset, samples_of(bench.train, preset, ("grounded",), seed=seed), seed=seed)
    asked = samples_of(bench.test, preset, ("grounded",), seed=seed)
    texts, boxes, wrong = grounded_answers(reader, asked)
    trials.take(GROUNDED, score(bench.test, texts, boxes=boxes))
    run.wrong += len(wrong)
    if first:
        run.kept[GROUNDED] = texts
        run.boxes = [[box for some in by.values() for box in some] for by in boxes]
    other, misplaced, _ = grounded_answers(reader, guard_rows(asked, seed=seed)["swapped"])
    trials.take(OTHER_BOXES, score(bench.test, other, boxes=misplaced))
