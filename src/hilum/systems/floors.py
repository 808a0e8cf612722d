"""Models that know nothing, for tasks to run beside: what a score comes to without any skill."""

from __future__ import annotations

from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.report import Question, Report
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.pairs import CONCEPTS

NORMAL = Report(
    findings="The lungs are clear. No pleural effusion or pneumothorax is seen. The heart is normal in size.",
    impression="No acute cardiopulmonary abnormality.", status="draft",
)  # fmt: skip


@register.model("even-chance", needs=(), adds=("findings",))
def even_chance(study: Study) -> Study:
    """Control: the same even chance for each of the shared findings."""
    return study.add(findings=[Finding(name, "uncertain", 0.5) for name in CONCEPTS], made_by=MadeBy("even-chance"))


@register.model("constant-report", needs=(), adds=("report",))
def constant_report(study: Study) -> Study:
    """Control: one normal report for every study."""
    if study.report is not None:
        return study.add(made_by=MadeBy("constant-report"))
    return study.add(report=NORMAL, made_by=MadeBy("constant-report"))


@register.model("any-order", needs=(), adds=("questions",))
def any_order(study: Study, seed: int = 0) -> Study:
    """Control: ten choices of each question in a random order."""
    answers = []
    for question in study.questions:
        order = generator(seed, "any order", study.id, question.id).permutation(len(question.choices))
        answers += [Question(question.text, (), question.choices[at], question.family, question.id)
                    for at in order[:10]]  # fmt: skip
    return study.add(questions=answers, made_by=MadeBy("any-order"))
