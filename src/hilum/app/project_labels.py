"""Which structures a label names, and their shadows on a film: by structure, by group, by side, by PAXRay class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.data.ct_structures import Layers
from hilum.drr.geometry import Geometry
from hilum.drr.labels import Shadow, class_shadows, rule_for, shadow_mask
from hilum.drr.render import Model
from hilum.drr.structures import path_lengths

ALL, CLASSES = "all", "paxray"
_ALIASES = {"spine": "vertebrae", "clavicles": "clavicula", "scapulae": "scapula", "shoulder blades": "scapula"}
Members = tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Inserted:
    """What is known of an object that was put into a CT: its kind, whether critical, where it lies, of what it is."""

    kind: str
    critical: bool
    site: str
    materials: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One structure, several under one name, or an inserted object, on one film: what it holds, and its shadow."""

    name: str
    members: tuple[str, ...]
    shadow: Shadow
    inserted: Inserted | None = None


@dataclass(frozen=True)
class Wanted:
    """What a CT's labels stand for.

    Args:
        groups: name to ids by layer, in the order asked for.
        classes: names of PAXRay's classes, made of the first layer.
    """

    groups: Mapping[str, Members] = field(default_factory=dict)
    classes: tuple[str, ...] = ()


def wanted(layers: Layers, labels: Sequence[str], *, each: bool = False) -> Wanted:
    """Return what labels stand for in a CT.

    Args:
        layers: its structures.
        labels: names of structures or the beginning of several ('ribs'), one side of these ('right lung'), 'spine',
            'clavicles', 'scapulae'; names of PAXRay's classes; 'all' for each structure that is there, 'paxray' for
            each class that it can make.
        each: what a name stands for also structure by structure.

    Raises:
        InputError: if nothing has a name; the sentence lists what there is.
    """
    present = [layer.keep("present", layer.present) for layer in layers]
    groups: dict[str, Members] = {}
    classes: list[str] = []
    for name in labels:
        if name == CLASSES:
            classes += _classes(layers)
            continue
        found = tuple(enumerate(present)) if name == ALL else _members(name, layers, present)
        if not found and name in _classes(layers):
            classes.append(name)
        elif not found:
            raise InputError(_unknown(name, layers, present))
        elif name != ALL:
            groups[name] = found
        if name == ALL or each:
            groups |= {layers[number].names[i]: ((number, (i,)),) for number, ids in found for i in ids}
    return Wanted(groups, tuple(dict.fromkeys(name for name in classes if name not in groups)))


def _classes(layers: Layers) -> tuple[str, ...]:
    from hilum.drr.anatomy import anatomy
    from hilum.drr.anatomy_rules import available

    return available(anatomy(layers[0]))


def _members(name: str, layers: Layers, present: Sequence[Sequence[int]]) -> Members:
    side = next((side for side in ("right", "left") if name.startswith(f"{side} ")), "")
    plain = name.removeprefix(f"{side} ") if side else name
    found = []
    for number, layer in enumerate(layers):
        try:
            ids = layer.wanted([_ALIASES.get(plain, plain)])
        except InputError:
            continue
        kept = tuple(i for i in ids if i in present[number] and (not side or f"_{side}" in layer.names[i]))
        if kept:
            found.append((number, kept))
    return tuple(found)


def _unknown(name: str, layers: Layers, present: Sequence[Sequence[int]]) -> str:
    known = sorted(layer.names[i] for layer, ids in zip(layers, present, strict=True) for i in ids)
    return f"--labels: no structure is named '{name}'; this CT has {', '.join(known)}; all, paxray"


def parts_on(
    layers: Layers, asked: Wanted, geometry: Geometry, *, image: str, model: Model = "trilinear"
) -> tuple[Part, ...]:
    """Return the shadow of everything that was asked for on one film.

    Args:
        layers: the CT's structures.
        asked: from `wanted`.
        geometry: of the film.
        image: id of the film.
        model: projection model of the path lengths.
    """
    lengths: dict[tuple[int, int], NDArray[np.float32]] = {}
    for number, layer in enumerate(layers):
        ids = sorted({i for group in asked.groups.values() for at, held in group if at == number for i in held})
        if ids:
            made = path_lengths(layer, geometry, ids, model=model)
            lengths |= {(number, i): each for i, each in zip(ids, made, strict=True)}
    parts = [
        Part(
            name,
            tuple(layers[number].names[i] for number, ids in members for i in ids),
            _shadow(name, [lengths[number, i] for number, ids in members for i in ids], image),
        )
        for name, members in asked.groups.items()
    ]
    if asked.classes:
        from hilum.drr.anatomy import anatomy

        found = class_shadows(anatomy(layers[0]), geometry, asked.classes, image=image)
        parts += [Part(name, (), shadow) for name, shadow in found.items()]
    return tuple(parts)


def _shadow(name: str, lengths: Sequence[NDArray[np.float32]], image: str) -> Shadow:
    """Add path lengths up and cut the sum to where it is: a film of many structures would fill the memory else."""
    total: NDArray[np.float32] = lengths[0] if len(lengths) == 1 else np.asarray(sum(lengths), np.float32)
    shape = (total.shape[0], total.shape[1])
    rows, columns = np.flatnonzero(total.any(axis=1)), np.flatnonzero(total.any(axis=0))
    if not rows.size:
        return Shadow(name, np.zeros((1, 1), np.float32), np.zeros((1, 1), np.bool_), 0, 0, shape, image)
    cut = total[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    plain = next((name.removeprefix(f"{side} ") for side in ("right", "left") if name.startswith(f"{side} ")), name)
    return Shadow(name, cut, shadow_mask(cut, rule_for(plain)), int(rows[0]), int(columns[0]), shape, image)
