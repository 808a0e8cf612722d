"""The XML of Open-i reports: id, labelled sections of the abstract, codes; nothing declared is expanded."""

from __future__ import annotations

from typing import Any, NamedTuple
from xml.parsers import expat

from hilum.core.errors import InputError
from hilum.core.report import SECTIONS

_TEXT, _ID, _CODE, _CODES = "AbstractText", "uId", "major", "MeSH"


class OpeniDocument(NamedTuple):
    """One XML report.

    Args:
        id: its uId, '' where it has none.
        sections: name -> text; unlabelled text is 'report', other labels count as findings.
        codes: MeSH strings, 'Head/qualifier/...'.
        has_abstract: whether there is any AbstractText at all.
    """

    id: str
    sections: dict[str, str]
    codes: tuple[str, ...]
    has_abstract: bool


def read_xml(data: bytes, name: str) -> OpeniDocument:
    """Return what one XML document says, each run of spaces as one.

    Args:
        data: the document.
        name: for messages.

    Raises:
        InputError: if it is no XML, or declares a document type or entities.
    """
    reader = _Reader(name)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError(f"{name} is not XML that can be read: {error}") from None
    texts = {key: "\n".join(said) for key, parts in reader.sections.items() if (said := [p for p in parts if p])}
    return OpeniDocument(" ".join(reader.id.split()), texts, tuple(reader.codes), reader.seen)


class _Reader:
    """Collects what a report needs while the parser walks; nothing else is kept."""

    def __init__(self, name: str) -> None:
        self.sections: dict[str, list[str]] = {}
        self.codes: list[str] = []
        self.id, self.seen, self._name = "", False, name
        self._open: list[str] | None = None
        self._section, self._coding = "", False
        self.parser: Any = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise InputError(f"{self._name} declares a document type or entities, which a report does not need: refused")

    def _start(self, tag: str, given: dict[str, str]) -> None:
        if tag == _ID and not self.id:
            self.id = given.get("id", "")
        elif tag == _CODES:
            self._coding = True
        elif tag == _TEXT:
            said = given.get("Label", "").strip().casefold()
            self._section = said if said in SECTIONS else "report" if not said else "findings"
            self.seen, self._open = True, []
        elif tag == _CODE and self._coding:
            self._open = []

    def _text(self, said: str) -> None:
        if self._open is not None:
            self._open.append(said)

    def _end(self, tag: str) -> None:
        if tag == _CODES:
            self._coding = False
        if self._open is None or tag not in (_TEXT, _CODE):
            return
        said = " ".join("".join(self._open).split())
        self._open = None
        if tag == _TEXT:
            self.sections.setdefault(self._section, []).append(said)
        else:
            self.codes.append(said)
