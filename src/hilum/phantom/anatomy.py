"""The chest of one made patient: torso, lungs, heart, mediastinum, domes, spine, ribs and vessels as simple solids.

A simple stand-in: lengths in millimetres near an adult's, shapes that closed forms can project, and nothing more. The
volume phantoms of later versions replace it. x grows to the patient's left, z to the feet, 0 in the middle of the film.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum.core.seed import generator
from hilum.phantom.chords import Floats, Grid, Solid, add_tube

SIDES = (-1, 1)
"""Patient's right (left of the film) and left."""
_VESSELS = 18


@dataclass(frozen=True)
class Chest:
    """One patient's anatomy.

    Args:
        width: half of the inner width of the chest in mm, from one outer lung wall to the midline.
        depth: half-depth of the torso in mm.
        apex, dome_right, dome_left: z of lung tops and of the tops of the diaphragm in mm.
        ctr: width of the heart over the inner width of the chest; the heart is solved to it.
        heart_turn_deg: tilt of the heart's long axis.
        mediastinum: half-width in mm.
        rib_radius, rib_step, rib_first: of the ribs in mm.
        bone: attenuation of bone over that of soft tissue, share of usual.
        vessels: strength of the vessels, share of usual.
        seed: of the vessel tree.
    """

    width: float = 132.0
    depth: float = 112.0
    apex: float = -150.0
    dome_right: float = 72.0
    dome_left: float = 84.0
    ctr: float = 0.43
    heart_turn_deg: float = 52.0
    mediastinum: float = 27.0
    rib_radius: float = 5.5
    rib_step: float = 24.0
    rib_first: float = -142.0
    bone: float = 1.0
    vessels: float = 1.0
    seed: int = 0

    @property
    def heart(self) -> Solid:
        """The heart, as wide as the cardiothoracic ratio says."""
        ratio = 1.35  # long over short axis
        turn = np.deg2rad(self.heart_turn_deg)
        short = self.ctr * self.width / float(np.hypot(np.cos(turn), ratio * np.sin(turn)))
        half = self.ctr * self.width
        bottom = self.dome_left + 14.0
        height = short * float(np.hypot(np.sin(turn), ratio * np.cos(turn)))
        return Solid((0.30 * half, 18.0, bottom - 0.86 * height), (short, 48.0, short * ratio), -self.heart_turn_deg)

    def lung(self, side: int) -> Solid:
        """Return the outline of a lung (side -1 right, 1 left), cut by the dome and the heart only later."""
        inner = 10.0
        half, bottom = (self.width - inner) / 2, 182.0
        centre = (side * (inner + half), -4.0, (self.apex + bottom) / 2)
        return Solid(centre, (half, 0.78 * self.depth, (bottom - self.apex) / 2), side * 3.0, 2.5)

    def dome(self, side: int, lift: float = 0.0) -> Solid:
        """Return one half of the diaphragm and all below it, lifted by some millimetres."""
        top = (self.dome_right if side < 0 else self.dome_left) - lift
        half = (self.width + 4.0) / 2
        return Solid((side * half * 0.96, 0.0, top + 130.0), (half * 1.02, 1.2 * self.depth, 130.0), 0.0, 2.2)

    def middle(self, shift: float = 0.0) -> Solid:
        """Return the mediastinum, shifted to the patient's left by some millimetres."""
        return Solid((2.0 + shift, -6.0, 20.0), (self.mediastinum, 95.0, 260.0), 0.0, 2.6)


def draw_chest(seed: int, patient: str, *, ctr: float = 0.0) -> Chest:
    """Draw one patient's anatomy; a normal cardiothoracic ratio where none is given."""
    rng = generator(seed, "chest", patient)
    normal = float(np.clip(rng.normal(0.43, 0.03), 0.36, 0.485))
    dome = rng.normal(74.0, 11.0)
    return Chest(
        width=float(rng.normal(132.0, 7.0)), depth=float(rng.normal(112.0, 7.0)), apex=float(rng.normal(-150.0, 5.0)),
        dome_right=float(dome), dome_left=float(dome + rng.normal(10.0, 4.0)), ctr=ctr or normal,
        heart_turn_deg=float(rng.uniform(44, 58)), mediastinum=float(rng.uniform(23, 33)),
        rib_radius=float(rng.uniform(4.6, 6.4)), rib_step=float(rng.uniform(22, 26)),
        rib_first=float(rng.normal(-142, 4)), bone=float(rng.uniform(0.7, 1.3)), vessels=float(rng.uniform(0.6, 1.4)),
        seed=int(rng.integers(1 << 31)),
    )  # fmt: skip


def torso(chest: Chest, grid: Grid) -> Floats:
    """Return the path through the body without its lungs in mm: an elliptic torso, shoulders and a neck."""
    drop = np.maximum(-118.0 - grid.z, 0.0) / 74.0
    half = (chest.width + 34.0) * np.sqrt(np.maximum(1.0 - drop**2, 0.0)) + 1e-3
    depth = chest.depth * (1.0 - 0.35 * np.minimum(drop, 1.0))
    body = 2.0 * depth * np.maximum(1.0 - np.abs(grid.x / half) ** 2.6, 0.0) ** (1 / 2.6)
    neck = Solid((0.0, -10.0, -200.0), (54.0, 58.0, 110.0), 0.0, 2.6).depths(grid)
    arms = [Solid((side * (chest.width + 62.0), -20.0, 20.0), (40.0, 45.0, 190.0)).depths(grid) for side in SIDES]
    found = np.maximum(body, neck.length)
    for arm in arms:
        found = np.maximum(found, arm.length)
    return np.asarray(found, dtype=np.float32)


def bones(chest: Chest, grid: Grid) -> Floats:
    """Return the path through bone in mm: spine, posterior and anterior ribs, clavicles."""
    spine = Solid((0.0, -70.0, 0.0), (17.0, 17.0, 600.0)).depths(grid).length
    disc = np.abs((grid.z + 400.0) % chest.rib_step - chest.rib_step / 2) < 2.5
    found = 1.1 * np.where(disc, 0.55 * spine, spine)
    far = np.abs(grid.x)
    for number in range(10):
        start = chest.rib_first + number * chest.rib_step
        high = 1.0 - ((start - 30.0) / 215.0) ** 2
        wide = (chest.width + 3.0) * float(np.sqrt(max(high, 0.05)))
        share = np.minimum(far / wide, 0.999)
        bend = 1.0 / np.sqrt(1.0 - share**2)  # a rib that runs along the beam is crossed at length
        along = np.sqrt(1.0 + np.minimum((chest.depth / wide * share * bend) ** 2, 9.0))
        for middle, slope, weight, begin in (
            (start - 7.0 * share + 30.0 * share**2, (60.0 * share - 7.0) / wide, 1.0, 12.0),
            (start + 23.0 + 66.0 * (1.0 - share), np.full_like(share, -66.0 / wide), 0.62, 0.42 * wide),
        ):
            distance2 = (grid.z - middle) ** 2 / (1.0 + slope**2)
            chord = 2.0 * np.sqrt(np.maximum(chest.rib_radius**2 - distance2, 0.0))
            found += weight * chord * along * ((far > begin) & (far < wide))
    bone: Floats = found.astype(np.float32)
    for side in SIDES:
        add_tube(bone, grid, ((side * 14.0, -112.0), (side * 72.0, -130.0)), 6.5, 1.0)
        add_tube(bone, grid, ((side * 72.0, -130.0), (side * 150.0, -139.0)), 6.0, 1.0)
    return np.asarray(bone * np.float32(chest.bone), dtype=np.float32)


def vessels(chest: Chest, grid: Grid, lungs: Floats) -> Floats:
    """Return the path through vessels and hila in mm, only where there is lung (path `lungs` in mm)."""
    rng = generator(chest.seed, "vessels")
    found = np.zeros_like(grid.x)
    for side in SIDES:
        root = (side * (chest.mediastinum + 6.0), -22.0 + 4.0 * side)
        for _ in range(4):
            spot = (root[0] + side * rng.uniform(0, 14), root[1] + rng.uniform(-18, 22))
            add_tube(found, grid, (spot, (spot[0] + side * 8, spot[1] + rng.uniform(-8, 12))), rng.uniform(5, 8), 0.9)
        for _ in range(_VESSELS):
            angle, at, radius = rng.uniform(-1.35, 1.4), root, rng.uniform(2.2, 3.6)
            for _ in range(4):
                angle += rng.normal(0.0, 0.25)
                step = rng.uniform(16, 28)
                to = (at[0] + side * step * float(np.cos(angle)), at[1] + step * float(np.sin(angle)))
                add_tube(found, grid, (at, to), radius, 1.0)
                at, radius = to, 0.72 * radius
    return np.asarray(found * np.clip(lungs / 60.0, 0.0, 1.0) * np.float32(chest.vessels), dtype=np.float32)
