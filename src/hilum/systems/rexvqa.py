"""ReXVQA: five kinds of multiple-choice questions on chest films, and whether they measure seeing.

Source: Pal et al., ReXVQA: a large-scale visual question answering benchmark for generalist chest X-ray understanding,
2025. Later work finds that readers without the film answer much of several such sets. Here questions are made from
the facts of studies so that words alone stay at chance, and that is judged: words alone, words and film, words and a
wrong film; and what is lost without balance or rotation. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.systems._chestx_ray8_films import whole
from hilum.systems._rexvqa_answer import Choosing, answer, answered_blind, asked
from hilum.systems._rexvqa_claims import CLAIMS
from hilum.systems._rexvqa_folder import needs_torch, opened
from hilum.systems._rexvqa_kept import kept_blind, kept_reader

__all__ = ["Rexvqa", "blind", "reader", "report_choice", "reproduce", "train", "trained"]
TEXT = "balanced multiple-choice questions measure seeing: the film helps with every kind, a wrong film does not"
NOTES = (
    "published: MedGemma-4B 83.24 on ReXVQA, 83.84 on 200 cases where the best of three residents had 77.27; "
    "no comparison with made films",
)


@register.model("reader", needs=("images",), adds=("questions",))
def reader(study: Study, seed: int = 0) -> Study:
    """Answer multiple-choice questions from the frontal film; taught on made films at its first use, and kept."""
    return kept_reader(seed)(study)


@register.model("blind", needs=(), adds=("questions",))
def blind(study: Study, seed: int = 0) -> Study:
    """Control: answer multiple-choice questions from their words alone; taught at its first use, and kept."""
    return answered_blind(study, kept_blind(seed))


@register.model("report-choice", needs=("report",), adds=("questions",))
def report_choice(study: Study) -> Study:
    """Answer multiple-choice questions from the report, by what its sentences state or deny."""
    from hilum.measure.choice.cascade import bare
    from hilum.text.findings import to_findings
    from hilum.text.parse import parse

    by = MadeBy("report-choice", "1")
    if study.report is None:
        return study.add(made_by=by)
    told = to_findings(parse({"findings": study.report.findings, "impression": study.report.impression}))
    there, gone = ({each.concept for each in told if each.state == state} for state in ("present", "absent"))
    made = []
    for question in asked(study):
        named = [bare(choice).removeprefix("no ") for choice in question.choices]
        wanted = gone - there if question.family == "negation" else there
        found = [choice for choice, name in zip(question.choices, named, strict=True) if name in wanted]
        made.append(answer(question, found[0] if len(found) == 1 else "the report does not say"))
    return study.add(questions=made, made_by=by)


def train(
    *, data: str | Path | None = None, out: str | Path, seed: int = 0, resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Teach a reader that chooses: see `hilum.systems._rexvqa_train.train`; minutes, so it starts anew on `resume`.

    Raises:
        MissingError: if torch or transformers is not installed.
    """
    needs_torch()
    from hilum.systems._rexvqa_train import train as run

    return run(data, Path(out), seed=seed, settings=settings or {})


def trained(folder: str | Path) -> Choosing:
    """Return the model that `train` wrote: from Study to Study, with answers added.

    Raises:
        MissingError: if the folder holds none, or torch or transformers is not installed.
    """
    return opened(Path(folder))


def reproduce(
    *, seed: int = 0, say: Callable[[str], None] = lambda line: None, films: int | str = 2400,
    encoder_steps: int | str = 800, steps: int | str = 1200, items: int | str = 80, seeds: int | str = 3,
) -> Verdict:  # fmt: skip
    """Judge that questions in quadruples measure seeing, and that careless ones measure guessing.

    Args:
        seed: first of the seeds.
        say: told what is being done.
        films, encoder_steps, steps, items, seeds: see `_rexvqa_teach.Scale`.

    Raises:
        InputError: if a size is not a whole number or out of range.
        MissingError: if torch or transformers is not installed.
    """
    numbers = whole(films=films, encoder_steps=encoder_steps, steps=steps, items=items, seeds=seeds)
    needs_torch()
    from hilum.systems._rexvqa_claims import FILM, WORDS, WRONG
    from hilum.systems._rexvqa_judge import judge_guessing, judge_seeing
    from hilum.systems._rexvqa_picture import picture
    from hilum.systems._rexvqa_teach import Scale

    scale = Scale(films=numbers[0], encoder_steps=numbers[1], steps=numbers[2], items=numbers[3], seeds=numbers[4])
    seeing, lines, bench = judge_seeing(scale, seed=seed, say=say)
    guessing, more = judge_guessing(scale, seed=seed, say=say)
    made = verdict(TEXT, [*seeing, *guessing], notes=[*lines, *more, *NOTES])
    drawn = picture(bench.share, bench.items, bench.films, (WORDS, FILM, WRONG))
    figures = {"One question of each kind, and the accuracy of three readers: four orders of the options": drawn}
    return Verdict(made.claim, made.outcome, made.lines, made.scores, figures)


@register.system(
    "rexvqa", summary="Multiple-choice questions that words alone do not answer, and a reader that chooses",
    source="ReXVQA (Pal et al. 2025)",
)  # fmt: skip
class Rexvqa:
    """`train` writes a reader that chooses, `trained` opens it, `reproduce` judges whether the questions need eyes."""

    claims, minutes, fits = CLAIMS, 12.0, 2
    next_step = "hilum bench rexvqa/phantom --model {out},blind --compare"
    train, trained, reader, reproduce = (staticmethod(each) for each in (train, trained, trained, reproduce))
