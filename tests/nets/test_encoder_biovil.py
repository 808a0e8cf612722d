"""BioViL and BioViL-T: their attention against the authors' numbers and torch's own, one film and two."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.encoder_biovil import Attention, Pooler, sine_positions  # noqa: E402
from hilum.nets.encoders import image_encoder  # noqa: E402
from tests.nets.encoders import noise, settled, waves  # noqa: E402

SMALL: dict[str, Any] = {"width": 16, "heads": 2, "depth": 1, "joint": 6, "blocks": (1, 1, 1, 1), "stem": 4}
AUTHORS = (0.59004, 0.51611, 0.72609, 0.30494, -0.27773, -0.34513, -0.0826, -0.12195, -0.33134, -0.55423)
"""Every fifth number that VisionTransformerPooler of hi-ml-multimodal 0.2.2 gives for `waves` and two blocks."""


def made(name: str = "biovil-t", **more: Any) -> Any:
    torch.manual_seed(0)
    return settled(image_encoder(name, weights="random", size=64, config=SMALL, **more))


@pytest.fixture(autouse=True)
def _no_gradients() -> Any:
    with torch.no_grad():
        yield


def test_the_attention_over_two_films_gives_the_authors_numbers() -> None:
    pooler = waves(Pooler(8, 2, 2))
    now = (torch.arange(48.0) * 0.3).cos().reshape(1, 8, 2, 3)
    before = (torch.arange(48.0) * 0.2).sin().reshape(1, 8, 2, 3)
    found = pooler(now, before).flatten()[::5]
    torch.testing.assert_close(found, torch.tensor(AUTHORS), atol=2e-5, rtol=0)


def test_positions_are_sines_of_row_then_column() -> None:
    grid = sine_positions((2, 4), 8).reshape(2, 4, 8)
    row, column = 2 * math.pi / 2, 2 * math.pi * 3 / 4  # first row of two, third column of four
    expected = [math.sin(row), math.cos(row), math.sin(row / 100), math.cos(row / 100),
                math.sin(column), math.cos(column), math.sin(column / 100), math.cos(column / 100)]  # fmt: skip
    torch.testing.assert_close(grid[0, 2], torch.tensor(expected), atol=1e-4, rtol=0)


def test_attention_is_torchs() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(8, 2).eval(), torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    theirs.in_proj_weight.copy_(torch.cat([ours.proj_q.weight, ours.proj_k.weight, ours.proj_v.weight]))
    theirs.in_proj_bias.zero_()
    theirs.out_proj.load_state_dict(ours.proj.state_dict())
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(ours(x), theirs(x, x, x)[0], atol=1e-6, rtol=1e-5)


def test_without_an_earlier_film_half_of_each_patch_is_the_learnt_nothing() -> None:
    encoder = made()
    seen = encoder(noise(2, 1, 64, 64))
    assert seen.patches.shape == (2, 4, 32)
    nothing = encoder.trunk.encoder.missing_previous_emb.flatten().expand(2, 4, -1)
    torch.testing.assert_close(seen.patches[..., 16:], nothing)


def test_an_earlier_film_changes_the_second_half_only() -> None:
    encoder = made()
    film, prior = encoder.prepare(noise(2, 1, 64, 64)), encoder.prepare(noise(2, 1, 64, 64, seed=1))
    alone, both = encoder.trunk(film), encoder.trunk(film, prior)
    torch.testing.assert_close(alone.patches[..., :16], both.patches[..., :16])
    assert not torch.allclose(alone.patches[..., 16:], both.patches[..., 16:])
    other = encoder.trunk(film, prior.flip(0))
    assert not torch.allclose(other.patches[..., 16:], both.patches[..., 16:])


def test_films_with_and_without_a_prior_share_a_batch() -> None:
    encoder = made()
    film, prior = encoder.prepare(noise(2, 1, 64, 64)), encoder.prepare(noise(2, 1, 64, 64, seed=1))
    mixed = encoder.trunk(film, prior, torch.tensor([True, False]))
    torch.testing.assert_close(mixed.patches[0], encoder.trunk(film, prior).patches[0])
    torch.testing.assert_close(mixed.patches[1], encoder.trunk(film).patches[1])


@pytest.mark.parametrize("name", ["biovil", "biovil-t"])
def test_the_shared_space_is_the_projector_on_each_patch_and_their_mean(name: str) -> None:
    plain, projected = made(name), made(name, project=True)
    projected.load_state_dict(plain.state_dict())
    film = noise(2, 1, 64, 64)
    seen, joint = plain(film), projected(film)
    maps = seen.patches.transpose(1, 2).reshape(2, -1, *seen.grid)
    expected = plain.trunk.projector.model(maps).flatten(2).transpose(1, 2)
    torch.testing.assert_close(joint.patches, expected)
    torch.testing.assert_close(joint.pooled, expected.mean(dim=1))
    assert projected.width == 6


def test_biovil_refuses_an_earlier_film() -> None:
    encoder = made("biovil")
    film = encoder.prepare(noise(1, 1, 64, 64))
    with pytest.raises(InputError, match="choose 'biovil-t'"):
        encoder.trunk(film, film)


def test_its_tensors_have_the_published_names_and_come_back(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    one = made()
    names = set(one.trunk.state_dict())
    published = {"encoder.encoder.layer1.0.downsample.0.weight", "encoder.backbone_to_vit.weight",
            "encoder.vit_pooler.blocks.0.attn.proj_q.weight", "encoder.vit_pooler.blocks.0.mlp.fc1.bias",
            "encoder.vit_pooler.type_embed", "encoder.missing_previous_emb", "projector.model.3.bias"}  # fmt: skip
    assert published <= names
    save_file({**one.trunk.state_dict(), "encoder.encoder.fc.bias": torch.zeros(3)}, tmp_path / "model.safetensors")
    two = image_encoder("biovil-t", weights=tmp_path, size=64, config=SMALL)
    film = noise(1, 1, 64, 64)
    torch.testing.assert_close(one(film).patches, two(film).patches)


def test_as_large_as_published() -> None:
    """ResNet-50 without its classifier, a 1 x 1 convolution to 256, three blocks, and the projector to 128."""
    encoder = image_encoder("biovil-t", weights="random")
    body = 25_557_032 - 2048 * 1000 - 1000
    block = 2 * 512 + 4 * 256 * 256 + 256 + 2 * (256 * 256 + 256)
    pooler = 3 * block + 512 + 2 * 256
    projector = 512 * 128 + 256 + 128 * 128 + 128
    assert sum(p.numel() for p in encoder.parameters()) == body + 2048 * 256 + pooler + 256 + projector
    encoder.train()
    with torch.enable_grad():
        first = encoder.trunk.encoder.vit_pooler(torch.randn(2, 256, 2, 2), torch.randn(2, 256, 2, 2))
    assert torch.isfinite(first).all()
