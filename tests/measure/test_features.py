"""Feature networks: the shipped one, ONNX files, transformers folders, functions, and what is not there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.measure.features import LOCAL, SIZE, WEIGHTS, Preprocess, features, find_network, squeeze
from hilum.measure.metric import metric
from hilum.measure.metrics.privacy import identities
from hilum.measure.pairs import Pairs
from hilum.measure.sets import ImageSets


@pytest.fixture
def films(draw) -> list[np.ndarray]:
    return [draw.random((side, side + 10)) for side in (96, 120, 200)]


def test_the_shipped_network_is_the_one_its_card_describes() -> None:
    card = json.loads((WEIGHTS.parent / "card.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert card["sha256"] == digest
    assert find_network().label == f"fid-local@{digest[:8]}"
    assert WEIGHTS.stat().st_size == card["bytes"] < 1_500_000
    assert not any("-NC" in line for line in card["trained_on"])


def test_the_checks_on_the_card_speak_for_the_network() -> None:
    """Faults make both distances grow step by step; one patient's films are told from others'."""
    checks = json.loads((WEIGHTS.parent / "card.json").read_text(encoding="utf-8"))["checks"]
    faults = next(value for name, value in checks.items() if name.startswith("faults"))
    for name, rows in faults.items():
        table = np.array(rows)
        assert (np.diff(table[:, 1:], axis=0) > 0).all(), name
    floor = np.array(next(value for name, value in checks.items() if name.startswith("real against real (children")))
    assert (np.diff(floor[:, 1]) < 0).all()  # FID falls with the number of films ...
    assert (np.abs(floor[:, 3]) < 2 * floor[:, 4] / np.sqrt(10) + 1e-3).all()  # ... and KID stays at 0
    for row in checks["same patient"]:
        assert float(row["identity, all pairs"]["auroc"].split()[0]) > 0.9


def test_films_of_any_size_and_type_give_the_same_features(films) -> None:
    table = features(films)
    assert table.shape == (3, 128)
    assert table.dtype == np.float64
    eight = [np.rint(film * 255).astype(np.uint8) for film in films]
    assert features(eight) == pytest.approx(table, abs=0.1)
    assert features([film * 200.0 for film in films], data_range=200.0) == pytest.approx(table, abs=1e-3)
    assert features(films[::-1])[::-1] == pytest.approx(table, abs=1e-5)
    identity = identities(films)
    assert np.linalg.norm(identity, axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_more_films_than_a_batch_come_out_in_order(draw, monkeypatch) -> None:
    films = list(draw.random((7, 40, 40)))
    whole = features(films)
    monkeypatch.setattr("hilum.measure.features.BATCH", 3)
    assert features(films) == pytest.approx(whole, abs=1e-5)


def test_squeezing_keeps_the_whole_film_and_its_mean() -> None:
    film = np.zeros((300, 200))
    film[:150] = 1.0
    small = squeeze(film)
    assert small.shape == (SIZE, SIZE)
    assert small.mean() == pytest.approx(0.5, abs=1e-3)
    assert small[: SIZE // 2 - 2].min() > 0.999


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    """A network of one line: mean and maximum of a 3-channel film of 32 pixels, and a map."""
    onnx = pytest.importorskip("onnx")
    h, t = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        h.make_node("GlobalAveragePool", ["film"], ["mean"]),
        h.make_node("GlobalMaxPool", ["film"], ["top"]),
        h.make_node("Concat", ["mean", "top"], ["both"], axis=1),
        h.make_node("Flatten", ["both"], ["vector"]),
        h.make_node("Relu", ["film"], ["layer"]),
    ]
    graph = h.make_graph(
        nodes, "tiny", [h.make_tensor_value_info("film", t, ["N", 3, 32, 32])],
        [h.make_tensor_value_info("vector", t, ["N", 6]), h.make_tensor_value_info("layer", t, ["N", 3, 32, 32])],
    )  # fmt: skip
    path = tmp_path / "tiny.onnx"
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_any_onnx_file_will_do_and_is_named_with_its_hash(onnx_file, films) -> None:
    found = features(films, network=onnx_file)
    assert found[:, 0] == pytest.approx([film.mean() for film in films], abs=0.01)
    assert found[:, :3] == pytest.approx(np.repeat(found[:, :1], 3, axis=1))
    digest = hashlib.sha256(onnx_file.read_bytes()).hexdigest()[:8]
    assert find_network(str(onnx_file)).label == f"tiny@{digest}"
    scored = metric("fid")(ImageSets(films, films), network=onnx_file)
    assert scored.metric == "fid@tiny"
    assert f"network:tiny@{digest}" in scored.signature


def fixed_batch(path: Path, size: int, channels: int = 1, batch: int | str = 1) -> Path:
    """A network that gives the mean of each film, for a batch of fixed size."""
    onnx = pytest.importorskip("onnx")
    h, t = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [h.make_node("GlobalAveragePool", ["film"], ["mean"]), h.make_node("Flatten", ["mean"], ["vector"])]
    shape = [batch, channels, size, size]
    given, gives = h.make_tensor_value_info("film", t, shape), h.make_tensor_value_info("vector", t, [batch, channels])
    graph = h.make_graph(nodes, "fixed", [given], [gives])
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_networks_of_a_fixed_batch_are_fed_so_many_at_a_time(tmp_path, films, batch) -> None:
    path = fixed_batch(tmp_path / "fixed.onnx", 24, batch=batch)
    found = features(films, network=path)
    assert found.shape == (3, 1)
    assert found[:, 0] == pytest.approx([film.mean() for film in films], abs=0.02)


def test_a_network_that_wants_another_input_says_so(tmp_path, films) -> None:
    path = fixed_batch(tmp_path / "odd.onnx", 24, channels=2)
    with pytest.raises(InputError, match=r"write 'odd\.json' beside it"):
        features(films, network=path)
    path.with_suffix(".json").write_text(json.dumps({"size": 16, "channels": 2}))
    again = tmp_path / "again.onnx"
    again.write_bytes(path.read_bytes())
    again.with_suffix(".json").write_text(json.dumps({"size": 16, "channels": 2}))
    with pytest.raises(InputError, match="cannot be run on films of shape"):
        features(films, network=again)


def test_a_file_beside_it_says_how_films_are_prepared(onnx_file, films) -> None:
    plain = features(films, network=find_network(str(onnx_file)))
    said = {"size": 32, "channels": 3, "scale": 255.0, "mean": [10.0], "std": [2.0], "output": "vector"}
    beside = onnx_file.with_name("other.onnx")
    beside.write_bytes(onnx_file.read_bytes())
    beside.with_suffix(".json").write_text(json.dumps(said))
    assert features(films, network=beside) == pytest.approx((plain * 255 - 10) / 2, rel=1e-4)
    third = onnx_file.with_name("third.onnx")
    third.write_bytes(onnx_file.read_bytes())
    third.with_suffix(".json").write_text(json.dumps({"sized": 32}))
    with pytest.raises(InputError, match="'sized'"):
        features(films, network=third)


def test_preprocessing_by_hand() -> None:
    film = np.full((50, 50), 0.5)
    shown = Preprocess(size=8, channels=3, scale=2.0, mean=(0.0, 0.5, 1.0), std=(1.0, 1.0, 2.0))(film)
    assert [float(channel.mean()) for channel in shown] == pytest.approx([1.0, 0.5, 0.0])


def test_a_transformers_folder_as_rad_dino_comes(tmp_path, films) -> None:
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    config = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14, mlp_ratio=2
    )
    folder = tmp_path / "tiny-dino"
    transformers.Dinov2Model(config).save_pretrained(folder)
    processor = transformers.BitImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor.save_pretrained(folder)
    found = features(films, network=folder)
    assert found.shape == (3, 16)
    assert find_network(folder).label.startswith("tiny-dino@")
    assert features(films, network=str(folder)) == pytest.approx(found)
    assert features(films[:1], network=folder) == pytest.approx(found[:1], abs=1e-5)
    assert identities(films, folder) == pytest.approx(found)
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingError, match=r"no model\.safetensors"):
        find_network(f"{folder}/")


def test_a_function_is_a_network_too(films) -> None:
    def brightness(given) -> np.ndarray:
        return np.array([[film.mean(), film.std()] for film in given])

    assert features(films, network=brightness)[:, 0] == pytest.approx([film.mean() for film in films])
    assert metric("fid")(ImageSets(films, films), network=brightness).metric == "fid@brightness"


@pytest.mark.parametrize(
    ("named", "said"),
    [("inception", "2048 pooled"), ("rad-dino", "microsoft/rad-dino"), ("no/such.onnx", "'no/such.onnx'")],
)
def test_a_network_that_is_not_here_says_what_to_get(named, said) -> None:
    with pytest.raises(MissingError, match=said):
        find_network(named)


def test_what_gives_no_vectors_is_refused(films, tmp_path) -> None:
    with pytest.raises(InputError, match="pool them"):
        features(films, network=lambda given: np.zeros((len(given), 2, 2)))
    with pytest.raises(InputError, match="NaN or infinite"):
        features(films, network=lambda given: np.full((len(given), 2), np.nan))
    with pytest.raises(InputError, match="no films"):
        features([])
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    with pytest.raises(InputError, match="cannot be opened"):
        features(films, network=broken)


def test_layer_distance_grows_with_blur_and_is_zero_for_equal_films(draw) -> None:
    from scipy.ndimage import gaussian_filter

    film = gaussian_filter(draw.random((128, 128)), 1.0)
    film = (film - film.min()) / np.ptp(film)
    answers = [film, *(gaussian_filter(film, sd) for sd in (0.5, 1.0, 2.0))]
    scored = metric("lpips-style")(Pairs((film,) * 5, (*answers, film[:-1])))
    assert scored.values[0] == pytest.approx(0.0, abs=1e-10)
    assert (np.diff(scored.values[:4]) > 0).all()
    assert "one size" in scored.unscored[4]
    assert "fid-local@" in scored.signature


def test_layer_distance_is_its_formula_and_needs_layers(onnx_file, films) -> None:
    one, other = films[0][:32, :32], films[1][:32, :32]
    scored = metric("lpips-style")(Pairs((one,), (other,)), network=onnx_file)
    assert scored.value == pytest.approx(0.0, abs=1e-9)  # three equal channels point one way wherever there is light
    with pytest.raises(InputError, match="layer maps"):
        metric("lpips-style")(Pairs((one,), (other,)), network=lambda given: np.zeros((len(given), 1)))


def test_pictures_become_features_once(films) -> None:
    sets = ImageSets(films, films[::-1])
    assert sets.features() is sets.features(LOCAL)
    assert metric("fid")(sets).value == pytest.approx(0.0, abs=1e-4)
