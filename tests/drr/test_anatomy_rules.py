"""The table of classes against PAXRay's own list, and anatomy whatever the order of the array."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.drr.anatomy import Anatomy, anatomy
from hilum.drr.anatomy_grid import Grid
from hilum.drr.anatomy_rules import NOT_GIVEN, RULES, available, missing
from hilum.drr.field import Structures
from hilum.drr.labels import class_shadows
from hilum.drr.project import film_geometry
from tests.drr import chest

_BOTH = ("left", "right")
_ENDS = ("anterior", "posterior")
PAXRAY = {
    "airways", "aorta", "aorta_arch", "aorta_ascending", "aorta_descending", "bones", "cocygis", "diaphragm",
    "esophagus", "heart", "hemidiaphragm_left", "hemidiaphragm_right", "l6", "lung_left", "lung_left_lobelower",
    "lung_left_lobeupper", "lung_left_vessel", "lung_overall", "lung_right", "lung_right_lobelower",
    "lung_right_lobemiddle", "lung_right_lobeupper", "lung_right_vessel", "mediastinum_anterior", "mediastinum_lower",
    "mediastinum_middle", "mediastinum_overall", "mediastinum_posterior", "mediastinum_upper", "ribs", "sacrum",
    "spine", "t13",
    *(f"c{count}" for count in range(1, 8)), *(f"t{count}" for count in range(1, 13)),
    *(f"l{count}" for count in range(1, 6)), *(f"rib_{count}" for count in range(1, 13)),
    *(f"rib_{end}_{count}" for end in (*_ENDS, *_BOTH) for count in range(1, 13)),
    *(f"rib_{side}_{end}_{count}" for side in _BOTH for end in _ENDS for count in range(1, 13)),
}  # fmt: skip
"""The classes that the released data set lists."""


def test_every_class_of_paxray_has_a_rule_or_a_reason() -> None:
    assert len(PAXRAY) == 165
    assert set(RULES) | set(NOT_GIVEN) >= PAXRAY
    assert not set(RULES) & set(NOT_GIVEN)
    assert all(len(reason) > 20 for reason in NOT_GIVEN.values())


def test_rules_are_of_parts_or_of_classes_and_never_of_themselves() -> None:
    def depth(name: str, above: tuple[str, ...] = ()) -> int:
        assert name not in above
        return 1 + max((depth(part, (*above, name)) for part in RULES[name].union_of), default=0)

    for name, rule in RULES.items():
        assert bool(rule.parts) != bool(rule.union_of), name
        assert depth(name) <= 4
        assert len(set(rule.parts)) == len(rule.parts)
    assert RULES["rib_left_5"].thin
    assert RULES["clavicle_right"].thin
    assert not RULES["heart"].thin


def test_parts_of_a_rule_do_not_overlap_so_that_their_paths_add_up() -> None:
    """All parts of one class lie on one label map, where a voxel has one id."""
    parts = small()
    for name in available(parts):
        layers = {parts.parts[part][0] for part in RULES[name].parts if part in parts.parts}
        assert len(layers) <= 1, name


def thinned() -> Structures:
    """The real structures at a quarter of the resolution in plane."""
    found = chest.structures()
    return Structures(found.ids[::4, ::4].copy(), found.affine @ np.diag([4, 4, 1, 1]), found.names)


def small() -> Anatomy:
    return thinned().keep("x", lambda: anatomy(thinned()))


@pytest.mark.parametrize(("order", "flips"), [((2, 1, 0), (1, 1, -1)), ((1, 2, 0), (-1, -1, 1))])
def test_storage_order_and_direction_do_not_matter(order: tuple[int, ...], flips: tuple[int, ...]) -> None:
    found = thinned()
    ids, affine = found.ids, found.affine.copy()
    for axis, flip in enumerate(flips):
        if flip < 0:
            ids = np.flip(ids, axis)
            affine[:3, 3] += affine[:3, axis] * (ids.shape[axis] - 1)
            affine[:3, axis] *= -1
    turned = Structures(np.ascontiguousarray(ids.transpose(order)), affine[:, [*order, 3]], found.names)
    one, two = anatomy(found), anatomy(turned)
    assert set(one.parts) == set(two.parts)
    assert one.missing == two.missing
    names = ["lung_left_mid", "rib_right_anterior_6", "mediastinum_anterior", "hemidiaphragm_right", "aorta_arch",
             "carina"]  # fmt: skip
    for view in ("PA", "LL"):
        geometry = film_geometry(chest.ct(), view=view, size=96)  # type: ignore[arg-type]
        first, second = class_shadows(one, geometry, names), class_shadows(two, geometry, names)
        for name in names:
            assert np.allclose(first[name].path_lengths(), second[name].path_lengths(), atol=0.05), name


def test_an_abdomen_alone_makes_what_it_can_and_says_why_not() -> None:
    found = thinned()
    keep = {"liver", "spleen", "stomach", "vertebrae_L1", "rib_left_12", "aorta"}
    ids = found.ids.copy()
    ids[~np.isin(ids, [number for number, name in found.names.items() if name in keep])] = 0
    ids[..., 60:] = 0
    parts = anatomy(Structures(ids, found.affine, found.names))
    there = available(parts)
    assert {"liver", "stomach", "spleen", "l1", "rib_left_posterior_12", "aorta_descending", "spine", "bones"} <= set(
        there
    )
    reasons = missing(parts)
    assert reasons["hemidiaphragm_left"].startswith("it takes the lung")
    assert reasons["mediastinum_upper"].startswith("it takes both lungs")
    assert reasons["carina"] == "there is no trachea"
    assert reasons["rib_left_anterior_3"] == "there is no rib_left_3"
    assert "no lung" in reasons["lung_left_apical"] or "none of what" in reasons["lung_left_apical"]
    film = class_shadows(parts, film_geometry(chest.ct(), size=64))
    assert set(film) == set(there)


def test_nothing_at_all_makes_nothing() -> None:
    parts = anatomy(Structures(np.zeros((8, 8, 8), np.uint8), np.eye(4), {1: "heart"}))
    assert available(parts) == ()
    assert set(missing(parts)) == set(RULES) | set(NOT_GIVEN)


def test_a_grid_is_seen_along_the_patient() -> None:
    ids = np.zeros((4, 6, 8), np.uint8)
    ids[1, 2, 3], ids[1, 2, 4] = 7, 7
    affine = np.array([[0, 0, -2.0, 5], [0, 3.0, 0, 0], [1.5, 0, 0, 0], [0, 0, 0, 1]])
    grid = Grid(Structures(ids, affine, {7: "thing", 9: "absent"}))
    assert grid.ids.shape == (8, 6, 4)
    assert grid.spacing_mm == (2.0, 3.0, 1.5)
    assert grid.voxels("thing").tolist() == [[3, 2, 1], [4, 2, 1]]
    assert grid.present("thing", "absent") == ["thing"]
    assert grid.height(["thing"]) == 1
    assert grid.height(["absent"]) is None
    box = grid.around(["thing"])
    assert box == (slice(1, 7), slice(0, 5), slice(0, 4))
    assert grid.mask(["thing"], box).sum() == 2
    assert grid.heart() == []
