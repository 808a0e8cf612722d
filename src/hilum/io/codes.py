"""Codes for what Hilum writes: pydicom's concept dictionary, then our vocabulary, then a private scheme."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from hilum.core.errors import InputError

if TYPE_CHECKING:
    from hilum.core.finding import State

PRIVATE = "99HILUM"
"""Coding Scheme Designator of names that have no standard code; '99' marks a local scheme (PS3.16 8)."""

_STATES = {"present": ("SCT", "Present"), "absent": ("SCT", "Absent"), "uncertain": ("SCT", "Indeterminate")}


def dictionary(scheme: str, keyword: str) -> Code:
    """Return the entry of pydicom's concept dictionary, e.g. ('DCM', 'Finding').

    Raises:
        InputError: if the dictionary has no such entry.
    """
    from pydicom.sr.codedict import codes

    try:
        entry: Code = getattr(getattr(codes, scheme), keyword)
    except AttributeError:
        raise InputError(f"pydicom's concept dictionary has no '{keyword}' in scheme {scheme}") from None
    return entry


def line(value: object, length: int = 64) -> str:
    """Return text as one DICOM string value: no control characters, no backslash, at most `length` long."""
    text = re.sub(r"[\x00-\x1f\x7f\\]+", " ", "" if value is None else str(value))
    return text.strip()[:length].strip()


def local(name: str) -> Code:
    """Return a code in our private scheme: a readable value of at most 16 characters, the name as meaning."""
    slug = re.sub(r"[^A-Z0-9]+", "-", name.upper()).strip("-")
    if len(slug) > 16 or not slug:
        slug = f"{slug[:9]}-{sha256(name.encode()).hexdigest()[:6].upper()}".strip("-")
    return Code(slug, PRIVATE, line(name) or "unnamed")


def named(name: str) -> Code:
    """Return the standard code of a concept or site of the vocabulary, else a private one."""
    from hilum.core.vocabulary import concept

    try:
        code = concept(name).code
    except InputError:
        code = None
    return Code(code.value, code.scheme, code.meaning) if code else local(name)


def name_of(code: Code) -> str:
    """Return the vocabulary's name for a code, or the code's own meaning where the vocabulary has none."""
    if code.scheme_designator == PRIVATE:
        return str(code.meaning)
    return _names().get((code.value, code.scheme_designator), str(code.meaning))


@cache
def _names() -> dict[tuple[str, str], str]:
    """(value, scheme) -> concept name; where concepts share a code the first, most general one, stands."""
    from hilum.core.vocabulary import concepts

    table: dict[tuple[str, str], str] = {}
    for item in concepts():
        if item.code:
            table.setdefault((item.code.value, item.code.scheme), item.name)
    return table


def state_code(state: State) -> Code:
    """Return the SNOMED CT qualifier of a finding's state."""
    return dictionary(*_STATES[state])


def state_of(code: Code) -> State | None:
    """Return the state a SNOMED CT qualifier stands for, or None."""
    states: tuple[State, ...] = ("present", "absent", "uncertain")
    return next((state for state in states if state_code(state).value == code.value), None)


def code_item(code: Code) -> Dataset:
    """Return the code as an item of a code sequence (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def code_of(item: Dataset) -> Code:
    """Return the code that an item of a code sequence holds."""
    value = item.get("CodeValue") or item.get("LongCodeValue") or item.get("URNCodeValue") or ""
    return Code(str(value), str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeMeaning", "")))


def local_scheme_item() -> Dataset:
    """Return the Coding Scheme Identification item that explains our private scheme."""
    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE
    item.CodingSchemeName = "Hilum concept names without a standard code"
    item.CodingSchemeResponsibleOrganization = "Hilum"
    return item
