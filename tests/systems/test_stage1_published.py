"""Published first stages: checkpoints of the authors' layout, tiny and random, against the layout written out here."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")
transformers = pytest.importorskip("transformers", reason="transformers (extra 'language') is not installed")
safetensors = pytest.importorskip("safetensors.torch", reason="safetensors (extra 'train') is not installed")

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.nets.views import padded  # noqa: E402
from hilum.systems._mlrg_sets import Films  # noqa: E402
from hilum.systems._sei_published import resnet  # noqa: E402
from hilum.systems.mlrg import published as mlrg  # noqa: E402
from hilum.systems.sei import published as sei  # noqa: E402

nn = torch.nn
SCRIPT = Path(__file__).parents[2] / "scripts" / "convert_weights.py"
WIDE, TOLD, OUT, HEADS, FUSION_HEADS = 8, 12, 16, 2, 4
BEFORE_5 = {"attention.q_proj.": "attention.attention.query.", "attention.k_proj.": "attention.attention.key.",
            "attention.v_proj.": "attention.attention.value.",
            "attention.o_proj.": "attention.output.dense."}  # fmt: skip


def head(inputs: int, hidden: int, outputs: int, *, white: bool = False, pooled: bool = False) -> nn.Sequential:
    """The authors' projection: kernels of one pixel over tokens, or matrices over pooled vectors."""
    first, second = ((nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)) if pooled else
                     (nn.Conv1d(inputs, hidden, 1), nn.Conv1d(hidden, outputs, 1)))  # fmt: skip
    last = [nn.BatchNorm1d(outputs, affine=False)] if white else []
    return nn.Sequential(first, nn.BatchNorm1d(hidden), nn.ReLU(), second, *last)


def trained_looking(module: nn.Module) -> nn.Module:
    for each in module.modules():
        if isinstance(each, (nn.BatchNorm1d, nn.BatchNorm2d)):
            each.running_mean.normal_(0, 0.2)
            each.running_var.uniform_(0.5, 2.0)
        if isinstance(each, nn.LayerNorm):
            nn.init.normal_(each.weight, 1.0, 0.2)
            nn.init.normal_(each.bias, 0.0, 0.2)
    return module.eval()


def bert(**more: Any) -> nn.Module:
    config = transformers.BertConfig(hidden_size=TOLD, num_attention_heads=HEADS, num_hidden_layers=2, vocab_size=20,
                                     intermediate_size=16, max_position_embeddings=32)  # fmt: skip
    return transformers.BertModel(config, **more)


def mlrg_parts() -> dict[str, Any]:
    torch.manual_seed(0)
    dino = transformers.Dinov2Model(transformers.Dinov2Config(
        hidden_size=WIDE, num_hidden_layers=2, num_attention_heads=HEADS, image_size=28, patch_size=14))  # fmt: skip
    layers = [{name: nn.Linear(OUT, FUSION_HEADS * 3) for name in ("fc_q", "fc_k", "fc_v")}
              | {"fc_o": nn.Linear(FUSION_HEADS * 3, OUT), "ln_1": nn.LayerNorm(OUT), "ln_2": nn.LayerNorm(OUT),
                 "net": nn.Sequential(nn.LayerNorm(OUT), nn.Linear(OUT, 20), nn.GELU(), nn.Dropout(0.0),
                                      nn.Linear(20, OUT))} for _ in range(3)]  # fmt: skip
    parts = {"dino": dino, "bert": bert(add_pooling_layer=False), "image": head(WIDE, 24, OUT),
             "text": head(TOLD, 24, OUT), "ln_1": nn.LayerNorm(WIDE), "ln_2": nn.LayerNorm(OUT),
             "norm": nn.LayerNorm(OUT), "vp": torch.randn(5, 1, WIDE), "time": torch.rand(3, 1, OUT)}  # fmt: skip
    for module in [*parts.values(), *(each for layer in layers for each in layer.values())]:
        if isinstance(module, nn.Module):
            trained_looking(module)
    return {**parts, "layers": layers}


def mlrg_state(p: dict[str, Any]) -> dict[str, torch.Tensor]:
    state = {"vp_pos_embed": p["vp"], "temp_pos_embed": p["time"]}
    for name, value in p["dino"].state_dict().items():
        for new, old in BEFORE_5.items():
            name = name.replace(new, old)
        state[f"image_encoder.{name}"] = value
    for prefix, module in (("text_encoder.bert.", p["bert"]), ("image_projection.head.", p["image"]),
                           ("text_projection.head.", p["text"]), ("ln_1.", p["ln_1"]), ("ln_2.", p["ln_2"]),
                           ("fusion_multiview.norm.", p["norm"])):  # fmt: skip
        state |= {prefix + name: value for name, value in module.state_dict().items()}
    for at, layer in enumerate(p["layers"]):
        for part, module in layer.items():
            where = f"fusion_multiview.layers.{at}." + ("1.net." if part == "net" else f"0.{part}.")
            state |= {where + name: value for name, value in module.state_dict().items()}
    state["text_encoder.cls.predictions.bias"] = torch.zeros(20)
    return state


@torch.no_grad()
def mlrg_by_hand(p: dict[str, Any], films: torch.Tensor, view: list[int], when: list[int]) -> torch.Tensor:
    """The anchor is film 0, all others are looked at; one film, one head and one layer at a time."""
    out = p["dino"](((films - 0.5307) / 0.2583).expand(-1, 3, -1, -1))
    tokens = torch.cat([out.pooler_output[:, None], out.last_hidden_state], dim=1)
    rows = []
    for film, at, time in zip(tokens, view, when, strict=True):
        x = p["ln_1"](film + p["vp"][at])
        x = p["image"](x.T[None])[0].T
        rows.append(p["ln_2"](x + p["time"][time]))
    asked, answers = rows[0], torch.cat(rows[1:])
    for layer in p["layers"]:
        q, k, v = (layer[name](x) for name, x in (("fc_q", layer["ln_1"](asked)), ("fc_k", layer["ln_2"](answers)),
                                                  ("fc_v", layer["ln_2"](answers))))  # fmt: skip
        heads = []
        for number in range(FUSION_HEADS):
            part = slice(3 * number, 3 * number + 3)
            heads.append(torch.softmax(q[:, part] @ k[:, part].T / 3**0.5, dim=-1) @ v[:, part])
        asked = asked + layer["fc_o"](torch.cat(heads, dim=1))
        asked = asked + layer["net"](asked)
    return p["norm"](asked)


def written(folder: Path, state: dict[str, torch.Tensor]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.save_file({name: value.contiguous().clone() for name, value in state.items()},
                          folder / "model.safetensors")  # fmt: skip
    return folder


def test_mlrgs_checkpoint_gives_what_its_layout_says(tmp_path: Path) -> None:
    p = mlrg_parts()
    found = mlrg(written(tmp_path, mlrg_state(p)), heads=HEADS, fusion_heads=FUSION_HEADS)
    films, view, when = torch.rand(3, 1, 28, 28), [1, 2, 4], [0, 0, 1]
    films_of = Films(torch.arange(3), torch.tensor(when), torch.tensor([0]), padded([[1, 2]]))
    made = found.fused(found.tokens(films, size=28), torch.tensor(view), films_of)
    assert torch.allclose(made[0], mlrg_by_hand(p, films, view, when), atol=1e-4)
    assert found.unused == ("text_encoder.cls.predictions.bias",)


def test_mlrgs_reports_are_read_by_the_first_word(tmp_path: Path) -> None:
    p = mlrg_parts()
    found = mlrg(written(tmp_path, mlrg_state(p)), heads=HEADS, fusion_heads=FUSION_HEADS)
    ids, mask = torch.tensor([[2, 7, 8, 3], [2, 9, 3, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]], dtype=torch.bool)
    with torch.no_grad():
        words = p["bert"](input_ids=ids, attention_mask=mask.long()).last_hidden_state
        expected = p["text"](words.transpose(1, 2)).transpose(1, 2)[:, 0]
    assert torch.allclose(found.told(ids, mask), expected, atol=1e-5)


def sei_parts() -> dict[str, Any]:
    torch.manual_seed(1)
    parts = {"visual_extractor.model.": resnet({4: 1, 5: 2, 6: 1, 7: 1}, 4), "text_encoder.encoder.": bert(),
             "visual_global.head.": head(128, 128, OUT, white=True, pooled=True),
             "visual_local.head.": head(128, 128, OUT, white=True),
             "text_global.head.": head(TOLD, TOLD, OUT, white=True, pooled=True),
             "text_local.head.": head(TOLD, TOLD, OUT, white=True)}  # fmt: skip
    return {name: trained_looking(module) for name, module in parts.items()}


def sei_state(p: dict[str, Any]) -> dict[str, torch.Tensor]:
    state = {prefix + name: value for prefix, module in p.items() for name, value in module.state_dict().items()}
    return {**state, "patch_local_layer.in_proj_bias": torch.zeros(3)}


def test_seis_checkpoint_gives_what_its_layout_says(tmp_path: Path) -> None:
    p = sei_parts()
    found = sei(written(tmp_path, sei_state(p)), heads=HEADS)
    films = torch.rand(2, 1, 64, 64)
    mean, deviation = (
        torch.tensor(each)[None, :, None, None] for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    with torch.no_grad():
        maps = p["visual_extractor.model."]((films.expand(-1, 3, -1, -1) - mean) / deviation)
        patches = p["visual_local.head."](maps.flatten(2)).transpose(1, 2)
        pooled = p["visual_global.head."](maps.mean((2, 3)))
        rows = torch.cat((pooled[:, None], patches), dim=1)
        expected = (rows / rows.norm(dim=-1, keepdim=True)).flatten(1).numpy()
    assert found.features(films, size=64) == pytest.approx(expected, abs=1e-5)
    assert found.unused == ("patch_local_layer.in_proj_bias",)


def test_seis_texts_and_words_are_projected_as_its_layout_says(tmp_path: Path) -> None:
    p = sei_parts()
    found = sei(written(tmp_path, sei_state(p)), heads=HEADS)
    ids, mask = torch.tensor([[2, 7, 8, 3]]), torch.ones(1, 4, dtype=torch.bool)
    with torch.no_grad():
        words = p["text_encoder.encoder."](input_ids=ids, attention_mask=mask.long()).last_hidden_state
        text, told = found.net.told(ids, mask)
        assert torch.allclose(text, p["text_global.head."](words[:, 0]), atol=1e-5)
        assert torch.allclose(told, p["text_local.head."](words.transpose(1, 2)).transpose(1, 2), atol=1e-5)


def test_the_encoder_of_sei_is_torchvisions_resnet_101() -> None:
    """Counts as published for ResNet-101 without its classifier: 42,500,160 weights."""
    with torch.device("meta"):
        net = resnet({4: 3, 5: 4, 6: 23, 7: 3}, 64)
    assert sum(value.numel() for value in net.parameters()) == 42_500_160
    state = net.state_dict()
    assert tuple(state["7.2.conv3.weight"].shape) == (2048, 512, 1, 1)
    assert tuple(state["4.0.downsample.0.weight"].shape) == (256, 64, 1, 1)


def test_a_lightning_checkpoint_is_converted_once_and_never_opened_by_us(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("convert_weights", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder, state = tmp_path / "mlrg", mlrg_state(mlrg_parts())
    folder.mkdir()
    torch.save({"state_dict": state, "epoch": 3, "pytorch-lightning_version": "2.2"}, folder / "best_model.ckpt")
    with pytest.raises(MissingError, match="safetensors only"):
        mlrg(folder)
    target = folder / "model.safetensors"
    assert module.main([str(folder / "best_model.ckpt"), str(target), "--i-trust-this-file"]) == 0
    found = mlrg(folder, heads=HEADS, fusion_heads=FUSION_HEADS)
    assert torch.equal(found.net.fusion.times, state["temp_pos_embed"][:, 0])


@pytest.mark.parametrize("lost", ["ln_2.weight", "fusion_multiview.layers.1.0.fc_v.bias", "vp_pos_embed",
                                  "image_projection.head.1.running_var"])  # fmt: skip
def test_a_tensor_that_is_missing_is_named(tmp_path: Path, lost: str) -> None:
    state = mlrg_state(mlrg_parts())
    del state[lost]
    with pytest.raises(InputError, match=r"missing|no '"):
        mlrg(written(tmp_path, state), heads=HEADS, fusion_heads=FUSION_HEADS)


def test_another_file_says_what_it_is_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not laid out as the authors' code says"):
        sei(written(tmp_path, {"weight": torch.zeros(2)}))
    with pytest.raises(MissingError, match=r"docs/sei\.md"):
        sei(tmp_path / "nowhere")


def test_features_of_equal_films_are_equal_and_of_length_one_per_row(tmp_path: Path) -> None:
    found = sei(written(tmp_path, sei_state(sei_parts())), heads=HEADS)
    films = torch.rand(1, 1, 64, 64).repeat(2, 1, 1, 1)
    made = found.features(films, size=64).reshape(2, -1, OUT)
    assert np.array_equal(made[0], made[1])
    assert np.linalg.norm(made, axis=-1) == pytest.approx(np.ones(made.shape[:2]), abs=1e-5)
