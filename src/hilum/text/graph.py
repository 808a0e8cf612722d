"""Report text to a graph of clinical entities and relations in RadGraph's schema."""

from __future__ import annotations

from functools import lru_cache

from hilum.text.assertion import Assertion, assert_all, clauses
from hilum.text.graph_entities import ANATOMY, Node, group, nodes
from hilum.text.graph_phrases import MODIFY
from hilum.text.graph_relations import Relations, relate
from hilum.text.graph_schema import KINDS, LABELS, MADE_BY, Entity, Graph
from hilum.text.lexicon import Pack, pack
from hilum.text.mentions import Mention
from hilum.text.parse import Parsed
from hilum.text.radgraph import from_file, from_radgraph, to_dygie, to_file, to_radgraph
from hilum.text.sections import REPORTING
from hilum.text.tokens import Match, Tokens, find, tokenize

__all__ = [
    "KINDS", "LABELS", "MADE_BY", "Entity", "Graph", "from_file", "from_radgraph", "graph", "sentence_graph",
    "to_dygie", "to_file", "to_radgraph",
]  # fmt: skip
_CACHE = 16_384  # sentences remembered, as in parse
_NO_CUES = (":non", "normal", "normal limits", "limits of normal")  # 'is normal' denies no finding here


def graph(parsed: Parsed) -> Graph:
    """Return the report graph of a parsed report; sections that state nothing of this film give no entities.

    Args:
        parsed: what `hilum.text.parse.parse` returned.

    Raises:
        InputError: if there is no graph table for the report's language.

    Source: RadGraph, Jain et al. 2021 (schema), and the conventions of tests/text/gold/openi_graph.json.
    """
    made: list[Entity] = []
    before = -1
    for start, end, section in parsed.sentences:
        if section not in REPORTING:
            continue
        first = len(made)
        own = sentence_graph(parsed.text[start:end], parsed.language)
        made += [
            Entity(e.start + start, e.end + start, e.label, tuple([(kind, to + first) for kind, to in e.relations]))
            for e in own
        ]
        if len(own) == 1 and before >= 0 and own[0].start == 0 and end - start - own[0].end <= 1:
            _carry_on(made, before, first)
        before = first if own else -1
    return Graph(parsed.text, tuple(made))


def _carry_on(made: list[Entity], before: int, fragment: int) -> None:
    """'Small effusion. Unchanged.': a quality that is a sentence of its own modifies the finding before it."""
    word = made[fragment]
    if not word.label.startswith("OBS"):
        return
    for number in range(before, fragment):
        entity = made[number]
        if entity.label in ("OBS-DP", "OBS-U") and all(kind != MODIFY for kind, _ in entity.relations):
            made[fragment] = word._replace(label=entity.label, relations=((MODIFY, number),))
            return


@lru_cache(maxsize=_CACHE)
def sentence_graph(sentence: str, language: str = "en") -> tuple[Entity, ...]:
    """Return the entities of one sentence; offsets and relation targets count inside it."""
    chosen = pack(language)
    tokens = tokenize(sentence, chosen)
    layers = find(tokens, chosen)
    found = nodes(tokens, layers, language)
    if not found:
        return ()
    relations = relate(found, language)
    labels = _labels(found, relations, tokens, layers, chosen)
    place = {n: number for number, n in enumerate([n for n, label in enumerate(labels) if label])}
    return tuple([
        Entity(*tokens.span(found[n].first, found[n].last), labels[n],
               tuple([(kind, place[to]) for kind, to in relations.of[n] if to in place]))
        for n in place
    ])  # fmt: skip


def _labels(
    found: list[Node], relations: Relations, tokens: Tokens, layers: list[list[Match]], chosen: Pack
) -> list[str]:
    """Label of every node, '' for one that is no entity; a modifier has the label of what it modifies."""
    labels = ["ANAT-DP" if node.role in ANATOMY else "" for node in found]
    follows: dict[int, int] = {}
    gone: dict[int, int] = {}  # finding -> the word that says it has ended
    ended = group("gone", chosen.language)
    heads: list[int] = []
    for n, node in enumerate(found):
        if node.role in ANATOMY:
            continue
        target = next((to for kind, to in relations.of[n] if kind == MODIFY), -1)
        if target >= 0 and node.word in ended:
            gone[target] = n
        if _denied(node, layers[1]):
            labels[n] = "OBS-DA"
        elif target >= 0 and n not in relations.said_of and gone.get(target) != n:
            follows[n] = target
        elif node.role != "degree":
            heads.append(n)
    for n, said in zip(heads, _asserted([found[n] for n in heads], tokens, layers, chosen), strict=True):
        labels[n] = "OBS-U" if n in relations.hedged else _label(said, tokens, chosen.language)
        if n in relations.said_of and labels[n] == "OBS-DP":
            follows[n] = relations.said_of[n]
    for n in relations.choices:
        labels[n] = "OBS-U" if labels[n] == "OBS-DP" else labels[n]
    for n in gone:
        labels[n] = "OBS-DA"
    for n in follows:
        end, steps = n, 0
        while end in follows and steps < len(found):
            end, steps = follows[end], steps + 1
        labels[n] = labels[end]
    return labels


def _asserted(heads: list[Node], tokens: Tokens, layers: list[list[Match]], chosen: Pack) -> list[Assertion]:
    """What is said of each observation; 'is normal' denies a finding of the labels, but here 'normal' is a node."""
    if not layers[1]:
        return [Assertion("present")] * len(heads)
    named = [Mention(n.first, n.last, n.first, n.word, "finding", {}, "") for n in heads]
    cues = [m for m in layers[1] if m.phrase.name != "mute.post" and not m.phrase.rule.endswith(_NO_CUES)]
    layers = [layers[0], cues, *layers[2:]]
    return assert_all(named, tokens, layers, clauses(tokens, layers, chosen))


def _denied(node: Node, cues: list[Match]) -> bool:
    """Whether a word of change stands inside 'no significant change', which denies the change itself."""
    return any(
        match.first < node.first <= match.last and match.phrase.rule.startswith(("cue:pseudo:no ", "cue:pseudo:without"))
        for match in cues
    )


def _label(said: Assertion, tokens: Tokens, language: str) -> str:
    if said.state == "unasserted" or said.history:
        return ""
    if said.state == "absent":
        return "OBS-DA"
    if said.certainty == "definite":
        return "OBS-DP"
    words = tokens.words[said.cues[0][0] : said.cues[0][1] + 1] if said.cues else []
    return "OBS-DP" if said.state == "present" and group("sure", language).intersection(words) else "OBS-U"
