"""Word after word by hand: the same logits as the reader's own, whatever the language model's heads."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import GPT2Config, LlamaConfig, MistralConfig, Qwen2Config  # noqa: E402

from hilum.learn.decode import batch_of  # noqa: E402
from hilum.nets.reader import Reader  # noqa: E402
from hilum.nets.readers import processor_for, reader_config  # noqa: E402
from hilum.nets.steps import Steps, has_steps  # noqa: E402

from .reader_case import case, encoder, logits, rows, shaken, tokens  # noqa: E402

SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXTS: dict[str, Any] = {
    "llama": LlamaConfig(**SIZES),
    "shared keys": LlamaConfig(**SIZES, num_key_value_heads=2, head_dim=12, attention_bias=True, mlp_bias=True),
    "stretched": LlamaConfig(**SIZES, rope_parameters={"rope_type": "linear", "factor": 1.5, "rope_theta": 1e4}),
    "mistral": MistralConfig(**SIZES, num_key_value_heads=2, sliding_window=None),
    "qwen2": Qwen2Config(**SIZES, num_key_value_heads=1),
}


def built(text: Any) -> tuple[Reader, Any]:
    known = tokens()
    torch.manual_seed(0)
    reader = shaken(Reader(reader_config(encoder().config, text, known, connector="tac", layers="all",
                                         options={"heads": 2}))).eval()  # fmt: skip
    return reader, processor_for(reader, known)


def read_whole(reader: Reader, given: dict[str, Any], words: Any) -> Any:
    """Logits after each word of one answer to each prompt, by reading prompt and answer at once."""
    ids = torch.cat([given["input_ids"], words], 1)
    mask = torch.cat([given["attention_mask"], torch.ones_like(words)], 1)
    found = logits(reader, {**given, "input_ids": ids, "attention_mask": mask})
    return found[:, given["input_ids"].shape[1] - 1 :]


def words_of(processor: Any, *shape: int) -> Any:
    return torch.randint(20, len(processor.tokenizer), shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", TEXTS)
def test_steps_say_what_reading_at_once_says(name: str) -> None:
    reader, processor = built(TEXTS[name])
    assert has_steps(reader)
    given = batch_of(rows(processor), 0)
    words = words_of(processor, 4, 3, 6)
    with torch.no_grad():
        steps = Steps(reader, given, count=3, longest=6)
        found = [steps.first[:, None].expand(-1, 3, -1)] + [steps.next(words[:, :, at]) for at in range(6)]
    for answer in range(3):
        wanted = read_whole(reader, given, words[:, answer])
        torch.testing.assert_close(torch.stack([each[:, answer] for each in found], 1), wanted, atol=2e-5, rtol=1e-4)


def test_an_answer_may_go_on_from_another_of_the_same_prompt() -> None:
    reader, processor = case("views")
    given = batch_of(rows(processor), 0)
    words = words_of(processor, 4, 2, 4)
    parents = torch.tensor([[1, 1], [0, 0], [1, 0], [0, 1]])
    with torch.no_grad():
        steps = Steps(reader, given, count=2, longest=4)
        for at in range(2):
            steps.next(words[:, :, at])
        found = [steps.next(words[:, :, 2], parents), steps.next(words[:, :, 3])]
    for answer in range(2):
        past = words[torch.arange(4), parents[:, answer], :2]
        wanted = read_whole(reader, given, torch.cat([past, words[:, answer, 2:]], 1))
        torch.testing.assert_close(
            torch.stack([each[:, answer] for each in found], 1), wanted[:, -2:], atol=2e-5, rtol=1e-4
        )


def test_some_prompts_may_be_left() -> None:
    reader, processor = case("mlp2")
    given = batch_of(rows(processor), 0)
    words = words_of(processor, 4, 1, 4)
    left = torch.tensor([3, 1])
    with torch.no_grad():
        steps = Steps(reader, given, count=1, longest=4)
        steps.next(words[:, :, 0])
        steps.keep(left)
        steps.next(words[left, :, 1])
        found = steps.next(words[left, :, 2])[:, 0]
    torch.testing.assert_close(found, read_whole(reader, given, words[:, 0, :3])[left, -1], atol=2e-5, rtol=1e-4)


def test_adapters_in_place_of_linear_layers_count() -> None:
    """A module that adds to a projection, as LoRA does, is called and not looked through."""

    class Adapted(torch.nn.Module):
        def __init__(self, base: Any) -> None:
            super().__init__()
            self.base, self.more = base, torch.nn.Linear(base.in_features, base.out_features)

        def forward(self, x: Any) -> Any:
            return self.base(x) + self.more(x)

    reader, processor = case("linear")
    given, words = batch_of(rows(processor), 0), words_of(processor, 4, 1, 3)

    def after() -> Any:
        with torch.no_grad():
            steps = Steps(reader, given, count=1, longest=3)
            return [steps.next(words[:, :, at]) for at in range(3)][-1]

    before = after()
    attention = reader.model.language_model.layers[0].self_attn
    attention.v_proj = Adapted(attention.v_proj)
    found = after()
    assert not torch.allclose(found, before, atol=1e-3)
    torch.testing.assert_close(found[:, 0], read_whole(reader, given, words[:, 0])[:, -1], atol=2e-5, rtol=1e-4)


def test_what_is_built_otherwise_is_left_to_transformers() -> None:
    for text in (
        GPT2Config(n_embd=32, n_layer=1, n_head=2),
        MistralConfig(**SIZES, num_key_value_heads=2, sliding_window=8),
        LlamaConfig(**SIZES, rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}),
    ):
        assert not has_steps(built(text)[0])
