"""Models of findings for benchmarks: the report labeler, and controls that show what no skill comes to."""

from __future__ import annotations

from hilum.core.finding import Finding
from hilum.core.geometry import LATERAL
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.systems.chestx_ray8 import restated
from hilum.text.findings import to_findings
from hilum.text.parse import Parsed, parse

OPACITY = "lung opacity"


def _parsed(study: Study) -> Parsed | None:
    """The report's findings and impression; what it was asked for is no finding."""
    if study.report is None:
        return None
    return parse({"findings": study.report.findings, "impression": study.report.impression})


@register.model("labeler", needs=("report",), adds=("findings",))
def labeler(study: Study) -> Study:
    """Add the findings that the report states, with state, sites and evidence."""
    parsed = _parsed(study)
    return study if parsed is None else study.add(findings=to_findings(parsed), made_by=MadeBy("labeler", "1"))


@register.model("labeler-mentions", needs=("report",), adds=("findings",))
def labeler_mentions(study: Study) -> Study:
    """Control: add every finding that the report mentions as present, denied or not."""
    parsed = _parsed(study)
    if parsed is None:
        return study
    said = to_findings(restated(parsed, "mention"))
    return study.add(findings=said, made_by=MadeBy("labeler-mentions", "1"))


@register.model("silent", needs=(), adds=("findings", "report"))
def silent(study: Study) -> Study:
    """Control: look at nothing and find nothing."""
    return study.add(made_by=MadeBy("silent", "1"))


@register.model("constant", needs=(), adds=("findings",))
def constant(study: Study) -> Study:
    """Control: the same even chance of a lung opacity for every study."""
    return study.add(findings=(Finding(OPACITY, "uncertain", 0.5),), made_by=MadeBy("constant", "1"))


@register.model("view-only", needs=("images",), adds=("findings",))
def view_only(study: Study) -> Study:
    """Control: read the view in the header and not the picture: AP films are taken of sicker patients."""
    views = {film.view for film in study.films}
    chance = 0.6 if "AP" in views else 0.4 if views - set(LATERAL) else 0.5
    finding = Finding(OPACITY, "present" if chance > 0.5 else "absent", chance)
    return study.add(findings=(finding,), made_by=MadeBy("view-only", "1"))
