"""Samples laid out as rows meet the reader: answers alone are learned, and every preset builds, reads and writes."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from hilum.core.seed import generator  # noqa: E402
from hilum.learn.decode import Decoding, Row, write  # noqa: E402
from hilum.learn.reader import layout, tasks  # noqa: E402
from hilum.learn.reader.presets import PRESETS  # noqa: E402
from hilum.learn.reader.words import word_tokenizer  # noqa: E402
from hilum.nets.readers import processor_for, small_reader  # noqa: E402
from tests.learn.reader import case  # noqa: E402
from tests.nets.reader_case import encoder, shaken  # noqa: E402


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_reads_learns_and_writes(name: str) -> None:
    preset = PRESETS[name]
    studies = [case.study(), case.study("s5", patient="p2", prior=False, lateral=False)]
    samples = [tasks.build("findings", each, preset, generator(0, each.id)) for each in studies]
    known = word_tokenizer(layout.vocabulary(samples, preset), layout.control_tokens(preset))
    reader = shaken(small_reader(preset, known, encoder(), width=32, longest=8192))
    processor = processor_for(reader, known)
    batch: dict[str, Any] = layout.rows(samples, preset, processor)
    films = processor.image_processor(batch.pop("images"))["pixel_values"]
    ids, labels = batch["input_ids"], batch["labels"]
    for row, some in zip(ids, labels, strict=True):
        learned = (some != -100).nonzero()[:, 0]
        assert torch.equal(row[learned], some[learned])
        assert int(learned[0]) > int((row == processor.image_token_id).nonzero()[-1])
        assert row[learned[-1]] == known.eos_token_id
        assert not bool((some == processor.image_token_id).any())
    with torch.no_grad():
        out = reader(**batch, pixel_values=films)
    said = out.logits[:, :-1].log_softmax(-1).gather(-1, labels[:, 1:].clamp(min=0)[..., None])[..., 0]
    torch.testing.assert_close(out.loss, -said[labels[:, 1:] != -100].mean())
    prompts = [layout.prompt_ids(each, preset, processor) for each in samples]
    rows = [Row(ids, processor.image_processor(list(shown))["pixel_values"]) for ids, shown in prompts]
    together = write(reader, processor, rows, Decoding(longest=6, beams=2))
    assert [each.tokens for each in together] == [
        each.tokens
        for row in rows
        for each in write(reader, processor, [row], Decoding(longest=6, beams=2), plain=True)
    ]
