"""Report generation as its review sorts it: published methods by what they add, with figures and where those come from.

Figures are of other splits, cleaning, lengths and labelers than anything made here, and of each other's: they are never
put into one table with ours. `checked` says how far a figure can be relied on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hilum.core.errors import InputError

Lever = Literal["visual", "text", "both"]
"""What a method adds to: films (features, regions, views, priors), text (graphs, cases, templates, rewards), both."""
Checked = Literal["read", "recalled"]
"""'read': in the paper or its repository. 'recalled': noted down without the source at hand; look it up to cite it."""
NAMES = ("bleu-1", "bleu-2", "bleu-3", "bleu-4", "meteor", "rouge-l", "ce-precision", "ce-recall", "ce-f1")


@dataclass(frozen=True)
class Figures:
    """What a method was published with on one data set's test split: by metric, and how far it was checked."""

    data: str
    values: Mapping[str, float]
    checked: Checked = "recalled"


@dataclass(frozen=True)
class Method:
    """A published method.

    Args:
        name, source: as it is cited.
        lever: what it adds to.
        idea: in a few words.
        figures: by data set.
        here: the writer or recipe of this project that carries the idea, '' for none.
    """

    name: str
    source: str
    lever: Lever
    idea: str
    figures: tuple[Figures, ...] = ()
    here: str = ""


def _iu(*values: float | None) -> Figures:
    return Figures("iu-xray", _named(values))


def _mimic(b1: float | None, b4: float | None, meteor: float | None, rouge: float | None, *clinical: float) -> Figures:
    return Figures("mimic-cxr", _named((b1, None, None, b4, meteor, rouge, *clinical)))


def _named(values: Sequence[float | None]) -> dict[str, float]:
    return {name: value for name, value in zip(NAMES, values, strict=False) if value is not None}


METHODS = (
    Method("R2Gen", "Chen et al., EMNLP 2020", "both", "relational memory that conditions the decoder's norms",
           (_iu(.470, .304, .219, .165, .187, .371), _mimic(.353, .103, .142, .277, .333, .273, .276)), "rrg-review"),
    Method("CMN", "Chen et al., ACL 2021", "both", "a shared memory that films and words look into",
           (_iu(.475, .309, .222, .170, .191, .375), _mimic(.353, .106, .142, .278, .334, .275, .278))),
    Method("PPKED", "Liu et al., CVPR 2021", "text", "posterior and prior knowledge, retrieved and distilled",
           (_iu(.483, .315, .224, .168, None, .376),)),
    Method("METransformer", "Wang et al., CVPR 2023", "visual", "learned expert tokens that vote",
           (_iu(.483, .322, .228, .172, .192, .380), _mimic(.386, .124, .152, .291, .364, .309, .311))),
    Method("XPRONET", "Wang et al., ECCV 2022", "both", "prototypes across films and words",
           (_iu(.525, .357, .262, .199, .220, .411),)),
    Method("KiUT", "Huang et al., CVPR 2023", "text", "a knowledge graph injected into a U-shaped transformer",
           (_iu(.525, .360, .251, .185, .242, .409), _mimic(.393, .113, .160, .285, .371, .318, .321))),
    Method("RGRG", "Tanida et al., CVPR 2023", "visual", "a sentence for each detected region",
           (_mimic(.373, .126, .168, .264),)),
    Method("DCL", "Li et al., CVPR 2023", "text", "a graph that grows with retrieved reports, contrasted",
           (_mimic(None, .109, .150, .284, .471, .352, .373),)),
    Method("ORGAN", "Hou et al., ACL 2023", "text", "an observation plan before the words",
           (_mimic(.407, .123, .162, .293, .416, .418, .385),)),
    Method("MLRG", "Liu et al., CVPR 2025", "visual", "several views and the prior film", (), "mlrg"),
    Method("SEI", "Liu et al., MICCAI 2024", "text", "entities, indication and similar cases", (), "sei"),
    Method("ICON", "Hou et al., EMNLP 2024", "visual", "lesions enlarged, inspected and mixed", (), "icon"),
    Method("MAIRA-2", "Bannur et al., 2024", "visual", "lateral, prior and sections in one prompt", (), "maira-2"),
    Method("Libra", "Zhang et al., 2024", "visual", "a connector that aligns two films in time", (), "libra"),
    Method("Several binary classifiers", "arXiv 2310.05969", "text", "a result code and a sentence for each bit", (),
           "multi-model-report"),
)  # fmt: skip
"""In no order of merit."""


def methods(lever: str = "", data: str = "") -> tuple[Method, ...]:
    """Return the methods that add to films ('visual'), text or both, or that have figures of a data set.

    Raises:
        InputError: if no method is sorted so, or has figures of such a data set.
    """
    found = tuple(each for each in METHODS if lever in ("", each.lever)
                  and (not data or any(one.data == data for one in each.figures)))  # fmt: skip
    if not found:
        known = sorted({one.data for each in METHODS for one in each.figures})
        raise InputError(f"no method of lever '{lever}' with figures of '{data}': levers are visual, text and both, "
                         f"data sets {', '.join(known)}")  # fmt: skip
    return found
