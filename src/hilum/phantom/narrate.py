"""The report of a study: indication, technique, comparison, findings and impression from its facts alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hilum.core.errors import InputError
from hilum.core.finding import Change, Finding, Span
from hilum.core.report import Report, Sentence
from hilum.core.seed import generator
from hilum.core.vocabulary import ancestors
from hilum.phantom.indication import MISLEADING, TRUTHFUL, indication
from hilum.phantom.patient import Visit
from hilum.phantom.tips import is_misplaced, story_table, tip_of, tip_sentence
from hilum.text.bank import bank, canonical_name
from hilum.text.loop import Stated, all_stated, loop_domain
from hilum.text.parse import parse, to_findings
from hilum.text.phrase import SectionText, compose
from hilum.text.sites import parts

OMISSION = 0.1
"""Share of present findings that a report leaves out where omission noise is wanted."""
_LEAKS: dict[str, tuple[Change, ...]] = {
    "present": ("new", "improved", "worsened", "unchanged"), "absent": ("unchanged", "resolved"),
}  # fmt: skip


@dataclass(frozen=True)
class Switches:
    """What a report may do wrong, and how often.

    Args:
        truthful, misleading: shares of indications, see `indication`; the rest are missing.
        omission: share of present findings left out (see OMISSION); 0 tells all.
        leaky: share of studies without a prior whose report compares all the same.
        invisible: whether findings flagged as invisible are told.
    """

    truthful: float = TRUTHFUL
    misleading: float = MISLEADING
    omission: float = 0.0
    leaky: float = 0.0
    invisible: bool = False

    def __post_init__(self) -> None:
        for name in ("truthful", "misleading", "omission", "leaky"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"the share '{name}' must lie in [0, 1], got {getattr(self, name):g}")


HONEST = Switches()


def told(
    findings: Iterable[Finding], *, seed: int = 0, name: str = "", switches: Switches = HONEST
) -> tuple[Finding, ...]:
    """Return the findings a report states, each with the sites that a sentence can name.

    Below threshold, invisible (unless wanted) and worn on the skin are left out, and so is what omission noise drops.

    Args:
        findings: as `facts` returns them.
        seed, name: of the omission noise; the name is the study's.
        switches: see there.
    """
    hidden = {"below threshold"} | (set() if switches.invisible else {"invisible"})
    kept = []
    for finding in findings:
        if finding.attributes.get("flag") in hidden or finding.concept in story_table()["untold"]:
            continue
        noisy = switches.omission > 0 and finding.state == "present"
        if noisy and generator(seed, "omission", name, finding.id).random() < switches.omission:
            continue
        kept.append(replace(finding, sites=sayable(finding.concept, finding.sites)))
    return tuple(kept)


def sayable(concept: str, sites: Iterable[str]) -> tuple[str, ...]:
    """Return the sites of a finding that the sentence bank can name so that they are read back, narrowest first.

    The wider of two places that hold one another is left out: the lingula, not the upper lobe around it.
    """
    entry, domain = bank()["concepts"].get(concept, {}), loop_domain()
    own = {*entry.get("sided", ()), *entry.get("of", {}).get("sites", ()), *entry.get("implied", ())}
    kind = canonical_name(concept)[1]
    group = entry.get("group", "devices" if kind == "device" else "lungs")
    free = set(domain["sites"].get(group, ())) if group == "lungs" or "sided" in entry else set()
    names = dict.fromkeys(canonical_name(site)[0] for site in sites)
    kept = [site for site in names if site in free or parts(site)[1] in own or site in own]
    wider = {each.name for site in kept for each in ancestors(site)}
    if "retrocardiac region" in kept:
        wider.add("left lower lobe")
    return tuple(site for site in kept if site not in wider)


def narrate(
    findings: Iterable[Finding], visit: Visit, *, seed: int, name: str = "", prior: bool = False,
    prior_time: datetime | None = None, switches: Switches = HONEST,
) -> Report:  # fmt: skip
    """Return the report of one study; the same seed and name give the same words.

    Args:
        findings: as `facts` returns them.
        visit: for the views of the technique section.
        seed, name: of the words; the name is the study's.
        prior: whether there is an earlier film; only then is anything compared (but see `Switches.leaky`).
        prior_time: when that was taken, for the comparison section.
        switches: see there.

    Returns:
        A final report; each sentence names the findings it states by id.
    """
    everything = tuple(findings)
    leaks = not prior and switches.leaky > 0 and generator(seed, "leak", name).random() < switches.leaky
    said = told(everything, seed=seed, name=name, switches=switches)
    said = _leaked(said, seed, name) if leaks else said
    compared = prior or leaks
    _, hint = indication(everything, seed=seed, name=name, truthful=switches.truthful, misleading=switches.misleading)
    tips = tips_told(everything, said)
    words = _words_seed(seed, name)
    made = compose(
        [finding for finding in said if finding.id not in tips], views=visit.views, prior_read=compared,
        indication=hint, seed=words,
    )  # fmt: skip
    made = _with_tips(made, said, tips, compared, seed, name)
    return _final(made, _comparison(seed, name, prior_time) if compared else "")


def tips_told(findings: Iterable[Finding], said: Iterable[Finding]) -> dict[str, Finding]:
    """Return the findings whose report states a tip, by id, with the sites that say where it lies.

    Args:
        findings: all that is true of a study.
        said: those of them that `told` returned.
    """
    ids = {finding.id for finding in said}
    return {finding.id: finding for finding in findings if finding.id in ids and tip_of(finding) is not None}


def _words_seed(seed: int, name: str) -> int:
    return int(generator(seed, "words", name).integers(2**31))


def _leaked(said: Sequence[Finding], seed: int, name: str) -> tuple[Finding, ...]:
    """Findings with changes that nobody saw."""
    rng = generator(seed, "leaked", name)
    options = {finding.id: _LEAKS[finding.state] for finding in said if finding.state in _LEAKS}
    return tuple(
        replace(finding, change=options[finding.id][int(rng.integers(len(options[finding.id])))])
        if finding.id in options else finding
        for finding in said
    )  # fmt: skip


def _with_tips(
    made: Report, said: Sequence[Finding], tips: dict[str, Finding], compared: bool, seed: int, name: str
) -> Report:
    """The report with a sentence for each tip, and misplaced tips in the impression."""
    if not tips:
        return made
    added = {finding.id: tip_sentence(finding, tip, prior=compared, seed=seed, name=name)
             for finding in said if (tip := tip_of(tips.get(finding.id, finding))) is not None}  # fmt: skip
    wrong = [key for key, finding in tips.items() if is_misplaced(finding)]
    alone = len(tips) == len(said)
    denied = {finding.id for finding in said if finding.state == "absent"}
    texts: dict[str, str] = {}
    sentences = [each for each in made.sentences if each.section not in ("findings", "impression")]
    for section, ids in (("findings", list(tips)), ("impression", wrong or (list(tips) if alone else []))):
        old = [] if alone else [each for each in made.sentences if each.section == section]
        first = next((n for n, each in enumerate(old) if each.findings and denied.issuperset(each.findings)), len(old))
        body = SectionText(section)
        for each in old[:first]:
            body.say(made.text(each), each.findings)
        for key in ids:
            body.say(added[key], (key,))
        for each in old[first:]:
            body.say(made.text(each), each.findings)
        texts[section] = body.text
        sentences += body.sentences
    return replace(made, findings=texts["findings"], impression=texts["impression"], sentences=tuple(sentences))


def _comparison(seed: int, name: str, prior_time: datetime | None) -> str:
    options = story_table()["comparison"]["dated" if prior_time else "undated"]
    pattern = options[int(generator(seed, "comparison", name).integers(len(options)))]
    day = f"{prior_time.day} {prior_time:%B %Y}" if prior_time else ""
    return str(pattern.format(date=day))


def _final(made: Report, comparison: str) -> Report:
    """The report with its comparison section and without the words of a model that drafts."""
    sentences = [each for each in made.sentences if each.section != "comparison"]
    if comparison:
        sentences.append(Sentence("comparison", 0, len(comparison)))
    return replace(made, comparison=comparison, sentences=tuple(sentences), status="final", made_by=None)


def evidenced(findings: Iterable[Finding], report: Report) -> tuple[Finding, ...]:
    """Return the findings with the sentence of the findings section that states each; the others are left as they are.

    Args:
        findings: as `facts` returns them.
        report: as `narrate` returns it.
    """
    spans: dict[str, Span] = {}
    for sentence in report.sentences:
        for key in sentence.findings if sentence.section == "findings" else ():
            spans.setdefault(key, Span(sentence.section, sentence.start, sentence.end))
    return tuple(replace(each, evidence=spans[each.id]) if each.id in spans else each for each in findings)


def given_back(findings: Iterable[Finding], *, prior: bool) -> frozenset[Stated]:
    """Return what told findings state, in the form in which they are read back."""
    return all_stated(findings, prior_read=prior)


def read_back(report: Report, *, prior: bool) -> tuple[frozenset[Stated], int]:
    """Return what a report states, and how many of its reporting sentences state nothing that can be read.

    Args:
        report: as `narrate` returns it.
        prior: whether changes count.
    """
    parsed = parse(report)
    read = [replace(finding, concept="healed rib fracture")
            if finding.concept == "rib fracture" and finding.attributes.get("onset") == "healed" else finding
            for finding in to_findings(parsed)]  # fmt: skip
    with_facts = {fact.sentence for fact in parsed.facts}
    dumb = sum((start, end) not in with_facts for start, end, section in parsed.sentences
               if section in ("findings", "impression"))  # fmt: skip
    return all_stated(read, prior_read=prior), dumb
