"""Reports in XML (the layout of Open-i) as rows to label."""

from __future__ import annotations

from hilum.app.report_row import NoReportError, Row
from hilum.data.openi_xml import read_xml


def report_of_xml(data: bytes, name: str) -> Row:
    """Return the report in one XML document: its uId, and its AbstractText elements by their Label.

    Args:
        data: the document.
        name: for the id, where the document has none, and for messages.

    Raises:
        NoReportError: if the document holds no AbstractText.
        InputError: if it is no XML, or declares a document type or entities.
    """
    found = read_xml(data, name)
    if not found.has_abstract:
        raise NoReportError(f"{name} is no report: it has no AbstractText element (the Open-i layout is expected)")
    own = found.id or name.removesuffix(".xml")
    if not any(found.sections.get(key) for key in ("findings", "impression", "report")):
        return Row(own, error=f"{name} holds no text")
    return Row(own, found.sections.get("report", found.sections))
