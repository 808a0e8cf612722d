"""Questions about a study with choices and answers, all of them read from its facts.

Of what a study has and has not, as many are asked, so that 'yes' is never the better guess; choices come in random
order, and a true figure is as likely to be the least as the largest of those offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hilum.core.finding import Finding, Measurement
from hilum.core.report import Question
from hilum.core.seed import generator
from hilum.core.vocabulary import concept as known
from hilum.phantom.narrate import HONEST, Switches, told
from hilum.phantom.patient import Visit
from hilum.phantom.tips import story_table, tip_of
from hilum.text.bank import statement
from hilum.text.nouns import parts
from hilum.text.sites import each_side

FAMILIES_OF_QUESTIONS = ("presence", "side", "severity", "size", "count", "change", "tip", "view")
_CHANGES = ("new", "improved", "worsened", "unchanged", "resolved")
_GRADES = ("mild", "moderate", "severe")
_VIEWS = {("PA",): "PA", ("AP",): "AP", ("PA", "LL"): "PA and left lateral"}
_STEP = 1.4  # between figures offered
_MANY = 3


def questions(
    findings: Iterable[Finding], visit: Visit, *, seed: int, name: str = "", switches: Switches = HONEST
) -> tuple[Question, ...]:
    """Return the questions of one study; only what can be seen is asked about.

    Args:
        findings: as `facts` returns them.
        visit: for its views.
        seed, name: of the choice and order; the name is the study's.
        switches: whether invisible findings count; omission noise does not hold here.

    Returns:
        Items of the families FAMILIES_OF_QUESTIONS, each with its answer among its choices and a unique id.
    """
    everything = tuple(findings)
    seen = told(everything, switches=Switches(invisible=switches.invisible))
    full = {finding.id: finding for finding in everything}
    present = [finding for finding in seen if finding.state == "present"]
    rng = generator(seed, "questions", name)
    made = [*_presence(present, everything, rng), *_sides(present), *_grades(present, rng)]
    made += [*_sizes(present, rng), _count(present), *_changed(seen, rng)]
    made += [*_tips([full[finding.id] for finding in present], rng), *_view(visit)]
    asked = story_table()["asked"]
    kept = [each for each in made if rng.random() < asked.get(each.family, {}).get(each.answer, 1.0)]
    return tuple(
        Question(each.text, _shuffled(each.choices, rng), each.answer, each.family, f"{name}q{number}")
        for number, each in enumerate(kept)
    )


def noun_of(finding: Finding, *, graded: bool = False) -> str:
    """Return a finding as a noun with its place, and its grade where wanted: 'left pleural effusion'."""
    slots = {k: v for k, v in finding.attributes.items() if graded or k not in ("severity", "extent", "size")}
    bare = Finding(finding.concept, sites=finding.sites, attributes=slots, id=finding.id)
    words = parts(statement(bare, 0, False))
    return words["bare"] + words["where"]


def _shuffled(choices: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(choices[int(place)] for place in rng.permutation(len(choices)))


def _presence(present: Sequence[Finding], everything: Sequence[Finding], rng: np.random.Generator) -> list[Question]:
    """One that is there and one that is not, or none at all."""
    here = list(dict.fromkeys(finding.concept for finding in present))
    denied = [finding.concept for finding in everything if finding.state == "absent" and finding.id.startswith("no ")]
    if not here or not denied:
        return []
    asked = ((here[int(rng.integers(len(here)))], "yes"), (denied[int(rng.integers(len(denied)))], "no"))
    made = []
    for name, answer in asked:
        words = parts(statement(Finding(name), 0, False))
        text = f"{words['be'].capitalize()} there {words['np']}?"
        made.append(Question(text, ("yes", "no"), answer, "presence"))
    return made


def _single(present: Sequence[Finding]) -> list[Finding]:
    """Findings that are the only one of their concept."""
    names = [finding.concept for finding in present]
    return [finding for finding in present if names.count(finding.concept) == 1]


def _sides(present: Sequence[Finding]) -> list[Question]:
    made = []
    for finding in _single(present):
        sides = {side for site in finding.sites for side, _ in each_side(site)}
        if sides and "" not in sides and known(finding.concept).kind != "device":
            answer = "both sides" if len(sides) > 1 else sides.pop()
            words = parts(statement(Finding(finding.concept), 0, False))
            text = f"On which side {words['be']} the {words['bare']}?"
            made.append(Question(text, ("right", "left", "both sides"), answer, "side"))
    return made


def _grades(present: Sequence[Finding], rng: np.random.Generator) -> list[Question]:
    graded = [finding for finding in present if finding.attributes.get("severity") in _GRADES]
    if not graded:
        return []
    finding = graded[int(rng.integers(len(graded)))]
    text = f"How severe is the {noun_of(finding)}?"
    return [Question(text, _GRADES, finding.attributes["severity"], "severity")]


def _offered(value: float, rng: np.random.Generator) -> list[int]:
    """Four whole figures with the true one at a random rank, each at least 2 and _STEP times from the next."""
    rank = int(rng.integers(4))
    figures = [round(value)]
    for _ in range(rank):
        figures.insert(0, min(round(figures[0] / _STEP), figures[0] - 2))
    while len(figures) < 4:
        figures.append(max(round(figures[-1] * _STEP), figures[-1] + 2))
    lift = max(1 - figures[0], 0)
    return figures if not lift else [figures[rank], *(figures[rank] + 2 * n for n in range(1, 4))]


def _sizes(present: Sequence[Finding], rng: np.random.Generator) -> list[Question]:
    made = []
    for finding in _single(present):
        size = _measure(finding, "diameter")
        if size is not None:
            choices = tuple(f"{figure} mm" for figure in _offered(size.value, rng))
            text = f"What is the diameter of the {noun_of(finding)}?"
            made.append(Question(text, choices, f"{round(size.value)} mm", "size"))
    return made


def _measure(finding: Finding, name: str) -> Measurement | None:
    return next((item for item in finding.measurements if item.name == name), None)


def _count(present: Sequence[Finding]) -> Question:
    number = sum(known(finding.concept).kind == "device" for finding in present)
    choices = (*(str(n) for n in range(_MANY)), f"{_MANY} or more")
    text = "How many tubes, lines and other devices are seen?"
    return Question(text, choices, choices[min(number, _MANY)], "count")


def _changed(seen: Sequence[Finding], rng: np.random.Generator) -> list[Question]:
    compared = [finding for finding in seen if finding.change is not None]
    if not compared:
        return []
    finding = compared[int(rng.integers(len(compared)))]
    have = parts(statement(Finding(finding.concept, sites=finding.sites), 0, False))["have"]
    text = f"How {have} the {noun_of(finding)} changed since the prior film?"
    return [Question(text, _CHANGES, finding.change, "change")]


def _tips(present: Sequence[Finding], rng: np.random.Generator) -> list[Question]:
    places = sorted({site for each in story_table()["tip places"].values() for site in each})
    made = []
    for finding in present:
        tip = tip_of(finding)
        if tip is None:
            continue
        noun = f"Where does the tip of the {finding.concept} lie?"
        if tip.above_carina_mm is not None and tip.above_carina_mm > 0:
            choices = tuple(f"{figure} mm above the carina" for figure in _offered(tip.above_carina_mm, rng))
            made.append(Question(noun, choices, f"{tip.above_carina_mm} mm above the carina", "tip"))
        elif tip.site:
            choices = tuple(dict.fromkeys((tip.site, *story_table()["tip places"].get(finding.concept, places))))
            made.append(Question(noun, choices, tip.site, "tip"))
    return made


def _view(visit: Visit) -> list[Question]:
    answer = _VIEWS.get(tuple(visit.views))
    return [Question("Which views were taken?", tuple(_VIEWS.values()), answer, "view")] if answer else []
