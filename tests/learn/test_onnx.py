"""Export and session: same numbers as torch, any batch size, a hash that is checked."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.learn.onnx import Session
from hilum.learn.predict import each, one


def network(path: Path) -> Path:
    """Write film -> (mean, twice) by hand, so that this test needs no torch."""
    onnx = pytest.importorskip("onnx")
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    film = make.make_tensor_value_info("film", kind, ["batch", 1, 8, 8])
    mean = make.make_tensor_value_info("mean", kind, ["batch", 1, 1, 1])
    twice = make.make_tensor_value_info("twice", kind, ["batch", 1, 8, 8])
    nodes = [
        make.make_node("GlobalAveragePool", ["film"], ["mean"]),
        make.make_node("Add", ["film", "film"], ["twice"]),
    ]
    graph = make.make_graph(nodes, "g", [film], [mean, twice])
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_outputs_come_by_name_for_any_batch(tmp_path: Path) -> None:
    session = Session(network(tmp_path / "net.onnx"))
    for count in (1, 3):
        film = np.random.default_rng(0).random((count, 1, 8, 8), dtype=np.float32)
        found = session(film)
        assert found["mean"].ravel() == pytest.approx(film.mean(axis=(1, 2, 3)))
        assert np.array_equal(found["twice"], film * 2)


def test_the_file_is_checked_against_its_hash(tmp_path: Path) -> None:
    path = network(tmp_path / "net.onnx")
    good = Session(path).sha256
    Session(path, sha256=good)(np.zeros((1, 1, 8, 8), np.float32))
    with pytest.raises(InputError, match="do not belong together"):
        Session(path, sha256="0" * 64)(np.zeros((1, 1, 8, 8), np.float32))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"net\.onnx is missing"):
        _ = Session(tmp_path / "net.onnx").sha256


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    Session(tmp_path / "absent.onnx", sha256="0" * 64, threads=3)


def test_one_film_loses_the_batch_axis(tmp_path: Path) -> None:
    outputs, box = one(Session(network(tmp_path / "net.onnx")), np.eye(20, 10, dtype=np.float32), size=8)
    assert outputs["twice"].shape == (1, 8, 8)
    assert (box.height, box.width, box.size) == (20, 10, 8)


def test_each_keeps_the_order_and_only_what_is_asked(tmp_path: Path) -> None:
    session = Session(network(tmp_path / "net.onnx"))
    displays = (np.eye(side, dtype=np.float32) for side in (8, 16, 24))
    assert each(session, displays, lambda outputs, box, display: display.shape[0], size=8) == [8, 16, 24]


@pytest.mark.slow
def test_an_exported_network_agrees_with_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from hilum.learn.export import export

    class Answer(NamedTuple):
        wide: torch.Tensor
        flat: torch.Tensor

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 3, 3, padding=1)

        def forward(self, film: torch.Tensor) -> Answer:
            wide = self.conv(film)
            return Answer(wide, wide.mean(dim=(1, 2, 3)))

    net = Net().eval()
    gap = export(net, tmp_path / "net.onnx", size=16, names=Answer._fields)
    assert gap < 1e-5
    film = torch.rand(5, 1, 16, 16)
    found = Session(tmp_path / "net.onnx")(film.numpy())
    assert np.allclose(found["flat"], net(film).flat.detach().numpy(), atol=1e-5)


def test_apply_collects_every_frame_in_order() -> None:
    torch = pytest.importorskip("torch")
    from hilum.learn.apply import collect, to_film

    class Mean(NamedTuple):
        level: torch.Tensor

    class Net(torch.nn.Module):
        def forward(self, film: torch.Tensor) -> Mean:
            return Mean(film.float().mean(dim=(1, 2, 3)))

    frames = np.arange(0, 250, 5, dtype=np.uint8)[:, None, None] * np.ones((1, 32, 32), np.uint8)
    found = collect(Net(), frames, size=16, fields=("level",))["level"]
    assert found == pytest.approx(np.arange(0, 250, 5) / 255, abs=1e-5)
    assert to_film(frames, 32).shape == (50, 1, 32, 32)


@pytest.mark.slow
def test_an_exported_file_tells_nothing_about_the_machine(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from hilum.learn.export import export

    class Answer(NamedTuple):
        level: torch.Tensor

    class Net(torch.nn.Module):
        def forward(self, film: torch.Tensor) -> Answer:
            return Answer(film.mean(dim=(1, 2, 3)))

    export(Net(), tmp_path / "net.onnx", size=16, names=Answer._fields)
    content = (tmp_path / "net.onnx").read_bytes()
    assert b".py" not in content
    assert b"File " not in content
