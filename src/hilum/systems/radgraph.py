"""RadGraph's span-relation model at a small scale: report text to a graph of entities and relations.

Source: RadGraph (Jain et al., NeurIPS Datasets 2021), a DyGIE++ model (Wadden et al., EMNLP 2019). Its training data
are credentialed; ours are graphs by rules, written sentences with exact graphs, and hand-made graphs of 58 reports.
What came of it, and whether it beats the rules, is told in docs/graph-model.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilum.core.registry import register
from hilum.systems._radgraph_judge import CLAIMS, reproduce
from hilum.systems._radgraph_tagger import Tagger

__all__ = ["RadGraphSystem", "Tagger", "reproduce", "train"]


def train(
    *, data: str | Path, out: str | Path, seed: int = 0, resume: bool = False, settings: Mapping[str, Any] | None = None
) -> Path:
    """Train a tagger: see `hilum.systems._radgraph_train.train` and the settings of `_radgraph_recipe.Recipe`."""
    from hilum.systems._radgraph_train import train as run

    return run(Path(data), Path(out), seed=seed, resume=resume, settings=settings or {})


@register.system(
    "radgraph", summary="Report text to a graph by a span-relation model", source="RadGraph (Jain et al., NeurIPS 2021)"
)
class RadGraphSystem:
    """How the tagger is trained and its claim judged; `Tagger(folder)` reads reports with what was trained."""

    claims, minutes, fits = CLAIMS, 5.0, 2
    train, reproduce = staticmethod(train), staticmethod(reproduce)
