"""Compiled writing of a made thorax into voxels; imported where it is first used."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilum.drr.compiled import jit, prange

_RIB_LAYER_MM = 3.5
"""From the middle of the ribs to the muscles on them."""
_SKIN_MM = 0.35
"""How uneven skin is: where it is quite smooth, rays along it show the facets of the lattice."""


@jit(inline=True)
def _share(distance: Any, step: float) -> Any:
    """Share of a voxel on the inner side of a surface at a signed distance (below 0 inside)."""
    return min(max(0.5 - distance / step, 0.0), 1.0)


@jit(inline=True)
def _inside(row: Any, x: float, y: float, z: float) -> Any:
    """Signed distance of a place to an ellipsoid with axes along the grid, to first order."""
    u, v, w = (x - row[0]) / row[3], (y - row[1]) / row[4], (z - row[2]) / row[5]
    far = np.sqrt(u * u + v * v + w * w)
    steep = np.sqrt((u / row[3]) ** 2 + (v / row[4]) ** 2 + (w / row[5]) ** 2)
    return (far - 1.0) * far / max(steep, 1e-6)


@jit(inline=True)
def _lobe(left: bool, x: float, y: float, z: float, fissures: Any) -> tuple[int, float]:
    """Id of a lobe and the distance to its nearest fissure."""
    row = 1 if left else 0
    bend = 5.0 * np.sin((y + 2.0 * fissures[row, 4]) / 38.0) + 0.12 * (abs(x) - 70.0)
    oblique = (z - (fissures[row, 0] + fissures[row, 1] * (y - fissures[row, 2])) - bend) * fissures[row, 3]
    if left:
        return (10 if oblique > 0 else 11), abs(oblique)
    away, aside = y - fissures[2, 2], (abs(x) - 75.0) / 45.0
    flat = z - fissures[2, 0] - fissures[2, 1] * away + fissures[2, 5] * ((away / 45.0) ** 2 + aside**2)
    flat += 2.0 * np.sin((abs(x) + 0.7 * y + fissures[2, 4]) / 17.0)
    if oblique <= 0:
        return 14, abs(oblique)
    return (12 if flat > 0 else 13), min(abs(oblique), abs(flat))


@jit(inline=True)
def _abdomen(x: float, y: float, z: float, noise: float, step: float, soft: Any, organs: Any) -> tuple[float, int]:
    """HU and id under the diaphragm: fat and bowel, liver, and the ellipsoids of other organs."""
    value, number = -25.0 + 25.0 * noise, 0
    if z > soft[3] + soft[4] * x + 0.3 * (y + 20.0) + 7.0 * np.sin(x / 22.0) and x < 75.0 and y < soft[9]:
        value, number = 58.0 + 4.0 * noise, 5
    stomach = 1e9
    for n in range(organs.shape[0]):
        deep = _inside(organs[n], x, y, z)
        if organs[n, 7] == 6:
            stomach = min(stomach, deep)
        if deep < 0 and not (number == 6 and stomach < deep):
            value, number = organs[n, 6] + 4.0 * noise, int(organs[n, 7])
    if number == 6:
        along = z if soft[5] == 2 else y
        fluid = 15.0 + 20.0 * noise
        held = fluid - (985.0 + fluid) * _share((soft[6] - along) * soft[7], step)
        value += (held - value) * _share(stomach + 3.0 - 0.8 * noise, step)  # its folds leave no smooth border
    return value, number


@jit(inline=True)
def _wall(depth: float, cage: float, beyond: float, noise: float, step: float, soft: Any) -> Any:
    """HU outside the ribs: muscle and fat between them, muscle, fat and skin, and air in part of a voxel."""
    flesh = 52.0 + (soft[10] - 52.0) * _share(cage - _RIB_LAYER_MM, step)
    value = soft[8] + (flesh - soft[8]) * _share(beyond, step) * _share(soft[2] - depth, step) + 6.0 * noise
    value += (20.0 - value) * _share(depth - soft[1], step)
    return -1000.0 + (value + 1000.0) * _share(-depth, step)


@jit(parallel=True)
def fill(
    hu: Any, ids: Any, origin: Any, step: float, lattice: Any, every: int, floor: Any, floor_cos: Any, limits: Any,
    limits_cos: Any, soft: Any, lung: Any, fissures: Any, organs: Any, tile: Any, shift: Any,
) -> None:  # fmt: skip
    """Write torso, lungs with lobes, mediastinal fat and abdomen.

    Args:
        hu, ids: (X, Y, Z) filled in place.
        origin, step: mm of voxel 0, and of a step.
        lattice: (3, a, b, c) depth under the skin, distance to the cage (below 0 within), and outside the muscles on
            it, in mm, at every `every`-th voxel.
        floor, floor_cos: (X, Y) z of the diaphragm and cosine of its slope.
        limits, limits_cos: (2, Y, Z) x of the right and left lung's medial surface, cosine of its slope.
        soft: pleura under the cage mm, skin mm, least fat mm, liver plane (z at x = 0, slope), gas axis (1 or 2),
            gas level, sign, fat HU, y before which the liver lies, HU between the ribs.
        lung: HU, texture HU, gravity HU per mm, its axis, its middle.
        fissures: (3, 7) right oblique, left oblique, horizontal: z, slope, y, cosine, phase, bow, HU mm.
        organs: (N, 8) ellipsoids under the diaphragm: middle, half-axes, HU, id.
        tile, shift: noise, and (3,) where it begins.
    """
    size, many = tile.shape[0], lattice.shape[3]
    for i in prange(hu.shape[0]):
        x = origin[0] + i * step
        line = np.empty((3, many))
        a, u = i // every, (i % every) / every
        for j in range(hu.shape[1]):
            y = origin[1] + j * step
            b, v = j // every, (j % every) / every
            for n in range(3):
                for k in range(many):
                    line[n, k] = (1 - u) * ((1 - v) * lattice[n, a, b, k] + v * lattice[n, a, b + 1, k])
                    line[n, k] += u * ((1 - v) * lattice[n, a + 1, b, k] + v * lattice[n, a + 1, b + 1, k])
            for k in range(hu.shape[2]):
                c, w = k // every, (k % every) / every
                noise = tile[(i + shift[0]) % size, (j + shift[1]) % size, (k + shift[2]) % size]
                depth = (1 - w) * line[0, c] + w * line[0, c + 1] + _SKIN_MM * noise
                if depth < -0.5 * step:
                    hu[i, j, k] = -1000.0
                    ids[i, j, k] = 0
                    continue
                z = origin[2] + k * step
                cage = (1 - w) * line[1, c] + w * line[1, c + 1]
                value, number = 0.0, 0
                if cage > -soft[0]:
                    beyond = (1 - w) * line[2, c] + w * line[2, c + 1]
                    value = _wall(depth, cage, beyond, noise, step, soft)
                elif z > floor[i, j] - 3.0:
                    value = soft[8] + 10.0 + 6.0 * noise if z >= floor[i, j] else 45.0
                else:
                    value, number = _abdomen(x, y, z, noise, step, soft, organs)
                left = x > 0.5 * (limits[0, j, k] + limits[1, j, k])
                inner = (
                    (limits[1, j, k] - x) * limits_cos[1, j, k] if left else (x - limits[0, j, k]) * limits_cos[0, j, k]
                )
                gap = max(cage + soft[0], (floor[i, j] - z) * floor_cos[i, j], inner)
                if gap < 0.5 * step:
                    lobe, near = _lobe(left, x, y, z, fissures)
                    along = y if lung[3] == 1 else z
                    air = lung[0] + lung[2] * (along - lung[4]) + lung[1] * noise
                    air += fissures[2, 6] * max(1.0 - near / step, 0.0) / step
                    value += (max(air, -990.0) - value) * _share(gap, step)
                    if gap < 0:
                        number = lobe
                hu[i, j, k] = value
                ids[i, j, k] = number


@jit(inline=True)
def _distance(row: Any, x: float, y: float, z: float) -> Any:
    """Signed distance of a place to one solid of `thorax_solids`, to first order."""
    wx, wy, wz = row[3] - row[0], row[4] - row[1], row[5] - row[2]
    length = np.sqrt(wx * wx + wy * wy + wz * wz)
    turn = 1.0 / max(length, 1e-9)
    wx, wy, wz = wx * turn, wy * turn, wz * turn
    px, py, pz = x - row[0], y - row[1], z - row[2]
    run = px * wx + py * wy + pz * wz
    at = min(max(run, 0.0), length)
    over = run - at
    share = at * turn
    along = row[9] + share * (row[10] - row[9])
    across = row[11] + share * (row[12] - row[11])
    u = px * row[6] + py * row[7] + pz * row[8]
    v = px * (wy * row[8] - wz * row[7]) + py * (wz * row[6] - wx * row[8]) + pz * (wx * row[7] - wy * row[6])
    if row[14] > 0:
        end, over = abs(over), 0.0
    else:
        end = -1e9
    cap = row[13]
    far = np.sqrt((u / along) ** 2 + (v / across) ** 2 + (over / cap) ** 2)
    steep = np.sqrt((u / along**2) ** 2 + (v / across**2) ** 2 + (over / cap**2) ** 2)
    deep = (far - 1.0) * far / max(steep, 1e-6) if far > 1e-6 else -min(along, across)
    deep = max(deep, -min(along, across))
    return max(deep, end) if end > 0 else deep


@jit(parallel=True)
def paint(hu: Any, ids: Any, origin: Any, step: float, rows: Any, only_air: bool) -> None:
    """Write solids over what is there: their union, by the share of a voxel that each covers.

    Args:
        hu, ids: (X, Y, Z) changed in place.
        origin, step: mm of voxel 0, and of a step.
        rows: (N, 19) `thorax_solids.Solids.table`; an id of 0 leaves ids, below 0 clears them.
        only_air: change only what is air and no structure.
    """
    deep, high = hu.shape[1], hu.shape[2]
    for i in prange(hu.shape[0]):
        x = origin[0] + i * step
        near = np.full((deep, high), 1e9)
        who = np.full((deep, high), -1, np.int32)
        low_j, high_j, touched = deep, 0, False
        for n in range(rows.shape[0]):
            row = rows[n]
            reach = max(row[9], row[10], row[11], row[12], row[13]) + 0.5 * step
            if x < min(row[0], row[3]) - reach or x > max(row[0], row[3]) + reach:
                continue
            j0 = max(int(np.ceil((min(row[1], row[4]) - reach - origin[1]) / step)), 0)
            j1 = min(int(np.floor((max(row[1], row[4]) + reach - origin[1]) / step)) + 1, deep)
            k0 = max(int(np.ceil((min(row[2], row[5]) - reach - origin[2]) / step)), 0)
            k1 = min(int(np.floor((max(row[2], row[5]) + reach - origin[2]) / step)) + 1, high)
            if j1 <= j0 or k1 <= k0:
                continue
            touched = True
            low_j, high_j = min(low_j, j0), max(high_j, j1)
            for j in range(j0, j1):
                y = origin[1] + j * step
                for k in range(k0, k1):
                    distance = _distance(row, x, y, origin[2] + k * step)
                    if distance < near[j, k] and distance < 0.5 * step:
                        near[j, k] = distance
                        who[j, k] = n
        if not touched:
            continue
        for j in range(low_j, high_j):
            for k in range(high):
                n = who[j, k]
                if n < 0 or (only_air and (ids[i, j, k] != 0 or hu[i, j, k] > -400.0)):
                    continue
                row = rows[n]
                outer = _share(near[j, k], step)
                inner = _share(near[j, k] + row[15], step) if row[15] > 0 else outer
                hu[i, j, k] = hu[i, j, k] * (1 - outer) + inner * row[17] + (outer - inner) * row[16]
                if near[j, k] < 0 and row[18] != 0:
                    ids[i, j, k] = max(int(row[18]), 0)
