"""Image encoders by name: the same numbers as transformers' own forward, taps, sizes, and what does not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.nets.encoder_cards import IMAGES, OPENAI, RAD_DINO, TEXTS  # noqa: E402
from hilum.nets.encoders import _CLASSES, image_encoder  # noqa: E402
from hilum.nets.towers import Seen  # noqa: E402
from tests.nets.encoders import IMAGE, noise, settled, shorn  # noqa: E402

FLAT = ("vit", "dinov2", "siglip", "clip")


def saved(name: str, folder: Path, **more: Any) -> Any:
    """A small model of transformers in reading mode, saved to a folder."""
    torch.manual_seed(sum(map(ord, name)))
    config, model = (getattr(transformers, each) for each in _CLASSES[name])
    net = settled(model(config(**{**IMAGE[name.split("-")[0]], **more})))
    net.save_pretrained(folder)
    return net


def normalised(film: torch.Tensor, name: str) -> torch.Tensor:
    mean, deviation = (torch.tensor(each).reshape(1, 3, 1, 1) for each in IMAGES[name].tone)
    return (film.expand(-1, 3, -1, -1) - mean) / deviation


@pytest.fixture(autouse=True)
def _no_gradients() -> Any:
    with torch.no_grad():
        yield


@pytest.mark.parametrize("name", list(IMAGE))
def test_a_saved_model_gives_what_transformers_gives(name: str, tmp_path: Path) -> None:
    net = saved(name, tmp_path)
    film, side = noise(2, 1, 64, 64), 64
    seen = image_encoder(name, weights=tmp_path, size=side)(film)
    asked = {"interpolate_pos_encoding": True} if name in ("vit", "siglip", "clip") else {}
    told = net(normalised(film, name), **asked)
    assert isinstance(seen, Seen)
    assert seen.patches.shape[1] == seen.grid[0] * seen.grid[1]
    last = told.last_hidden_state
    if name == "resnet":
        torch.testing.assert_close(seen.patches, last.flatten(2).transpose(1, 2))
        torch.testing.assert_close(seen.pooled, told.pooler_output.flatten(1))
    elif name == "swinv2" or name == "siglip":
        torch.testing.assert_close(seen.patches, last)
        torch.testing.assert_close(seen.pooled, told.pooler_output)
    elif name == "clip":
        torch.testing.assert_close(seen.pooled, told.pooler_output)
        torch.testing.assert_close(seen.patches, net.post_layernorm(last[:, 1:]))
    else:
        torch.testing.assert_close(seen.pooled, last[:, 0])
        torch.testing.assert_close(seen.patches, last[:, 1:])


def test_other_weights_see_other_things(tmp_path: Path) -> None:
    saved("vit", tmp_path)
    film = noise(1, 1, 32, 32)
    one = image_encoder("vit", weights=tmp_path, size=32)
    two = image_encoder("vit", weights="random", config=IMAGE["vit"])
    assert not torch.allclose(one(film).pooled, two(film).pooled)
    assert torch.equal(one(film).pooled, image_encoder("vit", weights=tmp_path, size=32)(film).pooled)


def test_clip_is_projected_into_the_space_it_shares_with_texts(tmp_path: Path) -> None:
    net = saved("clip-projected", tmp_path)
    film = noise(2, 1, 32, 32)
    encoder = image_encoder("clip", weights=tmp_path, size=32, project=True)
    assert encoder.width == 24
    seen = encoder(film)
    torch.testing.assert_close(seen.pooled, net(normalised(film, "clip")).image_embeds)
    assert seen.patches.shape == (2, 16, 24)
    plain = image_encoder("clip", weights=tmp_path, size=32)(film)  # the same file, without its last layer
    torch.testing.assert_close(net.visual_projection(plain.pooled), seen.pooled)


def test_a_whole_siglip_gives_its_image_part(tmp_path: Path) -> None:
    from tests.nets.encoders import BLOCKS

    torch.manual_seed(1)
    config = transformers.SiglipConfig(
        vision_config=IMAGE["siglip"], text_config={**BLOCKS, "vocab_size": 30, "bos_token_id": 1, "eos_token_id": 2}
    )
    net = transformers.SiglipModel(config).eval()
    net.save_pretrained(tmp_path)
    film = noise(2, 1, 32, 32)
    seen = image_encoder("xray-siglip", weights=tmp_path, size=32)(film)
    torch.testing.assert_close(seen.pooled, net.vision_model(normalised(film, "siglip")).pooler_output)


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("size", [16, 32, 48])
def test_patches_follow_the_size_of_the_film(name: str, size: int) -> None:
    encoder = image_encoder(name, config=IMAGE[name], size=size)
    seen = encoder(noise(1, 1, 40, 56))  # resized to size x size
    assert seen.grid == (size // 8, size // 8)
    assert seen.patches.shape == (1, (size // 8) ** 2, encoder.width)


def test_positions_are_interpolated_as_transformers_does(tmp_path: Path) -> None:
    """At the trained size the table is used as it is; a constant table stays constant at any size."""
    net = saved("vit", tmp_path)
    net.embeddings.position_embeddings.fill_(0.5)
    net.save_pretrained(tmp_path)
    encoder = image_encoder("vit", weights=tmp_path, size=48)
    table = encoder.trunk.model.embeddings
    found = table.interpolate_pos_encoding(torch.zeros(1, 37, 32), 48, 48)
    torch.testing.assert_close(found, torch.full((1, 37, 32), 0.5))


@pytest.mark.parametrize("name", list(IMAGE))
def test_taps_are_maps_of_the_widths_and_strides_they_say(name: str) -> None:
    encoder = image_encoder(name, config=IMAGE[name], size=64)
    maps = encoder.taps(noise(2, 1, 64, 64))
    assert [each.shape[1] for each in maps] == list(encoder.tap_widths)
    assert [64 // each.shape[2] for each in maps] == list(encoder.tap_strides)
    second = encoder.taps(noise(2, 1, 64, 64), [1])
    torch.testing.assert_close(second[0], maps[1])


def test_the_last_tap_of_a_vit_is_its_patches_before_the_last_norm() -> None:
    encoder = image_encoder("dinov2", config=IMAGE["dinov2"], size=32)
    film = noise(2, 1, 32, 32)
    last = encoder.taps(film)[-1].flatten(2).transpose(1, 2)
    torch.testing.assert_close(encoder.trunk.model.layernorm(last), encoder(film).patches)


def test_swin_taps_stand_before_the_halving() -> None:
    """Against transformers' own backbone, which gives the maps that detectors read."""
    torch.manual_seed(0)
    names = ["stage1", "stage2", "stage3", "stage4"]
    config = transformers.Swinv2Config(**IMAGE["swinv2"], out_features=names)
    backbone = transformers.Swinv2Backbone(config).eval()
    encoder = image_encoder("swinv2", config=IMAGE["swinv2"], size=64)
    encoder.trunk.model.embeddings.load_state_dict(backbone.embeddings.state_dict())
    encoder.trunk.model.encoder.load_state_dict(backbone.encoder.state_dict())
    film = noise(1, 1, 64, 64)
    for ours, theirs in zip(encoder.taps(film), backbone(normalised(film, "swinv2")).feature_maps, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_grey_film_is_three_equal_channels() -> None:
    torch.manual_seed(0)
    film = noise(2, 1, 32, 32)
    grey = image_encoder("vit", config=IMAGE["vit"])
    colour = image_encoder("vit", config=IMAGE["vit"], channels=3)
    colour.load_state_dict(grey.state_dict())
    torch.testing.assert_close(grey(film).pooled, colour(film.expand(-1, 3, -1, -1)).pooled)


def test_the_tone_of_a_folder_goes_before_the_cards(tmp_path: Path) -> None:
    saved("dinov2", tmp_path)
    film = torch.full((1, 1, 32, 32), 0.5307)
    first = image_encoder("rad-dino", weights=tmp_path, size=32)
    torch.testing.assert_close(first.prepare(film), torch.zeros(1, 3, 32, 32))
    said = {"image_mean": [0.1, 0.2, 0.3], "image_std": [1.0, 1.0, 1.0]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    second = image_encoder("rad-dino", weights=tmp_path, size=32)
    expected = torch.tensor([0.4307, 0.3307, 0.2307]).reshape(1, 3, 1, 1).expand(1, 3, 32, 32)
    torch.testing.assert_close(second.prepare(film), expected)


def test_torchxrayvisions_range_is_minus_to_plus_1024() -> None:
    config = {"blocks": (1, 1), "growth": 4, "stem": 4}
    encoder = image_encoder("densenet121-res224-all", weights="random", config=config)
    ends = encoder.prepare(torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 1, 224, 224))
    assert (float(ends.min()), float(ends.max())) == (-1024.0, 1024.0)


def test_every_family_learns_through_its_adapter() -> None:
    with torch.enable_grad():
        for name in FLAT:
            encoder = image_encoder(name, config=IMAGE[name], size=32).train()
            seen = encoder(noise(2, 1, 32, 32))
            (seen.pooled.square().mean() + seen.patches.square().mean()).backward()
            silent = [n for n, p in encoder.named_parameters() if p.grad is None and "mask_token" not in n]
            assert silent == [], name


# -- what is refused --------------------------------------------------------------------------------------------------


def test_a_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    saved("vit", tmp_path)
    shorn(tmp_path / "model.safetensors", "layernorm.weight", lambda held: held[:16])
    with pytest.raises(InputError, match=r"'layernorm.weight' is \(16,\), the network has \(32,\)"):
        image_encoder("vit", weights=tmp_path)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    saved("dinov2", tmp_path)
    shorn(tmp_path / "model.safetensors", "layernorm.bias", lambda held: None)
    with pytest.raises(InputError, match=r"'layernorm.bias' is missing, the network has \(32,\)"):
        image_encoder("dinov2", weights=tmp_path)


def test_a_folder_of_another_family_is_refused(tmp_path: Path) -> None:
    saved("vit", tmp_path)
    with pytest.raises(InputError, match="is of a 'vit', and 'rad-dino' is a 'dinov2'"):
        image_encoder("rad-dino", weights=tmp_path)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    saved("vit", tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(InputError, match="cannot be loaded"):
        image_encoder("vit", weights=tmp_path)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("rad-dyno", {}, "did you mean rad-dino"),
        ("zzz", {}, "there are: resnet"),
        ("vit", {"config": IMAGE["vit"], "size": 33}, "patches of 8 pixels: 33 is not a multiple"),
        ("vit", {"config": IMAGE["vit"], "channels": 2}, "films of 3 channels, or of one"),
        ("vit", {"config": IMAGE["vit"], "project": True}, "no space that films and texts share"),
        ("chexnet", {"weights": "hub:"}, "'chexnet' has no repository on the hub"),
    ],
)
def test_what_cannot_be_asked_is_said(name: str, given: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        image_encoder(name, **given)


def test_films_of_other_channels_are_refused() -> None:
    encoder = image_encoder("vit", config=IMAGE["vit"])
    with pytest.raises(InputError, match=r"takes films \(B, 1, H, W\), got \(1, 3, 32, 32\)"):
        encoder(noise(1, 3, 32, 32))


def test_published_names_do_not_start_from_nothing_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HILUM_WEIGHTS", raising=False)
    with pytest.raises(MissingError, match=r"microsoft/rad-dino .*licence: MIT.*weights='random'"):
        image_encoder("rad-dino")
    monkeypatch.setenv("HILUM_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingError, match="there is no"):
        image_encoder("rad-dino")
    saved("dinov2", tmp_path / "rad-dino")
    assert image_encoder("rad-dino", size=32).width == 32


def test_a_pickle_in_the_folder_is_not_opened(tmp_path: Path) -> None:
    saved("vit", tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(MissingError, match=r"pytorch_model.bin is a pickle.*convert"):
        image_encoder("vit", weights=tmp_path)
    with pytest.raises(InputError, match=r"is not a \.safetensors file"):
        image_encoder("vit", weights=tmp_path / "pytorch_model.bin")


def test_cards_are_whole() -> None:
    for card in (*IMAGES.values(), *TEXTS.values()):
        assert card.source, card.name
        assert bool(card.licence) == card.published, card.name
    assert not IMAGES.keys() & TEXTS.keys()
    assert len(RAD_DINO[0]) == len(OPENAI[1]) == 3
