"""Weights that others publish: names against their own classes, the one converter, and what it refuses."""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402
from torch import nn  # noqa: E402

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.nets.densenet import DENSENET_121, DenseNet, from_published, published_names  # noqa: E402
from hilum.nets.encoder_weights import convert, fill, tensors_of  # noqa: E402
from hilum.nets.encoders import image_encoder  # noqa: E402
from hilum.nets.resnet import ResNet  # noqa: E402
from tests.nets.encoders import noise, settled  # noqa: E402

SMALL: dict[str, Any] = {"blocks": (2, 1), "growth": 4, "stem": 8}


def package() -> Any:
    """Torchxrayvision with a torchvision that belongs to this torch, or a skip."""
    try:
        import torchxrayvision
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torchxrayvision cannot be imported here: {error}")
    return torchxrayvision


class TheirLayer(nn.Module):
    """A dense layer with torchvision's names, written out by the paper's figure."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(torch.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(torch.relu(self.norm2(y)))], 1)


class Theirs(nn.Module):
    """A DenseNet of two blocks (2 and 1 layers, growth 4, stem 8) with torchvision's names."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        transition = nn.Sequential(OrderedDict(
            norm=nn.BatchNorm2d(16), relu=nn.ReLU(), conv=nn.Conv2d(16, 8, 1, bias=False), pool=nn.AvgPool2d(2)
        ))  # fmt: skip
        self.features = nn.Sequential(OrderedDict(
            conv0=nn.Conv2d(channels, 8, 7, stride=2, padding=3, bias=False), norm0=nn.BatchNorm2d(8), relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, stride=2, padding=1),
            denseblock1=nn.Sequential(OrderedDict(denselayer1=TheirLayer(8, 4), denselayer2=TheirLayer(12, 4))),
            transition1=transition, denseblock2=nn.Sequential(OrderedDict(denselayer1=TheirLayer(8, 4))),
            norm5=nn.BatchNorm2d(12),
        ))  # fmt: skip
        self.classifier = nn.Linear(12, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.relu(self.features(x)).mean(dim=(2, 3)))


def old_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The names that CheXNet's file has: several GPUs, torch before 0.4, a sequence for a classifier."""
    made = {}
    for name, value in state.items():
        new = re.sub(r"\.(norm|conv)([12])\.", r".\1.\2.", name).replace("classifier.", "classifier.0.")
        made[f"module.densenet121.{new}"] = value
    return made


def logits(encoder: Any, film: torch.Tensor) -> torch.Tensor:
    """The classifier of the trunk on what the encoder pools."""
    return encoder.trunk.model.predict(encoder(film).pooled)


# -- names ------------------------------------------------------------------------------------------------------------


def test_names_of_densenet_121_are_one_to_one_and_whole() -> None:
    names = published_names()
    assert len(set(names.values())) == len(names)
    ours = {name.rpartition(".")[0] for name in DenseNet(14).state_dict()}
    assert set(names.values()) == ours
    assert sum("denselayer" in name for name in names) == 4 * sum(DENSENET_121)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("features.conv0.weight", "trunk.0.weight"),
        ("features.denseblock1.denselayer2.norm2.running_var", "trunk.5.body.3.running_var"),
        ("densenet121.features.denseblock1.denselayer1.norm.1.bias", "trunk.4.body.0.bias"),
        ("densenet121.classifier.0.bias", "predict.bias"),
        ("op_threshs", None),
    ],
)
def test_a_published_name_becomes_ours(theirs: str, ours: str | None) -> None:
    assert from_published(theirs) == ours


@torch.no_grad()
def test_a_densenet_with_torchvisions_names_gives_its_own_outputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = settled(Theirs(1, 18))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    film = noise(2, 1, 224, 224)
    encoder = image_encoder("densenet121-res224-nih", weights=tmp_path, config=SMALL)
    torch.testing.assert_close(logits(encoder, film), theirs(film * 2048 - 1024), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_chexnets_old_checkpoint_gives_its_own_outputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = settled(Theirs(3, 14))
    import numpy as np

    held = {"epoch": 3, "state_dict": old_names(theirs.state_dict()), "best_loss": np.float64(0.2), "optimizer": {}}
    torch.save(held, tmp_path / "m.pth.tar")
    made = convert(tmp_path / "m.pth.tar")
    film = noise(2, 1, 224, 224)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    shown = (film.expand(-1, 3, -1, -1) - mean.reshape(1, 3, 1, 1)) / deviation.reshape(1, 3, 1, 1)
    encoder = image_encoder("chexnet", weights=made, config=SMALL)
    torch.testing.assert_close(logits(encoder, film), theirs(shown), rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.slow
def test_torchxrayvisions_densenet_module_gives_its_own_outputs(tmp_path: Path) -> None:
    """The class of the installed package with random weights, pickled whole as its authors publish it."""
    xrv = package()
    torch.manual_seed(0)
    theirs = settled(xrv.models.DenseNet(num_classes=18))
    torch.save(theirs, tmp_path / "d121.pt")
    made = convert(tmp_path / "d121.pt", tmp_path / "out" / "model.safetensors")
    film = noise(1, 1, 224, 224)
    encoder = image_encoder("densenet121-res224-all", weights=made.parent)
    torch.testing.assert_close(encoder(film).pooled, theirs.features2(film * 2048 - 1024), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(logits(encoder, film), theirs(film * 2048 - 1024), rtol=1e-4, atol=1e-3)


@torch.no_grad()
@pytest.mark.slow
def test_torchxrayvisions_resnet_gives_torchvisions_outputs(tmp_path: Path) -> None:
    """Its class downloads on construction, so the network it wraps is built here as its lines do."""
    package()
    import torchvision

    torch.manual_seed(0)
    theirs = torchvision.models.resnet50(num_classes=18, weights=None)
    theirs.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    settled(theirs)
    torch.save(theirs.state_dict(), tmp_path / "state.pt")
    convert(tmp_path / "state.pt")
    film = noise(1, 1, 512, 512)
    encoder = image_encoder("resnet50-res512-all", weights=tmp_path)
    shown = film * 2048 - 1024
    deep = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(shown))))
    for stage in (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4):
        deep = stage(deep)
    torch.testing.assert_close(encoder(film).pooled, deep.mean(dim=(2, 3)), rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_resnet_50_is_as_large_as_published_and_equals_the_residual_unet_of_cxas() -> None:
    """25,557,032 weights with a thousand classes (torchvision's table)."""
    net = ResNet(classes=1000)
    assert sum(each.numel() for each in net.parameters()) == 25_557_032
    from hilum.nets.cxas import CxasNet

    small, whole = ResNet(blocks=(1, 1, 1, 1), width=8), CxasNet(2, blocks=(1, 1, 1, 1), width=8, last=8)
    body = settled(whole).backbone.backbone
    small.conv1.load_state_dict(body.layer0[0].state_dict())
    small.bn1.load_state_dict(body.layer0[1].state_dict())
    for number in range(1, 5):
        getattr(small, f"layer{number}").load_state_dict(getattr(body, f"layer{number}").state_dict())
    film = noise(1, 3, 64, 64)
    torch.testing.assert_close(small.eval()(film)[-1], body(film))


# -- fitting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda held: held.pop("features.norm5.weight"), "'trunk.11.weight' is missing"),
        (lambda held: held.update({"classifier.weight": torch.zeros(3, 12)}), r"'predict.weight' is \(3, 12\)"),
    ],
)
def test_the_first_mismatch_is_named(tmp_path: Path, change: Any, says: str) -> None:
    held = Theirs(1, 18).state_dict()
    change(held)
    save_file(held, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=says):
        image_encoder("densenet121-res224-nih", weights=tmp_path, config=SMALL)


def test_what_is_left_over_is_named_unless_it_may_be() -> None:
    net = nn.Linear(2, 1)
    tensors = {**net.state_dict(), "fc.weight": torch.zeros(1)}
    with pytest.raises(InputError, match=r"the network has no 'fc.weight' \(1 such"):
        fill(net, tensors, where="file")
    fill(net, tensors, where="file", spare=("fc.",))


def test_sharded_files_are_read_as_one(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "model-1.safetensors")
    save_file({"b": torch.zeros(3)}, tmp_path / "model-2.safetensors")
    assert {name: tuple(value.shape) for name, value in tensors_of(tmp_path).items()} == {"a": (2,), "b": (3,)}


def test_an_empty_folder_and_a_damaged_file_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"holds no \.safetensors file"):
        tensors_of(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a whole safetensors file"):
        tensors_of(tmp_path)


# -- the converter ----------------------------------------------------------------------------------------------------


class Trap:
    """What a hostile checkpoint holds: opening it as a plain pickle makes a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        import os

        return (os.mkdir, (self.folder,))


@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path, kind: str) -> None:
    sprung = tmp_path / "sprung"
    held = {"state_dict": {"a": torch.ones(1)}, "more": Trap(str(sprung))}
    file = tmp_path / "evil.pt"
    if kind == "torch":
        torch.save(held, file)
    else:
        file.write_bytes(pickle.dumps(held["more"], protocol=2))
    with pytest.raises(InputError, match=r"more than tensors and was not opened|cannot be read"):
        convert(file)
    assert not sprung.exists()
    assert not (tmp_path / "model.safetensors").exists()


def test_a_module_of_any_other_class_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(1, 1), nn.Tanh()), tmp_path / "whole.pt")
    with pytest.raises(InputError, match=r"it asks for 'torch\.nn\.modules"):
        convert(tmp_path / "whole.pt")


@pytest.mark.parametrize("nest", ["state_dict", "model_state_dict", "model", ""])
def test_tensors_are_found_where_training_scripts_put_them(tmp_path: Path, nest: str) -> None:
    state = {"module.a": torch.arange(3.0), "module.b": torch.ones(2, 2).t()}
    torch.save({nest: state, "epoch": 3} if nest else state, tmp_path / "net.bin")
    made = load_file(convert(tmp_path / "net.bin"))
    assert set(made) == {"a", "b"}
    assert made["a"].tolist() == [0.0, 1.0, 2.0]


def test_a_target_that_is_there_is_left(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "net.pt")
    (tmp_path / "model.safetensors").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        convert(tmp_path / "net.pt")
    assert (tmp_path / "model.safetensors").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "says"), [(None, "there is no file"), (b"", "cannot be read"), (b"plain text, no weights", "net.pt")]
)
def test_what_is_no_checkpoint_is_said(tmp_path: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(InputError, match=says):
        convert(tmp_path / "net.pt")


def test_a_checkpoint_without_tensors_is_said(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "net.pt")
    with pytest.raises(InputError, match="no named tensors"):
        convert(tmp_path / "net.pt")
