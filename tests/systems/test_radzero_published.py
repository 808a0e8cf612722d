"""RadZero at published structure, tiny and random: the authors' names, one width, a checkpoint read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from safetensors.torch import save_file  # noqa: E402

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.nets.encoders import image_encoder, text_encoder  # noqa: E402
from hilum.nets.similarity import Aligner  # noqa: E402
from hilum.systems import radzero  # noqa: E402
from hilum.systems._radzero_names import as_written, authors_name  # noqa: E402
from hilum.systems._radzero_published import fill_from_authors, joined  # noqa: E402

VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 14, "image_size": 28}
TEXT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
        "max_position_embeddings": 40}  # fmt: skip
WORDS = ("there", "is", "a", "pleural", "effusion", "pneumothorax", ".")


def _net() -> tuple[Aligner, object]:
    torch.manual_seed(0)
    image = image_encoder("dinov2", weights="random", size=28, config=VISION)
    text, coder = text_encoder("mpnet", weights="random", config=TEXT, vocabulary=WORDS)
    return joined(image, text, heads=2, layers=2), coder


def _theirs(net: Aligner) -> dict[str, Any]:
    made = {authors_name(name): value.clone().contiguous() for name, value in net.state_dict().items()}
    made["loss_fns.RadZeroLoss.loss_temperature"] = net.head.log_tau.detach().reshape(1).clone()
    return made


def test_names_are_those_of_the_authors_modules() -> None:
    net, _ = _net()
    names = {authors_name(name) for name in net.state_dict()}
    assert "loss_fns.RadZeroLoss.layer_norm.weight" in names
    assert "loss_fns.RadZeroLoss.loss_temperature" in names
    layer = "align_transformer.transformer_layers.layer.1."
    own = transformers.Dinov2Model(transformers.Dinov2Config(**VISION))
    wanted = {layer + as_written(name) for name in own.encoder.layer[0].state_dict()}
    assert {name for name in names if name.startswith(layer)} == wanted
    assert {name.removeprefix("vision_model.") for name in names if name.startswith("vision_model.")} == set(
        map(as_written, own.state_dict())
    )


def test_a_layer_computes_what_dinov2s_does() -> None:
    net, _ = _net()
    own = transformers.Dinov2Model(transformers.Dinov2Config(**VISION)).encoder.layer[0].eval()
    prefix = "align_transformer.transformer_layers.layer.0."
    tensors = {name.removeprefix(prefix): value for name, value in _theirs(net).items() if name.startswith(prefix)}
    own.load_state_dict({name: tensors[as_written(name)] for name in own.state_dict()})
    x = torch.randn(2, 5, 32)
    found = own(x)
    with torch.no_grad():
        assert torch.allclose(net.layers[0](x), found[0] if isinstance(found, tuple) else found, atol=1e-5)


def test_a_checkpoint_of_the_authors_layout_is_read_back(tmp_path: Path) -> None:
    net, coder = _net()
    coder.tokenizer.save_pretrained(tmp_path)  # type: ignore[attr-defined]
    save_file(_theirs(net), tmp_path / "model.safetensors")
    text = {**TEXT, "vocab_size": len(coder)}  # type: ignore[arg-type]
    told = {"vision_config": {**VISION, "img_size": 28}, "text_config": text,
            "align_transformer_config": {"num_hidden_layers": 2, "num_attention_heads": 2}}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(told))
    model = radzero.authors(tmp_path)
    films = torch.rand(2, 28, 28).numpy()
    logits, maps = model.match(films, ["there is a pleural effusion ."])
    ids, mask = coder.code(["there is a pleural effusion ."])  # type: ignore[attr-defined]
    seen = net.look(torch.from_numpy(films)[:, None])
    with torch.no_grad():
        expected = net(seen.pooled, seen.patches, ids, mask)
    assert torch.allclose(torch.from_numpy(logits), expected.logits, atol=1e-4)
    assert maps.shape == (2, 1, 28, 28)
    assert model.card["open"]
    assert model.words_unknown("anything at all") == ()


def test_the_first_misfit_is_named(tmp_path: Path) -> None:
    net, _ = _net()
    tensors = _theirs(net)
    odd = {**tensors, "loss_fns.RadZeroLoss.layer_norm.weight": torch.ones(7)}
    with pytest.raises(InputError, match=r"layer_norm\.weight' is \(7,\), expected \(32,\)"):
        fill_from_authors(net, odd, where="here")
    del odd["loss_fns.RadZeroLoss.layer_norm.weight"]
    with pytest.raises(InputError, match=r"layer_norm\.weight' is missing"):
        fill_from_authors(net, odd, where="here")
    with pytest.raises(MissingError, match=r"no config\.json"):
        radzero.authors(tmp_path)


def test_encoders_of_two_widths_are_refused() -> None:
    image = image_encoder("dinov2", weights="random", size=28, config=VISION)
    text, _ = text_encoder("mpnet", weights="random", config={**TEXT, "hidden_size": 16}, vocabulary=WORDS)
    with pytest.raises(InputError, match=r"32 numbers a patch and .* 16 a text"):
        joined(image, text, heads=2, layers=2)
