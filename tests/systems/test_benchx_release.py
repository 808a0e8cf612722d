"""Published encoders from tensors laid out as released: small ones, written by hand and computed by hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")

from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.nets.resnet import ResNet  # noqa: E402
from hilum.systems._benchx_names import image_tensors  # noqa: E402
from hilum.systems._benchx_pretrain import METHODS  # noqa: E402
from hilum.systems._benchx_release import TONE, released  # noqa: E402
from hilum.systems.benchx import released as by_system  # noqa: E402

D, DEEP, SIDE, PATCH = 8, 2, 32, 16
SMALL = {"hidden_size": D, "num_hidden_layers": DEEP, "num_attention_heads": 2, "intermediate_size": 4 * D,
         "image_size": SIDE, "patch_size": PATCH}  # fmt: skip
SHAPE = {"blocks": (1, 1, 1, 1), "width": 4}


def written(folder: Path, tensors: dict[str, Tensor]) -> Path:
    folder.mkdir(exist_ok=True)
    safetensors.save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "model.safetensors")
    return folder


def timm_vit(seed: int = 0) -> dict[str, Tensor]:
    """The tensors of a small ViT by timm's names."""
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return 0.3 * torch.randn(*shape, generator=rng)

    made = {"cls_token": draw(1, 1, D), "pos_embed": draw(1, 1 + (SIDE // PATCH) ** 2, D),
            "patch_embed.proj.weight": draw(D, 3, PATCH, PATCH), "patch_embed.proj.bias": draw(D),
            "norm.weight": draw(D), "norm.bias": draw(D)}  # fmt: skip
    for at in range(DEEP):
        for name, shape in (("norm1.weight", (D,)), ("norm1.bias", (D,)), ("norm2.weight", (D,)), ("norm2.bias", (D,)),
                            ("attn.qkv.weight", (3 * D, D)), ("attn.qkv.bias", (3 * D,)),
                            ("attn.proj.weight", (D, D)), ("attn.proj.bias", (D,)),
                            ("mlp.fc1.weight", (4 * D, D)), ("mlp.fc1.bias", (4 * D,)),
                            ("mlp.fc2.weight", (D, 4 * D)), ("mlp.fc2.bias", (D,))):  # fmt: skip
            made[f"blocks.{at}.{name}"] = draw(*shape)
    return made


def run_vit(t: dict[str, Tensor], film: Tensor) -> Tensor:
    """A pre-norm ViT written out: (B, 3, S, S) to tokens (B, 1 + N, D) after the last norm."""

    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (D,), t[f"{name}.weight"], t[f"{name}.bias"], 1e-6)

    patches = functional.conv2d(film, t["patch_embed.proj.weight"], t["patch_embed.proj.bias"], stride=PATCH)
    x = torch.cat([t["cls_token"].expand(len(film), -1, -1), patches.flatten(2).transpose(1, 2)], 1) + t["pos_embed"]
    for at in range(DEEP):
        block = f"blocks.{at}"
        qkv = functional.linear(norm(x, f"{block}.norm1"), t[f"{block}.attn.qkv.weight"], t[f"{block}.attn.qkv.bias"])
        q, k, v = (each.view(len(x), -1, 2, D // 2).transpose(1, 2) for each in qkv.chunk(3, -1))
        seen = torch.softmax(q @ k.transpose(-1, -2) / (D // 2) ** 0.5, -1) @ v
        x = x + functional.linear(seen.transpose(1, 2).flatten(2), t[f"{block}.attn.proj.weight"],
                                  t[f"{block}.attn.proj.bias"])  # fmt: skip
        up = functional.linear(norm(x, f"{block}.norm2"), t[f"{block}.mlp.fc1.weight"], t[f"{block}.mlp.fc1.bias"])
        x = x + functional.linear(functional.gelu(up), t[f"{block}.mlp.fc2.weight"], t[f"{block}.mlp.fc2.bias"])
    return norm(x, "norm")


def as_jax(timm: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same network by the names of the ViT that REFERS publishes."""
    made: dict[str, Tensor] = {}
    plain = {"cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings"}
    for name, value in timm.items():
        new = plain.get(name, name).replace("patch_embed.proj", "embeddings.patch_embeddings")
        new = re.sub(r"^norm\.", "encoder.encoder_norm.", new)
        new = new.replace("blocks.", "encoder.layer.").replace("norm1", "attention_norm").replace("norm2", "ffn_norm")
        new = new.replace("attn.proj", "attn.out").replace("mlp.", "ffn.")
        if "qkv" in new:
            for part, piece in zip(("query", "key", "value"), value.chunk(3), strict=True):
                made[f"transformer.{new.replace('qkv', part)}"] = piece
        else:
            made[f"transformer.{new}"] = value
    return {**made, "head.weight": torch.zeros(3, D)}


LAYOUTS = {
    "mgca": lambda t: {"text.x": torch.zeros(1)} | {f"state_dict.img_encoder_q.model.{k}": v for k, v in t.items()},
    "mrm": lambda t: {**t, "decoder_embed.weight": torch.zeros(2, 2), "mask_token": torch.zeros(1)},
    "refers": as_jax,
}


@pytest.mark.parametrize("method", LAYOUTS)
def test_a_vit_gives_what_it_gives_by_hand_whatever_its_tensors_are_called(method: str, tmp_path: Path) -> None:
    t = timm_vit()
    folder = written(tmp_path / method, LAYOUTS[method](t))
    encoder = released(method, folder, config=SMALL)
    film = torch.rand(2, 1, SIDE, SIDE)
    with torch.no_grad():
        seen = encoder(film)
        wanted = run_vit(t, ((film - TONE[0]) / TONE[1]).expand(-1, 3, -1, -1))
    torch.testing.assert_close(seen.pooled, wanted[:, 0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(seen.patches, wanted[:, 1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "prefix"),
    [("convirt", "visual.model."), ("gloria", "gloria.img_encoder.model."), ("medclip", "vision_model.model."),
     ("mflag", "encoder.")],
)  # fmt: skip
def test_a_resnet_gives_what_torchvisions_names_say(method: str, prefix: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = ResNet(**SHAPE, classes=3).eval()
    tensors = {f"{prefix}{name}": value for name, value in net.state_dict().items()}
    folder = written(tmp_path / method, {**tensors, "text.weight": torch.zeros(2)})
    encoder = released(method, folder, config=SHAPE)
    film = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        big = functional.interpolate(film, (encoder.size,) * 2, mode="bilinear", antialias=True)
        wanted = net(((big - TONE[0]) / TONE[1]).expand(-1, 3, -1, -1))[-1]
        torch.testing.assert_close(encoder(film).pooled, wanted.mean((2, 3)), rtol=1e-3, atol=1e-4)


def test_medklips_resnet_ends_at_its_third_stage_and_its_layers_are_numbered(tmp_path: Path) -> None:
    shape = {"blocks": (1, 1, 1), "width": 4}
    net = ResNet(**shape).eval()
    numbers = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6}
    tensors = {}
    for name, value in net.state_dict().items():
        head, _, rest = name.partition(".")
        tensors[f"module.res_features.{numbers[head]}.{rest}"] = value
    encoder = released("medklip", written(tmp_path / "k", tensors), config=shape)
    assert encoder.width == net.width == 64
    assert encoder(torch.rand(1, 1, 64, 64)).grid == (14, 14)  # of a film of 224 pixels


def test_ptunifiers_clip_is_read_under_openais_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Tensor:
        return torch.from_numpy(0.2 * rng.normal(size=shape)).float()

    made = {"class_embedding": draw(D), "positional_embedding": draw(5, D), "conv1.weight": draw(D, 3, PATCH, PATCH)}
    made |= {f"ln_{name}.{kind}": draw(D) for name in ("pre", "post") for kind in ("weight", "bias")}
    for at in range(DEEP):
        block = f"transformer.resblocks.{at}"
        made |= {f"{block}.ln_{n}.{kind}": draw(D) for n in (1, 2) for kind in ("weight", "bias")}
        made |= {f"{block}.attn.in_proj_weight": draw(3 * D, D), f"{block}.attn.in_proj_bias": draw(3 * D),
                 f"{block}.attn.out_proj.weight": draw(D, D), f"{block}.attn.out_proj.bias": draw(D),
                 f"{block}.mlp.c_fc.weight": draw(4 * D, D), f"{block}.mlp.c_fc.bias": draw(4 * D),
                 f"{block}.mlp.c_proj.weight": draw(D, 4 * D), f"{block}.mlp.c_proj.bias": draw(D)}  # fmt: skip
    folder = written(tmp_path / "p", {f"vision_encoder.visual.{name}": value for name, value in made.items()})
    encoder = released("ptunifier", folder, config=SMALL)
    own = encoder.state_dict()
    queries = next(value for name, value in own.items() if "layers.1.self_attn.q_proj.weight" in name)
    torch.testing.assert_close(queries, made["transformer.resblocks.1.attn.in_proj_weight"][:D])
    assert encoder(torch.rand(2, 1, SIDE, SIDE)).patches.shape == (2, 4, D)


def test_what_is_not_as_released_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"get ConVIRT\.pth from huggingface\.co/youngzhou12"):
        released("convirt", tmp_path)
    with pytest.raises(InputError, match="no method 'clip'"):
        by_system("clip", tmp_path)
    with pytest.raises(InputError, match=r"is called 'visual\.model\.\.\.\.'"):
        image_tensors({"other.weight": torch.zeros(1)}, METHODS["convirt"].published)
    t = timm_vit()
    del t["blocks.1.attn.proj.bias"]
    with pytest.raises(InputError, match="is missing"):
        released("mrm", written(tmp_path / "m", t), config=SMALL)
    wide = timm_vit()
    wide["blocks.0.mlp.fc1.bias"] = torch.zeros(5)
    with pytest.raises(InputError, match="does not fit"):
        released("mrm", written(tmp_path / "w", wide), config=SMALL)
