"""DeViDe's network: an image tower, a text tower, facets fused into one text a disease, a decoder and a projection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.nets.facets import (
    Asking,
    AttentionFusion,
    DiseaseDecoder,
    GatedFusion,
    MultiLabelProjection,
    SingleProjection,
    mean_facet,
)
from hilum.nets.towers import Seen
from hilum.systems._devide_texts import CodedTexts

TOLD = ("names", "definitions", "descriptions", "both")
FUSIONS, PROJECTIONS = ("gate", "attention"), ("many", "one")


@dataclass(frozen=True)
class How:
    """Shape of the network.

    Args:
        told: what a disease is asked by: 'names', 'definitions', 'descriptions' (facets), or 'both' of the last two.
        fusion: of both: 'gate', or 'attention' with the film as query.
        projection: 'many' vectors, one for each disease, or 'one' for all.
        space: width E in which films and texts are compared.
        asking: the decoder.
    """

    told: str = "both"
    fusion: str = "gate"
    projection: str = "many"
    space: int = 256
    asking: Asking = field(default_factory=Asking)

    def __post_init__(self) -> None:
        for name, known in (("told", TOLD), ("fusion", FUSIONS), ("projection", PROJECTIONS)):
            if getattr(self, name) not in known:
                raise InputError(f"{name} must be one of {', '.join(known)}, got '{getattr(self, name)}'")


class Answer(NamedTuple):
    """What the network says: logits (B, C), u (B, C, E), texts e (C, E) or (B, C, E), names (C, E), film (B, E), maps.

    `maps` (B, C, N) is where the decoder looked.
    """

    logits: Tensor
    projected: Tensor
    texts: Tensor
    names: Tensor
    film: Tensor
    maps: Tensor

    @property
    def cosine(self) -> Tensor:
        """Cosine (B, C) of each film's own vector of a disease with the disease's text."""
        texts = functional.normalize(self.texts, dim=-1)
        return (functional.normalize(self.projected, dim=-1) * texts).sum(-1)


class Devide(nn.Module):
    """Ask films for diseases that are named, defined and described.

    Args:
        image: gives `Seen` of width `how.asking.image`.
        text: gives `Told` of width `how.asking.text`.
        how: the rest.
    """

    def __init__(self, image: nn.Module, text: nn.Module, how: How) -> None:
        """Build; towers come as they are, all else is random."""
        super().__init__()
        asking = how.asking
        self.image, self.text, self.how = image, text, how
        self.decoder = DiseaseDecoder(asking)
        self.gate = GatedFusion(asking.text) if how.fusion == "gate" else None
        self.attend = AttentionFusion(asking.image, asking.text) if how.fusion == "attention" else None
        self.words, self.film = nn.Linear(asking.text, how.space), nn.Linear(asking.image, how.space)
        one = how.projection == "one"
        self.project = (SingleProjection if one else MultiLabelProjection)(asking.image, how.space)

    def forward(self, film: Tensor, texts: CodedTexts) -> Answer:
        """Read films (B, 1, S, S) in [0, 1]."""
        return self.read(self.image(film), texts)

    def read(self, seen: Seen, texts: CodedTexts) -> Answer:
        """Answer from what the image tower saw."""
        fused, names = self.fused(seen.pooled, texts)
        asked = self.decoder(seen.patches, fused)
        space = self.words(fused)
        projected = self.project(seen.pooled, seen.patches, space)
        return Answer(asked.logits, projected, space, self.words(names), self.film(seen.pooled), asked.maps)

    def fused(self, pooled: Tensor, texts: CodedTexts) -> tuple[Tensor, Tensor]:
        """Return one embedding a disease, (C, T) or (B, C, T) where the film is the query, and those of names."""
        names: Tensor = self.text(*texts.names).pooled
        if self.how.told == "names":
            return names, names
        definitions: Tensor = self.text(*texts.definitions).pooled
        if self.how.told == "definitions":
            return definitions, names
        facets = self.text(*texts.facets).pooled.unflatten(0, (len(names), -1))
        if self.attend is not None and self.how.told == "both":
            return self.attend(pooled, definitions, facets, texts.there), names
        if self.gate is not None and self.how.told == "both":
            return self.gate(definitions, facets, texts.there), names
        return mean_facet(facets, texts.there), names
