"""Small made benchmarks and models of every temper, registered when this file is imported or given as a plug-in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from hilum import Cohort, Finding, MadeBy, Report, Study, Task, register

COUNT = 40
EFFUSION, NODULE = "pleural effusion", "lung nodule"
READERS = MadeBy("made readers")


def truth(number: int) -> tuple[Finding, ...]:
    """An effusion on every second study, a nodule on every fifth; the effusion is denied where it is not."""
    found = [Finding(EFFUSION, "absent" if number % 2 else "present", made_by=READERS, id=f"e{number}")]
    if number % 5 == 0:
        found.append(Finding(NODULE, made_by=READERS, id=f"n{number}"))
    return tuple(found)


def studies() -> Iterator[Study]:
    """Two studies of each patient; the report tells half of the truth."""
    for number in range(COUNT):
        said = "No pleural effusion." if number % 2 else "Pleural effusion on the right."
        yield Study(f"s{number:02}", patient=f"p{number // 2:02}", report=Report(findings=said), findings=truth(number))


made_studies = register.dataset("made-site", licence="invented")(studies)


@register.task("made/findings", version=1)
def findings(metrics: str = "concept-f1,concept-recall", hide: str = "findings") -> Task:
    """Findings of the made studies."""
    return Task("made-site", tuple(hide.split(",")), tuple(metrics.split(",")), controls=("silent",))


@register.task("made/reports", version=1)
def reports(every: int = 1) -> Task:
    """Reports of the made studies; every n-th has one."""
    kept = [s if n % every == 0 else s.hide("report") for n, s in enumerate(studies())]
    return Task(Cohort("made", kept), ("report",), ("length-ratio",))


@register.task("made/nothing", version=1)
def nothing() -> Task:
    """A cohort without a study."""
    return Task(Cohort("made", ()), ("findings",), ("concept-f1",))


@register.task("made/denied", version=1)
def denied() -> Task:
    """Studies of which no finding is present: recall is undefined."""
    kept = [s for n, s in enumerate(studies()) if n % 2 and n % 5]
    return Task(Cohort("made", kept), ("findings",), ("concept-f1", "concept-recall"))


@register.task("made/far", version=1)
def far() -> Task:
    """A cohort that needs its folder."""
    return Task("openi", ("findings",), ("concept-f1",), needs_data="the made archive")


def _effusion(study: Study) -> tuple[Finding, ...]:
    report = study.report.findings if study.report else ""
    return (Finding(EFFUSION, "absent" if report.startswith("No") else "present"),)


@register.model("made-reader", needs=("report",), adds=("findings",))
def reader(study: Study) -> Study:
    """Read the effusion from the report; nodules stay unseen."""
    return study.add(findings=_effusion(study), made_by=MadeBy("made-reader", "2", "f" * 64))


@register.model("made-optimist", needs=(), adds=("findings",))
def optimist(study: Study) -> Study:
    """See an effusion on every study."""
    return study.add(findings=(Finding(EFFUSION),), made_by=MadeBy("made-optimist"))


@register.model("made-slow", needs=("report",), adds=("findings",))
def slow(study: Study) -> Study:
    """The reader, slowly."""
    time.sleep(0.04)
    return study.add(findings=_effusion(study), made_by=MadeBy("made-slow"))


@register.model("made-moody", needs=("report",), adds=("findings",))
def moody(study: Study) -> Study:
    """Fail on every fourth study, leave every fourth unanswered, return no study once."""
    number = int(study.id[1:])
    if number == 7:
        return None  # type: ignore[return-value]
    if number % 4 == 0:
        raise RuntimeError(f"<b>no</b> {number}")
    return study if number % 4 == 1 else study.add(findings=_effusion(study), made_by=MadeBy("made-moody"))


@register.model("made-broken", needs=(), adds=("findings", "report"))
def broken(study: Study) -> Study:
    """Fail always."""
    raise ValueError("out of order")


@register.model("made-thief", needs=(), adds=("findings",))
def thief(study: Study) -> Study:
    """Hand back the hidden findings from behind the runner's back."""
    return replace(study, findings=truth(int(study.id[1:])))


@register.model("made-vandal", needs=("report",), adds=("findings",))
def vandal(study: Study) -> Study:
    """Rewrite the report that was there."""
    return replace(study, report=Report(findings="Other words.")).add(findings=(), made_by=MadeBy("made-vandal"))


@register.model("made-writer", needs=("findings",), adds=("report",))
def writer(study: Study) -> Study:
    """Write a report of the findings."""
    text = ". ".join(f"{f.concept} {f.state}" for f in study.findings)
    return study.add(report=Report(findings=text), made_by=MadeBy("made-writer"))


@register.model("made-drawn", needs=(), adds=("findings",))
class Drawn:
    """Draw the answer from the seed."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def __call__(self, study: Study) -> Study:
        """Say an effusion on some studies."""
        from hilum.core.seed import generator

        there = generator(self.seed, study.id).random() < 0.5
        return study.add(findings=(Finding(EFFUSION, "present" if there else "absent"),), made_by=MadeBy("made-drawn"))
