"""Three-turn conversations of RadVLM: a report, a question about one fact, and where it is; rolled out and scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hilum.core.finding import Finding
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks import build
from hilum.learn.reader.trained import Trained
from hilum.measure.scored import Scored, averaged
from hilum.systems._radvlm_claims import AGREE, CONTRADICT, HIT
from hilum.systems._reader_marks import IOU, boxes_in, matched, stated
from hilum.systems._reader_tasks import answers


@dataclass(frozen=True)
class Script:
    """A conversation with its true answers, and the finding that turns two and three ask about."""

    sample: Sample
    finding: Finding


@dataclass(frozen=True)
class Talk:
    """What a reader said in the three turns."""

    report: str
    second: str
    third: str

    @property
    def yes(self) -> bool | None:
        """Whether the second answer says that the finding is there; None where it says neither."""
        first = self.second.lower().lstrip(" ,.").split(maxsplit=1)
        word = first[0].strip(",.") if first else ""
        return {"yes": True, "no": False}.get(word)


def scripts_of(studies: Sequence[Study], preset: Preset, *, seed: int, both: bool = False) -> list[Script]:
    """Return a conversation of each study about a finding that is there or is said to be absent, each half the time.

    Args:
        studies: with reports and findings.
        preset: of the layout.
        seed: of finding and wordings.
        both: two conversations of a study, one of each kind, where it has both.
    """
    made = []
    for study in studies:
        rng = generator(seed, "script", study.id)
        pools = [[each for each in study.findings if each.state == state] for state in ("present", "absent")]
        pools = [pool for pool in pools if pool]
        for pool in pools if both else pools and [pools[int(rng.integers(len(pools)))]]:
            finding = pool[int(rng.integers(len(pool)))]
            sample = build("chat", replace(study, findings=(finding,)), preset, rng)
            if sample is not None:
                made.append(Script(replace(sample, key=f"{sample.key}/{finding.concept}"), finding))
    return made


def talks(reader: Trained, scripts: Sequence[Script]) -> list[Talk]:
    """Let a reader answer all three turns, each with its own earlier answers before it."""
    asked: list[list[Turn]] = [[] for _ in scripts]
    for number in range(3):
        now = [replace(each.sample, turns=(*said, Turn(each.sample.turns[number].question)))
               for each, said in zip(scripts, asked, strict=True)]  # fmt: skip
        for said, sample, answer in zip(asked, now, answers(reader, now), strict=True):
            said.append(replace(sample.turns[-1], answer=answer))
    return [Talk(*(str(turn.answer) for turn in said)) for said in asked]


def contradicts(talk: Talk, finding: Finding) -> float:
    """Return 1 where the second answer denies what the report says of the finding, 0 where not, NaN where silent."""
    told = {state for (concept, _), state in stated(talk.report).items() if concept == finding.concept}
    if talk.yes is None or not told & {"present", "absent"}:
        return float("nan")
    return float(talk.yes != ("present" in told))


def talk_scores(scripts: Sequence[Script], said: Sequence[Talk], preset: Preset) -> dict[str, Scored]:
    """Return the three scores of conversations; an answer that is neither yes nor no does not agree."""
    agree, against, hit = [], [], []
    for script, talk in zip(scripts, said, strict=True):
        there, boxes = script.finding.state == "present", script.sample.boxes
        agree.append(float(talk.yes is there))
        against.append(contradicts(talk, script.finding))
        found = matched(boxes, boxes_in(talk.third, preset, script.sample))
        hit.append(float(found.max() >= IOU) if len(boxes) else float("nan"))
    silent = int(np.isnan(against).sum())
    remark = f"{silent} of {len(against)} reports do not mention the finding that is asked about"
    return {
        AGREE: averaged(AGREE, agree, "yes or no, first word"),
        CONTRADICT: averaged(CONTRADICT, against, "of reports that state it", better="lower", remarks=(remark,)),
        HIT: averaged(HIT, hit, "of findings with a box on the frontal film"),
    }
