"""The reader on LLaVA's classes: what was once got wrong there, for every connector."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import (  # noqa: E402
    AutoConfig,
    AutoModel,
    AutoModelForImageTextToText,
    AutoProcessor,
    GPT2Config,
    ResNetConfig,
    SiglipVisionConfig,
    Swinv2Config,
)

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.decode import batch_of  # noqa: E402
from hilum.nets.reader import Reader, ReaderConfig, ReaderModel, tiled  # noqa: E402
from hilum.nets.reader_processor import FilmProcessor, ReaderProcessor  # noqa: E402
from hilum.nets.readers import processor_for, reader_config, slot_of, small_reader  # noqa: E402

from .reader_case import (  # noqa: E402
    EVERY,
    FRONT,
    KINDS,
    PATCHES,
    PRIOR,
    PROMPTS,
    case,
    encoder,
    films,
    logits,
    rows,
    tokens,
)

every = pytest.mark.parametrize("kind", EVERY)
WRITING = {"max_new_tokens": 6, "do_sample": False}


@pytest.fixture(scope="module")
def held() -> dict[str, tuple[Reader, ReaderProcessor]]:
    """Readers of every kind; no test changes them."""
    return {kind: case(kind) for kind in KINDS}


def batch(processor: ReaderProcessor, *which: int, seed: int = 0) -> dict[str, Any]:
    some = rows(processor, seed=seed)
    return batch_of([some[at] for at in which or range(len(some))], processor.tokenizer.pad_token_id)


def end(processor: ReaderProcessor) -> dict[str, int]:
    return {"pad_token_id": processor.tokenizer.pad_token_id, "eos_token_id": processor.tokenizer.eos_token_id}


@every
def test_what_generate_reads_is_what_forward_reads(held: Any, kind: str) -> None:
    """Generation encodes images before it knows the prompt; roles are still those of this batch."""
    reader, processor = held[kind]
    given = batch(processor)
    reader.generate(**batch(processor, 1, 0, seed=9), **WRITING, **end(processor))  # another batch went before
    made = reader.generate(**given, **WRITING, **end(processor), output_logits=True, return_dict_in_generate=True)
    torch.testing.assert_close(made.logits[0], logits(reader, given)[:, -1], atol=2e-5, rtol=1e-5)


@every
def test_beams_of_a_ragged_batch_are_those_of_its_rows(held: Any, kind: str) -> None:
    reader, processor = held[kind]
    how = {**WRITING, **end(processor), "num_beams": 3, "num_return_sequences": 2}
    given = batch(processor)
    length = given["input_ids"].shape[1]
    together = reader.generate(**given, **how)[:, length:].unflatten(0, (len(PROMPTS), 2))
    for at in range(len(PROMPTS)):
        one = batch(processor, at)
        alone = reader.generate(**one, **how)[:, one["input_ids"].shape[1] :]
        width = min(alone.shape[1], together.shape[2])
        assert torch.equal(together[at][:, :width], alone[:, :width])
        assert bool((together[at][:, width:] <= processor.tokenizer.eos_token_id).all())


@every
def test_several_samples_of_a_prompt_begin_alike(held: Any, kind: str) -> None:
    reader, processor = held[kind]
    given = batch(processor)
    how = {"max_new_tokens": 2, "do_sample": True, "num_return_sequences": 3, **end(processor)}
    made = reader.generate(**given, **how, output_logits=True, return_dict_in_generate=True)
    wanted = logits(reader, given)[:, -1].repeat_interleave(3, 0)
    torch.testing.assert_close(made.logits[0], wanted, atol=2e-5, rtol=1e-5)


@every
def test_saved_and_loaded_is_the_same_to_the_last_bit(held: Any, kind: str, tmp_path: Path) -> None:
    reader, processor = held[kind]
    reader.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    assert not [each for each in tmp_path.iterdir() if each.suffix in (".bin", ".pt", ".pkl")]
    again = AutoModelForImageTextToText.from_pretrained(tmp_path).eval()
    known = AutoProcessor.from_pretrained(tmp_path)
    assert (type(again), type(known)) == (Reader, ReaderProcessor)
    assert isinstance(known.image_processor, FilmProcessor)
    assert known.image_seq_length == processor.image_seq_length == slot_of(again)
    given = batch(known)
    assert given["input_ids"].tolist() == batch(processor)["input_ids"].tolist()
    assert float((logits(reader, given) - logits(again, given)).abs().max()) == 0.0


@every
def test_the_backbone_and_the_head_are_all_there_is(held: Any, kind: str) -> None:
    """Trainers that call the backbone and apply the head themselves see the same."""
    reader, processor = held[kind]
    given = batch(processor)
    with torch.no_grad():
        inner = reader.lm_head(reader.base_model(**given).last_hidden_state)
        assert torch.equal(inner, reader(**given).logits)


@every
def test_films_may_come_as_what_the_encoder_saw(held: Any, kind: str) -> None:
    reader, processor = held[kind]
    given = batch(processor)
    wanted = logits(reader, given)
    with torch.no_grad():
        states = reader.model.states(given.pop("pixel_values"))
    torch.testing.assert_close(logits(reader, given, image_states=states), wanted)
    torch.testing.assert_close(logits(reader, given, pixel_values=reader.model.chosen(states)), wanted)
    how = {**WRITING, **end(processor), "num_beams": 2}
    written = reader.generate(**given, image_states=states, **how)
    assert torch.equal(written, reader.generate(**given, pixel_values=reader.model.chosen(states), **how))
    with torch.no_grad():
        deep = torch.stack(reader.model.vision_tower(films(2), output_hidden_states=True).hidden_states[1:], 1)[
            :, :, 1:
        ]
    chosen = reader.model.chosen(deep)
    torch.testing.assert_close(chosen, reader.model.chosen(reader.model.states(films(2))))


@every
def test_a_slot_is_as_long_as_its_features(held: Any, kind: str) -> None:
    reader, processor = held[kind]
    with torch.no_grad():
        found = reader.model.get_image_features(films(3)).pooler_output
    assert [len(each) for each in found] == [processor.image_seq_length] * 3
    assert reader.config.image_seq_length == processor.image_seq_length == slot_of(reader)
    made = processor(text=[FRONT + PRIOR, FRONT], images=[films(1)[0, 0].numpy()] * 3)
    counts = [list(ids).count(processor.image_token_id) for ids in made["input_ids"]]
    assert counts == [2 * processor.image_seq_length, processor.image_seq_length]


@every
def test_roles_that_are_missing_or_too_many_are_refused(held: Any, kind: str) -> None:
    reader, processor = held[kind]
    known = processor.tokenizer
    wrong = {
        "<image> findings?": "has no role token before it",
        f"{FRONT} <img_prior_front> findings?": "name 2 roles, but 1 images",
        f"{FRONT}{PRIOR}": "but 1 images of",
        "findings?": "have 0 tokens for images",
    }
    for text, said in wrong.items():
        ids = torch.tensor([processor.prompt_ids(text)])
        with pytest.raises(InputError, match=said):
            reader(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=films(1))
        with pytest.raises(InputError, match=said):
            reader.generate(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=films(1), **WRITING)
    assert known.convert_tokens_to_ids("<img_prior_front>") == reader.config.role_token_ids["prior_front"]


@every
def test_masked_labels_count_answers_alone(held: Any, kind: str) -> None:
    reader, processor = held[kind]
    known = processor.tokenizer
    prompt = processor.prompt_ids(PROMPTS[0])
    answer = known("the heart is large.")["input_ids"] + [known.eos_token_id]
    ids = torch.tensor([[*prompt, *answer]])
    labels = torch.tensor([[-100] * len(prompt) + answer])
    with torch.no_grad():
        out = reader(input_ids=ids, pixel_values=films(2), labels=labels)
    said = out.logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    wanted = -said[torch.arange(len(answer)), torch.tensor(answer)].mean()
    torch.testing.assert_close(out.loss, wanted)


@every
def test_the_answer_depends_on_every_film_that_a_slot_tells_of(held: Any, kind: str) -> None:
    reader, processor = held[kind]
    given = batch(processor, 2)
    before = logits(reader, given)[0, -1]
    for film in range(3):
        changed = given["pixel_values"].clone()
        changed[film] = films(1, seed=77)[0]
        assert float((logits(reader, {**given, "pixel_values": changed})[0, -1] - before).abs().max()) > 1e-6 or (
            kind.startswith("tac") and film == 0
        )


@pytest.mark.parametrize("kind", ["tac", "tac merged", "views", "views merged", "mlp2 per role"])
def test_which_film_is_the_prior_matters(held: Any, kind: str) -> None:
    reader, processor = held[kind]
    pair = films(2)
    first, second = (
        batch_of([type(rows(processor)[0])(processor.prompt_ids(text), pair)], 0)
        for text in (FRONT + PRIOR, PRIOR + FRONT)
    )
    one, two = (
        torch.stack(reader.model(**each).image_hidden_states.split(processor.image_seq_length)[:2])
        if reader.model(**each).image_hidden_states.ndim == 2
        else reader.model(**each).image_hidden_states
        for each in (first, second)
    )
    assert float((one - two).detach().abs().max()) > 1e-6


def test_a_connector_draws_its_own_weights_and_loading_keeps_them(tmp_path: Path) -> None:
    """transformers would draw every linear layer 0.02 wide, and twelve layers squeezed thrice would be silence."""
    reader, _ = case("tac", wide=False)
    spread = float(reader.model.multi_modal_projector.project[0].weight.detach().std())
    assert spread == pytest.approx((1 / 3 / 16) ** 0.5, rel=0.2)
    assert float(reader.model.language_model.layers[0].mlp.up_proj.weight.detach().std()) == pytest.approx(
        0.02, rel=0.2
    )
    assert float(reader.model.multi_modal_projector.fusion.shift.detach()) == 0.0
    again, other = (case("tac", wide=False, seed=seed)[0] for seed in (3, 4))
    name = "model.multi_modal_projector.gone"
    assert torch.equal(reader.state_dict()[name], again.state_dict()[name])
    assert not torch.equal(reader.state_dict()[name], other.state_dict()[name])


def test_building_one_leaves_other_draws_alone() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    small_reader(type("P", (), {"connector": "mlp2", "options": {}, "layers": "last"}), tokens(), encoder().config)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("normed", [False, True])
def test_the_encoder_given_is_the_encoder_inside(normed: bool) -> None:
    reader, _ = case("mlp2")
    reader.config.vision_normed = normed
    with torch.no_grad():
        out = encoder()(films(2), output_hidden_states=True)
        wanted = out.last_hidden_state if normed else out.hidden_states[-1]
        torch.testing.assert_close(reader.model.states(films(2))[:, 0], wanted[:, 1:])
    assert not torch.allclose(out.last_hidden_state, out.hidden_states[-1])


def test_classes_are_found_by_their_model_type() -> None:
    config = AutoConfig.for_model("hilum-reader")
    assert isinstance(config, ReaderConfig)
    reader, processor = case("tac")
    assert type(AutoModelForImageTextToText.from_config(reader.config)) is Reader
    assert type(AutoModel.from_config(reader.config)) is ReaderModel
    given = batch(processor)
    assert torch.equal(logits(copy.deepcopy(reader), given), logits(reader, given))


def test_other_layers_than_the_connectors_are_refused() -> None:
    reader, processor = case("mlp2")
    with pytest.raises(InputError, match="made for layer -1 of the encoder, not -2"):
        reader.model.get_image_features(films(1), vision_feature_layer=-2)
    deep, _ = case("tac")
    with pytest.raises(InputError, match="but 2 of each image came"):
        deep.model.chosen(torch.zeros(1, 2, PATCHES, 16))
    with pytest.raises(InputError, match="by token ids: give input_ids"):
        deep(inputs_embeds=torch.zeros(1, 5, 32), pixel_values=films(1))
    assert processor.image_seq_length == PATCHES


def test_tiles_are_the_film_in_small_and_its_parts_row_by_row() -> None:
    film = torch.arange(16.0).reshape(1, 1, 4, 4)
    made = tiled(film, 2)
    assert made[1:, 0].tolist() == [[[0, 1], [4, 5]], [[2, 3], [6, 7]], [[8, 9], [12, 13]], [[10, 11], [14, 15]]]
    assert float(made[0].mean()) == pytest.approx(7.5)
    assert torch.equal(tiled(film, 0), film)
    with pytest.raises(InputError, match=r"a film of \(4, 4\) pixels cannot be cut into 3 x 3"):
        tiled(film, 3)


def test_a_film_in_tiles_takes_a_slot_for_each() -> None:
    preset = SimpleNamespace(connector="mlp2", options={"tiles": 4}, layers="last")
    reader = small_reader(preset, tokens(), encoder(), width=32)
    processor = processor_for(reader, tokens())
    assert (processor.image_processor.size, processor.image_seq_length) == (32, 5 * PATCHES)
    films_ = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        states = reader.model.states(films_)
        plain = reader.model.vision_tower(films_[1:, :, 16:, :16], output_hidden_states=True).hidden_states[-1]
    torch.testing.assert_close(states[1, 0, 3 * PATCHES : 4 * PATCHES], plain[0, 1:])
    ids = torch.tensor([processor.prompt_ids(FRONT + PRIOR + " findings?")])
    assert reader(input_ids=ids, pixel_values=films_).logits.shape[1] == ids.shape[1] == 2 * (1 + 5 * PATCHES) + 2
    with pytest.raises(InputError, match=r"1, 4, 9, \.\.\. tiles, got tiles=3"):
        small_reader(SimpleNamespace(connector="mlp2", options={"tiles": 3}, layers="last"), tokens(), encoder())


def test_a_reader_without_images_reads_text() -> None:
    reader, processor = case("tac")
    ids = torch.tensor([processor.prompt_ids("findings? <answer>")])
    assert reader(input_ids=ids).logits.shape == (1, 4, len(processor.tokenizer))


@pytest.mark.parametrize(
    ("vision", "patches"),
    [
        (SiglipVisionConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                            image_size=16, patch_size=4, num_channels=3), 16),
        (Swinv2Config(image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4), 16),
        (ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], image_size=32), 16),
    ],
)  # fmt: skip
def test_encoders_without_a_class_token_or_in_stages(vision: Any, patches: int) -> None:
    if not hasattr(vision, "image_size"):
        vision.image_size = 32
    preset = type("P", (), {"connector": "mlp2", "options": {}, "layers": "last"})
    reader = small_reader(preset, tokens(), vision, width=32)
    assert slot_of(reader) == patches
    processor = processor_for(reader, tokens())
    made = processor(text=FRONT, images=[np.ones((20, 20), np.float32)], return_tensors="pt")
    assert reader(**made).logits.shape[1] == 1 + patches


def test_any_language_model_of_transformers_will_do(tmp_path: Path) -> None:
    known = tokens()
    text = GPT2Config(vocab_size=10, n_embd=32, n_layer=1, n_head=2, n_positions=128)
    reader = Reader(reader_config(encoder().config, text, known, connector="tac", layers="all", options={"heads": 2}))
    assert reader.lm_head.weight is reader.model.language_model.wte.weight
    processor = processor_for(reader.eval(), known)
    given = batch(processor)
    reader.save_pretrained(tmp_path)
    again = Reader.from_pretrained(tmp_path).eval()
    assert torch.equal(logits(reader, given), logits(again, given))


def test_a_tokenizer_without_roles_is_refused() -> None:
    from transformers import LlamaConfig, PreTrainedTokenizerFast

    plain = PreTrainedTokenizerFast(tokenizer_object=copy.deepcopy(tokens().backend_tokenizer), pad_token="<pad>")
    assert reader_config(encoder().config, LlamaConfig(), plain).image_token_index
    from tokenizers import Tokenizer, models

    bare = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))
    with pytest.raises(InputError, match="does not know <image>, <img_cur_front>"):
        reader_config(encoder().config, LlamaConfig(), bare)
    with pytest.raises(InputError, match="'last' hidden state or 'all' of them, got 'first'"):
        reader_config(encoder().config, LlamaConfig(), tokens(), layers="first")


def test_films_reach_the_language_model_without_the_librarys_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases before 5.23 take `mm_encoder_outputs` without a word and leave the films out."""
    import transformers

    known = transformers.LlavaModel.forward

    def older(self: Any, **given: Any) -> Any:
        given.pop("mm_encoder_outputs", None)
        return known(self, **given)

    monkeypatch.setattr(transformers.LlavaModel, "forward", older)
    reader, processor = case("mlp2")
    given = batch_of([type(rows(processor)[0])(processor.prompt_ids(FRONT + PRIOR), films(2))], 0)
    with torch.no_grad():
        seen = reader(**given).logits
        blank = reader(**{**given, "pixel_values": torch.zeros_like(given["pixel_values"])}).logits
    assert float((seen - blank).abs().max()) > 1e-4
