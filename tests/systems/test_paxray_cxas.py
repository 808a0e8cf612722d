"""The published CXAS weights: layout, conversion, what a wrong file says; by tiny random weights of the same class."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
safetensors = pytest.importorskip("safetensors.torch", reason="safetensors (extra 'train') is not installed")

from hilum.nets.cxas import CxasNet  # noqa: E402
from hilum.systems._paxray_cxas import DEVIATION, MEAN, classes, load_cxas  # noqa: E402
from hilum.systems.paxray import published  # noqa: E402

TINY = {"blocks": (1, 1, 1, 1), "width": 4, "last": 6}
SCRIPT = Path(__file__).parents[2] / "scripts" / "convert_weights.py"


def tiny(seed: int = 0) -> CxasNet:
    torch.manual_seed(seed)
    net = CxasNet(159, **TINY)  # type: ignore[arg-type]
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after training: statistics that matter
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2.0)
    return net.eval()


def saved(folder: Path, tensors: dict, name: str = "model.safetensors") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.save_file({key: value.contiguous() for key, value in tensors.items()}, folder / name)
    return folder


def film(size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (size, size)).astype(np.float32)


def test_the_classes_are_the_published_159() -> None:
    names = classes()
    assert len(names) == len(set(names)) == 159
    assert (names[0], names[29], names[-1]) == ("spine", "sternum", "breast right")
    assert {"heart", "right lung", "left hemidiaphragm", "posterior 12th rib right"} <= set(names)


def test_the_full_network_has_resnet_50s_tensors_under_the_authors_names() -> None:
    """Counts and shapes as published for ResNet-50 without its classifier: 23,508,032 weights."""
    with torch.device("meta"):
        state = CxasNet(159).state_dict()
    learned = {name: value for name, value in state.items() if not name.endswith(("running_mean", "running_var",
                                                                                  "num_batches_tracked"))}  # fmt: skip
    encoder = {name: value for name, value in learned.items() if name.startswith("backbone.backbone.")}
    assert sum(value.numel() for value in encoder.values()) == 23_508_032
    back, head = "backbone.backbone.layer", "head.up"
    for name, shape in {
        f"{back}0.0.weight": (64, 3, 7, 7), f"{back}3.5.conv2.weight": (256, 256, 3, 3),
        f"{back}4.0.downsample.0.weight": (2048, 1024, 1, 1), f"{head}1.conv1.conv.0.weight": (1024, 2048, 3, 3),
        f"{head}1.conv2.double_conv.0.weight": (1024, 2048, 3, 3),
        f"{head}1.conv2.double_conv.3.weight": (512, 1024, 3, 3),
        f"{head}2.conv.double_conv.3.weight": (256, 512, 3, 3), f"{head}3.conv.double_conv.3.weight": (64, 256, 3, 3),
        f"{head}4.conv.double_conv.0.weight": (64, 128, 3, 3), "head.out.conv.weight": (159, 128, 1, 1),
    }.items():  # fmt: skip
        assert tuple(state[name].shape) == shape


def test_another_peoples_build_of_the_network_gives_the_same_maps() -> None:
    """torchxrayvision's own code of the model, random weights: ours takes its tensors by name and answers alike."""
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    theirs = pytest.importorskip(
        "torchxrayvision.baseline_models.chestx_anatomy", reason="torchxrayvision with CXAS is not installed"
    )
    torch.manual_seed(0)
    other = theirs.UNetResNet50(weights=False).eval()
    ours = CxasNet(159).eval()
    assert ours.load_state_dict(other.state_dict()).missing_keys == []
    given = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(given), other._forward(given)["logits"])


@pytest.mark.parametrize("lead", ["", "module."])
@pytest.mark.parametrize("short", [False, True])
def test_the_names_of_both_kinds_of_file_are_read(tmp_path: Path, lead: str, short: bool) -> None:
    net = tiny()
    tensors = {
        lead + (name.replace("backbone.backbone.", "backbone.") if short else name): value
        for name, value in net.state_dict().items()
    }
    read = load_cxas(saved(tmp_path, {**tensors, f"{lead}criterion.weight": torch.ones(2)}), **TINY)  # type: ignore[arg-type]
    assert read.unused == ("criterion.weight",)
    picture, given = film(), torch.from_numpy(film())[None, None].expand(1, 3, -1, -1)
    normal = (given - torch.tensor(MEAN).reshape(3, 1, 1)) / torch.tensor(DEVIATION).reshape(3, 1, 1)
    with torch.no_grad():
        expected = net(normal).sigmoid()[0].numpy()
    np.testing.assert_allclose(read.read(picture, size=64), expected, atol=1e-6)
    assert read.read(film(80)[:, :50], size=64).shape == (159, 80, 50)


def test_a_pickle_is_never_opened_and_the_script_turns_it_into_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = tiny()
    (tmp_path / "cxas").mkdir()
    source, target = tmp_path / "cxas" / "UNet_ResNet50_default.pth", tmp_path / "cxas" / "model.safetensors"
    torch.save({"model": net.state_dict(), "epoch": 110}, source)
    monkeypatch.setenv("HILUM_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingError, match="convert_weights"):
        published()
    spec = importlib.util.spec_from_file_location("convert_weights", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.main([str(source), str(target), "--i-trust-this-file"]) == 0
    read = load_cxas(**TINY)  # type: ignore[arg-type]
    for name, value in net.state_dict().items():
        assert torch.equal(read.net.state_dict()[name], value)


def test_a_file_of_another_layout_is_refused_with_the_first_difference_and_what_is_not_known(tmp_path: Path) -> None:
    state = tiny().state_dict()
    without = {name: value for name, value in state.items() if name != "head.out.conv.weight"}
    with pytest.raises(InputError, match=r"'head\.out\.conv\.weight' is missing.*never checked against the file"):
        load_cxas(saved(tmp_path / "a", without), **TINY)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"layer0\.0\.weight' is \(4, 3, 7, 7\), expected \(64, 3, 7, 7\)"):
        published(saved(tmp_path / "b", state))


def test_without_weights_the_sentence_names_source_licence_and_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HILUM_WEIGHTS", raising=False)
    with pytest.raises(MissingError) as error:
        published()
    for words in ("UNet_ResNet50_default.pth", "CC BY-NC-SA 4.0", "HILUM_WEIGHTS is not set", "docs/paxray.md"):
        assert words in str(error.value)
