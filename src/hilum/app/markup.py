"""HTML elements whose text is escaped unless it is markup already: the one place where pages escape."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

# Control characters, lone surrogates and direction overrides: invisible, and able to disguise a file name.
_UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_VOID = frozenset({"img", "br", "input"})


class Html(str):
    """Text that is markup already; every other string is escaped when it enters an element."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return `value` as text that HTML shows literally, in content and in quoted attributes.

    Args:
        value: anything; `Html` passes through, everything else is converted with `str` and escaped.
            Characters that cannot be shown become U+FFFD.
    """
    if isinstance(value, Html):
        return value
    return Html(html.escape(_UNSHOWABLE.sub("\ufffd", str(value)), quote=True))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Return the parts as one piece of markup, each escaped unless it is markup, with `between` escaped too."""
    return Html(text(between).join(text(part) for part in parts if part is not None))


def element(tag: str, *children: object, **attributes: object) -> Html:
    """Return one HTML or SVG element.

    Args:
        tag: element name, written by the program and never taken from data.
        children: content; strings are escaped, `Html` is kept, None is left out.
        attributes: `class_` and `data_f` are written `class` and `data-f`; None and False leave the
            attribute out, True writes it bare.
    """
    pairs = []
    for name, value in attributes.items():
        shown = name.rstrip("_").replace("_", "-")
        if value is True:
            pairs.append(f" {shown}")
        elif value is not None and value is not False:
            pairs.append(f' {shown}="{text(value)}"')
    opening = f"<{tag}{''.join(pairs)}>"
    return Html(opening if tag in _VOID else f"{opening}{join(children)}</{tag}>")
