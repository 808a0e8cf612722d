"""ICON judged: films alone, lesions enlarged, and lesions mixed in three ways, on patients with identical facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.study import Study
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample
from hilum.measure.claim import Judged
from hilum.measure.scored import Scored
from hilum.systems._icon_alike import Told, alike, consistency, disagreement, equivalents, told_of
from hilum.systems._icon_claims import (
    BESIDE,
    BLANK,
    CLAIMS,
    CONTROLS,
    FEATURE,
    GOLD,
    METRICS,
    NONE,
    PIXEL,
    PLAIN,
    RANDOM,
    SWAPPED,
)
from hilum.systems._icon_inspect import Inspector
from hilum.systems._icon_mix import Mix, Mixed, mixed_crops
from hilum.systems._icon_reader import Icon, blanked, exchanged, icon_sample
from hilum.systems._icon_zoom import Zoomed, Zoomer
from hilum.systems._reader_lab import Lab, Scale, arm, small_preset
from hilum.systems._reader_picture import pages
from hilum.systems._reader_scores import score
from hilum.systems._reader_trials import Trials, settings_line

KINDS: Mapping[str, Mix | None] = {PLAIN: None, NONE: "none", PIXEL: "pixel", FEATURE: "feature", RANDOM: "random"}
COPIES = 3
ROLES = ("cur_front", "cur_lat", "prior_front")
CAPTION = "Patients with identical facts: films, what is true, and what readers of the first seed wrote"
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Material:
    """What all arms of a run share.

    Args:
        bench: cohort and encoder; its test studies are the patients alike.
        classes: of each test study.
        zoomer: fitted.
        told: what each training report says.
        zoomed: each training study, its reported findings cut out.
        ranked: equivalents of each training study.
    """

    bench: Lab
    classes: list[int]
    zoomer: Zoomer
    told: list[Told]
    zoomed: list[Zoomed]
    ranked: NDArray[np.intp]


def material_of(bench: Lab, *, classes: int, each: int, seed: int, say: Say) -> Material:
    """Draw the patients alike, fit the Zoomer, cut out the findings of training studies and find their equivalents.

    Args:
        bench: cohort and encoder.
        classes, each: of patients with identical facts.
        seed: of the draw and the Zoomer.
        say: told what is being done.
    """
    say(f"{classes} classes of {each} patients with identical facts")
    test, groups = alike(classes, each, seed=seed, size=bench.scale.columns)
    zoomer = Zoomer(bench.features, bench.train, seed=seed)
    told = [told_of(study) for study in bench.train]
    say("enlarging the findings of training studies")
    zoomed = zoomer.zoom(bench.train, wanted=[list(some) for some in told])
    return Material(replace(bench, test=test), groups, zoomer, told, zoomed, equivalents(bench.train))


def preset_for(how: Mix | None) -> Preset:
    """Return ICON's preset as the bench runs it: beam search left to the published scale."""
    roles = ROLES if how is None else (*ROLES, "lesion_crop")
    return small_preset("icon", roles=roles, options={"per_role": True})


def taught(material: Material, how: Mix | None, *, seed: int) -> Icon:
    """Train the inspector and the reader of one arm.

    Args:
        material: shared.
        how: lesions are mixed; None for a reader of films alone.
        seed: of all draws.
    """
    bench, preset = material.bench, preset_for(how)
    if how is None:
        samples = [icon_sample(study, preset, {}, {}, seed=seed) for study in bench.train]
        return Icon(material.zoomer, None, arm(bench, preset, samples, seed=seed), seed)
    crops, features = mixed_crops(bench.train, material.zoomed, material.ranked, bench.features, how, copies=COPIES,
                                  seed=seed)  # fmt: skip
    inspector = Inspector(features, bench.train, material.told, crops, seed=seed)
    samples = _samples(material, preset, crops, seed=seed)
    reader = arm(replace(bench, features=features), preset, samples, seed=seed)
    inspector.features = bench.features  # blends are of training alone
    return Icon(material.zoomer, inspector, replace(reader, features=bench.features), seed)


def _samples(material: Material, preset: Preset, crops: Sequence[Sequence[Mixed]], *, seed: int) -> list[Sample]:
    """Every copy of every study, with the true attributes in the request, as published."""
    made, count = [], len(material.bench.train)
    for number, some in enumerate(crops):
        study, told = material.bench.train[number % count], material.told[number % count]
        shown = {each.concept: each.shown for each in some}
        made.append(icon_sample(study, preset, shown, told, seed=seed, key=f"+{number // count}"))
    return made


def judge_icon(
    bench: Lab, scale: Scale, *, classes: int, each: int, seed: int, say: Say
) -> tuple[list[Judged], list[Judged], list[Judged], list[str], dict[str, bytes | str]]:
    """Train and judge every arm, a seed after the other.

    Args:
        bench: the lab.
        scale: steps and seeds.
        classes, each: of test patients with identical facts.
        seed: the first.
        say: told what is being done.

    Returns:
        The claims, the controls and what stands beside them as judged; lines; pictures by caption.
    """
    material = material_of(bench, classes=classes, each=each, seed=seed, say=say)
    test = material.bench.test
    trials, kept, told = Trials(material.bench.patients), dict[str, list[str]](), list[str]()
    for number in range(seed, seed + scale.seeds):
        for name, how in KINDS.items():
            say(f"{name}, seed {number}")
            icon = taught(material, how, seed=number)
            answers = {name: icon.write(test)}
            if name == PIXEL:
                answers[BLANK] = icon.write([blanked(study) for study in test])
                answers[SWAPPED] = icon.write(exchanged(test, material.classes))
                answers[GOLD] = icon.write(test, gold=True)
            for shown, texts in answers.items():
                trials.take(shown, _scores(test, texts, material.classes))
            if number == seed:
                kept |= {name: answers[name]}
                told.append(f"{name}: {settings_line(icon.reader)}")
    lines = [
        f"{len(bench.train)} studies to learn from; {len(test)} test patients in {classes} classes of identical facts",
        *told, "every arm:", *trials.table([*KINDS, GOLD, BLANK, SWAPPED], METRICS, seed=seed),
    ]  # fmt: skip
    judged = [trials.judged(some, seed=seed) for some in (CLAIMS, CONTROLS, BESIDE)]
    few = [0, 1, each, each + 1] if classes > 1 else [0, 1]
    picture = pages([test[at] for at in few], {name: [kept[name][at] for at in few] for name in (PLAIN, NONE, PIXEL)})
    return judged[0], judged[1], judged[2], lines, {CAPTION: picture}


def _scores(studies: Sequence[Study], answers: Sequence[str], classes: Sequence[int]) -> dict[str, Scored]:
    apart = disagreement(answers, classes)
    return {**score(studies, answers), **consistency(studies, answers, classes), apart.metric: apart}
