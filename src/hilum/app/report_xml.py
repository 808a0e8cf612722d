"""Open-i reports in XML (the Indiana University collection): the id and the abstract's labelled sections."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from hilum.app.report_row import NoReportError, Row
from hilum.core.errors import InputError
from hilum.core.report import SECTIONS

_TEXT, _ID = "AbstractText", "uId"


def report_of_xml(data: bytes, name: str) -> Row:
    """Return the report in one XML document: its uId, and its AbstractText elements by their Label.

    Args:
        data: the document.
        name: for the id, where the document has none, and for messages.

    Raises:
        NoReportError: if the document holds no AbstractText.
        InputError: if it is no XML, or declares a document type or entities.
    """
    reader = _Reader(name)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError(f"{name} is not XML that can be read: {error}") from None
    if not reader.seen:
        raise NoReportError(f"{name} is no report: it has no {_TEXT} element (the Open-i layout is expected)")
    texts = {key: "\n".join(said) for key, parts in reader.sections.items() if (said := [p for p in parts if p])}
    own = " ".join(reader.id.split())
    if not any(texts.get(key) for key in ("findings", "impression", "report")):
        return Row(own or name.removesuffix(".xml"), error=f"{name} holds no text")
    return Row(own or name.removesuffix(".xml"), texts.get("report", texts))


class _Reader:
    """Collects what a report needs while the parser walks; nothing else is kept."""

    def __init__(self, name: str) -> None:
        self.sections: dict[str, list[str]] = {}
        self.id, self.seen, self._name = "", False, name
        self._open: list[str] | None = None
        self._section = ""
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
        elif tag == _TEXT:
            said = given.get("Label", "").strip().casefold()
            self._section = said if said in SECTIONS else "report" if not said else "findings"
            self.seen, self._open = True, []

    def _text(self, said: str) -> None:
        if self._open is not None:
            self._open.append(said)

    def _end(self, tag: str) -> None:
        if tag == _TEXT and self._open is not None:
            self.sections.setdefault(self._section, []).append(" ".join("".join(self._open).split()))
            self._open = None
