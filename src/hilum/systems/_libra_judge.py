"""Libra judged: one image, two side by side, two through its connector; dummy priors, ablations, guards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hilum.core.study import Study
from hilum.learn.reader.guards import no_prior
from hilum.learn.reader.preset import Preset
from hilum.measure.metric import metric
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Scored
from hilum.systems._libra_claims import (
    BESIDE,
    CLAIMS,
    CONCAT,
    CONTROLS,
    DUMMY,
    FACTS,
    LAST,
    METRICS,
    NO_SELF,
    NO_SHIFT,
    SINGLE,
    TAC,
    TEMPORAL,
)
from hilum.systems._reader_door import Parts
from hilum.systems._reader_jobs import Answered, worked
from hilum.systems._reader_lab import Lab, Scale, arm, jobs_of, samples_of, small_preset
from hilum.systems._reader_picture import pages
from hilum.systems._reader_trials import Trials, among, guard_answers, settings_line

CAPTION = "Test studies: films, what is true, and what readers of the first seed wrote"
SECTIONS = ("indication", "comparison")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Kind:
    """One arm: how its preset differs from Libra's, whether it never sees a prior, tokens of films that tell anything.

    Args:
        changes: of the preset.
        prior: whether priors are shown.
        slots: films whose tokens carry something; the connector leaves one learned vector in the prior's slot.
    """

    changes: Mapping[str, object]
    prior: bool = True
    slots: int = 1


KINDS: Mapping[str, Kind] = MappingProxyType({
    SINGLE: Kind({"roles": ("cur_front",), "connector": "mlp2", "layers": "last", "missing": "omit"}, prior=False),
    CONCAT: Kind({"connector": "mlp2", "layers": "last", "missing": "omit"}, slots=2),
    TAC: Kind({}),
    DUMMY: Kind({}, prior=False),
    LAST: Kind({"layers": "last"}),
    NO_SHIFT: Kind({"options": {"bias": False}}),
    NO_SELF: Kind({"options": {"self_attention": False}}),
})  # fmt: skip


def preset_of_kind(kind: Kind) -> Preset:
    """Return Libra's preset as an arm changes it."""
    return small_preset("libra", **{"sections": SECTIONS, **kind.changes})


def temporal(studies: Sequence[Study], answers: Sequence[str]) -> Scored:
    """Return Libra's temporal F1: the overlap of about 35 words of change; two reports without any count as alike."""
    references = [study.report.findings if study.report else "" for study in studies]
    return metric(TEMPORAL)(Pairs(tuple(references), tuple(answers)))


def judge_libra(bench: Lab, scale: Scale, *, seed: int, say: Say) -> Parts:
    """Train and judge every arm of a lab, a seed after the other from the first one on."""
    trials, kept, told = Trials(bench.patients), dict[str, list[str]](), list[str]()
    for (name, number), made in worked(arm_of, jobs_of(list(KINDS), scale, seed=seed), bench, workers=scale.workers,
                                       say=say):  # fmt: skip
        trials.read(bench.test, made)
        trials.take(name, {TEMPORAL: temporal(bench.test, made.texts[name])})
        if number == seed:
            kept[name] = made.texts[name]
            told.append(f"{name}: {made.line}")
    guards = sorted(name for name in trials.scores[FACTS] if name.startswith(f"{TAC}:"))
    lines = [
        *bench.lines(), *told, "every arm:", *trials.table(list(KINDS), METRICS, seed=seed), f"guards of {TAC}:",
        *trials.table(guards, METRICS, seed=seed), *_subgroups(bench, trials, seed=seed),
    ]  # fmt: skip
    judged = [trials.judged(some, seed=seed) for some in (CLAIMS, CONTROLS, BESIDE)]
    return judged[0], judged[1], judged[2], lines, {CAPTION: _picture(bench, kept)}


def arm_of(bench: Lab, name: str, seed: int) -> Answered:
    """Train one arm and return what it writes; that of the connector also under every guard."""
    kind = KINDS[name]
    preset = preset_of_kind(kind)
    learned, asked = (samples_of(some, preset, seed=seed) for some in (bench.lessons(seed=seed), bench.test))
    if not kind.prior:
        learned, asked = no_prior(learned), no_prior(asked)
    reader = arm(bench, preset, learned, seed=seed)
    texts = guard_answers(reader, asked, name, seed=seed) if name == TAC else {name: reader.write(asked)}
    slots = kind.slots * reader.processor.image_seq_length
    return Answered(texts, line=f"{slots} tokens of films that carry anything; {settings_line(reader)}")


def _subgroups(bench: Lab, trials: Trials, *, seed: int) -> list[str]:
    """Fact F1 with and without a prior and an indication, of arms that matter."""
    groups = {
        "with a prior": [study.prior is not None for study in bench.test],
        "without a prior": [study.prior is None for study in bench.test],
        "with an indication": [bool(study.report and study.report.indication) for study in bench.test],
        "without an indication": [not (study.report and study.report.indication) for study in bench.test],
    }
    part = Trials(bench.patients)
    for group, chosen in groups.items():
        for name in (SINGLE, CONCAT, TAC):
            for scored in trials.scores[FACTS][name]:
                part.take(f"{name}, {group}", {FACTS: among(scored, chosen)})
    arms = [f"{name}, {group}" for group in groups for name in (SINGLE, CONCAT, TAC)]
    return ["subgroups:", *part.table(arms, (FACTS,), seed=seed)]


def _picture(bench: Lab, kept: Mapping[str, Sequence[str]]) -> bytes:
    few = [at for at, study in enumerate(bench.test) if study.prior][:3]
    few += [at for at, study in enumerate(bench.test) if not study.prior][:1]
    shown = {name: [kept[name][at] for at in few] for name in (SINGLE, CONCAT, TAC)}
    return pages([bench.test[at] for at in few], shown)
