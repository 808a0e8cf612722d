"""Every choice behind the span-relation tagger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from hilum.core.errors import InputError
from hilum.learn.fit import Fit

GOLD = Path(__file__).resolve().parents[3] / "tests" / "text" / "gold" / "openi_graph.json"


@dataclass(frozen=True)
class Recipe:
    """All choices of a training run.

    Args:
        first: the fit on rule graphs and written sentences.
        second: the fit that goes on with hand-made graphs among them; 0 steps leave it out.
        agree: whether rule sentences that the model then reads otherwise are dropped and the second fit is run again
            from where it began ("corrected by agreement").
        shares, tuning: share of a batch per source ('rules', 'written'; then also 'gold') in each fit.
        batch: sentences per step.
        written: sentences of the grammar.
        unit: what is read at once: 'sentence', or 'section' as RadGraph does.
        width, embedding, layers: of the word encoder.
        hidden: units of the scorers.
        drop, forget: dropout of encoder and scorers; share of the words shown as unknown.
        width_feature: features of a span's width; 0 is an ablation.
        pairs: whether there is a relation head; False is an ablation, relations then come from co-occurrence.
        keep: spans kept per word.
        shuffle: deal the labels of every training sentence anew among its spans: the negative control.
        limit: at most this many reports with rule graphs, 0 for all.
        folds: with 2 or more, cross-validate the second fit on the tuning reports and write the figures.
        gold: the hand-made graphs.
        threads: of the CPU.
    """

    first: Fit = field(default_factory=lambda: Fit(steps=600, rate=2e-3, decay=0.01, clip=5.0, bf16=False))
    second: Fit = field(default_factory=lambda: Fit(steps=250, rate=1e-3, decay=0.01, clip=5.0, bf16=False))
    agree: bool = False
    shares: Mapping[str, float] = field(default_factory=lambda: {"rules": 0.75, "written": 0.25})
    tuning: Mapping[str, float] = field(default_factory=lambda: {"rules": 0.3, "written": 0.1, "gold": 0.6})
    batch: int = 32
    written: int = 4_000
    unit: str = "sentence"
    width: int = 128
    embedding: int = 64
    layers: int = 1
    hidden: int = 150
    drop: float = 0.3
    forget: float = 0.1
    width_feature: int = 20
    pairs: bool = True
    keep: float = 1.0
    shuffle: bool = False
    limit: int = 0
    folds: int = 0
    gold: str = str(GOLD)
    threads: int = 1


QUICK = Recipe(
    first=Fit(steps=3, bf16=False, log_every=1), second=Fit(steps=2, bf16=False, log_every=1), batch=4, written=20,
    width=16, embedding=8, hidden=16, width_feature=4, limit=8,
)  # fmt: skip


def _typed(name: str, current: Any, value: Any) -> Any:
    """Read a setting given as text by the type it has."""
    if isinstance(current, bool):
        if str(value).lower() not in ("0", "1", "true", "false", "yes", "no"):
            raise InputError(f"setting '{name}' is on or off: 1 or 0 is expected, got '{value}'")
        return str(value).lower() in ("1", "true", "yes")
    try:
        return type(current)(value)
    except ValueError:
        raise InputError(f"setting '{name}' takes a {type(current).__name__}, got '{value}'") from None


def resolve(base: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe with dotted settings changed, e.g. {'first.steps': 20, 'tuning.gold': 0.5}.

    Raises:
        InputError: if a name is not a setting, or a value cannot be read.
    """
    for name, value in changes.items():
        head, _, tail = name.partition(".")
        current = getattr(base, head, None) if head in {item.name for item in fields(base)} else None
        if current is None:
            raise InputError(f"unknown setting '{name}': choose from {', '.join(item.name for item in fields(base))}")
        made: Any
        if not tail and not is_dataclass(current) and not isinstance(current, Mapping):
            made = _typed(name, current, value)
        elif isinstance(current, Mapping) and tail in current:
            made = {**current, tail: _typed(name, 0.0, value)}
        elif is_dataclass(current) and tail in {item.name for item in fields(current)}:
            made = replace(current, **{tail: _typed(name, getattr(current, tail), value)})  # type: ignore[type-var]
        else:
            raise InputError(f"unknown setting '{name}': '{head}' has no '{tail}'")
        base = replace(base, **{head: made})
    return base
