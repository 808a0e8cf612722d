"""Hilum: the open toolkit for chest-radiograph AI. Research use only; not a medical device."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

RESEARCH_USE = "Research use only. Not a medical device; not for diagnosis."

_PUBLIC = {
    "Box": "core.region",
    "Cohort": "core.cohort",
    "Finding": "core.finding",
    "Image": "core.image",
    "MadeBy": "core.image",
    "Mask": "core.region",
    "Measurement": "core.finding",
    "Points": "core.region",
    "Question": "core.report",
    "Report": "core.report",
    "Study": "core.study",
    "Task": "measure.task",
    "Volume": "core.image",
    "Window": "core.image",
    "HilumError": "core.errors",
    "InputError": "core.errors",
    "MissingError": "core.errors",
    "check": "measure.checks",
    "get": "core.registry",
    "listing": "core.registry",
    "register": "core.registry",
    "to_json": "core.record",
    "from_json": "core.record",
    "open_studies": "io.intake",
    "read": "app.reading",
    "label": "text.labels",
    "label_table": "app.label_table",
    "score": "measure.score",
    "project": "drr.project",
    "register_film": "drr.register",
}

__all__ = ["RESEARCH_USE", "__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use (PEP 562)."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"hilum.{_PUBLIC[name]}"), name)
    raise AttributeError(f"hilum has no '{name}'; public names: {', '.join(sorted(_PUBLIC))}")


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)


if TYPE_CHECKING:
    from hilum.core.region import Box as Box
