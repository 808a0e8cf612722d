"""The page of a claim: each judged part with its arms, older tables of intervals, pictures, and nothing that runs."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from hilum.app.claim_page import claim_page
from hilum.measure.claim import Claim, Judged
from hilum.measure.stats import Interval
from hilum.measure.verdict import Verdict

NAN = float("nan")
RECORD: dict[str, Any] = {
    "seed": 3, "settings": {"half": "dev"}, "seconds": 12.5, "cpus": 2, "hilum": "0", "data_fingerprint": "abc",
    "system": "made",
}  # fmt: skip


def judged(outcome: Any = "holds", reason: str = "", gain: Interval | None = None) -> Judged:
    claim = Claim("ours is better", "ours", "theirs", "score", ("chance",))
    arms = {name: Interval(v, v - 0.1, v + 0.1) for name, v in (("ours", 0.8), ("theirs", 0.5), ("chance", 0.1))}
    arms["also"] = Interval(NAN, NAN, NAN)
    return Judged(claim, outcome, gain or Interval(0.3, 0.2, 0.4), arms, 3, reason)


def page(verdict: Verdict, **changed: Any) -> str:
    return claim_page(verdict, {**RECORD, **changed}, "Try <this> next.")


def test_each_arm_stands_in_its_part_with_its_interval() -> None:
    shown = page(Verdict("all", "holds", ("line",), {"one": judged()}))
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">(\w+)</th><td>(\w+)</td><td class=\"count\">([^<]+)</td>", shown)
    assert rows == [
        ("ours", "claimed", "0.800 [0.700, 0.900]"), ("theirs", "rival", "0.500 [0.400, 0.600]"),
        ("chance", "control", "0.100 [0.000, 0.200]"), ("also", "other", "undefined"),
    ]  # fmt: skip
    assert "Gain of ours over theirs: 0.300 [0.200, 0.400], seeds: 3" in shown
    assert shown.count("<svg") == 2


@pytest.mark.parametrize(
    ("outcome", "tone"), [("holds", "holds"), ("fails", "fails"), ("cannot be tested here", "open")]
)
def test_the_outcome_has_its_own_colour(outcome: Any, tone: str) -> None:
    shown = page(Verdict("all", outcome, ("line",), {"one": judged(outcome, "two seeds only")}))
    assert f'<b class="{tone}">{outcome}</b>' in shown
    assert f'<span class="{tone}">{outcome} (two seeds only)</span>' in shown


def test_a_gain_that_is_undefined_says_so() -> None:
    shown = page(Verdict("all", "cannot be tested here", ("line",), {"one": judged(gain=Interval(NAN, NAN, NAN))}))
    assert "Gain of ours over theirs: undefined" in shown


def test_tables_of_older_recipes_are_drawn_too() -> None:
    scores = {"arms": {"a": {"precision": Interval(0.5, 0.4, 0.6)}}, "gain": {"a": Interval(0.1, 0.0, 0.2)}, "n": 4}
    shown = page(Verdict("all", "fails", ("line",), scores))
    assert "a: precision" in shown
    assert 'class="zero"' in shown
    assert shown.count("<svg") == 2


def test_all_that_is_told_is_text() -> None:
    evil = "<img src=x onerror=alert(1)>"
    claim = Claim(evil, evil, "b", evil)
    part = Judged(claim, "fails", Interval(0, 0, 0), {evil: Interval(0, 0, 0), "b": Interval(0, 0, 0)}, 3, evil)
    shown = page(Verdict(evil, "fails", (evil,), {evil: part}, {evil: evil}), system=evil, settings={evil: evil})
    assert "<img src=x" not in shown
    assert "Try &lt;this&gt; next." in shown


def test_a_drawing_is_an_image_and_cannot_run() -> None:
    drawing = '<?xml version="1.0"?><svg width="4" height="4"><script>alert(1)</script></svg>'
    shown = page(Verdict("all", "holds", ("line",), {}, {"drawing": drawing}))
    (packed,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)
    assert b'xmlns="http://www.w3.org/2000/svg"' in base64.b64decode(packed)
    assert "<script" not in shown
    assert "default-src 'none'" in shown


def test_bytes_are_shown_by_their_kind_or_not_at_all() -> None:
    figures: dict[str, bytes | str] = {"p": b"\x89PNG....", "j": b"\xff\xd8....", "g": b"GIF89a", "t": "words"}
    shown = page(Verdict("all", "holds", ("line",), {}, figures))
    assert shown.count("data:image/png;base64,") == 1
    assert shown.count("data:image/jpeg;base64,") == 1
    assert shown.count("this picture cannot be shown") == 2


def test_what_it_was_judged_on_is_told() -> None:
    shown = page(Verdict("all", "holds", ("line",)))
    assert "Seed 3, settings {&#x27;half&#x27;: &#x27;dev&#x27;}, 12.5 s on 2 processors, hilum 0, data abc." in shown
    assert "data made by the recipe." in page(Verdict("all", "holds", ("line",)), data_fingerprint=None)
    assert "Research use only" in shown


def test_verdicts_without_pictures_are_as_they_were() -> None:
    assert Verdict("all", "holds", ("line",)) == Verdict("all", "holds", ("line",), {}, {})
    assert "figures" not in repr(Verdict("all", "holds", ("line",), {}, {"a": b"x"}))
