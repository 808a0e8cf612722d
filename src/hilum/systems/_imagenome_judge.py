"""Judge Chest ImaGenome's claim on coded Open-i reports: object-attribute pairs beside two control arms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hilum.core.errors import InputError
from hilum.measure.claim import Claim, judge, verdict
from hilum.measure.scored import Floats, Scored, f1, signature, summed
from hilum.measure.verdict import Verdict
from hilum.systems._imagenome_gold import coded, counts, load, stated
from hilum.text.parse import parse
from hilum.text.scene import scene

TEXT = "reading location and negation from the text yields a more correct anatomy-centred scene graph"
CONTROLS = ("default location only", "no negation")
CLAIMS = tuple(
    Claim(f"reading {what} of the text makes pairs more correct", "whole", rival, "pair F1", controls=CONTROLS)
    for rival, what in zip(CONTROLS, ("the location", "the negation"), strict=True)
)
LIMITS = (
    "judged: pairs (site, attribute) against human codes, a code without a side left out",
    "not judged here: boxes (no film with these reports) and change relations (no coded change in Open-i)",
)


def reproduce(
    data: str | Path | None = None, *, half: str = "test", seed: int = 0, say: Callable[[str], None] = lambda line: None
) -> Verdict:
    """Judge whether the scene's pairs are more correct than with default locations, and than without negation.

    Args:
        data: folder that holds openi/gold_findings.csv.
        half: 'dev', 'test' or 'all'; halves are made by a hash of the text.
        seed: of the bootstrap over texts.
        say: is told what is being done.

    Raises:
        MissingError: if the table is not there.
        InputError: if the half is unknown, or has no report.
    """
    if data is None:
        return Verdict(TEXT, "cannot be tested here", ("give a folder with openi/gold_findings.csv: --data FOLDER",))
    rows = load(data, half)
    if not rows:
        raise InputError(f"no coded report in the {half} half of {data}")
    say(f"parsing {len(rows)} reports")
    parsed = [parse({"findings": row["findings"], "impression": row["impression"]}) for row in rows]
    gold, groups = [coded(row) for row in rows], [row["text_hash"] for row in rows]
    arms = {
        "whole": [stated(scene(each)) for each in parsed],
        CONTROLS[0]: [stated(scene(each, places="default")) for each in parsed],
        CONTROLS[1]: [stated(scene(each, negation=False)) for each in parsed],
    }
    trials = {name: [_scored(counts(gold, ours))] for name, ours in arms.items()}
    parts = [judge(claim, trials, groups, seed=seed, deterministic=True) for claim in CLAIMS]
    return verdict(
        TEXT, parts, notes=(f"{len(rows)} coded Open-i reports ({half}), 95 % intervals over texts", *LIMITS)
    )


def _scored(table: Floats) -> Scored:
    values = f1(table[:, 0], table[:, 1], table[:, 2])
    said = signature("pair F1", 1, pairs="site x attribute", parents="closed", side="coded")
    return summed("pair F1", values, table, lambda sums: f1(sums[:, 0], sums[:, 1], sums[:, 2]), said)
