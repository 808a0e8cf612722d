"""A chest while illnesses are put into it: HU and structures that change in place, and what its spaces hold already.

Everything works within bounding boxes. Grids are a `Body`'s (x left, y posterior, z head), lengths in mm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.drr.attenuation import AIR_HU
from hilum.drr.field import Structures
from hilum.phantom.illness_bend import Bend, bent
from hilum.phantom.patient import Anatomy, Plan
from hilum.phantom.warp import Body

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Box = tuple[slice, slice, slice]
OneSide = Literal["right", "left"]
SIDES: tuple[OneSide, ...] = ("right", "left")
LOBES = {"right": ("upper", "middle", "lower"), "left": ("upper", "lower")}
FREE, GAS, FLUID, SOLID = 0, 1, 2, 3
_OF_LUNGS = ("illness lung", "illness wall", "illness depth", "illness lung grid")
_SPLINE_SD = 0.479365**1.5  # of cubic B-splines over numbers of unit variance, in the mean over places


@dataclass(frozen=True, eq=False)
class Part:
    """Voxels of the grid, kept within their box.

    Args:
        box: slices of the grid.
        mask: bool, of the box's shape.
    """

    box: Box
    mask: Bools

    @property
    def count(self) -> int:
        """Voxels."""
        return int(self.mask.sum())

    def whole(self, shape: tuple[int, ...]) -> Bools:
        """Return bool (X, Y, Z) of the whole grid."""
        full = np.zeros(shape, np.bool_)
        full[self.box] = self.mask
        return full


class Chest:
    """One body on its way to being ill.

    Args:
        anatomy: the sound one; its arrays are left as they are.
        plans: all that will be placed, so that one can know of another.
        supine: gravity points to the back.
    """

    def __init__(self, anatomy: Anatomy, plans: Sequence[Plan] = (), *, supine: bool = False) -> None:
        body = anatomy.body
        self.anatomy, self.plans, self.supine = anatomy, tuple(plans), supine
        self.affine, self.step = body.volume.affine, body.spacing_mm
        self.hu: Floats = body.volume.voxels.copy()
        self.structures = body.structures
        self.held: NDArray[np.uint8] = np.zeros(self.hu.shape, np.uint8)
        self.carina_mm: NDArray[np.float64] = np.asarray(anatomy.carina_mm, np.float64)
        self.airways, self.vessels = anatomy.airways, anatomy.vessels
        self.bends: tuple[Bend, ...] = ()

    @property
    def body(self) -> Body:
        """The body as it stands."""
        volume = Volume(self.hu, self.affine, id=self.anatomy.body.volume.id)
        return Body(volume, self.structures)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return self.step**3 / 1000.0

    def mm(self, index: NDArray[Any]) -> NDArray[np.float64]:
        """Return voxel indices (..., 3) as patient mm."""
        return np.asarray(np.asarray(index, np.float64) * self.step + self.affine[:3, 3])

    def index(self, points_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Return patient mm (..., 3) as voxel indices, not rounded."""
        return np.asarray((np.asarray(points_mm, np.float64) - self.affine[:3, 3]) / self.step)

    def axes_mm(self, box: Box) -> tuple[Floats, Floats, Floats]:
        """Return the places of a box's voxels along x, y and z in patient mm, shaped to broadcast over it."""
        made = []
        for axis, part in enumerate(box):
            line = (np.arange(part.start, part.stop) * self.step + self.affine[axis, 3]).astype(np.float32)
            made.append(line.reshape([-1 if a == axis else 1 for a in range(3)]))
        return made[0], made[1], made[2]

    def height_mm(self, box: Box) -> Floats:
        """Return how high a box's voxels lie against gravity, shaped to broadcast: head up, or front up supine."""
        _, y, z = self.axes_mm(box)
        return -y if self.supine else z

    def has(self, *names: str) -> bool:
        """Return whether all of these structures are in the body."""
        boxes = self._boxes()
        numbers = {name: i for i, name in self.structures.names.items()}
        return all(name in numbers and numbers[name] in boxes for name in names)

    def part(self, *names: str, pad_mm: float = 0.0, every: bool = True) -> Part:
        """Return the voxels of structures.

        Args:
            names: exact names of TotalSegmentator.
            pad_mm: how far the box goes beyond them.
            every: all of them must be there; else those that are.

        Raises:
            InputError: if what is asked for is not in the body.
        """
        boxes = self._boxes()
        numbers = {name: i for i, name in self.structures.names.items()}
        missing = [name for name in names if numbers.get(name, -1) not in boxes]
        found = [numbers[name] for name in names if name not in missing]
        if not found or (every and missing):
            raise InputError(
                f"the body shows no {', '.join(missing)}: take a body that has it, "
                "or leave out the finding that needs it"
            )
        pad = round(pad_mm / self.step)
        sizes = self.hu.shape
        x, y, z = (
            slice(max(min(boxes[i][axis].start for i in found) - pad, 0),
                  min(max(boxes[i][axis].stop for i in found) + pad, sizes[axis]))
            for axis in range(3)
        )  # fmt: skip
        return Part((x, y, z), np.asarray(np.isin(self.structures.ids[x, y, z], found), np.bool_))

    def lung(self, side: OneSide) -> Part:
        """Return one lung, whatever fills it by now, with a border of one voxel around its box."""
        names = tuple(f"lung_{lobe}_lobe_{side}" for lobe in LOBES[side])
        found: Part = self.structures.keep(
            ("illness lung", side), lambda: self.part(*names, pad_mm=self.step, every=False)
        )
        return found

    def lobe(self, site: str, side: OneSide) -> Part:
        """Return one lobe; raises InputError where there is none."""
        return self.part(f"lung_{site}_lobe_{side}", pad_mm=self.step)

    def lobe_ids(self, side: OneSide) -> list[int]:
        """Return the ids of one lung's lobes."""
        wanted = [f"lung_{lobe}_lobe_{side}" for lobe in LOBES[side]]
        return [number for number, name in self.structures.names.items() if name in wanted]

    def aired(self, part: Part) -> Bools:
        """Return, within a part's box, those of its voxels that hold no gas, fluid or solid of an illness yet."""
        return np.asarray(part.mask & (self.held[part.box] == FREE))

    def depth_mm(self, side: OneSide) -> Floats:
        """Return how deep in a lung each voxel of its box lies, 0 outside; kept with the structures."""

        def make() -> Floats:
            return _distance(self.lung(side).mask) * np.float32(self.step)

        found: Floats = self.structures.keep(("illness depth", side), make)
        return found

    def wall_mm(self, side: OneSide) -> Floats:
        """Return how far each voxel of a lung's box lies from the chest wall or the diaphragm, 0 outside; kept.

        The mediastinum does not count: a lung hangs on its hilum, and neither air nor fluid gathers around that.
        """

        def make() -> Floats:
            from scipy.ndimage import uniform_filter

            mask = self.lung(side).mask
            outward = mask if side == "right" else mask[::-1]
            filled = np.logical_or.accumulate(outward, axis=0)
            filled = filled if side == "right" else filled[::-1]
            away = uniform_filter(_distance(filled), 3) * np.float32(self.step)
            return np.where(mask, away, np.float32(0.0))

        found: Floats = self.structures.keep(("illness wall", side), make)
        return found

    def mass_g(self, part: Part) -> float:
        """Return the mass of a part at 1 + HU / 1000 g/ml."""
        return float((self.hu[part.box][part.mask] - AIR_HU).sum(dtype=np.float64)) * self.voxel_ml / 1000.0

    def spread(self, box: Box, weight: Floats, mass_g: float, *, cap_hu: float = -50.0) -> float:
        """Add mass to a box where there is air to replace: vessels and walls stay as they are.

        Args:
            box: to change.
            weight: of the box's shape, 0 or more; how readily each voxel takes up mass.
            mass_g: to add; below 0 to take away.
            cap_hu: no voxel gets denser than this.

        Returns:
            the mass in g that found no room, 0 as a rule.
        """
        chosen = np.asarray(weight) > 0
        values, share = self.hu[box][chosen].astype(np.float64), weight[chosen].astype(np.float64)
        if mass_g < 0:
            share = share * np.clip(values - AIR_HU, 0.0, None)
            room = np.clip(values - AIR_HU, 0.0, None)
        else:
            share = share * np.clip(-values / 1000.0, 0.0, 1.0)
            room = np.clip(cap_hu - values, 0.0, None)
        left = abs(mass_g) * 1000.0 / self.voxel_ml
        added = np.zeros_like(values)
        for _ in range(8):
            total = float(share.sum())
            if left < 1e-6 or total <= 0:
                break
            more = np.minimum(left / total * share, room - added)
            added += more
            left -= float(more.sum())
            share = np.where(room - added > 1e-6, share, 0.0)
        target = self.hu[box]
        target[chosen] = (values + np.sign(mass_g) * added).astype(np.float32)
        return left * self.voxel_ml / 1000.0

    def bend(self, bends: Iterable[Bend]) -> None:
        """Move organs once, by all bends together; each lung keeps its mass in the room it is left."""
        bends = tuple(bends)
        if not bends:
            return
        before = {side: self._lung_mass(side) for side in SIDES}
        box, hu, ids = bent(self.hu, self.structures.ids, self.affine, bends)
        self.hu[box] = np.maximum(hu, AIR_HU)
        all_ids = self.structures.ids.copy()
        all_ids[box] = ids
        self.relabel(all_ids)
        for side, mass in before.items():
            if mass:
                part = self.lung(side)
                self.spread(part.box, part.mask.astype(np.float32), mass - self.mass_g(part))
        self.bends = (*self.bends, *bends)
        self.carina_mm = self._moved(self.carina_mm[None])[0]
        self.airways, self.vessels = (
            tree and replace(tree, start=self._moved(tree.start), end=self._moved(tree.end))
            for tree in (self.airways, self.vessels)
        )

    def relabel(self, ids: NDArray[Any], *, same_lungs: bool = False) -> None:
        """Give the voxels other structures (X, Y, Z); with the same lungs, what is known of their depth stays known."""
        kept = self.structures.kept
        self.structures = Structures(ids, self.affine, self.structures.names)
        if same_lungs:
            self.structures.kept.update({key: value for key, value in kept.items() if key[0] in _OF_LUNGS})

    def _moved(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        for each in self.bends:
            points = each.target(points)
        return points

    def _lung_mass(self, side: OneSide) -> float:
        there = [lobe for lobe in LOBES[side] if self.has(f"lung_{lobe}_lobe_{side}")]
        return self.mass_g(self.lung(side)) if there else 0.0

    def _boxes(self) -> dict[int, Box]:
        def make() -> dict[int, Box]:
            from scipy.ndimage import find_objects

            found = self.structures.keep(("boxes",), lambda: find_objects(self.structures.ids))
            return {number + 1: box for number, box in enumerate(found) if box is not None}

        boxes: dict[int, Box] = self.structures.keep(("illness boxes",), make)
        return boxes


def _distance(mask: Bools) -> Floats:
    from hilum.phantom.depth import depth_voxels

    found = np.empty(mask.shape, np.float32)
    depth_voxels(np.ascontiguousarray(mask), found)
    return found


def draws(plan: Plan, *names: str) -> np.random.Generator:
    """Return the generator of a plan's shape: of its concept and seed alone, so that visits share it."""
    return generator(plan.seed, "illness", plan.concept, *names)


def sides_of(plan: Plan) -> tuple[OneSide, ...]:
    """Return the sides a plan asks for; with none named, one drawn from its seed."""
    if plan.side == "both":
        return SIDES
    if plan.side in SIDES:
        return (plan.side,)
    return (SIDES[int(draws(plan, "side").integers(2))],)


def waves(chest: Chest, box: Box, rng: np.random.Generator, *, length_mm: float) -> Floats:
    """Return a smooth random field over a box: mean 0, standard deviation about 1, lumps of about half a length.

    Cubic B-splines over random numbers on a lattice that is fixed to the grid, so that a lesion keeps its pattern
    whatever box it is made in. Plane waves would be quicker to write, and show as stripes once rays add them up.
    """
    cell = max(length_mm / 2.2 / chest.step, 1.0)  # voxels
    values: Floats = rng.standard_normal([int(np.ceil(size / cell)) + 4 for size in chest.hu.shape], np.float32)
    for axis, part in enumerate(box):
        at = np.arange(part.start, part.stop) / cell + 1.0
        low, t = np.floor(at).astype(int), at - np.floor(at)
        pieces = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
        first = int(low[0]) - 1
        weights = np.zeros((len(at), int(low[-1]) + 3 - first), np.float32)
        for k, piece in enumerate(pieces):
            weights[np.arange(len(at)), low - 1 + k - first] += (piece / 6.0).astype(np.float32)
        chosen = np.moveaxis(values, axis, 0)[first : first + weights.shape[1]]
        values = np.moveaxis(np.tensordot(weights, chosen, axes=1), 0, axis)
    return np.asarray(np.ascontiguousarray(values) / np.float32(_SPLINE_SD), np.float32)


def spot(
    chest: Chest, part: Part, rng: np.random.Generator, *, deep: Floats, margin_mm: float
) -> tuple[int, ...] | None:
    """Return the voxel of a part that lies nearest to a place drawn by its own extent, at least a margin deep.

    None where nothing of it is aired any more: fluid or air of another illness has taken its place.

    Args:
        chest: it lies in.
        part: e.g. a lobe.
        rng: of the place: the same draw gives the same place in a body that breathes or stands differently.
        deep: depth in mm over the part's box.
        margin_mm: wanted depth; where none is so deep, the deepest tenth.
    """
    inside = chest.aired(part)
    if not inside.any():
        return None
    least = min(margin_mm, float(np.quantile(deep[inside], 0.9)))
    places = np.argwhere(inside & (deep >= least))
    shares = rng.uniform(0.05, 0.95, 3)
    wanted = np.array([np.quantile(places[:, axis], shares[axis]) for axis in range(3)])
    best = places[int(np.argmin(((places - wanted) ** 2).sum(axis=1)))]
    return tuple(int(v) + part.box[axis].start for axis, v in enumerate(best))
