"""Labels of the nodes of a sentence: present, absent or uncertain, by the cues that decide the findings of labels."""

from __future__ import annotations

from hilum.text.assertion import Assertion, assert_all, clauses
from hilum.text.graph_entities import ANATOMY, Node, group
from hilum.text.graph_phrases import MODIFY
from hilum.text.graph_relations import Relations
from hilum.text.lexicon import Pack
from hilum.text.mentions import Mention
from hilum.text.tokens import Match, Tokens

# cues of the labels that decide nothing here: 'is normal' denies no finding, 'appears' is no hedge
_NO_CUES = (":non", "normal", "normal limits", "limits of normal", "appear to be", "appears to be", "appears to")
_DENIES_CHANGE = ("cue:pseudo:no ", "cue:pseudo:without")


def labels(found: list[Node], relations: Relations, tokens: Tokens, layers: list[list[Match]], pack: Pack) -> list[str]:
    """Return the label of every node, '' for one that is no entity; a modifier has the label of what it modifies.

    Args:
        found: the nodes of the sentence.
        relations: what `relate` returned for them.
        tokens: the sentence.
        layers: what `tokens.find` returned for it.
        pack: the language.
    """
    made = ["ANAT-DP" if node.role in ANATOMY else "" for node in found]
    follows, gone = _followed(found, relations, pack.language)
    heads: list[int] = []
    for n, node in enumerate(found):
        if not made[n] and _denied(node, layers[1]):
            made[n] = "OBS-DA"
            follows.pop(n, None)
        elif not made[n] and n not in follows and node.role != "degree":
            heads.append(n)
    for n, said in zip(heads, _asserted([found[n] for n in heads], tokens, layers, pack), strict=True):
        made[n] = "OBS-U" if n in relations.hedged else _label(found[n], said, tokens, pack.language)
        if n in relations.said_of and made[n] == "OBS-DP":
            follows[n] = relations.said_of[n]
    for n in relations.choices:
        made[n] = "OBS-U" if made[n] == "OBS-DP" else made[n]
    for n in gone:
        made[n] = "OBS-DA"
    for n in follows:
        end, steps = n, 0
        while end in follows and steps < len(found):
            end, steps = follows[end], steps + 1
        made[n] = made[end]
    return made


def _followed(found: list[Node], relations: Relations, language: str) -> tuple[dict[int, int], set[int]]:
    """Modifier -> node whose label it takes; and the findings that are said to have ended."""
    ended = group("gone", language)
    follows: dict[int, int] = {}
    gone: set[int] = set()
    for n, node in enumerate(found):
        target = next((to for kind, to in relations.of[n] if kind == MODIFY), -1)
        if target >= 0 and node.role not in ANATOMY:
            if node.word in ended:
                gone.add(target)
            elif n not in relations.said_of:
                follows[n] = target
    return follows, gone


def _asserted(heads: list[Node], tokens: Tokens, layers: list[list[Match]], pack: Pack) -> list[Assertion]:
    """What is said of each observation."""
    if not layers[1]:
        return [Assertion("present")] * len(heads)
    named = [Mention(n.first, n.last, n.first, n.word, "finding", {}, "") for n in heads]
    cues = [m for m in layers[1] if m.phrase.name != "mute.post" and not m.phrase.rule.endswith(_NO_CUES)]
    layers = [layers[0], cues, *layers[2:]]
    return assert_all(named, tokens, layers, clauses(tokens, layers, pack))


def _denied(node: Node, cues: list[Match]) -> bool:
    """Whether a word of change stands inside 'no significant change', which denies the change itself."""
    return any(m.first < node.first <= m.last and m.phrase.rule.startswith(_DENIES_CHANGE) for m in cues)


def _label(node: Node, said: Assertion, tokens: Tokens, language: str) -> str:
    """RadGraph's label of an assertion; advice and history give none."""
    if said.state == "unasserted" or said.history:
        return ""
    if said.state == "absent":
        far = node.first - said.cues[0][1] > 2  # 'free of nodules and inflated'
        return "OBS-DP" if far and node.word in group("of-lungs", language) else "OBS-DA"
    if said.certainty == "definite":
        return "OBS-DP"
    words = tokens.words[said.cues[0][0] : said.cues[0][1] + 1] if said.cues else []
    return "OBS-DP" if said.state == "present" and group("sure", language).intersection(words) else "OBS-U"
