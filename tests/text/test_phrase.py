"""The sentence bank: says every finding, no more than is known, in sentences whose spans are exact."""

from __future__ import annotations

import re
import string
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.report import Report, Sentence
from hilum.core.vocabulary import concept, concepts, laterality
from hilum.text.phrase import bank, compose

COMPARES = r"\b(new|unchanged|worsened|improved|resolved|prior|again|interval|stable|previous)\b"
NAMES = [item.name for item in concepts() if item.kind in ("finding", "device", "diagnosis")]
SITES = [item.name for item in concepts() if item.kind == "site"]
COMMON = ["cardiac silhouette", *(name for name in SITES if laterality(name) and ("lung" in name or "pleural" in name))]
SEVERITIES = ["", "mild", "moderate", "severe", "minimal"]
CHANGES = {
    "present": [None, "new", "improved", "worsened", "unchanged"],
    "absent": [None, "unchanged", "resolved"],
    "uncertain": [None, "new", "improved", "worsened", "unchanged", "resolved"],
}


@st.composite
def one_finding(draw: st.DrawFn) -> Finding:
    state = draw(st.sampled_from(["present", "absent", "uncertain"]))
    severity = draw(st.sampled_from(SEVERITIES))
    prior = draw(st.sampled_from(["", "present", "absent"]))
    return Finding(
        draw(
            st.one_of(
                st.sampled_from([*bank()["concepts"]]).filter(NAMES.__contains__),
                st.sampled_from(NAMES),
                st.just("odd shadow"),
            )
        ),
        state,
        sites=tuple(
            draw(st.lists(st.one_of(st.sampled_from(COMMON), st.sampled_from(SITES)), max_size=3, unique=True))
        ),
        attributes={key: value for key, value in (("severity", severity), ("prior", prior)) if value},
        change=draw(st.sampled_from(CHANGES[state])),
    )


FINDINGS = st.lists(one_finding(), max_size=9).map(
    lambda found: [replace(item, id=f"f{number}") for number, item in enumerate(found)]
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def about(report: Report, finding: Finding, section: str = "findings") -> list[str]:
    """Sentences of a section that state a finding."""
    return [report.text(item) for item in report.sentences if finding.id in item.findings and item.section == section]


def only(finding: Finding, *, seed: int = 0, prior_read: bool = False) -> str:
    return compose([finding], seed=seed, prior_read=prior_read).findings


def every_wording(finding: Finding, *, prior_read: bool = False) -> set[str]:
    return {only(finding, seed=seed, prior_read=prior_read) for seed in range(60)}


# ---- what must hold for any findings


@QUICK
@given(FINDINGS, st.booleans(), st.integers(0, 50))
def test_every_finding_is_stated_and_every_span_is_exact(findings: list[Finding], prior: bool, seed: int) -> None:
    report = compose(findings, prior_read=prior, seed=seed, views=("PA",), indication="Cough.")
    assert report.status == "draft"
    assert {item.id for item in findings} == {
        i for s in report.sentences if s.section == "findings" for i in s.findings
    }
    for name in ("findings", "impression"):
        spans = [item for item in report.sentences if item.section == name]
        assert " ".join(report.text(item) for item in spans) == getattr(report, name)
        assert [item.start for item in spans[1:]] == [item.end + 1 for item in spans[:-1]]
        for text in map(report.text, spans):
            assert text[0].isupper()
            assert text.endswith(".")
            assert "  " not in text
            assert not re.search(r" [.,;]|\{|\}|\.\.|\ba [aeiou]|\ban [^aeiou]|evidence of evidence", text.lower()), (
                text
            )
    assert all(report.text(item) for item in report.sentences)


@QUICK
@given(FINDINGS, st.integers(0, 50))
def test_nothing_is_compared_where_no_prior_was_read(findings: list[Finding], seed: int) -> None:
    report = compose(findings, seed=seed, not_assessed=("rib fracture",), views=("PA", "LL"))
    text = " ".join((report.technique, report.comparison, report.findings, report.impression))
    assert not re.search(COMPARES, text, re.IGNORECASE)


@QUICK
@given(FINDINGS, st.booleans(), st.integers(0, 20))
def test_the_chest_is_never_called_normal(findings: list[Finding], prior: bool, seed: int) -> None:
    report = compose(findings, prior_read=prior, seed=seed)
    assert not re.search(r"\b(normal|unremarkable|clear|healthy)\b", report.findings + report.impression, re.IGNORECASE)


@QUICK
@given(FINDINGS, st.booleans(), st.integers(0, 20))
def test_sides_in_the_text_are_the_sides_of_the_sites(findings: list[Finding], prior: bool, seed: int) -> None:
    report = compose(findings, prior_read=prior, seed=seed)
    for finding in findings:
        told = [site for site in finding.sites if "right" in site or "left" in site or "bilateral" in site]
        for text in about(report, finding):
            words = re.findall(r"\b(right|left|bilateral|both|on both sides)\b", text.replace("right-sided", ""))
            found = {"bilateral" if word.startswith(("both", "on both", "bilateral")) else word for word in words}
            assert found == {site.partition(" ")[0] for site in told}, text


@QUICK
@given(one_finding(), st.integers(0, 50))
def test_the_state_can_be_read_back_from_the_words(finding: Finding, seed: int) -> None:
    text = only(replace(finding, id="f", change=None), seed=seed)
    negative = re.match(r"(There (is|are) )?[Nn]o ", text) is not None
    hedged = re.search(r"\b(possible|may be|cannot be excluded)\b", text, re.IGNORECASE) is not None
    assert (negative, hedged) == (finding.state == "absent", finding.state == "uncertain"), text


@QUICK
@given(FINDINGS, st.booleans(), st.integers(0, 2**31))
def test_the_same_seed_gives_the_same_report(findings: list[Finding], prior: bool, seed: int) -> None:
    assert compose(findings, prior_read=prior, seed=seed) == compose(list(findings), prior_read=prior, seed=seed)


def test_the_words_do_not_depend_on_the_process() -> None:
    code = (
        "from hilum.core.finding import Finding as F; from hilum.text.phrase import compose;"
        "print(compose([F('pleural effusion', id='a'), F('lung mass', 'uncertain', id='b')], seed=5).findings)"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"
    }
    here = compose([Finding("pleural effusion", id="a"), Finding("lung mass", "uncertain", id="b")], seed=5).findings
    assert runs == {here + "\n"}


def test_seeds_change_the_words_and_other_findings_do_not() -> None:
    effusion = Finding("pleural effusion", sites=("right pleural space",), id="a")
    assert len(every_wording(effusion)) >= 4
    alone = compose([effusion], seed=3)
    beside = compose([Finding("consolidation", id="b"), effusion], seed=3)
    assert about(alone, effusion) == about(beside, effusion)


# ---- English


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (
            Finding("pleural effusion", sites=("right pleural space",), attributes={"severity": "mild"}),
            "Small right pleural effusion.",
        ),
        (Finding("Effusion", sites=("bilateral pleural spaces",)), "There are bilateral pleural effusions."),
        (Finding("pleural effusion", sites=("right lung", "left lung")), "Right and left pleural effusions."),
        (Finding("consolidation", sites=("right lower lung zone",)), "Consolidation in the right lower lung zone."),
        (Finding("edema", sites=("bilateral lungs",)), "There is pulmonary edema in both lungs."),
        (Finding("pneumothorax", sites=("left apical zone",), attributes={"size": "tiny"}), "Tiny left apical pneumothorax."),  # noqa: E501
        (Finding("cardiomegaly", sites=("heart",), attributes={"severity": "mild"}), "The heart is mildly enlarged."),
        (Finding("rib fracture", sites=("left rib",)), "There is a left rib fracture."),
        (Finding("hilar enlargement", sites=("right hilum",)), "Enlargement of the right hilum is seen."),
        (Finding("endotracheal tube"), "An endotracheal tube is present."),
        (
            Finding("atelectasis", sites=("right upper lung zone", "right mid lung zone", "left hilum")),
            "Atelectasis in the right upper and mid lung zones and at the left hilum.",
        ),
        (Finding("lung nodule", "uncertain", sites=("left upper lung zone",)), "Possible lung nodule in the left upper lung zone."),  # noqa: E501
        (Finding("pneumonia", "uncertain"), "Pneumonia cannot be excluded."),
        (Finding("lung mass", "absent", sites=("right lung",)), "There is no lung mass in the right lung."),
        (Finding("osteopenia", "absent"), "No evidence of osteopenia."),
        (Finding("pleural plaques", "absent"), "There are no pleural plaques."),
        (Finding("pleural plaques", sites=("left pleura",)), "Left pleural plaques are seen."),
        (Finding("sternotomy"), "Sternotomy changes are present."),
        (Finding("bronchial fistula"), "There is evidence of bronchial fistula."),
        (Finding("no finding"), "No abnormality was marked among the findings assessed."),
        (Finding("suboptimal study", "uncertain"), "The study may be technically limited."),
    ],
    ids=lambda value: value if isinstance(value, str) else value.concept,
)  # fmt: skip
def test_wordings_a_radiologist_would_accept(finding: Finding, expected: str) -> None:
    assert expected in every_wording(finding)


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (Finding("pleural effusion", change="new"), "Pleural effusion, new since the prior film."),
        (Finding("consolidation", change="improved"), "Consolidation is seen, improved since the prior film."),
        (Finding("lung mass", attributes={"prior": "present"}), "Lung mass, also present on the prior film."),
        (Finding("pneumothorax", "absent", change="resolved"), "The pneumothorax has resolved since the prior film."),
        (Finding("endotracheal tube", "absent", change="resolved"), "The endotracheal tube has been removed since the prior film."),  # noqa: E501
        (Finding("pneumothorax", "absent", attributes={"prior": "present"}), "No pneumothorax, although present on the prior film."),  # noqa: E501
        (Finding("unchanged"), "No change since the prior film."),
    ],
    ids=lambda value: value if isinstance(value, str) else value.concept,
)  # fmt: skip
def test_change_is_told_where_a_prior_was_read(finding: Finding, expected: str) -> None:
    assert expected in every_wording(finding, prior_read=True)


@pytest.mark.parametrize("change", ["new", "improved", "worsened", "unchanged"])
def test_change_is_left_out_where_none_was_read(change: str) -> None:
    plain = every_wording(Finding("consolidation"))
    assert every_wording(Finding("consolidation", change=change, attributes={"prior": "present"})) == plain


def test_negatives_share_a_sentence_and_keep_their_ids() -> None:
    findings = [Finding(name, "absent", id=name) for name in ("pneumothorax", "pleural effusion", "lung nodule")]
    report = compose(findings, seed=1)
    (sentence,) = [item for item in report.sentences if item.section == "findings"]
    assert set(sentence.findings) == {"pneumothorax", "pleural effusion", "lung nodule"}
    assert report.findings.endswith("lung nodule, pneumothorax or pleural effusion.")


def test_one_concept_given_twice_is_listed_once() -> None:
    findings = [Finding("pneumothorax", "absent", id="a"), Finding("pneumothorax", "absent", id="b")]
    report = compose(findings)
    assert report.findings.lower().count("pneumothorax") == 1
    assert report.sentences[-2].findings == ("a", "b")


def test_devices_share_a_sentence() -> None:
    devices = [Finding(name, id=name) for name in ("endotracheal tube", "enteric tube", "pacemaker")]
    report = compose(devices, seed=2)
    assert re.fullmatch(
        r"An endotracheal tube, an enteric tube and a pacemaker are (present|in place)\.", report.findings
    )


def test_present_findings_come_before_uncertain_and_absent_ones() -> None:
    states = ("absent", "uncertain", "present")
    report = compose([Finding("consolidation", state, sites=("right lung",), id=state) for state in states])
    told = [item.findings[0] for item in report.sentences if item.section == "findings"]
    assert told == ["present", "uncertain", "absent"]


# ---- impression


def test_the_impression_puts_positives_first_then_uncertain() -> None:
    findings = [Finding("pneumothorax", "absent"), Finding("lung nodule", "uncertain"), Finding("consolidation")]
    assert compose(findings).impression == "Consolidation. Possible lung nodule."


def test_without_positives_the_impression_names_what_was_assessed() -> None:
    report = compose([Finding("pneumothorax", "absent", id="a"), Finding("Effusion", "absent", id="b")])
    assert report.impression == "No finding among those assessed (pneumothorax, pleural effusion)."
    assert report.sentences[-1].findings == ("a", "b")


def test_an_uncertain_finding_keeps_the_negative_impression_away() -> None:
    report = compose([Finding("pneumothorax", "absent"), Finding("lung mass", "uncertain")])
    assert report.impression == "Possible lung mass."


def test_nothing_assessed_is_said_as_such() -> None:
    report = compose([])
    assert report.findings == report.impression == "No finding was assessed."


def test_a_resolved_finding_is_in_the_impression() -> None:
    findings = [Finding("pneumothorax", "absent", change="resolved", id="a"), Finding("lung mass", "absent", id="b")]
    report = compose(findings, prior_read=True)
    assert "since the prior film" in about(report, findings[0], "impression")[0]
    assert report.impression.endswith("No finding among those assessed (lung mass).")


# ---- the other sections


def test_what_was_not_assessed_is_said_once_with_its_reason() -> None:
    report = compose([Finding("consolidation")], not_assessed=("Edema", ("rib fracture", "not trained"), "edema"))
    assert report.findings.endswith("Not assessed by this model: pulmonary edema, rib fracture (not trained).")


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        (("PA", "LL"), "PA and left lateral views of the chest."),
        (("AP",), "AP view of the chest."),
        (("AP", "AP"), "AP view of the chest."),
        (("LL",), "Left lateral view of the chest."),
        ((), "Chest radiograph, view not stated."),
        (("PA", "unknown"), "Chest radiograph, view not stated."),
    ],
)
def test_technique_comes_from_the_views(views: tuple[str, ...], expected: str) -> None:
    assert compose([], views=views).technique == expected


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(InputError, match="unknown view"):
        compose([], views=("frontal",))


def test_the_indication_is_copied_and_has_a_span() -> None:
    report = compose([], indication="Prior pneumonia, cough.")
    assert report.indication == "Prior pneumonia, cough."
    assert Sentence("indication", 0, 23) in report.sentences


def test_the_comparison_says_whether_a_prior_was_read() -> None:
    assert compose([]).comparison == "No earlier film was read by this model."
    assert compose([], prior_read=True).comparison == "The prior film was read for comparison."


def test_the_report_is_signed_where_all_findings_share_a_maker() -> None:
    maker = MadeBy("reader", "1", "ab" * 32)
    mine = Finding("consolidation", made_by=maker, id="a")
    assert compose([mine]).made_by == maker
    assert compose([mine, Finding("edema", id="b")]).made_by is None


# ---- refusals


def test_findings_that_share_an_id_are_refused() -> None:
    with pytest.raises(InputError, match="share an id"):
        compose([Finding("consolidation", id="a"), Finding("edema", id="a")])


def test_findings_without_ids_are_known_by_their_place() -> None:
    report = compose([Finding("consolidation"), Finding("edema")])
    assert {i for item in report.sentences for i in item.findings} == {"#0", "#1"}


@pytest.mark.parametrize(("state", "change"), [("present", "resolved"), ("absent", "new"), ("absent", "worsened")])
def test_a_change_that_contradicts_its_state_is_refused(state: str, change: str) -> None:
    with pytest.raises(InputError, match="cannot be both"):
        compose([Finding("consolidation", state, change=change)], prior_read=True)


@pytest.mark.parametrize(
    "finding",
    [Finding("unchanged"), Finding("consolidation", attributes={"severity": "stable"}), Finding("new shadow")],
    ids=lambda item: item.concept,
)
def test_a_finding_that_itself_compares_is_refused_without_a_prior(finding: Finding) -> None:
    with pytest.raises(InputError, match="prior_read=True"):
        compose([finding])


# ---- the bank as data


def tokens(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


STATES_SLOT = {
    "bare": "concept",
    "np": "concept",
    "all": "concept",
    "any": "concept",
    "where": "sites",
    "since": "change",
}


def templates() -> list[dict[str, object]]:
    words = bank()
    own = [item for entry in words["concepts"].values() for item in entry.get("templates", ())]
    return [*words["templates"], *words["generic"], *words["lists"], *own]


@pytest.mark.parametrize("item", templates(), ids=lambda item: item["text"])
def test_a_template_declares_the_slots_its_tokens_state(item: dict) -> None:
    used, slots = tokens(item["text"]), set(item["slots"])
    assert used <= {"bare", "np", "where", "since", "adverb", "be", "have", "all", "any"}
    assert "concept" in slots
    assert {STATES_SLOT[name] for name in used & STATES_SLOT.keys()} <= slots
    assert ("sites" in slots) == ("where" in used)
    fixed = item["state"] in ("resolved", "removed")  # these say the change in words of their own
    assert ("change" in slots) == ("since" in used or fixed)
    assert ("severity" in slots) == bool(used & {"bare", "np", "adverb"})
    assert fixed == bool(re.search(COMPARES, item["text"]))


def test_every_state_has_several_wordings_and_a_generic_one() -> None:
    for pool in ("templates", "generic"):
        for state in ("present", "absent", "uncertain"):
            assert len({item["text"] for item in bank()[pool] if item["state"] == state}) >= 2


def test_bank_entries_are_concepts_with_known_keys() -> None:
    known = {"count", "noun", "plural", "group", "sized", "over", "sided", "implied", "of", "templates", "sentences"}
    for name, entry in bank()["concepts"].items():
        assert concept(name).name == name
        assert set(entry) <= known, name
        assert entry.get("count") in ("one", "mass", "many") or set(entry["sentences"]) == set(CHANGES)
        assert entry.get("group", "lungs") in bank()["order"]
        for site in entry.get("implied", ()):
            assert concept(site).name == site


def test_implied_sites_have_no_side_to_lose() -> None:
    for entry in bank()["concepts"].values():
        assert {laterality(site) for site in entry.get("implied", ())} <= {""}
