"""A verdict is one of three, with evidence."""

from __future__ import annotations

import pytest

from hilum.core.errors import InputError
from hilum.measure.verdict import Verdict


def test_a_verdict_prints_its_evidence_first() -> None:
    assert str(Verdict("A beats B", "fails", ("A 0.1", "B 0.2"))) == "A 0.1\nB 0.2\nA beats B: fails"


def test_an_unknown_outcome_or_no_evidence_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be tested here"):
        Verdict("A beats B", "maybe", ("A",))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no evidence"):
        Verdict("A beats B", "holds", ())
