"""One fit shared by several processes: DDP, where each holds the network, and FSDP2, where each holds a part of it.

Started by `torchrun`, or by Ray Train; over gloo on processors and nccl on GPUs. Every process takes its part of the
rows of the same batch, so that a step means the same whatever their number.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fnmatch import fnmatchcase
from typing import Any, Protocol

import torch
from torch import Tensor, distributed, nn

from hilum.core.errors import InputError, MissingError
from hilum.learn.pieces import part_of, ranges, rows_of
from hilum.learn.running import Running, current

Loss = Callable[[nn.Module, Any], tuple[Tensor, Mapping[str, float]]]
"""(net, batch) -> (scalar to minimise, parts to log)."""


def world() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many there are."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


@contextmanager
def joined(device: str = "") -> Iterator[tuple[int, int]]:
    """Join the processes that `torchrun` started, while the context lasts; alone, there is nothing to join.

    Args:
        device: 'cuda' talks over nccl, others over gloo.

    Yields:
        The number of this process and how many there are.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or "RANK" not in os.environ or distributed.is_initialized():
        yield world()
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield world()
    finally:
        distributed.destroy_process_group()


def device_of(net: nn.Module, name: str) -> torch.device:
    """Return the device that a fit runs on: the one named, this process's GPU, or where the network lies.

    Raises:
        MissingError: if there is no such device here.
    """
    if not name:
        first = next(iter(net.state_dict().values()), None)
        return first.device if first is not None else torch.device("cpu")
    return device_named(name)


def device_named(name: str) -> torch.device:
    """Return the device of a name; of 'cuda', this process's GPU.

    Raises:
        InputError: if that is no device's name.
        MissingError: if there is no such device here.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"'{name}' is no device: write cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise MissingError(f"no GPU that torch {torch.__version__} can use was found for '{name}': leave --device out")
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", torch.cuda.current_device())))
    return device


@contextmanager
def lent(net: nn.Module) -> Iterator[torch.device]:
    """Let a network lie on the device of the command at work while the context lasts; then it goes back.

    Args:
        net: any, whole.

    Yields:
        The device.

    Raises:
        MissingError: if there is no such device here.
    """
    home = device_of(net, "")
    device = device_of(net, current().device)
    net.to(device)
    try:
        yield device
    finally:
        net.to(home)


def from_first(value: float) -> float:
    """Return the number that process 0 has."""
    if world()[1] == 1:
        return value
    held = _scratch([value])
    distributed.broadcast(held, 0)
    return float(held[0])


def means(values: Sequence[float]) -> list[float]:
    """Return the mean of each number over the processes."""
    if world()[1] == 1:
        return list(values)
    held = _scratch(values)
    distributed.all_reduce(held)
    return [float(each) for each in held / world()[1]]


def text_from_first(text: str) -> str:
    """Return the text that process 0 has."""
    if world()[1] == 1:
        return text
    size = int(from_first(len(text.encode())))
    held = _scratch(list(text.encode().ljust(size, b"\0")[:size]))
    distributed.broadcast(held, 0)
    return bytes(int(each) for each in held).decode()


@torch.no_grad()
def weights_from_first(net: nn.Module, device: torch.device) -> None:
    """Give a network, wherever it lies, the weights of process 0; they travel by `device`."""
    if world()[1] == 1:
        return
    for value in net.state_dict().values():
        held = value.to(device).contiguous()
        distributed.broadcast(held, 0)
        value.copy_(held)


def together() -> None:
    """Wait until every process has come here."""
    if world()[1] > 1:
        distributed.barrier()


def _scratch(values: Sequence[float]) -> Tensor:
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    return torch.tensor(list(values), dtype=torch.float64, device=device)


def is_part(value: Tensor) -> bool:
    """Tell whether a tensor is one process's part of a larger one (a DTensor)."""
    return hasattr(value, "full_tensor")


def local(value: Tensor) -> Tensor:
    """Return what this process holds of a tensor, sharing its memory."""
    part: Any = value
    held: Tensor = part.to_local() if is_part(value) else value
    return held


def whole(value: Tensor) -> Tensor:
    """Return all of a tensor; every process must ask, in the same order."""
    part: Any = value.detach()
    held: Tensor = part.full_tensor() if is_part(value) else part
    return held


def like(value: Tensor, held: Tensor) -> Tensor:
    """Return a whole tensor laid out as another one, in parts where that is in parts."""
    if not is_part(held) or value.shape != held.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    laid: Any = held
    return distribute_tensor(value.to(held.device, held.dtype), laid.device_mesh, laid.placements)


class Way(Protocol):
    """How the forward and the backward pass of a step run."""

    in_parts: bool

    def start(self) -> None:
        """Begin anew: another set of parameters learns from now on."""

    def forward(self, batch: Any) -> tuple[Tensor, Mapping[str, float]]:
        """Return loss and parts of a batch."""

    def until_last(self, last: bool) -> AbstractContextManager[Any]:
        """Enter round a piece of a step; gradients meet those of other processes in the last one only."""

    def readable(self) -> AbstractContextManager[Any]:
        """Enter where the network itself is called, outside a step."""


class Alone:
    """One process."""

    in_parts = False

    def __init__(self, net: nn.Module, loss: Loss) -> None:
        self.net, self.loss = net, loss

    def start(self) -> None:
        """Nothing to begin."""

    def forward(self, batch: Any) -> tuple[Tensor, Mapping[str, float]]:
        """Return loss and parts of a batch."""
        return self.loss(self.net, batch)

    def until_last(self, last: bool) -> AbstractContextManager[Any]:
        """Nothing to hold back."""
        return nullcontext()

    def readable(self) -> AbstractContextManager[Any]:
        """It always is."""
        return nullcontext()


class _Step(nn.Module):
    """Network and loss as one module, so that a loss may call any part of the network."""

    def __init__(self, net: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.net, self.loss = net, loss

    def forward(self, batch: Any) -> tuple[Tensor, Mapping[str, float]]:
        return self.loss(self.net, batch)


class Copies:
    """DDP: each process holds the network; gradients are averaged while the backward pass goes on."""

    in_parts = False

    def __init__(self, net: nn.Module, loss: Loss, *, unused: bool) -> None:
        self.step, self.unused = _Step(net, loss), unused
        self.start()

    def start(self) -> None:
        """Wrap again: DDP looks once which parameters learn, and takes all weights from the first process."""
        device = next(self.step.parameters()).device
        ids = [device.index] if device.type == "cuda" else None
        learns = any(parameter.requires_grad for parameter in self.step.parameters())
        wrap = nn.parallel.DistributedDataParallel
        self.run: Any = None  # the old one lets go of its hooks first
        self.run = wrap(self.step, ids, find_unused_parameters=self.unused) if learns else self.step

    def forward(self, batch: Any) -> tuple[Tensor, Mapping[str, float]]:
        """Return loss and parts of a batch."""
        value, parts = self.run(batch)
        return value, parts

    def until_last(self, last: bool) -> AbstractContextManager[Any]:
        """Keep gradients to this process until the last piece."""
        held: AbstractContextManager[Any] = nullcontext() if last else self.run.no_sync()
        return held

    def readable(self) -> AbstractContextManager[Any]:
        """It always is."""
        return nullcontext()


class Parts:
    """FSDP2: each process holds a part of every parameter, of its gradient and of its moments."""

    in_parts = True

    def __init__(self, net: nn.Module, loss: Loss, *, shard: Sequence[str], device: torch.device) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh(device.type, (world()[1],))
        for pattern in shard:
            found = [module for name, module in net.named_modules() if name and fnmatchcase(name, pattern)]
            if not found:
                raise InputError(f"no module to shard is called '{pattern}': the network has "
                                 f"{', '.join(name for name, _ in net.named_children())}")  # fmt: skip
            for module in found:
                fully_shard(module, mesh=mesh)
        self.step: Any = fully_shard(_Step(net, loss), mesh=mesh)

    def start(self) -> None:
        """What learns is decided by which gradients are dropped."""

    def forward(self, batch: Any) -> tuple[Tensor, Mapping[str, float]]:
        """Return loss and parts of a batch."""
        value, parts = self.step(batch)
        return value, parts

    @contextmanager
    def until_last(self, last: bool) -> Iterator[None]:
        """Keep gradients to this process until the last piece."""
        self.step.set_requires_gradient_sync(last)
        yield

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Gather what is not gathered when a module is called."""
        self.step.unshard()
        try:
            yield
        finally:
            self.step.reshard()


def way_of(net: nn.Module, loss: Loss, how: Running, device: torch.device) -> tuple[nn.Module, Way]:
    """Return the network that is trained, on its device, and the way its steps run.

    Under FSDP it is a copy, cut into parts, so that the caller's module stays a plain one.
    """
    if world()[1] == 1:
        net.to(device)
        return net, Alone(net, loss)
    if how.spread == "ddp":
        net.to(device)
        return net, Copies(net, loss, unused=how.unused)
    weights_from_first(net, device)
    cut = copy.deepcopy(net).to(device)
    return cut, Parts(cut, loss, shard=how.shard, device=device)


def own_rows(batch: Any) -> tuple[Any, float]:
    """Return this process's part of a batch's rows, and its weight among the processes: 1 for an equal part."""
    rank, size = world()
    if size == 1:
        return batch, 1.0
    rows = rows_of(batch)
    mine = ranges(rows, size)[rank]
    return part_of(batch, mine), len(mine) * size / rows
