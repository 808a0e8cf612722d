"""The sets around MIMIC-CXR and CheXpert, whole, for the tests that every data set is held to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.data import test_chexpert, test_coco, test_imagenome, test_mimic_abn, test_ms_cxr, test_radgraph
from tests.data.layouts import layout
from tests.data.made_mimic import mimic, picture


def whole(root: Path) -> Path:
    """MIMIC-CXR with every film."""
    return mimic(root, whole=True)


def with_films(root: Path, name: str) -> Path:
    """The folder with the films that its tables name."""
    from hilum.core.registry import get

    for study in get("dataset", name)(root):
        for film in study.films:
            if not Path(film.source).is_file():
                picture(Path(film.source))
    return root


MADE: dict[str, Callable[[Path], Path]] = {
    "mimic-cxr": whole,
    "mimic-abn": lambda root: test_mimic_abn.layout(whole(root), test_mimic_abn.PER_STUDY),
    "chexpert": lambda root: with_films(test_chexpert.layout(root), "chexpert"),
    "chexpert-plus": lambda root: with_films(test_chexpert.plus(root), "chexpert-plus"),
    "imagenome": lambda root: test_imagenome.silver(whole(root)),
    "imagenome-gold": lambda root: test_imagenome.gold(whole(root)),
    "radgraph": test_radgraph.layout,
    "ms-cxr": lambda root: test_ms_cxr.as_csv(whole(root)),
    "coco": lambda root: with_films(test_coco.layout(root), "coco"),
}
for set_name, function in MADE.items():
    layout(set_name)(function)
