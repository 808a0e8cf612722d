"""A gate that a model's folder carries: one more refusal when it is there, nothing when it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.study import Study
from hilum.io.dicom import read_image
from hilum.learn.gate import CHILD, LATERAL, Gate
from hilum.learn.predict import one
from hilum.systems.embedded import WEIGHTS, Embedded
from hilum.systems.interpret import interpret

FILM = Path(__file__).resolve().parents[2] / "src" / "hilum" / "app" / "static" / "example-film.dcm"
pytestmark = pytest.mark.skipif(not (WEIGHTS / "model.onnx").is_file(), reason="the embedded weights are not here")


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    return read_image(FILM).display()


@pytest.fixture(scope="module")
def features(film: np.ndarray) -> np.ndarray:
    """What the shipped network says of the example film, (1280,)."""
    outputs, _ = one(Embedded(threads=1).session, film, size=256)
    return outputs["features"]


Folder = Callable[..., Embedded]


@pytest.fixture
def carried(tmp_path: Path) -> Folder:
    """A model folder with the shipped network, a gate, and card entries of choice."""

    def make(gate: Gate | None, *, sha256: str = "", **card: object) -> Embedded:
        (tmp_path / "model.onnx").symlink_to(WEIGHTS / "model.onnx")
        said = json.loads((WEIGHTS / "card.json").read_text())
        (tmp_path / "card.json").write_text(json.dumps(said | card))
        if gate is not None:
            gate.save(tmp_path, model_sha256=sha256 or said["sha256"])
        return Embedded(threads=1, folder=tmp_path)

    return make


def around(center: np.ndarray, seed: int, count: int = 120) -> np.ndarray:
    return center + np.random.default_rng(seed).normal(size=(count, len(center))) * 0.3


def fitted(right: np.ndarray, kind: str = "", example: np.ndarray | None = None) -> Gate:
    """Return a gate whose right films lie around `right`, and examples of a kind around `example`."""
    kinds = {} if example is None else {kind: around(example, 3)}
    return Gate.fit(around(right, 1), kinds, validation=around(right, 2), rate=0.02)


def test_the_package_carries_no_gate_and_reads_as_before(film: np.ndarray, carried: Folder) -> None:
    assert Embedded().gate is None
    plain, beside = Embedded(threads=1).assess(film), carried(None)
    assert beside.gate is None
    assert beside.assess(film).findings == plain.findings
    assert plain.chest


def test_a_gate_that_accepts_changes_nothing(film: np.ndarray, features: np.ndarray, carried: Folder) -> None:
    plain, gated = Embedded(threads=1).assess(film), carried(fitted(features)).assess(film)
    assert (gated.chest, gated.view, gated.findings) == (plain.chest, plain.view, plain.findings)


def test_a_film_unlike_the_gates_is_refused_and_the_study_says_why(
    film: np.ndarray, features: np.ndarray, carried: Folder
) -> None:
    model = carried(fitted(features + 5))
    said = model.assess(film)
    assert not said.chest
    assert said.reason.startswith("the film is unlike those the model was trained on (feature distance")
    assert not said.findings
    assert "lung opacity" in said.not_assessed
    study = Study(id="s", patient="p", images=(read_image(FILM),))
    reading = interpret(study, model)
    assert not reading.accepted
    assert reading.refused[0][1] == said.reason
    assert any(said.reason in note for note in reading.study.provenance[-1].notes)


def test_a_lateral_is_refused_only_where_the_header_says_frontal(
    film: np.ndarray, features: np.ndarray, carried: Folder
) -> None:
    model = carried(fitted(features + 5, LATERAL, features))
    assert model.assess(film, stated_view="PA").reason.startswith("this looks like a lateral film, but was given as")
    assert model.assess(film, stated_view="AP").reason
    assert model.assess(film, stated_view="LL").chest
    assert model.assess(film).chest


@pytest.mark.parametrize("adults_only", [True, False])
def test_a_child_is_refused_only_where_the_card_says_adults(
    film: np.ndarray, features: np.ndarray, carried: Folder, adults_only: bool
) -> None:
    model = carried(fitted(features + 5, CHILD, features), adults_only=adults_only)
    said = model.assess(film)
    assert said.chest is not adults_only
    assert said.reason.startswith("this looks like a child's film") is adults_only


def test_the_networks_own_gate_is_asked_first(film: np.ndarray, features: np.ndarray, carried: Folder) -> None:
    said = carried(fitted(features + 5)).assess(1.0 - film)
    assert said.reason.startswith("the film looks inverted (bone dark, probability")


def test_a_gate_of_another_network_stops_the_reading(film: np.ndarray, features: np.ndarray, carried: Folder) -> None:
    with pytest.raises(InputError, match="is for the network ffffffffffff"):
        carried(fitted(features), sha256="f" * 64).assess(film)


def test_a_fabricated_view_of_a_right_film_is_no_reason(
    film: np.ndarray, features: np.ndarray, carried: Folder
) -> None:
    model = carried(fitted(features, LATERAL, features + 5))
    study = Study(id="s", patient="p", images=(replace(read_image(FILM), view="PA"),))
    assert interpret(study, model).accepted


@pytest.mark.slow
def test_on_real_films_it_refuses_misuse_and_lets_right_films_of_other_patients_pass(pack: Path) -> None:
    """A small gate from real films: wrong ones are named, and few films of other patients are refused."""
    from hilum.data import pack as packs
    from hilum.learn.misuse import misused
    from hilum.systems._embedded_labels import boxed_patients, split_of

    rows = packs.rows(pack, ("nih512",))
    boxed = boxed_patients(rows)
    splits = {name: [r for r in rows if split_of(r, boxed) == name][:count] for name, count in
              (("train", 75), ("val", 30), ("test", 20))}  # fmt: skip
    model = Embedded()

    def seen(films: list[np.ndarray]) -> np.ndarray:
        return np.stack([one(model.session, each, size=256)[0]["features"] for each in films])

    films = {name: [packs.pixels(pack, row) for row in some] for name, some in splits.items()}
    wrong: dict[str, list[np.ndarray]] = {}
    for number, each in enumerate(films["train"]):
        name, made = list(misused(each, np.random.default_rng(number)).items())[number % 3]
        wrong.setdefault(name, []).append(made)
    gate = Gate.fit(seen(films["train"]), {name: seen(some) for name, some in wrong.items()},
                    validation=seen(films["val"]), rate=0.04)  # fmt: skip
    assert np.mean([bool(name) for name in gate.named(seen(films["test"]))]) < 0.15
    turned_over = gate.named(seen([1.0 - each for each in films["test"]]))
    assert np.mean([name == "inverted" for name in turned_over]) > 0.8
    upside_down = gate.named(seen([np.rot90(each, 2).copy() for each in films["test"]]))
    assert np.mean([bool(name) for name in upside_down]) > 0.9
