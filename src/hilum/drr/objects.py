"""Things found in a chest that are not the patient: retained surgical objects, and harmless ones on or in the body.

Sizes are those of the instruments' usual makes. `critical` marks what a surgeon must be told of at once (Hopkins
RFOs Bench, arXiv 2507.06937); lines, tubes, implants and what the patient wears are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.solids import Floats, Solid, ball, curve, disc, frames, plate, prism, rod, tube

STEEL, TITANIUM, PVC, SILICONE = ("iron", 7.9), ("titanium", 4.5), ("pvc", 1.35), ("silicone", 1.15)
COTTON, BARIUM, GOLD = ("cellulose", 0.18), ("barium sulfate", 2.3), ("gold", 15.0)
PLASTIC = ("polyethylene", 0.95)


@dataclass(frozen=True)
class Thing:
    """One object: its name, whether it is critical, and its bodies in mm."""

    name: str
    critical: bool
    solids: tuple[Solid, ...]

    def moved(self, *, rotation: Floats | None = None, shift_mm: Sequence[float] = (0.0, 0.0, 0.0)) -> Thing:
        """Return the object turned by a (3, 3) rotation about its origin, then shifted."""
        return replace(self, solids=tuple(part.moved(rotation=rotation, shift_mm=shift_mm) for part in self.solids))

    @property
    def vertices(self) -> Floats:
        """(N, 3) vertices of all bodies, in mm."""
        return np.concatenate([part.vertices for part in self.solids])


Maker = Callable[[np.random.Generator], Thing]
_MAKERS: dict[str, Maker] = {}


def _made(maker: Maker) -> Maker:
    _MAKERS[maker.__name__.strip("_").replace("_", " ")] = maker
    return maker


def names() -> tuple[str, ...]:
    """Return the names of the objects that can be made about any place."""
    return tuple(_MAKERS)


def make(name: str, rng: np.random.Generator) -> Thing:
    """Return one object about the origin, its sizes and folds drawn from `rng`.

    Raises:
        InputError: for a name that is not known.
    """
    if name not in _MAKERS:
        raise InputError(f"no object is named '{name}'; there are: {', '.join(_MAKERS)}")
    return _MAKERS[name](rng)


def wander(rng: np.random.Generator, box_mm: tuple[float, float, float], length_mm: float) -> Floats:
    """Return a folded curve (N, 3) of about a length that stays within a box about the origin."""
    half = np.array(box_mm) / 2
    points = [rng.uniform(-half, half)]
    heading = rng.normal(size=3)
    for _ in range(max(3, round(length_mm / 8.0))):
        heading = 0.7 * heading / np.linalg.norm(heading) + 0.6 * rng.normal(size=3)
        step = points[-1] + 8.0 * heading / np.linalg.norm(heading)
        out = np.abs(step) > half
        heading = np.where(out, -heading, heading)
        points.append(np.clip(step, -half, half) + rng.normal(0, 0.05, 3))
    return curve(np.array(points), step_mm=1.0)


@_made
def _needle(rng: np.random.Generator) -> Thing:
    length, radius = rng.uniform(8, 50), rng.uniform(0.2, 0.5)
    bow = length / np.pi
    angle = np.linspace(0, np.pi, 48)
    taper = radius * np.minimum(1.0, np.linspace(0.05, 6, 48))
    points = bow * np.stack([np.cos(angle), np.sin(angle) - 0.5, np.zeros(48)], -1)
    return Thing("needle", True, (rod(*STEEL, points, taper, part="needle"),))


@_made
def _sponge(rng: np.random.Generator) -> Thing:
    box = (rng.uniform(40, 90), rng.uniform(30, 70), rng.uniform(8, 20))
    thread = wander(rng, (box[0] * 0.9, box[1] * 0.9, box[2] * 0.7), rng.uniform(100, 300))
    gauze = plate(*COTTON, box, round_mm=min(box[:2]) / 4, part="gauze")
    return Thing("sponge", True, (gauze, rod(*BARIUM, thread, 0.5, part="marker thread")))


@_made
def _lap_pad(rng: np.random.Generator) -> Thing:
    box = (rng.uniform(90, 150), rng.uniform(70, 120), rng.uniform(12, 28))
    tag = plate(*BARIUM, (rng.uniform(80, min(100.0, box[0])), rng.uniform(3, 6), 0.4), part="radiopaque tag")
    tag = tag.moved(shift_mm=(0, rng.uniform(-0.3, 0.3) * box[1], 0.2 * box[2]))
    return Thing("lap pad", True, (plate(*COTTON, box, round_mm=min(box[:2]) / 5, part="gauze"), tag))


def _scissor_arm(side: float, length: float, spread_deg: float, thick: float) -> list[Solid]:
    """One arm of a ringed instrument, its joint at the origin, jaws to +x."""
    jaw = np.array([[0, -thick], [length * 0.3, -0.3 * thick], [length * 0.3, 0.3 * thick], [0, thick]])
    turn = np.radians(side * spread_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]])
    lift = (0.0, 0.0, side * thick * 0.55)
    shank = np.array([[0, 0, 0], [-length * 0.3, side * 4, 0], [-length * 0.6, side * 9, 0]], float)
    ring_angle = 2 * np.pi * np.arange(6) / 6
    ring = np.array([-length * 0.6 - 10, side * 14, 0]) + 10 * np.stack(
        [np.cos(ring_angle), np.sin(ring_angle), np.zeros(6)], -1
    )
    parts = [
        prism(*STEEL, jaw, thick, part="jaw"),
        rod(*STEEL, curve(shank, step_mm=4.0), thick * 0.55, part="shank"),
        rod(*STEEL, curve(ring, step_mm=3.0, closed=True), 1.6, closed=True, part="ring"),
    ]
    return [part.moved(rotation=rotation, shift_mm=lift) for part in parts]


@_made
def _clamp(rng: np.random.Generator) -> Thing:
    length, spread, thick = rng.uniform(120, 180), rng.uniform(0, 12), rng.uniform(3, 5)
    solids = _scissor_arm(1.0, length, spread, thick) + _scissor_arm(-1.0, length, spread, thick)
    solids.append(rod(*STEEL, np.array([[0, 0, -thick], [0, 0, thick]]), 3.0, part="joint"))
    return Thing("clamp", True, tuple(solids))


@_made
def _scissors_tip(rng: np.random.Generator) -> Thing:
    length, spread = rng.uniform(20, 40), rng.uniform(0, 20)
    solids = []
    for side in (1.0, -1.0):
        blade = np.array([[0, -2.5], [length, -0.4], [length, 0.4], [0, 2.5]])
        turn = np.radians(side * spread / 2)
        rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]])
        part = prism(*STEEL, blade, 1.5, part="blade")
        solids.append(part.moved(rotation=rotation, shift_mm=(-length / 2, 0, side * 0.9)))
    return Thing("scissors tip", True, tuple(solids))


@_made
def _retractor(rng: np.random.Generator) -> Thing:
    long, wide = rng.uniform(150, 250), rng.uniform(15, 40)
    return Thing(
        "retractor", True, (plate(*STEEL, (long, wide, rng.uniform(1.2, 3)), round_mm=wide / 3, part="blade"),)
    )


@_made
def _buttons(rng: np.random.Generator) -> Thing:
    radius, count = rng.uniform(5, 8), int(rng.integers(3, 6))
    places = (np.arange(count) - (count - 1) / 2) * rng.uniform(60, 85)
    material = STEEL if rng.random() < 0.4 else PLASTIC
    thick = 1.0 if material is STEEL else 2.6
    solids = tuple(disc(*material, radius, thick, part="button").moved(shift_mm=(float(x), 0, 0)) for x in places)
    return Thing("buttons", False, solids)


@_made
def _necklace(rng: np.random.Generator) -> Thing:
    wide, drop = rng.uniform(55, 75), rng.uniform(60, 110)
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    loop = np.stack([-drop * np.cos(angle), wide * np.sin(angle), 12 * np.cos(2 * angle)], -1)
    links = tuple(ball(*GOLD, 0.8, part="link").moved(shift_mm=place) for place in loop)
    pendant = disc(*GOLD, rng.uniform(5, 10), 1.2, part="pendant").moved(shift_mm=(-drop - 8, 0, 0))
    return Thing("necklace", False, (*links, pendant))


@_made
def _ecg_dots(rng: np.random.Generator) -> Thing:
    solids = []
    for place in ((-90, -80), (-90, 80), (60, 70)):
        at = (place[0] + rng.normal(0, 12), place[1] + rng.normal(0, 12), 0.0)
        solids.append(disc(*STEEL, 5.0, 1.0, part="snap").moved(shift_mm=at))
        lead = np.array([[0, 0, 2], [40, 20 * np.sign(place[1]), 4], [110, 25 * np.sign(place[1]), 4]]) + at
        solids.append(rod(*STEEL, curve(lead, step_mm=3.0), 0.35, sides=8, part="lead"))
    return Thing("ecg dots", False, tuple(solids))


@_made
def _zipper(rng: np.random.Generator) -> Thing:
    count = int(rng.integers(60, 110))
    teeth = []
    for index in range(count):
        at = ((index - count / 2) * 2.2, 1.4 * (-1) ** index, 0.0)
        teeth.append(plate(*STEEL, (1.1, 3.0, 1.8), part="tooth").moved(shift_mm=at))
    return Thing("zipper", False, tuple(teeth))


@_made
def _pacemaker_can(rng: np.random.Generator) -> Thing:
    wide = rng.uniform(42.0, 48.0)
    shell = plate(*TITANIUM, (wide, 40.0, 0.8), round_mm=14.0, part="can")
    battery = plate(*STEEL, (28.0, 24.0, 3.2), round_mm=6.0, part="battery").moved(shift_mm=(4, 5, 0))
    header = plate(*PLASTIC, (30.0, 9.0, 6.0), part="header").moved(shift_mm=(0, -24, 0))
    return Thing(
        "pacemaker can", False,
        (shell.moved(shift_mm=(0, 0, 3.1)), shell.moved(shift_mm=(0, 0, -3.1)), battery, header),
    )  # fmt: skip


@_made
def _sternal_wires(rng: np.random.Generator) -> Thing:
    wires = []
    for index in range(int(rng.integers(4, 8))):
        across, deep = rng.uniform(9, 13), rng.uniform(6, 9)
        angle = 2 * np.pi * np.arange(8) / 8
        loop = np.stack([index * 19 + 1.5 * np.sin(2 * angle), across * np.cos(angle), deep * np.sin(angle)], -1)
        wires.append(rod(*STEEL, curve(loop, step_mm=2.0, closed=True), 0.45, sides=10, closed=True, part="loop"))
        twist = np.array([[index * 19.0, 0, deep], [index * 19 + 3.0, 1, deep + 2], [index * 19 + 6.0, 0, deep + 2]])
        wires.append(rod(*STEEL, curve(twist, step_mm=1.0), 0.7, sides=10, part="twist"))
    length = (len(wires) // 2 - 1) * 19.0
    return Thing("sternal wires", False, tuple(wires)).moved(shift_mm=(-length / 2, 0, 0))


def line(kind: str, points: NDArray[np.float64]) -> Thing:
    """Return a tube or line along a path: its tip is the path's last point.

    Args:
        kind: 'endotracheal tube', 'central venous catheter', 'picc', 'nasogastric tube', 'chest tube' or
            'pacemaker lead'.
        points: (N, 3) in mm.

    Raises:
        InputError: for a kind that is not known.
    """
    if kind == "pacemaker lead":
        tip = points[-max(2, len(points) // 40) :]
        body = rod(*STEEL, points, 0.55, sides=10, part="conductor")
        return Thing(kind, False, (body, rod(*STEEL, tip, 1.1, sides=10, part="electrode")))
    outer_inner = {
        "endotracheal tube": (5.5, 4.0), "central venous catheter": (1.15, 0.6), "picc": (0.8, 0.4),
        "nasogastric tube": (2.0, 1.3), "chest tube": (4.75, 3.2),
    }  # fmt: skip
    if kind not in outer_inner:
        raise InputError(f"no line is named '{kind}'; there are: {', '.join([*outer_inner, 'pacemaker lead'])}")
    outer, inner = outer_inner[kind]
    wall = tube(*PVC, points, outer, inner, part="wall")
    stripe = rod(*BARIUM, points + _beside(points, (outer + inner) / 2), min(0.75, (outer - inner) / 2.5), sides=8,
                 part="stripe")  # fmt: skip
    return Thing(kind, False, (wall, stripe))


def _beside(points: Floats, distance: float) -> Floats:
    """Return for each point a step of a distance across the path, carried along without twist."""
    first: Floats = frames(points, closed=False)[0] * distance
    return first
