"""Published readers at their own size, on no device: counts, slots and widths that their cards name."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.fuse import ROLES  # noqa: E402
from hilum.nets.reader import Reader  # noqa: E402
from hilum.nets.readers import slot_of  # noqa: E402
from hilum.nets.readers_published import PUBLISHED, published  # noqa: E402

CARDS: dict[str, tuple[float, int, int, int]] = {
    "cxr-llava": (7.05e9, 1024, 1024, 4096),
    "chexagent-8b": (8.36e9, 128, 1408, 4096),
    "chexagent-2-3b": (3.11e9, 1024, 1024, 2560),
    "radvlm": (8.06e9, 10 * 27 * 27, 1152, 3584),
    "maira-2": (6.88e9, 37 * 37, 768, 4096),
    "libra": (6.89e9, 1369, 768, 4096),
    "mlrg": (0.195e9, 1369, 768, 768),
}
"""Weights (within 1 %), tokens of a film, width of the encoder and of the language model."""


def built(name: str) -> Reader:
    with torch.device("meta"):
        return Reader(published(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [each for each in PUBLISHED if each in ("maira-2", "libra", "mlrg")])
def test_the_sizes_are_those_of_the_cards(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [each for each in PUBLISHED if each not in ("maira-2", "libra", "mlrg")])
def test_the_sizes_of_the_others_too(name: str) -> None:
    check(name)


def check(name: str) -> None:
    weights, slot, vision, text = CARDS[name]
    reader = built(name)
    config = reader.config
    assert sum(each.numel() for each in reader.parameters()) == pytest.approx(weights, rel=0.01)
    assert (config.vision_config.hidden_size, config.text_config.hidden_size) == (vision, text)
    with torch.device("meta"):
        assert slot_of(reader) == slot
        roles = config.role_token_ids
        ids = torch.full((1, slot + 2), config.image_token_id)
        ids[0, 0] = roles["cur_front"]
    assert sorted(roles) == sorted(ROLES)
    assert len({config.image_token_id, *roles.values()}) == 1 + len(ROLES)
    assert config.text_config.vocab_size == max(config.image_token_id, *roles.values()) + 1
    assert reader.lm_head.weight.shape == (config.text_config.vocab_size, text)


def test_every_published_reader_is_checked() -> None:
    assert set(CARDS) == set(PUBLISHED)
    with pytest.raises(InputError, match="no published reader 'gpt-4v': expected one of cxr-llava"):
        published("gpt-4v")


def test_the_parts_of_maira_2_and_libra() -> None:
    maira = published("maira-2")
    assert (maira.connector, maira.vision_feature_layer, maira.vision_normed) == ("mlp4", -1, True)
    assert maira.text_config.rope_parameters["factor"] == 1.5
    assert maira.text_config.vocab_size == 32207 + 6
    libra = published("libra")
    assert libra.vision_feature_layer == list(range(-12, 0))
    net: Any = built("libra").model.multi_modal_projector
    assert [tuple(each.mix.weight.shape) for each in net.extract.steps] == [(6, 12), (3, 6), (1, 3)]
    assert net.fusion.cross.heads == 32
    assert [each.out_features for each in net.project if hasattr(each, "out_features")] == [4096] * 4
