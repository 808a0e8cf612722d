"""docs/virtual-stories.md tells the truth: its snippet runs, and the words bind to bodies as to stand-ins."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hilum.phantom.courses import CHANGED, LEAST, NUISANCE_SHARE, STABLE, single_film_accuracy
from hilum.phantom.indication import MISLEADING, TRUTHFUL
from hilum.phantom.quantities import word_for

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "virtual-stories.md").read_text(encoding="utf-8")
FLAT = " ".join(PAGE.split())


def test_the_snippet_runs_and_its_facts_are_those_of_the_body() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["report"].findings
    told = {finding.id: finding for finding in names["found"]}
    assert names["placed"]
    for each in names["placed"]:
        finding = told[each.plan.key]
        assert finding.sites == each.sites
        assert {item.unit for item in finding.measurements} <= {"mL", "mm", "[hnsf'U]", "1"}
        if finding.state == "present":
            assert finding.attributes.get("severity", "") == word_for(each)


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    assert f"floor of {single_film_accuracy():.3f}" in FLAT
    assert f"between {LEAST:g} and 1" in FLAT
    assert f"by {STABLE:g} at most" in FLAT
    assert f"by {CHANGED[0]:g} to {CHANGED[1]:g}" in FLAT
    assert f"At {NUISANCE_SHARE:.0%} of the visits".replace("%", " %") in FLAT
    assert (
        f"fits in {TRUTHFUL:.0%} of the reports, points to what is not there in {MISLEADING:.0%}".replace("%", " %")
        in FLAT
    )
