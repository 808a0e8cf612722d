"""Harmful edits: what may be changed in a report, finding by finding, and what proves that only that was changed."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from hilum.core.errors import InputError
from hilum.core.vocabulary import ancestors, descendants
from hilum.measure.perturb import NORMAL, Change, Draw, Groups, Kind
from hilum.measure.said import Said, positive, without
from hilum.text.minimal import minimal_sentence
from hilum.text.parse import Fact, Parsed
from hilum.text.phrase import COMPARISON_WORDS

_SIDE = re.compile(r"\b(?:(right)|(left)|(rt)|(lt)|(r)|(l))(?=\b|ward|side)", re.IGNORECASE)
_SIDES = ("left", "right", "lt", "rt", "l", "r")
_GRADES = {
    "mild": "severe", "mildly": "severely", "minimal": "marked", "minimally": "markedly", "slight": "marked",
    "slightly": "markedly", "small": "large", "tiny": "large", "trace": "large", "little": "large", "minor": "severe",
    "subtle": "marked", "moderate": "mild", "moderately": "mildly", "severe": "mild", "severely": "mildly",
    "marked": "slight", "markedly": "slightly", "extensive": "minimal", "massive": "small", "large": "small",
    "big": "small", "borderline": "severe", "advanced": "mild",
}  # fmt: skip
_CHANGES = {
    "stable": "worsened", "unchanged": "worsened", "persistent": "worsened", "stably": "increasingly",
    "increased": "decreased", "increasing": "decreasing", "worsened": "improved", "worsening": "improving",
    "worse": "smaller", "larger": "smaller", "enlarging": "resolving", "progressed": "improved",
    "progressive": "improving", "progression": "improvement", "decreased": "increased", "decreasing": "increasing",
    "improved": "worsened", "improving": "worsening", "improvement": "worsening", "smaller": "larger",
    "resolving": "worsening", "decrease": "increase", "increase": "decrease", "new": "unchanged",
    "newly": "stably", "again": "newly",
}  # fmt: skip
_CHANGE_TARGETS = frozenset({"unchanged", "worsened", "improved"})
_NEGATIONS = {
    "no": "",
    "without": "with",
    "without any": "with",
    "negative for": "positive for",
    "there is no": "there is",
}
_EVIDENCE = re.compile(r"(there (?:is|are) )?no (?:\w+ )?(?:evidence|sign|signs|findings?) (?:of|for)\Z", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_ARTICLE = re.compile(r"\b(?:an?|the|some|any) \Z", re.IGNORECASE)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([ -]?)(mm|cm|millimeters?|centimeters?)\b", re.IGNORECASE)
_UNITS = {"mm": "cm", "cm": "mm", "millimeter": "centimeter", "centimeter": "millimeter"}
_INVENTED = (
    ("pneumothorax", "right"), ("pneumothorax", "left"), ("pleural effusion", "left"), ("pleural effusion", "right"),
    ("consolidation", "right"), ("consolidation", "left"), ("lung nodule", "left"), ("lung mass", "right"),
    ("rib fracture", "left"), ("pulmonary edema", ""), ("cardiomegaly", ""), ("atelectasis", "left"),
)  # fmt: skip
_PRIOR = (", unchanged from the prior study", ", worsened since the prior study", ", improved since the prior study")


def kinds() -> tuple[Kind, ...]:
    """Return the harmful kinds of edits."""
    return (
        Kind("negate", "one", "a stated finding is denied", _denials, _flips_state),
        Kind("drop-negation", "one", "what was denied is stated", _undenials, _flips_state),
        Kind("drop-one", "one", "every sentence that states one finding goes", _sentences_by_finding, _only_goes),
        Kind("drop-positives", "all", "every sentence that states a finding goes", _all_positives, _no_positive_comes),
        Kind("flip-side", "one", "right for left and left for right", _sides, _flips_sides),
        Kind("swap-severity", "one", "mild for severe, large for small", _severities, _alters("grade")),
        Kind("flip-change", "one", "worsened for stable or improved, and back", _changes, _alters("change")),
        Kind("change-size", "one", "5 cm for 5 mm", _sizes, _alters("sizes")),
        Kind("add-finding", "one", "a finding that was not there", _additions, _only_one_comes),
        Kind("add-prior", "one", "a comparison where none was made", _priors, _gains_change),
        Kind("constant-normal", "all", "the fixed normal text", _normal, lambda gone, come: True, whole=True),
        Kind("other-report", "all", "another patient's report", _others, lambda gone, come: bool(gone + come), True),
    )


# What proves an edit, from what is no longer said and what is said anew.


def _alters(slot: str) -> Callable[[Counter[Said], Counter[Said]], bool]:
    """Return a proof that facts differ in one slot alone, and had it before."""

    def proves(gone: Counter[Said], come: Counter[Said]) -> bool:
        had = all(getattr(item, slot) for item in (*gone, *come))
        return bool(gone) and had and without(gone.elements(), slot) == without(come.elements(), slot)

    return proves


def _flips_sides(gone: Counter[Said], come: Counter[Said]) -> bool:
    other = {"right": "left", "left": "right"}
    turned = Counter(one._replace(sides=frozenset(other[side] for side in one.sides)) for one in gone.elements())
    return bool(gone) and turned == come


def _flips_state(gone: Counter[Said], come: Counter[Said]) -> bool:
    slots = ("state", "certainty", "sides") if {item.state for item in gone} == {"absent"} else ("state", "certainty")
    states = Counter((item.concept, item.state == "absent") for item in gone.elements())
    turned = Counter((item.concept, item.state != "absent") for item in come.elements())
    same = without(gone.elements(), *slots) == without(come.elements(), *slots)
    return bool(gone) and same and states == turned and "uncertain" not in {item.state for item in come}


def _only_goes(gone: Counter[Said], come: Counter[Said]) -> bool:
    return any(map(positive, gone)) and not come


def _no_positive_comes(gone: Counter[Said], come: Counter[Said]) -> bool:
    return _only_goes(gone, come)


def _only_one_comes(gone: Counter[Said], come: Counter[Said]) -> bool:
    return not gone and come.total() == 1 and all(map(positive, come))


def _gains_change(gone: Counter[Said], come: Counter[Said]) -> bool:
    fresh = all(not item.change for item in gone) and all(item.change for item in come)
    return bool(gone) and fresh and without(gone.elements(), "change") == without(come.elements(), "change")


# What may be edited.


def _found(report: Parsed, start: int, end: int, after: str) -> Change:
    return Change(start, end, report.text[start:end], after)


def as_before(before: str, after: str) -> str:
    """Return `after` in the case of `before`: CAPITALS, Capital or small."""
    if len(before) > 1 and before.isupper():
        return after.upper()
    return after[:1].upper() + after[1:] if before[:1].isupper() else after


def _in_modifiers(fact: Fact) -> Iterator[tuple[int, int]]:
    yield from fact.modifiers
    yield fact.start, fact.end


def _swap_words(report: Parsed, fact: Fact, table: dict[str, str]) -> Iterator[Change]:
    """Each word of a fact's own modifiers that a table knows, with the article before it set right."""
    for start, end in _in_modifiers(fact):
        for word in _WORD.finditer(report.text, start, end):
            new = table.get(word.group().lower())
            if new:
                yield _with_article(report, word.start(), word.end(), as_before(word.group(), new))


def _with_article(report: Parsed, start: int, end: int, new: str) -> Change:
    article = re.search(r"\b(an?) \Z", report.text[max(0, start - 4) : start], re.IGNORECASE)
    if not article:
        return _found(report, start, end, new)
    begin = start - (len(article.group(1)) + 1)
    right = as_before(article.group(1), "an" if new[:1].lower() in "aeiou" else "a")
    return _found(report, begin, end, f"{right} {new}")


def _by_concept(report: Parsed, changes: Callable[[Fact], Iterator[Change]]) -> Groups:
    groups: dict[str, list[Change]] = defaultdict(list)
    for fact in report.facts:
        if positive(fact) and not fact.history:
            groups[fact.concept] += changes(fact)
    return {concept: found for concept, found in groups.items() if found}


def _sides(report: Parsed, draw: Draw) -> Groups:
    def turned(fact: Fact) -> Iterator[Change]:
        if len(fact.sides) == 1:
            for start, end in _in_modifiers(fact):
                for word in _SIDE.finditer(report.text, start, end):
                    new = _SIDES[(word.lastindex or 1) - 1]
                    yield _with_article(report, *word.span(), as_before(word.group(), new))

    return _by_concept(report, turned)


def _severities(report: Parsed, draw: Draw) -> Groups:
    return _by_concept(report, lambda fact: _swap_words(report, fact, _GRADES))


def _changes(report: Parsed, draw: Draw) -> Groups:
    return _by_concept(report, lambda fact: _swap_words(report, fact, _CHANGES))


def _sizes(report: Parsed, draw: Draw) -> Groups:
    def scaled(fact: Fact) -> Iterator[Change]:
        for found in _NUMBER.finditer(report.text, *fact.sentence) if fact.sizes else ():
            value, gap, unit = found.groups()
            single = unit.lower().removesuffix("s")
            new = _UNITS[single] + unit[len(single) :]
            yield _found(report, *found.span(), f"{value}{gap}{as_before(unit, new)}")

    return _by_concept(report, scaled)


def _denials(report: Parsed, draw: Draw) -> Groups:
    def no(fact: Fact) -> Iterator[Change]:
        if fact.kind != "study":
            yield _denied(report, fact)

    return _by_concept(report, no)


def _undenials(report: Parsed, draw: Draw) -> Groups:
    groups: dict[str, list[Change]] = defaultdict(list)
    for fact in report.facts:
        change = _undenied(report, fact) if fact.state == "absent" and not fact.history else None
        if change:
            groups[fact.concept].append(change)
    return groups


def _undenied(report: Parsed, fact: Fact) -> Change | None:
    """Drop the words that deny a finding: 'no', 'without', 'there is no evidence of'."""
    text = report.text
    for cue in fact.cues:
        words = text[cue.start : cue.end]
        small = " ".join(words.lower().split())
        evidence = _EVIDENCE.match(small)
        if small not in _NEGATIONS and not evidence:
            continue
        new = (evidence.group(1) or "").strip() if evidence else _NEGATIONS[small]
        if new:
            return _found(report, cue.start, cue.end, as_before(words[:1], new))
        follows = text[cue.end : cue.end + 2]
        if len(follows) == 2 and follows[0] == " ":
            return _found(report, cue.start, cue.end + 2, as_before(words[:1], follows[1]))
    return None


def _denied(report: Parsed, fact: Fact) -> Change:
    """Put 'no' before the noun phrase of a finding, in the place of its article."""
    text, start = report.text, fact.start
    for low, high in sorted(fact.modifiers, reverse=True):
        if low < start and fact.sentence[0] <= low and re.fullmatch(r"[\s,-]*(?:and )?", text[high:start]):
            start = low
    article = _ARTICLE.search(text, fact.sentence[0], start)
    begin = article.start() if article else start
    opens = begin == fact.sentence[0]
    word = "No" if opens else "no"
    after = text[start] if text[start + 1 : start + 2].isupper() else text[start].lower()
    return _found(report, begin, start + 1, f"{word} {after}")


def _cut(report: Parsed, sentence: tuple[int, int]) -> Change:
    """Take a sentence out, and the space after it."""
    end = sentence[1]
    while end < len(report.text) and report.text[end] == " ":
        end += 1
    return _found(report, sentence[0], end, "")


def _sentences_by_finding(report: Parsed, draw: Draw) -> Groups:
    groups = {concept: set(found) for concept, found in _by_concept(
        report, lambda fact: iter((_cut(report, fact.sentence),))).items()}  # fmt: skip
    return {concept: sorted(found) for concept, found in groups.items()}


def _all_positives(report: Parsed, draw: Draw) -> Groups:
    sentences = sorted({fact.sentence for fact in report.facts if positive(fact)})
    cuts = [_cut(report, sentence) for sentence in sentences]
    return {"all": cuts} if cuts else {}


def _additions(report: Parsed, draw: Draw) -> Groups:
    """One sentence about a finding that is not mentioned, nor anything it is a kind of."""
    told = {fact.concept for fact in report.facts}
    groups: dict[str, list[Change]] = {}
    ends = [end for _, end, _ in report.sentences] or [len(report.text)]
    for number in draw.random.permutation(len(_INVENTED)):
        concept, side = _INVENTED[number]
        sentence = minimal_sentence(concept, "present", side)
        if sentence and concept not in groups and not ({concept} | _kin(concept)) & told:
            at = int(draw.random.choice(ends))
            groups[concept] = [_found(report, at, at, f" {sentence}")]
    return groups


def _kin(concept: str) -> set[str]:
    try:
        return {one.name for one in (*ancestors(concept), *descendants(concept))}
    except InputError:
        return set()


def _priors(report: Parsed, draw: Draw) -> Groups:
    """A comparison added to what a sentence states, in a report that compares nothing."""
    if COMPARISON_WORDS.search(report.text) or any("change" in fact.attributes for fact in report.facts):
        return {}
    groups: dict[str, list[Change]] = {}
    for fact in report.facts:
        end = fact.sentence[1]
        stop = end - 1 if report.text[end - 1 : end] == "." else end
        words = _PRIOR[0] if fact.state == "absent" else _PRIOR[int(draw.random.integers(len(_PRIOR)))]
        groups.setdefault(fact.concept, [_found(report, stop, stop, words)])
    return groups


def _normal(report: Parsed, draw: Draw) -> Iterator[str]:
    if any(map(positive, report.facts)):
        yield NORMAL


def _others(report: Parsed, draw: Draw) -> Iterator[str]:
    yield from draw.others
