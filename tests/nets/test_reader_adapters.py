"""Low-rank adapters in a reader: which names they take, that they learn, and that our own loop writes with them."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
peft = pytest.importorskip("peft", reason="low-rank adapters need peft")

from hilum.learn.decode import Decoding, batch_of, write  # noqa: E402

from .reader_case import case, logits, rows  # noqa: E402


def adapted(reader: Any) -> Any:
    how = peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], modules_to_save=["multi_modal_projector"],
        task_type="CAUSAL_LM",
    )  # fmt: skip
    return peft.get_peft_model(reader, how)


def test_adapters_learn_and_the_connector_with_them() -> None:
    reader, processor = case("tac")
    given = batch_of(rows(processor), 0)
    before = logits(reader, given)
    net = adapted(reader)
    learning = [name for name, each in net.named_parameters() if each.requires_grad]
    assert {"lora" in name or "multi_modal_projector.modules_to_save" in name for name in learning} == {True}
    torch.testing.assert_close(logits(net, given), before)
    labels = given["input_ids"].masked_fill(given["input_ids"] < 20, -100)
    optimiser = torch.optim.Adam([each for each in net.parameters() if each.requires_grad], 1e-2)
    first = None
    for _ in range(4):
        loss = net(**given, labels=labels).loss
        first = first or float(loss.detach())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < first
    held = net.get_base_model().model.multi_modal_projector
    start, moved = (dict(each.named_parameters()) for each in (held.original_module, held.modules_to_save["default"]))
    assert not torch.equal(start["fusion.cross.ask.weight"], moved["fusion.cross.ask.weight"])
    with net.disable_adapter():
        torch.testing.assert_close(logits(net, given), before)


def test_our_loop_writes_with_adapters_what_generate_writes() -> None:
    reader, processor = case("views")
    net = adapted(reader)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, each in net.named_parameters():
            if "lora_B" in name:
                each.normal_(0, 0.3, generator=draw)
    some = rows(processor)
    inner = net.get_base_model()
    one, two = (write(inner, processor, some, Decoding(longest=12), plain=plain) for plain in (False, True))
    assert [each.tokens for each in one] == [each.tokens for each in two]
    with net.disable_adapter():
        assert [each.tokens for each in write(inner, processor, some, Decoding(longest=12))] != [
            each.tokens for each in one
        ]
