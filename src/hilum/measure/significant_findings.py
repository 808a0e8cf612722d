"""Which findings change what is done for a patient: the rule behind 'significant' errors."""

from __future__ import annotations

from functools import lru_cache

from hilum.core.vocabulary import ancestors
from hilum.measure.facts import Stated

INSIGNIFICANT = frozenset({
    "vertebral degenerative changes", "degenerative joint changes", "axial hyperostosis", "scoliosis", "kyphosis",
    "osteopenia", "costochondral junction hypertrophy", "sternoclavicular junction hypertrophy",
    "subacromial space narrowing", "thoracic cage deformation", "cervical rib", "healed rib fracture",
    "bone deformity", "granuloma", "granulomatous disease", "calcification", "calcified adenopathy",
    "tuberculosis sequelae", "pulmonary scar", "chronic lung changes", "apical pleural thickening",
    "pleural plaques", "aortic elongation", "azygos lobe", "lipomatosis", "obesity", "gynecomastia", "low lung volumes",
    "diaphragmatic eventration", "postsurgical changes", "pseudonodule", "skin fold", "artifact",
})  # fmt: skip
"""Concepts, with all kinds of them, that are old, degenerative, or a variant."""
_KINDS = frozenset({"device", "hardware", "film"})


@lru_cache(maxsize=4_096)
def _matters(concept: str) -> bool:
    names = {concept, *(item.name for item in ancestors(concept))}
    return names.isdisjoint(INSIGNIFICANT)


def significant(item: Stated) -> bool:
    """Return whether an error about this finding counts as significant.

    Not so are devices and hardware (named or not, they are on the film), remarks on the film as a whole, and
    `INSIGNIFICANT` findings. Everything else is.
    """
    return item.kind not in _KINDS and _matters(item.concept)
