"""The written draft on a study's page: its words, what contradicts the findings, and how much it hangs on the films."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hilum.app.markup import Html, element
from hilum.app.page_findings import Clean

if TYPE_CHECKING:
    from hilum.learn.reader.draft import Draft, Remark


def draft_panel(draft: Draft | None, undrafted: str, clean: Clean) -> Html:
    """Return the panel; nothing where no draft was asked for.

    Args:
        draft: as written, with its remarks.
        undrafted: why there is none.
        clean: removes identifiers from free text.
    """
    if draft is None:
        return _none(clean(undrafted)) if undrafted else Html("")
    against = draft.contradictions
    beyond = [each for each in draft.remarks if each not in against]
    said = f"Contradicts the findings ({len(against)})" if against else "Contradicts no finding that was assessed"
    parts = [
        element("h2", "Written draft, unsigned"),
        element("p", clean(draft.text), class_="prose"),
        element("h3", said),
        element("ul", *[_item(each, clean) for each in against], class_="alerts", role="status") if against else None,
        _beyond(beyond, clean),
        element("p", _made(draft), class_="empty"),
    ]
    notes = [element("p", clean(note), class_="empty") for note in draft.notes]
    return element("div", *parts, *notes, class_="written")


def _none(reason: str) -> Html:
    return element("div", element("h2", "Written draft"), element("p", reason, class_="empty"), class_="written")


def _item(remark: Remark, clean: Clean) -> Html:
    quoted = [element("q", clean(remark.sentence)), " "] if remark.sentence else []
    return element("li", *quoted, clean(remark.text))


def _beyond(remarks: list[Remark], clean: Clean) -> Html | None:
    if not remarks:
        return None
    names = ", ".join(dict.fromkeys(clean(each.concept) for each in remarks))
    told = element("p", f"{names}: the findings' model does not assess these, so nothing was held against the draft.")
    summary = element("summary", f"Not held against anything ({len(remarks)})")
    return element("details", summary, told, class_="unassessed")


def _made(draft: Draft) -> str:
    sight = ""
    if draft.sight:
        sight = f" Its words are {draft.sight.gap:+.2f} nats a word likelier with these films than with grey ones."
    return (
        f"Written by {draft.made_by.name} {draft.made_by.version} from {', '.join(draft.inputs)}; a research preset, "
        f"not a report.{sight}"
    )
