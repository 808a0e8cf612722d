"""A report as a text file to a Report by section; what precedes 'FINAL REPORT' in MIMIC-CXR is left out."""

from __future__ import annotations

import re

from hilum.core.errors import InputError
from hilum.core.report import SECTIONS, Report
from hilum.text.lexicon import pack
from hilum.text.sections import sections

_LONGEST = 200_000  # characters; the longest report of MIMIC-CXR has under ten thousand
_FINAL = re.compile(r"^[ \t]*FINAL REPORT[ \t\r]*$", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n")


def sectioned(text: str, *, name: str = "the report") -> Report:
    """Return the sections of a report, its lines unwrapped, paragraphs apart by an empty line.

    A wet read above the line 'FINAL REPORT' is preliminary and left out. Text under no heading counts as findings
    where the report has no such section, else it is left out (titles, names of views).

    Args:
        text: the whole file.
        name: what an error calls it.

    Raises:
        InputError: if it is longer than any report.
    """
    if len(text) > _LONGEST:
        raise InputError(f"{name} has {len(text):,} characters: a report of at most {_LONGEST:,} is expected")
    final = list(_FINAL.finditer(text))
    whole = text[final[-1].end() :] if final else text
    held: dict[str, list[str]] = {}
    for part in sections(whole, pack()):
        held.setdefault(part.name, []).append(_unwrapped(whole[part.start : part.end]))
    if "findings" not in held and ("impression" not in held or _is_prose(held.get("body", ()))):
        held["findings"] = held.get("body", [])
    made = {part: "\n\n".join(text for text in held.get(part, ()) if text) for part in SECTIONS}
    return Report(**made)  # type: ignore[arg-type]


def _unwrapped(text: str) -> str:
    parts = (" ".join(part.split()) for part in _PARAGRAPH.split(text))
    return "\n\n".join(part for part in parts if part)


def _is_prose(parts: list[str] | tuple[()]) -> bool:
    """Whether unheaded text holds a sentence: 'AP CHEST, 4:12 A.M.' does not."""
    return any(re.search(r"[a-z]{3,}[^.]*\.", part) for part in parts)
