"""A decoder with a relational memory: the update by hand, no look ahead, and a plain one with as many weights."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.memory_writer import ConditionalNorm, MemoryWriter, RelationalMemory, plain_of_size  # noqa: E402

HOWS = ("none", "added", "norm")


def weights(net: torch.nn.Module) -> int:
    return sum(each.numel() for each in net.parameters())


def writer(how: str = "norm", **more: int) -> MemoryWriter:
    torch.manual_seed(0)
    return MemoryWriter(20, 16, how=how, depth=2, heads=2, longest=12, **more).eval()  # type: ignore[arg-type]


def test_the_memory_begins_as_rows_of_a_unit_matrix() -> None:
    memory = RelationalMemory(8, slots=3, heads=2)
    assert torch.equal(memory.first(2), torch.eye(8)[:3].expand(2, 3, 8))


def test_gates_keep_or_replace_the_memory() -> None:
    memory = RelationalMemory(8, slots=2, heads=2)
    held, word = torch.randn(3, 2, 8), torch.randn(3, 8)
    with torch.no_grad():
        for each in (memory.of_word, memory.of_memory):
            each.weight.zero_()
            each.bias.zero_()
        memory.of_word.bias[:8], memory.of_word.bias[8:] = -50.0, 50.0  # nothing enters, all is kept
        assert torch.allclose(memory.step(held, word), held, atol=1e-6)
        memory.of_word.bias[:8], memory.of_word.bias[8:] = 50.0, -50.0
        replaced = memory.step(held, word)
    assert (replaced.abs() <= 1).all()  # a hyperbolic tangent
    assert not torch.allclose(replaced, held, atol=0.1)


def test_the_memory_of_a_sequence_is_that_of_its_steps() -> None:
    torch.manual_seed(1)
    memory, words = RelationalMemory(8, slots=2, heads=2), torch.randn(2, 5, 8)
    told, state = memory(words), memory.first(2)
    for at in range(5):
        state = memory.step(state, words[:, at])
        assert torch.allclose(told[:, at], state.flatten(1), atol=1e-6)


def test_an_untrained_condition_moves_nothing_and_a_trained_one_does() -> None:
    norm, x, memory = ConditionalNorm(8, 6), torch.randn(2, 3, 8), torch.randn(2, 3, 6)
    assert torch.allclose(norm(x, memory), torch.nn.functional.layer_norm(x, (8,)), atol=1e-6)
    with torch.no_grad():
        norm.gain[-1].bias.fill_(1.0)
        norm.shift[-1].bias.fill_(2.0)
    assert torch.allclose(norm(x, memory), 2 * torch.nn.functional.layer_norm(x, (8,)) + 2, atol=1e-5)


@pytest.mark.parametrize("how", HOWS)
def test_a_word_is_told_without_those_after_it(how: str) -> None:
    net, patches = writer(how), torch.randn(2, 4, 16)
    ids = torch.randint(2, 17, (2, 9))
    later = ids.clone()
    later[:, 5:] = torch.randint(2, 17, (2, 4))
    with torch.no_grad():
        assert torch.allclose(net(patches, ids)[:, :5], net(patches, later)[:, :5], atol=1e-5)


@pytest.mark.parametrize("how", HOWS)
def test_every_weight_of_the_memory_learns(how: str) -> None:
    net, patches, ids = writer(how), torch.randn(3, 4, 16), torch.randint(2, 17, (3, 7))
    for _ in range(2):  # the last layers of a condition start at zero
        logits, target, asked = net.taught(patches, ids, torch.ones_like(ids, dtype=torch.bool))
        loss = torch.nn.functional.cross_entropy(logits[asked], target[asked])
        loss.backward()
        with torch.no_grad():
            for each in net.parameters():
                each -= 0.5 * each.grad
        held = {name: float(each.grad.abs().max()) for name, each in net.named_parameters()}
        net.zero_grad()
    assert all(value > 0 for name, value in held.items() if "memory" in name or "gain" in name or "shift" in name), held
    assert (net.memory is None) == (how == "none")


@pytest.mark.parametrize("how", ["norm", *(pytest.param(how, marks=pytest.mark.slow) for how in ("none", "added"))])
def test_it_learns_to_say_what_it_sees(how: str) -> None:
    net, patches = writer(how), torch.eye(4)[:, None].repeat(1, 2, 4)
    ids = torch.tensor([[2, 3, 4], [5, 6, 7], [8, 9, 10], [3, 5, 8]])
    adam = torch.optim.Adam(net.train().parameters(), 1e-2)
    for _ in range(45):
        logits, target, asked = net.taught(patches, ids, torch.ones_like(ids, dtype=torch.bool))
        adam.zero_grad()
        torch.nn.functional.cross_entropy(logits[asked], target[asked]).backward()
        adam.step()
    assert net.write(patches) == ids.tolist()
    assert net.write(patches, beams=2) == ids.tolist()


@settings(max_examples=12)
@given(st.integers(5, 40), st.sampled_from((8, 16, 32)), st.integers(1, 3), st.integers(1, 4))
def test_the_plain_one_has_as_many_weights(vocabulary: int, width: int, depth: int, slots: int) -> None:
    whole = MemoryWriter(vocabulary, width, depth=depth, slots=slots, longest=10)
    plain = plain_of_size(whole)
    assert plain.how == "none"
    assert abs(weights(plain) - weights(whole)) <= depth * (2 * width + 1)


def test_what_cannot_be_built_is_told() -> None:
    with pytest.raises(InputError, match="multiple of the heads"):
        MemoryWriter(20, 10, heads=4)
    with pytest.raises(InputError, match="a slot"):
        MemoryWriter(20, 16, slots=0)
    with pytest.raises(InputError, match="longer"):
        writer()(torch.randn(1, 2, 16), torch.zeros(1, 40, dtype=torch.int64))
