"""Studies made by hand for the page tests, and a reader of pages that owes nothing to the code under test."""

import os
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box
from hilum.core.report import Report, Sentence
from hilum.core.study import Study

PACK = Path(os.environ.get("HILUM_PACK", Path(__file__).parents[2] / ".." / "shared" / "data"))
READER = MadeBy("made-up-reader", "1.2", "c0ffee" * 10 + "0123")
CARD = {
    "title": "Made-up reader",
    "sha256": "c0ffee" * 10 + "0123",
    "training_data": ["set A", "set B"],
    "findings": {
        "lung opacity": {
            "n": 2412,
            "positives": 310,
            "source": "set B",
            "auroc": 0.871,
            "interval": [0.85, 0.89],
            "threshold": 0.41,
        },
        "cardiomegaly": {"threshold": [0.3, 0.6]},
        "edema": None,
    },
}
SENTENCES = ("Opacity in the right lower zone.", "The heart may be large.", "No effusion.")
UIDS = {"now": "1.2.826.0.1.3680043.10.111", "side": "1.2.826.0.1.3680043.10.222", "then": "1.2.826.0.1.3680043.10.333"}


def ramp(height=96, width=120, **fields):
    """A film that brightens from left to right, with modality values far from 0..255."""
    pixels = np.tile(np.linspace(-900, 3000, width, dtype=np.float32), (height, 1))
    return Image(pixels, **fields)


def draft():
    text = " ".join(SENTENCES)
    spans, at = [], 0
    for sentence, ids in zip(SENTENCES, (("a",), ("b",), ("c",)), strict=True):
        spans.append(Sentence("findings", at, at + len(sentence), ids))
        at += len(sentence) + 1
    return Report(
        findings=text, impression="Opacity.", sentences=(*spans, Sentence("impression", 0, 8, ("a",))), status="draft"
    )


def read_study(*, film=None, prior=True, **fields):
    """Nine facts about one patient: a film, a lateral, a prior, findings of each state, a draft."""
    film = film or ramp(id=UIDS["now"], view="PA", spacing_mm=(0.143, 0.143), spacing_plane="detector")
    side = ramp(120, 90, id=UIDS["side"], view="LL", orientation=("P", "F"))
    old = ramp(id=UIDS["then"], view="AP", orientation=("L", "F"))
    before = Study("study-before", "patient-4711", datetime(2025, 12, 4, 9), images=(old,)).add(
        findings=[Finding("effusion", "present", 0.66, "platt", regions=(Box(1, 2, 30, 40, UIDS["then"]),))]
    )
    study = Study(
        "study-4712", "patient-4711", datetime(2026, 1, 1, 9), images=(side, film), prior=before if prior else None
    )
    box = Box(10.5, 20, 50, 61.25, film.id)
    findings = [
        Finding("effusion", "absent", 0.12, "platt", id="c", change="resolved"),
        Finding("cardiomegaly", "uncertain", 0.5, "platt", id="b"),
        Finding(
            "lung opacity", "present", 0.93, "platt", ("right lower zone",), {"severity": "mild"}, "new", (box,), id="a"
        ),
        Finding("edema", "absent", 0.004, "platt", id="d"),
    ]
    given = {"findings": findings, "report": draft(), "not_assessed": NOT_ASSESSED, "made_by": READER} | fields
    return study.add(**given)


NOT_ASSESSED = (
    ("hernia", "too few cases"),
    ("mass", "too few cases"),
    ("device", "not trained"),
    ("effusion", "stale"),
)


@dataclass
class Node:
    tag: str
    attributes: dict = field(default_factory=dict)
    parts: list = field(default_factory=list)

    @property
    def text(self):
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    def all(self, tag=None, **wanted):
        for part in self.parts:
            if isinstance(part, Node):
                classes = (part.attributes.get("class") or "").split()
                named = {key: value for key, value in wanted.items() if key != "class_"}
                fits = all(part.attributes.get(key) == value for key, value in named.items())
                if (tag in (None, part.tag)) and fits and wanted.get("class_", "") in (*classes, ""):
                    yield part
                yield from part.all(tag, **wanted)

    def one(self, tag=None, **wanted):
        found = list(self.all(tag, **wanted))
        assert len(found) == 1, f"{len(found)} of {tag} {wanted}"
        return found[0]


class Tree(HTMLParser):
    """A page as nodes, as a browser would read it; complains where tags do not nest."""

    empty = frozenset({"meta", "link", "img", "br", "input"})

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.root = Node("")
        self.stack = [self.root]
        self.feed(page)
        self.close()
        assert self.stack == [self.root], f"unclosed: {[node.tag for node in self.stack]}"

    def handle_starttag(self, tag, attrs):
        node = Node(tag, dict(attrs))
        self.stack[-1].parts.append(node)
        if tag not in self.empty:
            self.stack.append(node)

    def handle_endtag(self, tag):
        assert self.stack[-1].tag == tag, f"</{tag}> closes <{self.stack[-1].tag}>"
        self.stack.pop()

    def handle_data(self, data):
        self.stack[-1].parts.append(data)


def tree(page):
    return Tree(page).root
