"""Where an encoder's weights are, how they go into a network, and the one place that opens a pickle: `convert`."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError, MissingError, need
from hilum.nets.encoder_cards import ImageCard, TextCard

ROOT = "HILUM_WEIGHTS"
"""Environment variable that names the folder which holds one folder for each encoder."""
RANDOM = "random"
"""`weights=` of a network that is to learn from nothing."""
_NESTED = ("state_dict", "model_state_dict", "model")
_PICKLES = (".pt", ".pth", ".bin", ".tar", ".th", ".ckpt")
_MODULES = ("DenseNet", "_DenseBlock", "_DenseLayer", "_Transition")
_LAYERS = ("Sequential", "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "AvgPool2d", "Linear")


def find(card: ImageCard | TextCard, weights: str | Path | None) -> Path | None:
    """Return the file or folder of an encoder's weights; None for random ones.

    Args:
        card: of the encoder.
        weights: None for the folder `card.name` in the one that HILUM_WEIGHTS names (random for a bare family, of
            which nobody publishes weights); 'random'; a folder or .safetensors file; 'hub:' for the card's repository
            on the Hugging Face hub or 'hub:owner/name' for another, the one case in which anything is fetched.

    Raises:
        MissingError: if there are none; the sentence says what to get, from where, under which licence.
        InputError: if the card names no repository, or the path is a pickle.
    """
    if weights == RANDOM or (weights is None and not card.published):
        return None
    if isinstance(weights, str) and weights.startswith("hub:"):
        return _from_hub(card, weights[4:])
    root = Path(weights) if weights else Path(os.environ[ROOT]) / card.name if os.environ.get(ROOT) else None
    if root is None or not root.exists():
        where = f"there is no '{root}'" if root else f"{ROOT} is not set"
        raise MissingError(
            f"'{card.name}' needs weights, which Hilum does not ship ({where}). Get {card.hub or ''} {card.weights} "
            f"(licence: {card.licence or 'none known'}) into a folder '{card.name}' of the folder that {ROOT} names, "
            "or name a folder or .safetensors file with weights=; weights='random' starts from nothing. "
            "The steps are in docs/encoders.md"
        )
    if root.is_file() and root.suffix != ".safetensors":
        raise InputError(f"{root} is not a .safetensors file: make one of it with hilum.nets.encoder_weights.convert")
    return root


def _from_hub(card: ImageCard | TextCard, named: str) -> Path:
    """Fetch safetensors and configuration of a repository into the hub's own cache; the user asked for it by name."""
    repository = named or card.hub
    if not repository:
        raise InputError(
            f"'{card.name}' has no repository on the hub: its weights are {card.weights or 'not published'}"
        )
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise need("huggingface_hub", "language", "Fetching weights from the hub") from None
    try:
        patterns = ["*.safetensors", "*.safetensors.index.json", "*.json", "vocab.txt", "merges.txt", "*.model"]
        return Path(snapshot_download(repository, allow_patterns=patterns))
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise MissingError(f"the hub gave no weights of '{repository}': {said}") from None


def files_of(root: Path) -> list[Path]:
    """Return the .safetensors files at a path.

    Raises:
        MissingError: if there are none; where a pickle lies in their place, the sentence says how to convert it.
    """
    files = [root] if root.is_file() else sorted(root.glob("*.safetensors"))
    if files:
        return files
    pickles = [each for each in sorted(root.iterdir()) if each.suffix in _PICKLES]
    if pickles:
        raise MissingError(
            f"{pickles[0]} is a pickle, and only safetensors are loaded. If you trust where it comes from, convert it "
            f"once: python -c \"from hilum.nets.encoder_weights import convert; convert('{pickles[0]}')\""
        )
    raise MissingError(f"'{root}' holds no .safetensors file")


def tensors_of(root: Path) -> dict[str, Tensor]:
    """Return name -> tensor of all .safetensors files at a path.

    Raises:
        MissingError: if there are none.
        InputError: if a file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    found: dict[str, Tensor] = {}
    for file in files_of(root):
        try:
            found |= load_file(file)
        except SafetensorError as error:
            raise InputError(f"{file} is not a whole safetensors file: {error}") from None
    return found


def fill(
    net: nn.Module, tensors: Mapping[str, Tensor], *, where: str, names: Callable[[str], str | None] = str,
    spare: Iterable[str] = (),
) -> None:  # fmt: skip
    """Put tensors into a network, in place; every one of the network's must be there, in its shape.

    Args:
        net: to fill.
        tensors: by the names of the file.
        where: the file, for the error.
        names: the file's name of a tensor to the network's; None for one that has no place in it.
        spare: beginnings of names that may be left over.

    Raises:
        InputError: that names the first tensor which is missing, of another shape, or left over.
    """
    given = {new: value for name, value in tensors.items() if (new := names(name)) is not None}
    own = net.state_dict()
    for name, value in own.items():
        if name.endswith("num_batches_tracked"):  # a counter that plays no part in reading
            given.setdefault(name, value)
        shape = tuple(given[name].shape) if name in given else "missing"
        if shape != tuple(value.shape):
            raise InputError(
                f"{where} does not fit: '{name}' is {shape}, the network has {tuple(value.shape)}; the file's first "
                f"names are {sorted(tensors)[:3]}"
            )
    left = sorted(name for name in given.keys() - own.keys() if not name.startswith(tuple(spare)))
    if left:
        raise InputError(f"{where} does not fit: the network has no '{left[0]}' ({len(left)} such tensors)")
    net.load_state_dict({name: given[name] for name in own})


def convert(path: str | Path, out: str | Path | None = None) -> Path:
    """Make a safetensors file of a pickled checkpoint; only tensors are loaded, nothing in it is run.

    Files of named tensors are read as they are. torchxrayvision publishes its DenseNets as whole pickled modules: of
    those, the classes of torchxrayvision and of torch's layers are let through by name, and no other.

    Args:
        path: .pt, .pth, .bin, .ckpt or .pth.tar.
        out: the file to write; 'model.safetensors' beside it if None. It must not exist.

    Returns:
        Where it was written.

    Raises:
        InputError: if the file is missing or damaged, holds anything but tensors, or the target exists.
        MissingError: if the file is a module of torchxrayvision and that package is not installed.
    """
    from safetensors.torch import save_file

    source = Path(path)
    target = Path(out) if out else source.with_name("model.safetensors")
    if target.exists():
        raise InputError(f"{target} is there already: name another file, or move it away")
    if not source.is_file():
        raise InputError(f"there is no file '{source}'")
    found = _named(_unpickled(source), source)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    save_file(found, partial, metadata={"converted-from-sha256": sha256(source.read_bytes()).hexdigest()})
    os.replace(partial, target)
    return target


def _unpickled(source: Path) -> Any:
    """What a pickle holds, by torch's loader of tensors; a class that is not let through is refused, not built."""
    with torch.serialization.safe_globals(_let_through()):
        try:
            return torch.load(source, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, AttributeError, TypeError) as error:
            said = str(error)
            if "torchxrayvision" in said and not _torchxrayvision():
                raise need("torchxrayvision", "data", f"Converting {source.name}, a module of that package,") from None
            raise InputError(
                f"{source} holds more than tensors and was not opened: {_reason(said)}. Ask its authors for a file of "
                "tensors (state_dict), or for safetensors"
            ) from None
        except (OSError, EOFError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{source} cannot be read as a checkpoint: {(str(error).splitlines() or ['?'])[0]}"
            ) from None


def _reason(said: str) -> str:
    at = said.find("GLOBAL ")
    if at < 0:
        return (said.splitlines() or ["it is damaged"])[0]
    return f"it asks for '{said[at + 7 :].split(maxsplit=1)[0]}'"


def _torchxrayvision() -> Any:
    try:
        return import_module("torchxrayvision")
    except (ImportError, RuntimeError):  # a torchvision of another torch raises the latter
        return None


def _let_through() -> list[Any]:
    """Numbers of NumPy (old checkpoints keep their best loss as one), and the layers of a pickled DenseNet."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    allowed: list[Any] = [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"),
                          np.dtype, type(np.dtype(np.float64)), type(np.dtype(np.float32))]  # fmt: skip
    package = _torchxrayvision()
    if package is not None:
        allowed += [getattr(package.models, name) for name in _MODULES]
        allowed += [getattr(nn, name) for name in _LAYERS]
    return allowed


def _named(checkpoint: Any, source: Path) -> dict[str, Tensor]:
    """Name -> tensor, each in memory of its own, without the prefix that training on several GPUs leaves."""
    if isinstance(checkpoint, nn.Module):
        checkpoint = checkpoint.state_dict()
    for name in _NESTED:
        if isinstance(checkpoint, Mapping) and isinstance(checkpoint.get(name), Mapping):
            checkpoint = checkpoint[name]
            break
    pairs = checkpoint.items() if isinstance(checkpoint, Mapping) else ()
    found = {str(k).removeprefix("module."): v.detach().clone().contiguous() for k, v in pairs if isinstance(v, Tensor)}
    if not found:
        raise InputError(f"{source} holds no named tensors but a {type(checkpoint).__name__}")
    return found
