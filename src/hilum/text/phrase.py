"""From structured findings to a short draft report, by a bank of sentences kept as data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.geometry import check_view
from hilum.core.report import Report, Sentence
from hilum.core.seed import generator
from hilum.text.bank import Statement, bank, canonical_name, statement
from hilum.text.nouns import join, parts
from hilum.text.parse import sentence_facts

COMPARISON_WORDS = re.compile(
    r"\b(new|unchanged|worsened|improved|resolved|resolution|prior|again|interval|stable|previous(ly)?|newly|worse|progressed)\b",
    re.IGNORECASE,
)
"""Words that compare with an earlier film; never composed where none was read."""

_LIST = 5  # most findings in one sentence
_AFAR = 99  # words


@dataclass
class SectionText:
    """Text of one report section as sentences are added, with the span of each."""

    name: str
    text: str = ""
    sentences: list[Sentence] = field(default_factory=list)

    def say(self, sentence: str, ids: Iterable[str] = ()) -> None:
        """Append one sentence after a space."""
        sentence = sentence[0].upper() + sentence[1:]
        start = len(self.text) + bool(self.text)
        self.text = f"{self.text} {sentence}" if self.text else sentence
        self.sentences.append(Sentence(self.name, start, len(self.text), tuple(ids)))


def _templates(fact: Statement, tail: str) -> list[str]:
    """Texts of the templates that can say all that must be said of a finding.

    A cue after its finding ('... cannot be excluded') is read back over a few words only and not over a list: where
    the words between, `tail`, are more than the template's `within`, it is left to the others.
    """
    words, entry = bank(), fact.entry
    if "sentences" in entry and fact.plain:
        return [entry["sentences"][fact.state]]
    state = fact.state
    if fact.since == "resolved" and state == "absent":
        state = "removed" if fact.kind == "device" else "resolved"
    pool = words["templates"] if "count" in entry else words["generic"]
    own = () if fact.detailed else entry.get("templates", ())
    if fact.severity and fact.severity not in words["severity"]["adverbs"]:
        own = ()
    between = _AFAR if "," in tail or " and " in tail else len(tail.split())
    fits = [item for item in (*own, *pool) if item["state"] == state and between <= item.get("within", between)]
    return [item["text"] for item in fits if fact.needs <= set(item["slots"])]


def _choose(options: Sequence[str], seed: int, *path: str) -> str:
    return options[int(generator(seed, "phrase", *path).integers(len(options)))]


def _since(fact: Statement, seed: int, section: str) -> str:
    """', new since the prior film', or '' where nothing is compared or the template itself says it."""
    if not fact.since or (fact.since == "resolved" and fact.state == "absent"):
        return ""
    return _choose(bank()["since"][fact.state][fact.since], seed, section, fact.id, "since")


def _sentence(fact: Statement, seed: int, section: str, pattern: str = "") -> str:
    """A sentence about one finding, by a template of the bank or by the one given."""
    words = parts(fact) | {"since": _since(fact, seed, section)}
    pattern = pattern or _choose(_templates(fact, words["tail"]), seed, section, fact.id)
    return pattern.format(**words)


@lru_cache(maxsize=1_024)
def _says_more(noun: str) -> bool:
    """Whether a noun holds a place or a look ('rib fracture'), which would blur what a list shares."""
    return any(fact.attributes for fact in sentence_facts(noun))


def _listable(fact: Statement) -> bool:
    """Whether a finding can share a sentence: nothing but its concept, or the place of an absent one, must be said."""
    if "sentences" in fact.entry or "count" not in fact.entry or fact.detailed:
        return False
    if _says_more(fact.entry.get("noun", fact.name)):
        return False
    if fact.state == "absent":
        return fact.needs == {"concept"} or (fact.needs == {"concept", "sites"} and fact.name not in bank()["midline"])
    return fact.plain and fact.state == "present" and fact.kind == "device"


def _say_all(section: SectionText, facts: Sequence[Statement], seed: int) -> None:
    """Say every fact of one state; those that are seen at one place share a sentence."""
    shared: dict[str, list[Statement]] = {}
    single: list[Statement] = []
    for fact in facts:
        words = parts(fact) if _listable(fact) else {}
        if words and (fact.plain or words["where"]):
            shared.setdefault(words["where"], []).append(fact)
        else:
            single.append(fact)
    single += [group[0] for where, group in shared.items() if where and len(group) == 1]
    for fact in single:
        section.say(_sentence(fact, seed, section.name), (fact.id,))
    for where, group in shared.items():
        if not where or len(group) > 1:
            _say_lists(section, group, seed)


def _say_lists(section: SectionText, facts: Sequence[Statement], seed: int) -> None:
    """Say findings with one place, or none, in as few sentences as they need."""
    for start in range(0, len(facts), _LIST):
        group = facts[start : start + _LIST]
        told = list({fact.name: parts(fact) for fact in group}.values())
        ids = [fact.id for fact in group]
        if len(told) == 1:
            section.say(_sentence(group[0], seed, section.name), ids)
            continue
        words = {"where": told[0]["where"], "be": told[0]["be"], "all": join([part["np"] for part in told], "and")}
        words["any"] = join([part["bare"] for part in told], "or")
        options = [item["text"] for item in bank()["lists"] if item["state"] == group[0].state]
        section.say(_choose(options, seed, section.name, *ids).format(**words), ids)


def _impression(facts: Sequence[Statement], seed: int) -> SectionText:
    section, words = SectionText("impression"), bank()["impression"]
    told = [fact for fact in facts if fact.kind != "quality"]
    present = [fact for fact in told if fact.state == "present"]
    devices = [fact for fact in present if _listable(fact)]
    gone = [fact for fact in told if fact.state == "absent" and fact.since == "resolved"]
    absent = [fact for fact in told if fact.state == "absent" and fact not in gone]
    uncertain = [fact for fact in told if fact.state == "uncertain"]
    for fact in (*(fact for fact in present if fact not in devices), *uncertain):
        generic = fact.state == "present" and "count" not in fact.entry
        pattern = "Evidence of " + words["present"] if generic else words[fact.state]
        section.say(_sentence(fact, seed, section.name, pattern), (fact.id,))
    _say_all(section, gone, seed)
    _say_all(section, devices, seed)
    if not present and not uncertain and absent:
        _say_none(section, absent, seed)
    if not section.text:
        quality = [fact for fact in facts if fact.kind == "quality"]
        _say_all(section, quality, seed)
    if not section.text:
        section.say(words["empty"])
    return section


def _say_none(section: SectionText, absent: Sequence[Statement], seed: int) -> None:
    """Name what was assessed and not found; findings with a place apart, so that no place passes to another."""
    plain = [fact for fact in absent if fact.plain and _listable(fact)] or absent[:1]
    names = ", ".join(dict.fromkeys(parts(fact)["bare"] + parts(fact)["where"] for fact in plain))
    since = _since(plain[0], seed, section.name)
    section.say(bank()["impression"]["none"].format(names=names, since=since), [fact.id for fact in plain])
    _say_all(section, [fact for fact in absent if fact not in plain], seed)


def _technique(views: Iterable[str]) -> str:
    words = bank()
    named = [words["views"].get(check_view(view)) for view in dict.fromkeys(views)]
    if not named or None in named:
        return str(words["fixed"]["technique_unknown"])
    key = "technique_one" if len(named) == 1 else "technique_many"
    text: str = words["fixed"][key].format(views=join([name or "" for name in named], "and"))
    return text[0].upper() + text[1:]


def _not_assessed(items: Iterable[str | tuple[str, str]]) -> str:
    pairs = [(item, "") if isinstance(item, str) else item for item in items]
    named = dict.fromkeys(canonical_name(name)[0] + (f" ({reason})" if reason else "") for name, reason in pairs)
    return bank()["fixed"]["not_assessed"].format(names=", ".join(named)) if named else ""


def _order(facts: Sequence[Statement]) -> list[Statement]:
    """Present, uncertain, absent; within a state by region, then as given."""
    states, groups = ("present", "uncertain", "absent"), bank()["order"]

    def rank(fact: Statement) -> tuple[int, int]:
        fallback = {"device": "devices", "quality": "quality"}.get(fact.kind, "lungs" if fact.entry else "other")
        return (states.index(fact.state), groups.index(fact.entry.get("group", fallback)))

    return sorted(facts, key=rank)


def _with_negatives(facts: list[Statement], negatives: Iterable[str] | None) -> list[Statement]:
    """The facts without the absent ones that were not chosen to be told."""
    if negatives is None:
        return facts
    if isinstance(negatives, str) and negatives != "panel":
        raise InputError(f"negatives must be concepts, 'panel' or None, got the text '{negatives}'")
    chosen = {canonical_name(name)[0] for name in (bank()["panel"] if isinstance(negatives, str) else negatives)}
    kept = [fact for fact in facts if fact.state != "absent" or fact.since == "resolved" or fact.name in chosen]
    return kept or facts


def _refuse_comparison(*texts: str) -> None:
    """Raise InputError where words compare with an earlier film, which was not read."""
    for found in filter(None, map(COMPARISON_WORDS.search, texts)):
        raise InputError(
            f"a finding says '{found.group()}', which compares with an earlier film, but none was read: "
            "pass prior_read=True or leave that finding out"
        )


def compose(
    findings: Iterable[Finding],
    *,
    not_assessed: Iterable[str | tuple[str, str]] = (),
    views: Iterable[str] = (),
    prior_read: bool = False,
    negatives: Iterable[str] | Literal["panel"] | None = None,
    indication: str = "",
    seed: int = 0,
) -> Report:
    """Return a draft report that states the findings and nothing else.

    Sides and zones come from `sites`, severity from the attribute 'severity' (or 'extent', 'size'), number and look
    from 'count', 'distribution' and 'morphology', diameters from the measurements of that name; of an absent finding
    only its place is told. Absence is told only of findings that are given as absent, so a film without
    positives reads 'No finding among those assessed', never as normal.

    Args:
        findings: with ids unique among them; one without an id is known as '#0', '#1' ... by its place.
        not_assessed: concepts, or (concept, reason) pairs, that were not judged.
        views: View Positions of the films read, for the technique sentence.
        prior_read: whether an earlier film was read; only then is `change` (or the attribute 'prior') told.
        negatives: concepts whose absence is told, or 'panel' for those a reader of a chest film looks for (`panel`
            of the bank); every absence that is given where None. What has resolved is always told, and so is every
            absence where nothing else would be.
        indication: copied as it is.
        seed: 0 or greater; the same seed gives the same words.

    Returns:
        A draft, each sentence with the ids of the findings it states; signed where all findings share one maker.

    Raises:
        InputError: if two findings share an id, a change contradicts its state, a view is unknown, or a finding's
            own words compare with an earlier film although none was read.
    """
    given = tuple(findings)
    facts = _order([statement(finding, number, prior_read) for number, finding in enumerate(given)])
    if len({fact.id for fact in facts}) < len(facts):
        raise InputError("two findings share an id: give each its own, so that sentences can point to them")
    facts = _with_negatives(facts, negatives)
    body = SectionText("findings")
    for state in ("present", "uncertain", "absent"):
        _say_all(body, [fact for fact in facts if fact.state == state], seed)
    impression = _impression(facts, seed)
    if not prior_read:
        _refuse_comparison(body.text, impression.text)
    missing = _not_assessed(not_assessed)
    if missing or not body.text:
        body.say(missing or bank()["impression"]["empty"])
    fixed, makers = bank()["fixed"], {finding.made_by for finding in given}
    texts = {
        "indication": indication,
        "technique": _technique(views),
        "comparison": fixed["prior_read" if prior_read else "prior_not_read"],
    }
    sentences = [Sentence(name, 0, len(text)) for name, text in texts.items() if text]
    return Report(
        **texts,
        findings=body.text,
        impression=impression.text,
        sentences=(*sentences, *body.sentences, *impression.sentences),
        status="draft",
        made_by=makers.pop() if len(makers) == 1 else None,
    )
