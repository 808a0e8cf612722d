"""The presets against the published systems, as section 11.3 of the specification lists them."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.learn.reader.layout import layout
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.presets import PRESETS, preset_of
from hilum.learn.reader.tasks import build, names
from tests.learn.reader.case import study

PUBLISHED = {  # connector, missing policy, codec, ported
    "cxr-llava": ("linear", None, None, False),
    "chexagent": ("mlp2", "omit", "tagged_int", False),
    "radvlm": ("mlp2", None, "decimal_text", False),
    "maira-2": ("mlp4", "na_text", "bin_tokens", False),
    "libra": ("tac", "copy_current", None, True),
    "mlrg": ("multiview_xattn", "learned_token", None, True),
    "sei": ("mlp2", "omit", None, True),
    "icon": ("mlp2", "omit", None, True),
    "pref": ("mlp2", "omit", "tagged_int", False),
    "promptstudy": ("mlp2", None, "pixel_text", False),
}


def test_there_are_ten():
    assert set(PRESETS) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_is_as_published(name):
    connector, missing, codec, ported = PUBLISHED[name]
    preset = PRESETS[name]
    assert (preset.connector, preset.codec, preset.ported) == (connector, codec, ported)
    assert missing in (None, preset.missing)
    assert preset.source
    assert preset.training
    assert preset.note


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_task_of_a_preset_can_be_built_and_laid_out(name):
    preset = PRESETS[name]
    assert set(preset.tasks) <= set(names())
    for each in preset.tasks:
        sample = build(each, study(), preset, np.random.default_rng(0))
        assert sample is not None
        laid = layout(sample, preset)
        assert len(laid.shown) <= preset.most_images
        assert laid.target


@pytest.mark.parametrize("name", PUBLISHED)
def test_decoding_is_what_the_decoder_takes(name):
    pytest.importorskip("transformers")
    from hilum.learn import decode

    preset = PRESETS[name]
    for each in preset.tasks:
        assert decode.Decoding(**preset.settings(each))


def test_the_decoding_of_a_task_is_its_own():
    maira = PRESETS["maira-2"]
    assert [maira.settings(each)["longest"] for each in maira.tasks] == [300, 450, 150]
    assert PRESETS["libra"].settings("findings") == {"longest": 1024, "beams": 10, "length_penalty": 2.0}
    assert PRESETS["sei"].settings()["no_repeat"] == 3
    assert PRESETS["cxr-llava"].settings("presence")["temperature"] == 0
    assert PRESETS["cxr-llava"].settings("findings") == {"longest": 512, "temperature": 0.2, "top_p": 0.8}


def test_only_the_reader_of_any_view_does_without_a_frontal_film():
    assert [name for name, preset in PRESETS.items() if not preset.frontal] == ["mlrg"]


def test_names_are_found_and_others_refused():
    assert preset_of("maira2") is preset_of("maira_2") is PRESETS["maira-2"]
    assert preset_of("cxr_llava") is PRESETS["cxr-llava"]
    with pytest.raises(InputError, match="no preset is called 'gpt9': choose from cxr-llava"):
        preset_of("gpt9")


def test_an_arm_changes_a_preset_and_keeps_its_order():
    arm = PRESETS["maira-2"].changed(sections=("indication",))
    assert arm.order == ("images", "question", "indication")
    more = PRESETS["sei"].changed(sections=("indication", "retrieved_case", "history"))
    assert more.order == ("images", "indication", "retrieved_case", "history", "question")
    assert dict(arm.options) == dict(PRESETS["maira-2"].options)


@pytest.mark.parametrize(
    "changes",
    [
        {"sections": ("gossip",)}, {"missing": "guess"}, {"order": ("images",)}, {"codec": "polar"}, {"crop": "round"},
        {"roles": ("side",)}, {"sections": ("history",), "order": ("images", "question")},
    ],
)  # fmt: skip
def test_a_preset_that_cannot_be_is_refused(changes):
    with pytest.raises(InputError):
        Preset("mine", **changes)
