"""From structured findings to a short draft report, by a bank of sentences kept as data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.geometry import check_view
from hilum.core.report import Report, Sentence
from hilum.core.seed import generator
from hilum.core.vocabulary import concept, laterality

COMPARISON_WORDS = re.compile(
    r"\b(new|unchanged|worsened|improved|resolved|resolution|prior|again|interval|stable|previous(ly)?)\b",
    re.IGNORECASE,
)
"""Words that compare with an earlier film; never composed where none was read."""

_TABLE = Path(__file__).parent / "tables" / "phrases.json"
_LIST = 5  # most findings in one sentence
_CONTRADICTIONS = {("present", "resolved"), ("absent", "new"), ("absent", "improved"), ("absent", "worsened")}


@cache
def bank() -> dict[str, Any]:
    """Return the sentence bank: templates with the slots each states, nouns, prepositions, fixed sentences."""
    import json

    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True)
class _Fact:
    """One finding, ready to be phrased: canonical names, its bank entry and what must be said of it."""

    id: str
    name: str
    state: str
    kind: str
    entry: dict[str, Any]
    sites: tuple[str, ...]
    severity: str
    since: str  # key of the bank's `since`, 'resolved', or ''

    @property
    def needs(self) -> set[str]:
        """Slots a sentence about it must state."""
        told = {"severity": self.severity, "sites": self.sites, "change": self.since}
        return {"concept", *(slot for slot, value in told.items() if value)}


@dataclass
class _Section:
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


def _canonical(name: str) -> tuple[str, str]:
    """(name, kind) as the vocabulary has it; the name itself where it has none."""
    try:
        found = concept(name)
    except InputError:
        return " ".join(name.split()), "finding"
    return found.name, found.kind


def _fact(finding: Finding, number: int, prior_read: bool) -> _Fact:
    name, kind = _canonical(finding.concept)
    entry = bank()["concepts"].get(name, {})
    sites = tuple(dict.fromkeys(_canonical(site)[0] for site in finding.sites))
    if set(sites) <= set(entry.get("implied", ())):
        sites = ()
    severity = finding.attributes.get("severity") or finding.attributes.get("size") or ""
    if finding.state == "absent":
        severity = ""
    since = ""
    if prior_read:
        if (finding.state, finding.change) in _CONTRADICTIONS:
            raise InputError(f"finding '{finding.concept}' is {finding.state} and {finding.change}: it cannot be both")
        before = finding.attributes.get("prior", "")
        since = finding.change or (f"prior {before}" if before in ("present", "absent") else "")
    return _Fact(finding.id or f"#{number}", name, finding.state, kind, entry, sites, severity, since)


def _base(site: str) -> tuple[str, str]:
    """(side, the rest in the singular) of a site, e.g. ('bilateral', 'hilum')."""
    try:
        side: str = laterality(site)
    except InputError:
        first = site.partition(" ")[0]
        side = first if first in ("right", "left", "bilateral") else ""
    rest = site[len(side) :].strip()
    one = {"hila": "hilum", "lungs": "lung"}.get(rest, rest[:-1] if side == "bilateral" and rest[-1:] == "s" else rest)
    return side, one


def _site_noun(site: str) -> str:
    """A site with its article: 'the right hilum', 'both lower lung zones'."""
    given: str | None = bank()["site_nouns"].get(site)
    if given:
        return given
    return f"both {site[10:]}" if site.startswith("bilateral ") else f"the {site}"


def _prepositions(sites: Sequence[str], entry: dict[str, Any], device: bool) -> list[str]:
    """One preposition for each site; 'of' only for findings whose sites all take it."""
    chosen = []
    for site in sites:
        words = _base(site)[1]
        told = (word for word, ends in bank()["prepositions"].items() if words.endswith(tuple(ends)))
        over = entry.get("over") and words.endswith(("lung zone", "lung", "lobe"))
        chosen.append("over" if over else next(told, "at"))
    whole = not device and set(chosen) == {"of"}
    return chosen if whole else ["at" if word == "of" else word for word in chosen]


def _zones_joined(sites: Sequence[str]) -> list[tuple[str, str]]:
    """(first site, noun phrase) with neighbouring zones of one side told together."""
    grouped: list[list[str]] = []
    for site in sites:
        side, rest = _base(site)
        last = _base(grouped[-1][-1]) if grouped else ("", "")
        if (
            side in ("right", "left")
            and side == last[0]
            and rest.endswith(" lung zone")
            and last[1].endswith(" lung zone")
        ):
            grouped[-1].append(site)
        else:
            grouped.append([site])
    nouns = []
    for group in grouped:
        thirds = [_base(site)[1].removesuffix(" lung zone") for site in group]
        many = f"the {_base(group[0])[0]} {_join(thirds, 'and')} lung zones"
        nouns.append((group[0], many if len(group) > 1 else _site_noun(group[0])))
    return nouns


def _where(sites: Sequence[str], entry: dict[str, Any], device: bool) -> str:
    """' in the right lower lung zone and at the left hilum', or ''."""
    nouns = _zones_joined(sites)
    said: list[str] = []
    last = ""
    for (_, noun), preposition in zip(nouns, _prepositions([first for first, _ in nouns], entry, device), strict=True):
        said.append(noun if preposition == last else f"{preposition} {noun}")
        last = preposition
    return f" {_join(said, 'and')}" if said else ""


def _join(parts: Sequence[str], word: str) -> str:
    return f" {word} ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _severity(fact: _Fact) -> str:
    """Severity as an adjective: sized concepts say 'small' and 'large' for 'mild' and 'severe'."""
    sizes = bank()["severity"]["sizes"] if fact.entry.get("sized") else {}
    return str(sizes.get(fact.severity, fact.severity))


def _parts(fact: _Fact) -> dict[str, str]:
    """Fill every token of the templates for one finding."""
    entry, sites = fact.entry, fact.sites
    noun, count = entry.get("noun", fact.name), entry.get("count", "mass")
    bases = [_base(site) for site in sites]
    sided, own = entry.get("sided", ()), entry.get("of", {"sites": ()})
    adjective = where = ""
    if sites and all(side and rest in sided for side, rest in bases):
        high = "" if "apical" in noun else " apical"
        adjective = _join([side + (high if rest == "apical zone" else "") for side, rest in bases], "and")
        if count == "one" and (len(bases) > 1 or bases[0][0] == "bilateral"):
            noun, count = entry.get("plural", f"{noun}s"), "many"
    elif sites and all(rest in own["sites"] for _, rest in bases):
        noun, where = own["noun"], f" of {_join([_site_noun(site) for site in sites], 'and')}"
    else:
        where = _where(sites, entry, fact.kind == "device")
    bare = " ".join(filter(None, (_severity(fact), adjective, noun)))
    if where.startswith(" of "):  # belongs to the noun: 'elevation of the right hemidiaphragm is seen'
        bare, where = bare + where, ""
    article = {"one": "an " if bare[:1] in "aeiou" else "a "}.get(count, "")
    since = "" if fact.since == "resolved" and fact.state == "absent" else fact.since
    return {
        "bare": bare,
        "np": article + bare,
        "where": where,
        "since": bank()["since"][fact.state][since] if since else "",
        "adverb": bank()["severity"]["adverbs"].get(fact.severity, ""),
        "be": "are" if count == "many" else "is",
        "have": "have" if count == "many" else "has",
    }


def _templates(fact: _Fact) -> list[str]:
    """Texts of the templates that can say all that must be said of a finding."""
    words, entry = bank(), fact.entry
    if "sentences" in entry and fact.needs == {"concept"}:
        return [entry["sentences"][fact.state]]
    state = fact.state
    if fact.since == "resolved" and state == "absent":
        state = "removed" if fact.kind == "device" else "resolved"
    pool = words["templates"] if "count" in entry else words["generic"]
    own = entry.get("templates", ())
    if fact.severity and fact.severity not in words["severity"]["adverbs"]:
        own = ()
    return [item["text"] for item in (*own, *pool) if item["state"] == state and fact.needs <= set(item["slots"])]


def _choose(options: Sequence[str], seed: int, *path: str) -> str:
    return options[int(generator(seed, "phrase", *path).integers(len(options)))]


def _listable(fact: _Fact) -> bool:
    """Whether a finding can share a sentence: nothing but its concept must be said."""
    plain = fact.needs == {"concept"} and "sentences" not in fact.entry and "count" in fact.entry
    return plain and (fact.state == "absent" or (fact.state == "present" and fact.kind == "device"))


def _say_all(section: _Section, facts: Sequence[_Fact], seed: int) -> None:
    """Say every fact of one state, sharing sentences where possible."""
    shared = [fact for fact in facts if _listable(fact)]
    for fact in (fact for fact in facts if not _listable(fact)):
        text = _choose(_templates(fact), seed, section.name, fact.id).format(**_parts(fact))
        section.say(text, (fact.id,))
    for start in range(0, len(shared), _LIST):
        group = shared[start : start + _LIST]
        parts = list({fact.name: _parts(fact) for fact in group}.values())
        if len(parts) == 1:
            options, words = _templates(group[0]), parts[0]
        else:
            options = [item["text"] for item in bank()["lists"] if item["state"] == group[0].state]
            words = {"all": _join([part["np"] for part in parts], "and"), "be": parts[0]["be"]}
            words["any"] = _join([part["bare"] for part in parts], "or")
        ids = [fact.id for fact in group]
        section.say(_choose(options, seed, section.name, *ids).format(**words), ids)


def _impression(facts: Sequence[_Fact], seed: int) -> _Section:
    section, words = _Section("impression"), bank()["impression"]
    told = [fact for fact in facts if fact.kind != "quality"]
    present = [fact for fact in told if fact.state == "present"]
    devices = [fact for fact in present if _listable(fact)]
    gone = [fact for fact in told if fact.state == "absent" and fact.since == "resolved"]
    absent = [fact for fact in told if fact.state == "absent" and fact not in gone]
    uncertain = [fact for fact in told if fact.state == "uncertain"]
    for fact in (*(fact for fact in present if fact not in devices), *uncertain):
        generic = fact.state == "present" and "count" not in fact.entry
        text = "Evidence of " + words["present"] if generic else words[fact.state]
        section.say(text.format(**_parts(fact)), (fact.id,))
    _say_all(section, gone, seed)
    _say_all(section, devices, seed)
    if not present and not uncertain and absent:
        names = ", ".join(dict.fromkeys(_parts(fact)["bare"] + _parts(fact)["where"] for fact in absent))
        section.say(words["none"].format(names=names), [fact.id for fact in absent])
    if not section.text:
        quality = [fact for fact in facts if fact.kind == "quality"]
        _say_all(section, quality, seed)
    if not section.text:
        section.say(words["empty"])
    return section


def _technique(views: Iterable[str]) -> str:
    words = bank()
    named = [words["views"].get(check_view(view)) for view in dict.fromkeys(views)]
    if not named or None in named:
        return str(words["fixed"]["technique_unknown"])
    key = "technique_one" if len(named) == 1 else "technique_many"
    text: str = words["fixed"][key].format(views=_join([name or "" for name in named], "and"))
    return text[0].upper() + text[1:]


def _not_assessed(items: Iterable[str | tuple[str, str]]) -> str:
    pairs = [(item, "") if isinstance(item, str) else item for item in items]
    named = dict.fromkeys(_canonical(name)[0] + (f" ({reason})" if reason else "") for name, reason in pairs)
    return bank()["fixed"]["not_assessed"].format(names=", ".join(named)) if named else ""


def _order(facts: Sequence[_Fact]) -> list[_Fact]:
    """Present, uncertain, absent; within a state by region, then as given."""
    states, groups = ("present", "uncertain", "absent"), bank()["order"]

    def rank(fact: _Fact) -> tuple[int, int]:
        fallback = {"device": "devices", "quality": "quality"}.get(fact.kind, "lungs" if fact.entry else "other")
        return (states.index(fact.state), groups.index(fact.entry.get("group", fallback)))

    return sorted(facts, key=rank)


def compose(
    findings: Iterable[Finding],
    *,
    not_assessed: Iterable[str | tuple[str, str]] = (),
    views: Iterable[str] = (),
    prior_read: bool = False,
    indication: str = "",
    seed: int = 0,
) -> Report:
    """Return a draft report that states the findings and nothing else.

    Sides and zones come from `sites`, severity from the attribute 'severity' (or 'size'), other attributes and
    measurements are not told. Absence is told only of findings that are given as absent, so a film without
    positives reads 'No finding among those assessed', never as normal.

    Args:
        findings: with ids unique among them; one without an id is known as '#0', '#1' ... by its place.
        not_assessed: concepts, or (concept, reason) pairs, that were not judged.
        views: View Positions of the films read, for the technique sentence.
        prior_read: whether an earlier film was read; only then is `change` (or the attribute 'prior') told.
        indication: copied as it is.
        seed: 0 or greater; the same seed gives the same words.

    Returns:
        A draft, each sentence with the ids of the findings it states; signed where all findings share one maker.

    Raises:
        InputError: if two findings share an id, a change contradicts its state, a view is unknown, or a finding's
            own words compare with an earlier film although none was read.
    """
    given = tuple(findings)
    facts = _order([_fact(finding, number, prior_read) for number, finding in enumerate(given)])
    if len({fact.id for fact in facts}) < len(facts):
        raise InputError("two findings share an id: give each its own, so that sentences can point to them")
    body = _Section("findings")
    for state in ("present", "uncertain", "absent"):
        _say_all(body, [fact for fact in facts if fact.state == state], seed)
    impression = _impression(facts, seed)
    if not prior_read:
        for section in (body, impression):
            found = COMPARISON_WORDS.search(section.text)
            if found:
                raise InputError(
                    f"a finding says '{found.group()}', which compares with an earlier film, but none was read: "
                    "pass prior_read=True or leave that finding out"
                )
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
