"""ICON judged: films alone, lesions enlarged, and lesions mixed in three ways, on patients with identical facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hilum.core.study import Study
from hilum.measure.claim import Judged
from hilum.measure.scored import Scored
from hilum.systems._icon_alike import consistency, disagreement
from hilum.systems._icon_arms import KINDS, Material, material_of, taught
from hilum.systems._icon_claims import BESIDE, BLANK, CLAIMS, CONTROLS, GOLD, METRICS, NONE, PIXEL, PLAIN, SWAPPED
from hilum.systems._icon_reader import blanked, exchanged
from hilum.systems._reader_jobs import Answered, worked
from hilum.systems._reader_lab import Lab, Scale, jobs_of
from hilum.systems._reader_picture import pages
from hilum.systems._reader_scores import score
from hilum.systems._reader_trials import Trials, settings_line

CAPTION = "Patients with identical facts: films, what is true, and what readers of the first seed wrote"
Say = Callable[[str], None]


def judge_icon(
    bench: Lab, scale: Scale, *, classes: int, each: int, seed: int, say: Say, inspector_steps: int
) -> tuple[list[Judged], list[Judged], list[Judged], list[str], dict[str, bytes | str]]:
    """Train and judge every arm, a seed after the other.

    Args:
        bench: the lab.
        scale: steps, seeds and processes.
        classes, each: of test patients with identical facts.
        seed: the first.
        say: told what is being done.
        inspector_steps: that teach an inspector.

    Returns:
        The claims, the controls and what stands beside them as judged; lines; pictures by caption.
    """
    material = material_of(bench, classes=classes, each=each, seed=seed, say=say, steps=inspector_steps)
    test = material.bench.test
    trials, kept, told = Trials(material.bench.patients), dict[str, list[str]](), list[str]()
    for (name, number), made in worked(arm_of, jobs_of(list(KINDS), scale, seed=seed), material,
                                       workers=scale.workers, say=say):  # fmt: skip
        for shown, texts in made.texts.items():
            trials.take(shown, _scores(test, list(texts), material.classes))
        if number == seed:
            kept |= {name: list(made.texts[name])}
            told.append(f"{name}: {made.line}")
    lines = [
        f"{len(bench.train)} studies to learn from; {len(test)} test patients in {classes} classes of identical facts",
        *told, "every arm:", *trials.table([*KINDS, GOLD, BLANK, SWAPPED], METRICS, seed=seed),
    ]  # fmt: skip
    judged = [trials.judged(some, seed=seed) for some in (CLAIMS, CONTROLS, BESIDE)]
    few = [0, 1, each, each + 1] if classes > 1 else [0, 1]
    picture = pages([test[at] for at in few], {name: [kept[name][at] for at in few] for name in (PLAIN, NONE, PIXEL)})
    return judged[0], judged[1], judged[2], lines, {CAPTION: picture}


def arm_of(material: Material, name: str, seed: int) -> Answered:
    """Train one arm and return what it writes; that with mixed pixels also under every guard."""
    icon, test = taught(material.apart(), KINDS[name], seed=seed), material.bench.test
    texts = {name: icon.write(test)}
    if name == PIXEL:
        texts[BLANK] = icon.write([blanked(study) for study in test])
        texts[SWAPPED] = icon.write(exchanged(test, material.classes))
        texts[GOLD] = icon.write(test, gold=True)
    return Answered(texts, line=settings_line(icon.reader))


def _scores(studies: Sequence[Study], answers: Sequence[str], classes: Sequence[int]) -> dict[str, Scored]:
    apart = disagreement(answers, classes)
    return {**score(studies, answers), **consistency(studies, answers, classes), apart.metric: apart}
