"""Turn a pickled PyTorch checkpoint that you trust into safetensors, once; Hilum itself never opens a pickle.

    python scripts/convert_weights.py chexbert.pth weights/chexbert/model.safetensors --i-trust-this-file

Only tensors are loaded (torch.load with weights_only=True): a file that holds anything else is refused, not run.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

_NESTED = ("model_state_dict", "state_dict", "model")
"""Where training scripts put the tensors of the network beside those of the optimiser."""


def tensors_of(checkpoint: Any) -> dict[str, Any]:
    """Return name -> tensor of a checkpoint, each in memory of its own."""
    import torch

    for name in _NESTED:
        if isinstance(checkpoint, Mapping) and isinstance(checkpoint.get(name), Mapping):
            checkpoint = checkpoint[name]
            break
    if not isinstance(checkpoint, Mapping):
        raise SystemExit(f"the file holds a {type(checkpoint).__name__}, not named tensors")
    found = {str(k): v.detach().clone().contiguous() for k, v in checkpoint.items() if isinstance(v, torch.Tensor)}
    if not found:
        raise SystemExit(f"the file holds no named tensors; its first names are {[str(k) for k in checkpoint][:5]}")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Convert one file; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("source", type=Path, help="the checkpoint: .pth, .pt, .bin or .th")
    parser.add_argument("target", type=Path, help="the .safetensors file to write")
    parser.add_argument("--i-trust-this-file", action="store_true", help="say that you know where the file comes from")
    given = parser.parse_args(arguments)
    if not given.i_trust_this_file:
        print(
            f"{given.source} is a pickle, a format that can run code when opened. Only its tensors will be loaded, but "
            "convert files from people you trust only: say so with --i-trust-this-file",
            file=sys.stderr,
        )
        return 2
    if given.target.exists():
        print(f"{given.target} is there already and is left as it is", file=sys.stderr)
        return 1
    import torch
    from safetensors.torch import save_file

    try:
        checkpoint = torch.load(given.source, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        print(f"{given.source} cannot be read as tensors: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    tensors = tensors_of(checkpoint)
    given.target.parent.mkdir(parents=True, exist_ok=True)
    digest = sha256(given.source.read_bytes()).hexdigest()
    save_file(tensors, given.target, metadata={"converted-from-sha256": digest})
    print(f"{len(tensors)} tensors of {given.source} (sha256 {digest}) are in {given.target}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
