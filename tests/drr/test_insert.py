"""Objects in the beam: mass, truth of their labels, where they lie, and the bench's rows."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.data.chest_ct import chest_ct, chest_structures, folder
from hilum.drr import lines, objects, placing
from hilum.drr.field import Structures
from hilum.drr.geometry import Geometry, aim
from hilum.drr.insert import insert, outline, read_rfo_row, rfo_row

WATER = Volume(np.zeros((60, 60, 60), np.float32), np.diag([2.0, 2.0, 2.0, 1.0]))


def exposure(volume: Volume = WATER, **more: object) -> Geometry:
    shape = volume.voxels.shape
    return aim(volume.affine, shape, detector=(192, 192), pitch_mm=(2.0, 2.0), **more)  # type: ignore[arg-type]


def middle(geometry: Geometry) -> tuple[float, ...]:
    return tuple(float(value) for value in geometry.isocentre)


@pytest.mark.parametrize("name", objects.names())
def test_every_object_is_made_of_closed_bodies_and_is_the_same_for_a_seed(name: str) -> None:
    first, second, other = (objects.make(name, generator(seed, name)) for seed in (3, 3, 4))
    assert np.array_equal(first.vertices, second.vertices)
    assert first.vertices.shape != other.vertices.shape or not np.array_equal(first.vertices, other.vertices)
    assert all(part.volume_mm3 > 0 for part in first.solids)
    assert 5 < np.ptp(first.vertices, axis=0).max() < 450


def test_retained_objects_are_critical_and_what_a_patient_wears_is_not() -> None:
    rng = generator(0, "critical")
    critical = {name for name in objects.names() if objects.make(name, rng).critical}
    assert critical == {"needle", "sponge", "lap pad", "clamp", "scissors tip", "retractor"}


def test_a_film_shows_an_objects_whole_mass() -> None:
    geometry = exposure(parallel=True)
    thing = objects.make("clamp", generator(0, "clamp")).moved(shift_mm=middle(geometry))
    _, (seen,) = insert({}, [thing], geometry)
    grams = sum(part.volume_mm3 * part.density_g_cm3 for part in thing.solids) / 1000
    assert float(seen.areal.sum()) * 0.2 * 0.2 == pytest.approx(grams, rel=0.02)


def test_matter_is_added_before_the_exponential_and_pushes_tissue_aside() -> None:
    geometry = exposure()
    before = {"soft tissue": np.full(geometry.shape, 12.0, np.float32)}
    thing = objects.make("sponge", generator(1, "pad")).moved(shift_mm=middle(geometry))
    kept, _ = insert(before, [thing], geometry)
    after, (seen,) = insert(before, [thing], geometry, volume=WATER)
    assert np.array_equal(before["soft tissue"], np.full(geometry.shape, 12.0, np.float32))
    assert np.array_equal(kept["soft tissue"], before["soft tissue"])
    assert set(after) == {"soft tissue", "cellulose", "barium sulfate"}
    gauze = after["cellulose"].max()
    assert before["soft tissue"].min() - after["soft tissue"].min() == pytest.approx(gauze / 0.18, rel=0.1)
    assert (after["soft tissue"] < 12.0)[seen.mask].mean() > 0.9
    assert (12.0 - after["soft tissue"])[~seen.mask].max() < 0.03


def test_what_lies_outside_the_body_pushes_nothing_aside() -> None:
    geometry = exposure()
    outside = objects.make("buttons", generator(0, "b")).moved(shift_mm=(60.0, -30.0, 60.0))
    after, _ = insert({"soft tissue": np.ones(geometry.shape, np.float32)}, [outside], geometry, volume=WATER)
    assert np.array_equal(after["soft tissue"], np.ones(geometry.shape, np.float32))


def test_a_box_holds_the_mask_and_no_more() -> None:
    geometry = exposure()
    thing = objects.make("needle", generator(5, "n")).moved(shift_mm=middle(geometry))
    _, (seen,) = insert({}, [thing], geometry)
    assert seen.box is not None
    x0, y0, x1, y1 = (int(value) for value in seen.box)
    assert seen.mask[y0:y1, x0:x1].sum() == seen.mask.sum() > 0
    assert seen.mask[y0].any()
    assert seen.mask[:, x1 - 1].any()


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"map of soft tissue is \(4, 4\)"):
        insert({"soft tissue": np.zeros((4, 4), np.float32)}, [], exposure())


def test_the_benchs_rows_are_read_back() -> None:
    geometry = exposure()
    needle, pad = (
        objects.make(name, generator(2, name)).moved(shift_mm=middle(geometry)) for name in ("needle", "buttons")
    )
    missed = needle.moved(shift_mm=(5000.0, 0, 0))
    _, seen = insert({}, [needle, missed, pad], geometry)
    boxes = read_rfo_row(rfo_row(seen))
    assert [critical for critical, _ in boxes] == [True, False]
    assert np.allclose(boxes[0][1].ravel(), seen[0].box)
    critical, points = read_rfo_row(rfo_row(seen, polygons=True))[0]
    assert critical
    assert len(points) > 8
    assert points[:, 0].min() == pytest.approx(seen[0].box[0], abs=0.6)
    assert points[:, 1].max() == pytest.approx(seen[0].box[3], abs=0.6)
    assert rfo_row(()) == ""
    assert read_rfo_row("") == []


@pytest.mark.parametrize("text", ["0_1 1 2 3 4", "a_1_0 1 2 3", "0_7_0 1 2 3 4", "0_1_0 1 2 3 4 5 6", "0_1_1 x y"])
def test_a_damaged_row_says_what_was_expected(text: str) -> None:
    with pytest.raises(InputError, match=r"object row|points"):
        read_rfo_row(text)


def test_an_outline_walks_round_the_largest_piece() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5:25, 10:20] = True
    mask[35, 35] = True
    points = outline(mask)
    x, y = points.T
    assert abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) / 2 == pytest.approx(200, abs=1)
    assert x.min() > 9
    assert y.max() < 26
    with pytest.raises(InputError, match="no outline"):
        outline(np.zeros((3, 3), bool))


def test_unknown_names_list_what_there_is() -> None:
    rng = generator(0, "x")
    with pytest.raises(InputError, match="needle"):
        objects.make("spoon", rng)
    with pytest.raises(InputError, match="chest tube"):
        objects.line("rope", np.zeros((2, 3)))
    with pytest.raises(InputError, match="pleura"):
        placing.candidates("knee", Structures(np.zeros((2, 2, 2), np.uint8), np.eye(4), {}))


def test_a_mirrored_body_takes_an_object_on_its_own_front() -> None:
    """The front is where y is small in patient axes, whichever way the array runs."""
    voxels = np.full((40, 40, 40), -1000.0, np.float32)
    voxels[10:30, 5:25, 5:35] = 20.0
    flip = np.diag([2.0, -2.0, 2.0, 1.0])
    flip[1, 3] = 78.0
    for affine in (np.diag([2.0, 2.0, 2.0, 1.0]), flip):
        body = Volume(voxels, affine)
        thing = placing.place(
            objects.make("buttons", generator(0, "b")), "skin in front", body, None, generator(1, "p")
        )
        index = np.argwhere(voxels > 0)
        y = placing.to_mm(affine, index.astype(float))[:, 1]
        assert thing.vertices[:, 1].max() < y.min()
        assert not thing.critical
    critical = placing.place(objects.make("needle", generator(0, "b")), "skin behind", body, None, generator(1, "p"))
    assert not critical.critical
    with pytest.raises(InputError, match="needs the CT's structures"):
        placing.place(objects.make("needle", generator(0, "b")), "pleura", body, None, generator(1, "p"))


def test_a_volume_of_air_holds_no_body() -> None:
    with pytest.raises(InputError, match="no body"):
        placing.body_mask(Volume(np.full((10, 10, 10), -1000.0, np.float32), np.eye(4)))


@pytest.fixture(scope="module")
def chest() -> tuple[Volume, Structures]:
    try:
        folder()
    except MissingError as error:
        pytest.skip(str(error))
    return chest_ct(), chest_structures()


def test_the_carina_lies_at_the_fourth_to_sixth_thoracic_vertebra(chest: tuple[Volume, Structures]) -> None:
    _, structures = chest
    fork = lines.carina(structures)
    heights = [
        placing.to_mm(structures.affine, np.argwhere(structures.ids == structures.wanted([name])[0]).astype(float))[
            :, 2
        ]
        for name in ("vertebrae_T4", "vertebrae_T6")
    ]
    assert heights[1].min() < fork[2] < heights[0].max()


@pytest.mark.parametrize("above", [50.0, 20.0, -25.0])
def test_a_tracheal_tube_ends_where_it_is_told_to(chest: tuple[Volume, Structures], above: float) -> None:
    _, structures = chest
    (tube,) = lines.lay("endotracheal tube", structures, generator(0, "e"), tip_mm=above)
    tip = tube.vertices[np.argmin(tube.vertices[:, 2])]
    fork = lines.carina(structures)
    assert tip[2] - fork[2] == pytest.approx(above if above > 0 else above * np.cos(np.radians(25)), abs=7)
    if above < 0:
        assert tip[0] < fork[0] - 4  # the patient's right


def test_lines_run_where_they_should(chest: tuple[Volume, Structures]) -> None:
    """Each tip ends in or beside its structure; the pacemaker's can lies under the left clavicle."""
    _, structures = chest
    rng = generator(0, "lines")
    (feeding,) = lines.lay("nasogastric tube", structures, rng)
    stomach = placing.to_mm(structures.affine, np.argwhere(structures.ids == 6).astype(float))
    low = feeding.vertices[feeding.vertices[:, 2] < feeding.vertices[:, 2].min() + 3]
    assert np.linalg.norm(stomach[:, None] - low[None, ::20], axis=2).min() < 12
    (central,) = lines.lay("central venous catheter", structures, rng, tip_mm=0.0)
    cava = placing.to_mm(structures.affine, np.argwhere(structures.ids == 62).astype(float))
    assert abs(central.vertices[:, 2].min() - cava[:, 2].min()) < 12
    can, *leads = lines.lay("pacemaker", structures, rng)
    assert len(leads) == 2
    assert can.vertices[:, 0].mean() > 60  # left
    heart = placing.to_mm(structures.affine, np.argwhere(structures.ids == 51).astype(float))
    assert leads[0].vertices[:, 2].min() < heart[:, 2].mean()


def test_sites_lie_in_the_named_part_of_the_body(chest: tuple[Volume, Structures]) -> None:
    volume, structures = chest
    heart = placing.to_mm(structures.affine, np.argwhere(structures.ids == 51).astype(float))
    for seed in range(4):
        rng = generator(seed, "site")
        needle = objects.make("needle", rng)
        low = placing.place(needle, "below the diaphragm", volume, structures, rng).vertices.mean(axis=0)
        assert low[2] < heart[:, 2].mean() + 20
        inner = placing.place(needle, "mediastinum", volume, structures, rng)
        assert np.abs(inner.vertices[:, 0].mean() - heart[:, 0].mean()) < 120
        assert inner.critical
        front = placing.place(needle, "skin in front", volume, structures, rng).vertices[:, 1].mean()
        behind = placing.place(needle, "skin behind", volume, structures, rng).vertices[:, 1].mean()
        assert front < heart[:, 1].min() < behind


def test_an_insertions_path_is_its_areal_density_over_its_density() -> None:
    geometry = exposure()
    thing = objects.make("retractor", generator(2, "r")).moved(shift_mm=middle(geometry))
    _, (seen,) = insert({}, [thing], geometry)
    np.testing.assert_allclose(seen.path_mm * 7.9 / 10.0, seen.areal, rtol=1e-4, atol=1e-6)
    assert seen.path_mm.max() > 1.0


@pytest.mark.parametrize("about", [(0.3, 0.2), (0.5, 0.8), (0.8, 0.5)])
def test_what_is_worn_lies_about_the_share_of_the_chest_asked_for(about: tuple[float, float]) -> None:
    body = np.full((60, 50, 60), -1000.0, np.float32)
    body[5:55, 10:40, 5:55] = 20.0
    ct = Volume(body, np.diag([5.0, 5.0, 5.0, 1.0]))  # x to the left, y to the back, z to the head
    disc = objects.make("pacemaker can", generator(0, "can"))
    middles = []
    for seed in range(6):
        laid = placing.place(disc, "skin in front", ct, None, generator(seed, "worn"), about=about)
        box = laid.vertices
        middles.append(((box.min(axis=0) + box.max(axis=0)) / 2)[[0, 2]])
        assert box[:, 1].max() < 50.0 + 12.0
        assert not laid.critical
    share = (np.mean(middles, axis=0) - 25.0) / 245.0
    np.testing.assert_allclose(share, about, atol=0.08)
    assert np.std(middles, axis=0).min() > 0
