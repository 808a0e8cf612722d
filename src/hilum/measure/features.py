"""Feature vectors of films by a network: Hilum's own "fid-local", any ONNX file, or a transformers folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, MissingError, need
from hilum.measure.pictures import shrunk, unit

Floats32 = NDArray[np.float32]
LOCAL = "fid-local"
SIZE = 96
BATCH = 64
WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "features" / "features.onnx"
ELSEWHERE = {
    "inception": "an ONNX file of Inception v3 with its 2048 pooled features as first output",
    "rad-dino": "the folder of microsoft/rad-dino from huggingface.co (config.json, model.safetensors, "
    "preprocessor_config.json)",
}
"""Networks that papers use and that Hilum may not ship: what to get for each."""


def squeeze(image: Any, size: int = SIZE, data_range: float | None = None) -> Floats32:
    """Return a film as the network sees it: float32 (size, size) in parts of the data range, the whole film.

    Raises:
        InputError: see `pictures.unit`.
    """
    return shrunk(unit(image, data_range), size, size)


@dataclass(frozen=True)
class Preprocess:
    """What an ONNX network expects; a JSON file of the same name beside it may say so.

    Args:
        size: side of the square input.
        channels: 1, or 3 for the grey film three times.
        scale: what the brightest grey level becomes, before mean and SD.
        mean, std: of each channel.
        output: name of the output with the features (N, D); the first where ''.
    """

    size: int = SIZE
    channels: int = 1
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    output: str = ""

    def __call__(self, image: Any, data_range: float | None = None) -> Floats32:
        """Return a film as (channels, size, size)."""
        film = squeeze(image, self.size, data_range)[None] * self.scale
        mean, std = (np.asarray(values, np.float32).reshape(-1, 1, 1) for values in (self.mean, self.std))
        shown: Floats32 = ((np.repeat(film, self.channels, axis=0) - mean) / std).astype(np.float32)
        return shown


@dataclass(frozen=True, eq=False)
class OnnxNetwork:
    """A feature network in an ONNX file, run by onnxruntime.

    Args:
        path: the file.
        name: as signatures call it.
        preprocess: what it expects; from the JSON file beside it, or its input shape, where None.
    """

    path: Path
    name: str
    preprocess: Preprocess | None = None
    _held: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def label(self) -> str:
        """Name and the first 8 digits of the file's SHA-256, e.g. 'fid-local@0123abcd'."""
        return f"{self.name}@{_digest(self.path)}"

    @cached_property
    def _session(self) -> Any:
        try:
            import onnxruntime
        except ImportError:
            raise need("onnxruntime", "read", "Making features of films") from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.use_deterministic_compute = True
        try:
            return onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base but this
            raise InputError(f"'{self.path}' cannot be opened as an ONNX network: {error}") from None

    @cached_property
    def expects(self) -> Preprocess:
        """What the network expects of a film.

        Raises:
            InputError: if neither the JSON file beside it nor its input shape tells.
        """
        return self.preprocess or _expected(self.path, self._session.get_inputs()[0].shape)

    def run(self, images: Sequence[Any], data_range: float | None = None) -> Iterator[dict[str, Floats32]]:
        """Yield every output by name, for a batch of films at a time."""
        names = [output.name.removesuffix("_out") for output in self._session.get_outputs()]
        entry, expects = self._session.get_inputs()[0], self.expects
        step = entry.shape[0] if entry.shape and isinstance(entry.shape[0], int) else BATCH  # some take one at a time
        for start in range(0, len(images), step):
            batch = np.stack([expects(image, data_range) for image in images[start : start + step]])
            short = step - len(batch) if step != BATCH else 0
            if short:
                batch = np.concatenate([batch, np.repeat(batch[-1:], short, axis=0)])
            try:
                values = self._session.run(None, {entry.name: batch})
            except Exception as error:  # onnxruntime's exceptions share no base but this
                raise InputError(f"'{self.name}' cannot be run on films of shape {batch.shape}: {error}") from None
            yield {name: each[: len(batch) - short] for name, each in zip(names, values, strict=True)}

    def features(self, images: Sequence[Any], data_range: float | None = None) -> NDArray[np.float64]:
        """Return the features (N, D) of films."""
        wanted, runs = self.expects.output, self.run(images, data_range)
        return _table(np.concatenate([o[wanted] if wanted else next(iter(o.values())) for o in runs]), self.name)


@dataclass(frozen=True, eq=False)
class TransformersNetwork:
    """A vision model and its image processor in a local transformers folder, as RAD-DINO comes; needs torch."""

    folder: Path
    name: str

    @cached_property
    def label(self) -> str:
        """Folder name and the first 8 digits of the weights' SHA-256."""
        return f"{self.name}@{_digest(self.folder / 'model.safetensors')}"

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        try:
            import transformers
        except ImportError:
            raise need("transformers", "language", f"Making features with '{self.name}'") from None
        auto: Any = transformers
        model = auto.AutoModel.from_pretrained(str(self.folder), local_files_only=True, use_safetensors=True)
        processor = auto.AutoImageProcessor.from_pretrained(str(self.folder), local_files_only=True)
        return model.eval(), processor

    def features(self, images: Sequence[Any], data_range: float | None = None) -> NDArray[np.float64]:
        """Return the pooled features (N, D) of films, shown as 8-bit RGB to the folder's own processor."""
        import torch

        model, processor = self._loaded
        parts = []
        for start in range(0, len(images), BATCH):
            films = [unit(image, data_range) for image in images[start : start + BATCH]]
            shown = [np.repeat(np.rint(np.clip(f, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2) for f in films]
            with torch.inference_mode():
                given = {k: torch.as_tensor(np.asarray(v)) for k, v in processor(shown, return_tensors="np").items()}
                found = model(**given)
            pooled = getattr(found, "pooler_output", None)
            parts.append((found.last_hidden_state[:, 0] if pooled is None else pooled).numpy())
        return _table(np.concatenate(parts), self.name)


@dataclass(frozen=True, eq=False)
class CallableNetwork:
    """Any function from a list of films to features (N, D), under the name it is given."""

    function: Callable[[Sequence[Any]], NDArray[Any]]
    name: str

    @property
    def label(self) -> str:
        """The name; a function has no hash."""
        return f"{self.name}@function"

    def features(self, images: Sequence[Any], data_range: float | None = None) -> NDArray[np.float64]:
        """Return what the function makes of the films, which it gets in parts of their data range."""
        return _table(np.asarray(self.function([unit(image, data_range) for image in images])), self.name)


Network = OnnxNetwork | TransformersNetwork | CallableNetwork


def find_network(named: Any = LOCAL) -> Network:
    """Return a feature network.

    Args:
        named: 'fid-local', the path of an .onnx file or of a transformers folder, a function from a list of films to
            features (N, D), or what this function returned before.

    Raises:
        MissingError: if the file is not there; the sentence says what to get.
    """
    if isinstance(named, OnnxNetwork | TransformersNetwork | CallableNetwork):
        return named
    if callable(named):
        return CallableNetwork(named, getattr(named, "__name__", "function").strip("<>"))
    return _opened(str(named))


@lru_cache(maxsize=8)
def _opened(named: str) -> Network:
    path = WEIGHTS if named == LOCAL else Path(named)
    if path.is_dir():
        for needed in ("config.json", "model.safetensors"):
            if not (path / needed).is_file():
                raise MissingError(f"'{path}' has no {needed}: give a folder that transformers can load")
        return TransformersNetwork(path, path.resolve().name)
    if path.is_file():
        return OnnxNetwork(path, LOCAL if named == LOCAL else path.stem)
    if named.lower() in ELSEWHERE:
        raise MissingError(f"'{named}' is not shipped: get {ELSEWHERE[named.lower()]}, and give its path as network")
    what = "the package's own weights are missing: reinstall hilum" if named == LOCAL else "give 'fid-local' or a path"
    raise MissingError(f"there is no feature network '{named}': {what}")


def features(images: Sequence[Any], *, network: Any = LOCAL, data_range: float | None = None) -> NDArray[np.float64]:
    """Return one feature vector for each film: (N, D).

    Args:
        images: grey films (H, W), of any sizes and types; see `pictures.unit`.
        network: see `find_network`.
        data_range: see `pictures.unit`.

    Raises:
        InputError: if there are no films, one cannot be used, or the network gives no finite vectors.
        MissingError: if the network is not there.
    """
    if len(images) == 0:
        raise InputError("there are no films to make features of")
    return find_network(network).features(images, data_range)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def _table(values: NDArray[Any], name: str) -> NDArray[np.float64]:
    if values.ndim != 2:
        raise InputError(f"'{name}' gives features of shape {values.shape}; (N, D) is needed: pool them in the network")
    if not np.isfinite(values).all():
        raise InputError(f"'{name}' gives features that are NaN or infinite: check its preprocessing")
    return values.astype(np.float64)


def _expected(path: Path, shape: Sequence[Any]) -> Preprocess:
    beside = path.with_suffix(".json")
    if beside.is_file():
        said: dict[str, Any] = json.loads(beside.read_text(encoding="utf-8"))
        known = Preprocess.__dataclass_fields__
        wrong = sorted(set(said) - set(known))
        if wrong:
            raise InputError(f"'{beside.name}' says '{wrong[0]}', which is none of {', '.join(known)}")
        listed: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in said.items()}
        return Preprocess(**listed)
    if len(shape) == 4 and shape[1] in (1, 3) and isinstance(shape[2], int) and shape[2] == shape[3]:
        return Preprocess(size=shape[2], channels=shape[1])
    raise InputError(
        f"'{path.name}' takes inputs of shape {list(shape)}, which does not tell its size: write '{beside.name}' "
        'beside it, e.g. {"size": 224, "channels": 3, "mean": [0.5], "std": [0.25]}'
    )
