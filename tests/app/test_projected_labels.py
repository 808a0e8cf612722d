"""Labels of a projected film through the DICOM writer that serves all masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hilum.core.image import MadeBy
from hilum.core.study import Study
from hilum.drr.labels import shadows
from hilum.drr.project import film_geometry, film_of
from hilum.drr.structures import path_lengths
from hilum.io import header, save, seg
from tests.drr import chest


def test_the_lungs_of_a_projected_film_are_written_and_read_back(tmp_path: Path) -> None:
    found = chest.structures()
    geometry = film_geometry(chest.ct(), size=96)
    film = film_of(path_lengths(found, geometry, [51])[0], geometry, name="1.2.826.0.1.3680043.2.1")
    made = shadows(found, geometry, ["lungs", "heart"], image=film.id)
    masks = [shadow.mask() for shadow in made.values()]
    own = header.film_header(film, Study("projected", images=(film,)))
    written = seg.segmentation(film, masks, own, made_by=MadeBy("projected labels", "1"))
    save.save_dicom(written, tmp_path / "seg.dcm")
    read = seg.read_masks(tmp_path / "seg.dcm")
    assert [mask.label for mask in read] == ["lungs", "heart"]
    for mask, back in zip(masks, read, strict=True):
        assert mask.area > 100
        assert np.array_equal(mask.pixels, back.pixels)
