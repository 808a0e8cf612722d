"""Libra and MAIRA-2 by their whole commands at a tiny size, their arms, their training on a user's data."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.core.region import Box  # noqa: E402
from hilum.learn.decode import Decoding  # noqa: E402
from hilum.phantom.scenes import scenes  # noqa: E402
from hilum.systems import libra, maira_2  # noqa: E402
from hilum.systems._libra_judge import KINDS, preset_of_kind, temporal  # noqa: E402
from hilum.systems._maira_2_arms import INPUTS, limited, preset_of_arm, text_only, with_dropout  # noqa: E402
from hilum.systems._maira_2_claims import ALL, FL, F  # noqa: E402
from hilum.systems._reader_lab import samples_of  # noqa: E402
from hilum.systems._reader_train import gathered, joined, settings_of, train  # noqa: E402

TINY = {"patients": 14, "steps": 2, "encoder_steps": 0, "width": 32, "asked": 6, "seeds": 1, "workers": 1}


@pytest.fixture(scope="module")
def drawn():
    return scenes(8, seed=8, size=64)


@pytest.mark.slow
@pytest.mark.parametrize("system", [libra, maira_2])
def test_the_whole_command_runs_and_one_seed_judges_nothing(system):
    told = []
    verdict = system.reproduce(seed=8, say=told.append, **TINY)
    assert verdict.outcome == "cannot be tested here"
    lines = "\n".join(verdict.lines)
    for words in ("blank", "swapped", "no prior", "other prior", "reversed prior, by reversed truth",
                  "false-comparison", "decoding: greedy", "Bayes accuracy", "words", "published"):  # fmt: skip
        assert words in lines
    assert all(picture.startswith(b"\x89PNG") for picture in verdict.figures.values())
    assert any("seed 8" in line for line in told)


def test_every_control_of_a_claim_is_an_arm():
    from hilum.systems import _libra_claims, _maira_2_claims

    for claims in (_libra_claims, _maira_2_claims):
        for claim in (*claims.CLAIMS, *claims.CONTROLS, *claims.BESIDE):
            assert claim.arm != claim.better_than
            assert claim.better == ("lower" if claim.metric == "false-comparison" else "higher")


def test_libras_arms_differ_as_they_say():
    presets = {name: preset_of_kind(kind) for name, kind in KINDS.items()}
    assert presets["single image"].roles == ("cur_front",)
    assert presets["two images, concatenated"].connector == "mlp2"
    assert presets["TAC"].layers == "all"
    assert presets["TAC, last layer only"].layers == "last"
    assert presets["TAC, no similarity shift"].options == {"bias": False}
    assert not KINDS["TAC, dummy prior throughout"].prior
    assert all(preset.crop == "letterbox" and not preset.settings().get("beams") for preset in presets.values())


def test_temporal_f1_rewards_the_words_of_change(drawn):
    followed = [study for study in drawn if study.prior]
    right = temporal(followed, [study.report.findings for study in followed])
    wrong = temporal(followed, ["No effusion."] * len(followed))
    assert right.value == 1.0
    assert wrong.value < 0.3


def test_inputs_of_mairas_arms(drawn):
    """Each arm holds what its name says, and a limited sample of the full reader holds the same inputs."""
    full = samples_of(drawn, preset_of_arm(ALL))
    for name, (roles, sections) in INPUTS.items():
        own = samples_of(drawn, preset_of_arm(name))
        less = limited(full, name)
        for one, other in zip(own, less, strict=True):
            assert [shown.role for shown in one.shown] == [shown.role for shown in other.shown]
            assert {shown.role for shown in one.shown} <= set(roles)
            assert one.context == other.context
            assert set(one.context) <= set(sections)
    assert [sample.has("cur_lat") for sample in samples_of(drawn, preset_of_arm(F))] == [False] * len(drawn)


def test_the_prior_report_alone_comes_without_its_film(drawn):
    preset, told = text_only(drawn, seed=0)
    assert preset.roles == INPUTS[FL][0]
    for study, sample in zip(drawn, told, strict=True):
        assert not sample.has("prior_front")
        assert bool(sample.context.get("history")) == (study.prior is not None)
        if study.prior:
            assert study.prior.report.findings.split(".")[0] in sample.context["history"]


def test_dropout_leaves_every_input_out_now_and_then(drawn):
    full = samples_of(drawn, preset_of_arm(ALL)) * 8
    full = [type(one)(**{**one.__dict__, "key": f"{one.key}-{at}"}) for at, one in enumerate(full)]
    both = with_dropout(full, seed=0)
    assert both[: len(full)] == full
    share = np.mean([sample.has("cur_lat") for sample in both[len(full) :]])
    assert 0.45 < share < 0.75
    assert not any("prior_report" in sample.context and not sample.has("prior_front") for sample in both)


def test_grounded_answers_are_read_with_their_boxes(drawn):
    """Targets written by the codec come back as texts and boxes by concept, within a bin."""
    from hilum.learn.reader.layout import vocabulary
    from hilum.systems import _maira_2_arms as arms

    preset = preset_of_arm(ALL, boxes=True)
    asked = samples_of(drawn, preset, ("grounded",))
    assert vocabulary(asked, preset)
    held = [sample for sample in asked if sample.boxes]

    class Parrot:
        """Says each sample's own target, as a perfect reader would."""

        def __init__(self):
            from hilum.learn.reader.layout import control_tokens
            from hilum.learn.reader.words import word_tokenizer

            self.preset = preset
            tokenizer = word_tokenizer(vocabulary(asked, preset), control_tokens(preset))
            self.processor = type("P", (), {"tokenizer": tokenizer, "image_seq_length": 4})()

        def written(self, samples):
            from hilum.learn.decode import Written
            from hilum.learn.reader.layout import ids_of, layout

            told = [tuple(ids_of(layout(sample, preset).target, self.processor)) for sample in samples]
            return [Written("", tokens, 0.0) for tokens in told]

    texts, boxes, wrong = arms.grounded_answers(Parrot(), held)
    assert not wrong
    for sample, text, found in zip(held, texts, boxes, strict=True):
        assert text.lower().replace(" ", "") == sample.target.lower().replace(" ", "")
        made = [box for some in found.values() for box in some]
        assert len(made) == len(sample.boxes)
        for true, said in zip(sample.boxes, made, strict=True):
            assert isinstance(said, Box)
            assert max(abs(a - b) for a, b in zip(true.corners, said.corners, strict=True)) < 1.0


@pytest.mark.slow
def test_a_reader_is_trained_and_read_back_by_the_commands_words(tmp_path):
    settings = {"patients": "14", "steps": "3", "encoder_steps": "0", "width": "32", "depth": "1", "save_every": "2"}
    folder = maira_2.train(out=tmp_path, seed=8, settings={**settings, "tasks": "findings,grounded"})
    card = json.loads((folder / "reader.json").read_text(encoding="utf-8"))
    assert (card["system"], card["settings"]["steps"], card["data"]) == ("maira-2", 3, "scenes")
    reader = maira_2.trained(folder)
    asked = samples_of(scenes(2, seed=9, size=64), reader.preset)
    assert len(reader.write(asked, decoding=Decoding(longest=4))) == len(asked)
    assert (folder / "state.safetensors").is_file()


def test_settings_and_data_that_cannot_be_used(tmp_path, drawn):
    assert settings_of({"steps": "5", "stage": "connector"}).stage == "connector"
    for wrong in ({"stages": "x"}, {"stage": "x"}, {"encoder": "/a"}, {"steps": "0"}, {"rate": "fast"}):
        with pytest.raises(InputError):
            settings_of(wrong)
    with pytest.raises(InputError, match="NAME:FOLDER"):
        train("libra", "/films", tmp_path, seed=0, resume=False, settings={})
    with pytest.raises(InputError, match="films that you have"):
        train("libra", None, tmp_path, seed=0, resume=False, settings={"encoder": "/a", "lm": "/b"})
    lateral = [type(study)(study.id, study.patient, study.time, study.films[1:], study.report) for study in drawn]
    with pytest.raises(InputError, match="frontal film and a report"):
        gathered(lateral, preset_of_kind(KINDS["TAC"]), ("findings",), seed=0)


def test_full_size_joins_an_encoder_and_a_language_model_from_folders(tmp_path, drawn):
    """Tiny models in transformers' form stand for RAD-DINO and Meditron: weights, vocabulary and layout hold."""
    from hilum.learn.reader.presets import preset_of
    from hilum.learn.reader.trained import Trained
    from hilum.learn.reader.words import word_tokenizer

    vision = transformers.Dinov2Model(transformers.Dinov2Config(
        hidden_size=24, num_hidden_layers=3, num_attention_heads=2, image_size=28, patch_size=14))  # fmt: skip
    tokenizer = word_tokenizer([study.report.findings for study in drawn])
    text = transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=40, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2))  # fmt: skip
    vision.save_pretrained(tmp_path / "dino")
    text.save_pretrained(tmp_path / "lm")
    tokenizer.save_pretrained(tmp_path / "lm")
    preset = preset_of("libra").changed(options={"heads": 2}, decoding={})
    made = joined(preset, tmp_path / "dino", tmp_path / "lm")
    tower = made.reader.model.vision_tower
    assert torch.equal(tower.layernorm.weight, vision.layernorm.weight)
    assert not any(weight.requires_grad for weight in tower.parameters())
    old = text.get_input_embeddings().weight
    assert torch.equal(made.reader.get_input_embeddings().weight[: len(old)], old)
    reader = Trained(made.reader, made.processor, preset)
    asked = samples_of(drawn[:2], preset)
    assert len(reader.write(asked, decoding=Decoding(longest=2))) == 2
    rows = reader.rows(asked)
    assert rows[0].films.shape == (2, 3, 28, 28)
    with pytest.raises(MissingError, match="holds no model"):
        joined(preset, tmp_path / "nothing", tmp_path / "lm")
