"""Harmful edits do what they say: by hand on written reports, and by counting words on composed and real ones."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.measure.harms import as_before
from hilum.measure.invented import invented_reports
from hilum.measure.perturb import NORMAL, Change, Edited, Skipped, applied, edit, edits_in_turn, kinds
from hilum.text.parse import parse
from hilum.text.phrase import compose
from tests.text.loop_draws import draw_set

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
REPORT = (
    "There is a small right pleural effusion, increased since the prior exam. No pneumothorax or focal consolidation. "
    "The heart is normal in size. A 5 mm nodule is seen in the left upper lobe. Stable severe cardiomegaly."
)
SIDES = {"right", "left", "rt", "lt", "r", "l", "a", "an"}


def made(text: str, kind: str, **more) -> Edited:
    found = edit(text, kind, **more)
    assert isinstance(found, Edited), (kind, text, found)
    return found


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[\w.]+", text.lower()))


def states(text: str) -> Counter[tuple[str, str]]:
    return Counter((fact.concept, fact.state) for fact in parse(text).facts)


def replayed(text: str, found: Edited) -> str:
    return applied(text, found.changes)


@pytest.mark.parametrize(
    "kind, text, expected",
    [
        ("flip-side", "Small right pleural effusion.", "Small left pleural effusion."),
        ("flip-side", "LEFT PNEUMOTHORAX IS SEEN.", "RIGHT PNEUMOTHORAX IS SEEN."),
        ("flip-side", "There is a right-sided pneumothorax.", "There is a left-sided pneumothorax."),
        ("swap-severity", "Mild cardiomegaly.", "Severe cardiomegaly."),
        ("swap-severity", "There is an extensive consolidation.", "There is a minimal consolidation."),
        ("swap-severity", "There is a large left pleural effusion.", "There is a small left pleural effusion."),
        ("flip-change", "Stable cardiomegaly.", "Worsened cardiomegaly."),
        ("flip-change", "The pleural effusion has decreased.", "The pleural effusion has increased."),
        ("change-size", "There is a 5 mm nodule in the left lung.", "There is a 5 cm nodule in the left lung."),
        ("change-size", "A 2.5 cm mass is seen.", "A 2.5 mm mass is seen."),
        ("drop-negation", "No pneumothorax.", "Pneumothorax."),
        ("drop-negation", "There is no pleural effusion.", "There is pleural effusion."),
        ("drop-negation", "There is no evidence of pneumothorax.", "There is pneumothorax."),
        ("negate", "There is a right pleural effusion.", "There is no right pleural effusion."),
        ("negate", "Mild cardiomegaly.", "No mild cardiomegaly."),
        ("negate", "At the left base an opacity is seen.", "At the left base no opacity is seen."),
        ("add-prior", "There is a pneumothorax.", None),
        ("drop-one", "No pneumothorax. There is a lung mass.", "No pneumothorax."),
        ("drop-positives", "Cardiomegaly. No pneumothorax. Left pleural effusion.", "No pneumothorax."),
        ("constant-normal", "Cardiomegaly.", NORMAL),
    ],
)
def test_edits_read_as_a_person_would_write_them(kind, text, expected):
    found = made(text, kind)
    if expected is not None:
        assert found.text == expected
    else:
        assert re.fullmatch(
            r"There is a pneumothorax, (unchanged from|worsened since|improved since) the prior study\.", found.text
        )


@pytest.mark.parametrize(
    "kind, text",
    [
        ("flip-side", "There are bilateral pleural effusions."),
        ("flip-side", "No right pleural effusion."),
        ("swap-severity", "There is a pneumothorax."),
        ("flip-change", "There is a pneumothorax."),
        ("change-size", "There is a nodule."),
        ("drop-negation", "There is a nodule."),
        ("negate", "No pneumothorax."),
        ("drop-one", "No pneumothorax. The heart is normal in size."),
        ("drop-positives", "No pneumothorax."),
        ("constant-normal", "The lungs are clear."),
        ("add-prior", "Stable cardiomegaly."),
        ("add-prior", "Compared with the prior exam there is a nodule."),
        ("other-report", "Cardiomegaly."),
    ],
)
def test_nothing_is_edited_where_nothing_is_to_edit(kind, text):
    assert edit(text, kind) == Skipped(kind, "nothing to edit")


def test_a_report_of_one_sentence_is_not_dropped_to_nothing():
    assert edit("There is a pneumothorax.", "drop-positives") == Skipped("drop-positives", "not proved")


def test_an_unknown_kind_is_refused_with_the_names():
    with pytest.raises(InputError, match="flip-side"):
        edit(REPORT, "turn")


def test_every_place_that_states_the_finding_is_edited():
    text = "There is a small right pleural effusion. The heart is normal in size. Right pleural effusion is small."
    found = made(text, "flip-side")
    assert found.text.lower().count("left pleural effusion") == 2
    assert "right" not in found.text.lower()
    assert len(found.changes) == 2


def test_the_record_says_where_and_what():
    found = made("Small right pleural effusion. Cardiomegaly.", "flip-side")
    assert found.changes == (Change(6, 11, "right", "left"),)
    assert found.concepts == {"pleural effusion"}


def test_every_finding_is_edited_where_asked():
    text = "Right pleural effusion. Left pneumothorax. Right rib fracture."
    one, every = made(text, "flip-side"), made(text, "flip-side", every=True)
    assert len(one.changes) == 1
    assert every.text == "Left pleural effusion. Right pneumothorax. Left rib fracture."
    assert every.concepts == {"pleural effusion", "pneumothorax", "rib fracture"}


def test_findings_that_are_spared_are_left_alone():
    text = "Right pleural effusion. Left pneumothorax."
    assert made(text, "flip-side", spare=["pneumothorax"]).text == "Left pleural effusion. Left pneumothorax."
    spared = edit(text, "flip-side", spare=["pneumothorax", "pleural effusion"])
    assert spared == Skipped("flip-side", "nothing to edit")


def test_the_same_seed_gives_the_same_edit_and_others_give_others():
    text = "Right pleural effusion. Left pneumothorax. Right rib fracture. Left consolidation. Right lung mass."
    for kind in kinds():
        assert edit(text, kind, seed=3, others=[REPORT]) == edit(text, kind, seed=3, others=[REPORT])
    assert len({made(text, "flip-side", seed=seed).text for seed in range(12)}) > 2


def test_a_finding_is_invented_only_where_nothing_of_its_kind_is_told():
    text = "No pneumothorax. Left pleural effusion. There is a nodule. Cardiomegaly."
    told = {fact.concept for fact in parse(text).facts}
    for seed in range(20):
        found = made(text, "add-finding", seed=seed)
        (new,) = {fact.concept for fact in parse(found.text).facts} - told
        assert new not in {"pneumothorax", "pleural effusion", "lung nodule", "cardiomegaly"}


def test_another_report_is_taken_from_the_others_and_must_say_something_else():
    assert made("Cardiomegaly.", "other-report", others=["Cardiomegaly.", "Pneumothorax."]).text == "Pneumothorax."
    same = edit("Cardiomegaly.", "other-report", others=["There is cardiomegaly."])
    assert same == Skipped("other-report", "not proved")


def test_edits_in_turn_each_touch_another_finding():
    steps = edits_in_turn(REPORT, 4)
    assert len(steps) == 4
    touched = [step.concepts for step in steps]
    assert all(not (one & other) for n, one in enumerate(touched) for other in touched[n + 1 :])
    differing = [sum(((states(REPORT) - states(step.text)) + (states(step.text) - states(REPORT))).values())
                 for step in steps]  # fmt: skip
    assert len({REPORT, *(step.text for step in steps)}) == 5
    assert differing == sorted(differing)


def test_fewer_edits_come_where_no_more_can_be_made():
    assert edits_in_turn("Pneumothorax.", 4, using=("flip-side",)) == ()
    assert len(edits_in_turn("Left pneumothorax.", 4, using=("flip-side",))) == 1


def test_kinds_tell_what_they_are():
    harmful = {name for name, kind in kinds().items() if kind.harmful}
    assert {"negate", "drop-positives", "flip-side", "other-report", "constant-normal"} <= harmful
    assert {"shuffle-sentences", "paraphrase", "near-duplicate"} <= kinds().keys() - harmful
    assert all(kind.about and kind.scope in ("one", "all", "none") for kind in kinds().values())
    assert {name for name, kind in kinds().items() if kind.scope == "all"} == {
        "drop-positives", "constant-normal", "other-report",
    }  # fmt: skip


def test_hostile_texts_are_edited_or_skipped_but_never_broken():
    for text in (
        "",
        " ",
        "\n",
        ".",
        "no",
        "No. No. No.",
        "right left right",
        "5 mm 5 mm",
        "a" * 5000,
        "é ü 漢字 right",
    ):
        for kind in kinds():
            found = edit(text, kind, others=["Cardiomegaly."])
            assert isinstance(found, (Edited, Skipped)), (text, kind)


def check(text: str, kind: str, seed: int) -> None:
    """Hold an edit against what can be counted without the edit's own proof."""
    found = edit(text, kind, seed=seed, others=[NORMAL, REPORT])
    if isinstance(found, Skipped):
        return
    assert found.text != text
    assert isinstance(found.text, str)
    if not kinds()[kind].whole:
        assert replayed(text, found) == found.text
        assert all(text[start:end] == before for start, end, before, _ in found.changes)
    gone, come = words(text) - words(found.text), words(found.text) - words(text)
    old, new = states(text), states(found.text)
    if kind == "flip-side":
        assert gone.keys() | come.keys() <= SIDES | {"leftward", "rightward"}
    if kind in ("flip-side", "swap-severity", "flip-change", "change-size", "add-prior"):
        assert old == new
    if kind in ("swap-severity", "flip-change", "change-size"):
        assert sum(gone.values()) == sum(come.values())
    if kind in ("drop-one", "drop-positives"):
        assert not come
        assert not new - old
    if kind == "drop-positives":
        assert all(fact.state == "absent" or fact.kind == "study" for fact in parse(found.text).facts)
    if kind == "add-finding":
        assert not old - new
        assert [state for _, state in (new - old).elements()] == ["present"]
    if kind in ("negate", "drop-negation"):
        flipped = {"negate": "absent", "drop-negation": "present"}[kind]
        assert {state for _, state in new - old} == {flipped}
        assert Counter(name for name, _ in old.elements()) == Counter(name for name, _ in new.elements())


HARMFUL = sorted(name for name, kind in kinds().items() if kind.harmful and not kind.whole)


@pytest.mark.parametrize("kind", HARMFUL)
@FEW
@given(case=st.integers(0, 100_000))
def test_edits_of_composed_reports_change_one_kind_of_thing(kind, case):
    findings, prior, seed = draw_set(random.Random(case))
    check(compose(findings, prior_read=prior, seed=seed).findings, kind, case)


@pytest.mark.parametrize("kind", HARMFUL)
def test_most_invented_reports_can_be_edited(kind):
    for number, text in enumerate(invented_reports(60)):
        check(text, kind, number)
    found = [edit(text, kind) for text in invented_reports(60)]
    proved = sum(isinstance(one, Edited) for one in found)
    assert proved >= 5
    assert sum(one.reason == "not proved" for one in found if isinstance(one, Skipped)) <= 0.05 * proved + 1


def real_reports(pack, count: int) -> list[str]:
    from hilum.data.openi import reports

    found = [one.report.findings for one in reports(pack / "openi") if one.half == "dev" and one.report.findings]
    return found[:count]


@pytest.mark.parametrize("kind", HARMFUL)
def test_edits_of_real_reports_change_one_kind_of_thing(kind, pack):
    texts = real_reports(pack, 200)
    for text in texts:
        check(text, kind, 0)
    found = [edit(text, kind) for text in texts]
    proved = sum(isinstance(one, Edited) for one in found)
    assert proved >= 3, "too few to audit a metric on"
    assert sum(one.reason == "not proved" for one in found if isinstance(one, Skipped)) <= 0.1 * proved + 1


def test_invented_reports_are_many_different_and_the_same_each_time():
    texts = invented_reports(120)
    assert len(set(texts)) == 120
    assert texts == invented_reports(120)
    assert texts[:10] == invented_reports(10)
    assert texts != invented_reports(120, seed=1)
    normal = [text for text in texts if all(fact.state == "absent" for fact in parse(text).facts)]
    assert 0.1 < len(normal) / len(texts) < 0.35


@pytest.mark.parametrize(
    "before, after, expected",
    [("Mild", "severe", "Severe"), ("MILD", "severe", "SEVERE"), ("mild", "severe", "severe"), ("A", "an", "An")],
)
def test_the_case_of_what_stood_there_is_kept(before, after, expected):
    assert as_before(before, after) == expected


def test_changes_are_applied_in_order():
    text = "one two three"
    assert applied(text, ()) == text
    assert applied(text, (Change(0, 3, "one", "1"), Change(8, 13, "three", "3"))) == "1 two 3"
    assert applied(text, (Change(13, 13, "", " four"),)) == "one two three four"
    assert applied(text, (Change(0, 4, "one ", ""),)) == "two three"


def test_history_is_left_alone():
    text = "History of right pneumothorax. Left pleural effusion."
    for kind in ("flip-side", "negate", "drop-one"):
        found = edit(text, kind)
        if isinstance(found, Edited):
            assert "right pneumothorax" in str(found.text).lower()


def test_capital_reports_stay_capital():
    text = "THERE IS A SMALL RIGHT PLEURAL EFFUSION. STABLE CARDIOMEGALY. NO PNEUMOTHORAX."
    for kind in ("flip-side", "swap-severity", "flip-change"):
        assert made(text, kind).text.isupper()


def test_headings_of_a_report_are_kept():
    text = "FINDINGS: There is a left pneumothorax. The heart is normal in size. IMPRESSION: Left pneumothorax."
    found = made(text, "flip-side")
    assert found.text == text.replace("left", "right").replace("Left", "Right")
    dropped = made(text, "drop-one").text
    assert "FINDINGS:" in dropped
    assert "pneumothorax" not in dropped
