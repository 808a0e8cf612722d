"""Our own safetensors reader and writer: against the package, and on damaged files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.learn.tensors import packed, unpacked


def some(seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    shapes = {"far.axes": (3, 5), "far.rest": (1,), "heads.bias": (4,), "empty": (0, 2), "one": ()}
    return {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(
        first[name].shape == second[name].shape and np.array_equal(first[name], second[name]) for name in first
    )


def test_the_package_reads_what_we_write_and_we_what_it_writes() -> None:
    theirs = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    assert same(theirs.load(packed(some())), some())
    assert same(unpacked(theirs.save(some(), metadata={"made": "by them"}), "a file"), some())


def test_what_goes_in_comes_out_and_the_order_does_not_matter() -> None:
    assert same(unpacked(packed(some()), "a file"), some())
    assert packed(some()) == packed(dict(reversed(some().items())))


@settings(max_examples=60)
@given(place=st.integers(0, 400), value=st.integers(0, 255), cut=st.integers(0, 500))
def test_a_damaged_file_is_read_or_named_never_worse(place: int, value: int, cut: int) -> None:
    data = bytearray(packed(some()))
    data[place % len(data)] = value
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        found, said = {}, "'gate.safetensors'"
        try:
            found = unpacked(damaged, "'gate.safetensors'")
        except InputError as error:
            said = str(error)
        assert "'gate.safetensors'" in said
        assert all(each.dtype == np.float32 for each in found.values())


@pytest.mark.parametrize("data", [b"", b"12345678", b"PK\x03\x04" * 20, (2**63).to_bytes(8, "little") + b"{}"])
def test_other_files_are_named(data: bytes) -> None:
    with pytest.raises(InputError, match="'x' is no safetensors file"):
        unpacked(data, "'x'")


def test_other_numbers_than_float32_are_refused() -> None:
    text = json.dumps({"ids": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    with pytest.raises(InputError, match="'ids' as I64, expected F32"):
        unpacked(len(text).to_bytes(8, "little") + text + bytes(8), "'x'")


def test_a_place_outside_the_file_is_refused() -> None:
    text = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    with pytest.raises(InputError, match="cut short or damaged at 'a'"):
        unpacked(len(text).to_bytes(8, "little") + text + bytes(4), "'x'")
