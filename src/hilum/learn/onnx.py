"""A session over an ONNX file: hashed, deterministic, with the thread count in the open; no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, MissingError, need

SUFFIX = "_out"
"""Ends output names in our own files, where plain words such as 'view' collide with the exporter's; stripped here."""


class Session:
    """An ONNX network with named outputs; the file is opened on first use.

    Args:
        path: the .onnx file.
        sha256: expected hash of the file, '' to accept any.
        threads: CPU threads inside an operator, 0 for the runtime's choice.
    """

    def __init__(self, path: Path, *, sha256: str = "", threads: int = 0) -> None:
        """Remember where the network is."""
        self.path = Path(path)
        self.expected = sha256
        self.threads = threads

    @cached_property
    def sha256(self) -> str:
        """Hash of the file.

        Raises:
            MissingError: if the file is not there.
        """
        if not self.path.is_file():
            raise MissingError(f"the model file {self.path.name} is missing: reinstall hilum")
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @cached_property
    def _runtime(self) -> Any:
        try:
            import onnxruntime
        except ImportError:
            raise need("onnxruntime", "read", "Running an embedded model") from None
        if self.expected and self.sha256 != self.expected:
            raise InputError(
                f"{self.path.name} has sha256 {self.sha256[:12]}, its card says {self.expected[:12]}: "
                "the model and its numbers do not belong together; reinstall hilum"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])

    def __call__(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Run the network on its input and return every output by name."""
        return self.run({self._runtime.get_inputs()[0].name: np.ascontiguousarray(batch, np.float32)})

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run a network with several inputs, given by name, and return every output by name."""
        names = [output.name for output in self._runtime.get_outputs()]
        values = self._runtime.run(names, dict(inputs))
        return dict(zip((name.removesuffix(SUFFIX) for name in names), values, strict=True))


def read_facts(path: Path) -> dict[str, Any]:
    """Return what a JSON file beside the weights says.

    Raises:
        MissingError: if the file is not there.
        InputError: if it is damaged.
    """
    if not path.is_file():
        raise MissingError(f"the model's {path.name} is missing: reinstall hilum")
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"the model's {path.name} is damaged ({error}): reinstall hilum") from None
    return facts
