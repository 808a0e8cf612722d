"""Content items of a structured report: building them, finding them, and the words Hilum uses in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.coding import Code

from hilum.io.codes import code_item, code_of, dictionary, local

CHANGE = local("change since prior")
CALIBRATION, WEIGHTS = "calibration=", "weights sha256="
"""How an Algorithm Parameters item begins that names the calibration or the weights."""


def content_item(kind: str, relation: str, name: Code | None, **values: Any) -> Dataset:
    """Return one content item with its relation to its parent (PS3.3 C.17.3)."""
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, kind
    if name is not None:
        item.ConceptNameCodeSequence = Items([code_item(name)])
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def text_item(relation: str, name: Code, value: str) -> Dataset:
    """Return a TEXT item."""
    return content_item("TEXT", relation, name, TextValue=value)


def code_value(relation: str, name: Code, value: Code) -> Dataset:
    """Return a CODE item."""
    return content_item("CODE", relation, name, ConceptCodeSequence=Items([code_item(value)]))


def number_item(relation: str, name: Code, value: float, unit: Code) -> Dataset:
    """Return a NUM item; the exact value goes along as a double beside the 16 characters."""
    measured = Dataset()
    measured.NumericValue, measured.FloatingPointValue = f"{value:.9g}", float(value)
    measured.MeasurementUnitsCodeSequence = Items([code_item(unit)])
    return content_item("NUM", relation, name, MeasuredValueSequence=Items([measured]))


def container(name: str, children: list[Dataset], template: str = "") -> Dataset:
    """Return a CONTAINER item with children, by a template of PS3.16 where one is named."""
    item = content_item("CONTAINER", "CONTAINS", dictionary("DCM", name), ContinuityOfContent="SEPARATE")
    if template:
        item.ContentTemplateSequence = Items([template_item(template)])
    item.ContentSequence = Items(children)
    return item


def template_item(number: str) -> Dataset:
    """Return the Content Template item of a template number."""
    item = Dataset()
    item.MappingResource, item.TemplateIdentifier = "DCMR", number
    return item


def items_named(parent: Dataset, keyword: str) -> Iterator[Dataset]:
    """Yield the children of an item whose concept name is this entry of the dictionary."""
    wanted = dictionary("SCT" if keyword == "FindingSite" else "DCM", keyword)
    for item in parent.get("ContentSequence") or ():
        name = item.get("ConceptNameCodeSequence")
        if name and code_of(name[0])[:2] == wanted[:2]:
            yield item


def coded_values(group: Dataset, keyword: str) -> list[Code]:
    """Return the codes of the CODE children with this concept name."""
    return [code_of(item.ConceptCodeSequence[0]) for item in items_named(group, keyword)]
