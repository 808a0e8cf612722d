"""Sites that learn one network and never pool films: weights that have thawed go round, batch-norm statistics stay.

Federated averaging (McMahan et al., AISTATS 2017) with the norms' statistics left at each site (FedBN, Li et al., ICLR
2021, for the statistics alone), by Flower's own strategy and client classes. 'in process' hands Flower's messages from
one to the other within this process; 'simulation' runs the same two on Flower's simulation, which needs ray.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError, need

WAYS = ("in process", "simulation")
_ELSEWHERE = (
    "sites in one process only send and receive: the rest of the grid is for Flower's own simulation and network"
)
_SHARED, _TOLD, _OWN = "arrays", "metrics", "own"

Train = Callable[[nn.Module, int, int], int]
"""(net, site, round from 0): fits the net to the site's films in place and returns how many samples the site has."""
Read = Callable[[nn.Module, int], Sequence[float]]
"""(net, site): numbers that the site gives away in the end, e.g. its scores."""
Share = Callable[[int], Sequence[str]]
"""Round, from 0 -> patterns of the parameters that are exchanged in it."""


@dataclass(frozen=True, eq=False)
class Federated:
    """What came of it.

    Args:
        shared: name -> averaged weights.
        answers: of each site, what `read` made of the averaged weights with its own statistics.
        down, up: bytes of weights that all sites together got and gave, for each round.
    """

    shared: Mapping[str, Tensor]
    answers: tuple[tuple[float, ...], ...]
    down: tuple[int, ...]
    up: tuple[int, ...]


def exchanged(net: nn.Module, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of parameters that fit any pattern; buffers, such as norms' statistics, are never among them.

    Raises:
        InputError: if no parameter fits.
    """
    found = tuple(name for name, _ in net.named_parameters() if any(fnmatchcase(name, each) for each in patterns))
    if not found:
        raise InputError(f"no parameter is called like {', '.join(patterns)}: nothing would be exchanged")
    return found


def federate(
    start: Callable[[], nn.Module], train: Train, read: Read, *, sites: int, rounds: int, share: Share,
    way: str = "in process",
) -> Federated:  # fmt: skip
    """Train one network over sites, whose films `train` alone sees, and return the averaged weights.

    Args:
        start: makes the network, alike at every site.
        train: fits it to a site's films for one round.
        read: what each site answers at the end.
        sites: how many, 2 or more.
        rounds: of training and averaging; each site's share of an average is its number of samples.
        share: what is exchanged in a round. What is not must not be trained either, or sites drift apart.
        way: 'in process', or 'simulation' on ray, each site an actor of its own.

    Raises:
        InputError: if there are too few sites or rounds, or no such way.
        MissingError: if flwr is not installed, or ray for a simulation.
    """
    if way not in WAYS or sites < 2 or rounds < 1:
        raise InputError(f"it takes two sites, a round, and a way of {WAYS}; got {sites}, {rounds} and '{way}'")
    if find_spec("flwr") is None:
        raise need("flwr", "federated", "Training over sites")
    if way == "simulation" and find_spec("ray") is None:
        raise need("ray", "federated", "Flower's simulation")
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")  # nothing is sent anywhere
    client, strategy = _client_app(start, train, read, share), _counted(sites)
    found: list[tuple[Any, list[Any]]] = []

    def serve(grid: Any) -> None:
        net = start()
        held = dict(net.named_parameters())
        from flwr.app import ArrayRecord

        first = ArrayRecord({name: held[name].detach() for name in exchanged(net, share(0))})
        made = strategy.start(grid=grid, initial_arrays=first, num_rounds=rounds)
        if made.arrays is None:
            raise InputError("no site gave weights back: see what each said above")
        found.append((made.arrays, _asked(grid, made.arrays)))

    if way == "simulation":
        _simulated(serve, client, sites)
    else:
        serve(_grid(client, sites))
    if not found:
        raise InputError("the simulation ended without weights: see what it said above")
    arrays, answers = found[0]
    return Federated(dict(arrays.to_torch_state_dict()), tuple(answers), tuple(strategy.down), tuple(strategy.up))


def _client_app(start: Callable[[], nn.Module], train: Train, read: Read, share: Share) -> Any:
    """Flower's client: one site, whose norms' statistics stay in its own state between rounds."""
    from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp

    app = ClientApp()

    def taken(message: Any, context: Any) -> nn.Module:
        net = start()
        if _OWN in context.state:
            net.load_state_dict(context.state[_OWN].to_torch_state_dict(), strict=False)
        net.load_state_dict(message.content[_SHARED].to_torch_state_dict(), strict=False)
        return net

    @app.train()  # type: ignore[untyped-decorator,unused-ignore]
    def fit_site(message: Any, context: Any) -> Any:
        site, at = int(context.node_config["partition-id"]), int(message.content["config"]["server-round"]) - 1
        net = taken(message, context)
        samples = train(net, site, at)
        context.state[_OWN] = ArrayRecord({name: value.detach() for name, value in net.named_buffers()})
        held = dict(net.named_parameters())
        given = ArrayRecord({name: held[name].detach() for name in exchanged(net, share(at))})
        told = MetricRecord({"num-examples": samples, "site": site})
        return Message(RecordDict({_SHARED: given, _TOLD: told}), reply_to=message)

    @app.evaluate()  # type: ignore[untyped-decorator,unused-ignore]
    def read_site(message: Any, context: Any) -> Any:
        site = int(context.node_config["partition-id"])
        scores = [float(each) for each in read(taken(message, context), site)]
        return Message(RecordDict({_TOLD: MetricRecord({"site": site, "scores": scores})}), reply_to=message)

    return app


def _counted(sites: int) -> Any:
    """Flower's FedAvg over all sites, which counts the bytes of weights and averages in the order of the sites."""
    from flwr.serverapp.strategy import FedAvg

    logging.getLogger("flwr").setLevel(logging.ERROR)  # its import sets it; what fails is raised here

    class Counted(FedAvg):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            super().__init__(fraction_evaluate=0.0, min_train_nodes=sites, min_available_nodes=sites)
            self.down: list[int] = []
            self.up: list[int] = []

        def configure_train(self, server_round: int, arrays: Any, config: Any, grid: Any) -> Iterable[Any]:
            messages = list(super().configure_train(server_round, arrays, config, grid))
            self.down.append(len(messages) * _bytes(arrays))
            return messages

        def aggregate_train(self, server_round: int, replies: Iterable[Any]) -> Any:
            given = list(replies)
            for reply in given:
                if reply.has_error():
                    raise InputError(f"a site failed in round {server_round}: {reply.error.reason}")
            given.sort(key=lambda reply: int(reply.content[_TOLD]["site"]))
            self.up.append(sum(_bytes(reply.content[_SHARED]) for reply in given))
            return super().aggregate_train(server_round, given)

    return Counted()


def _bytes(arrays: Any) -> int:
    return sum(array.numpy().nbytes for array in arrays.values())


def _asked(grid: Any, arrays: Any) -> list[tuple[float, ...]]:
    """What each site answers to the averaged weights, in the order of the sites."""
    from flwr.app import Message, MessageType, RecordDict

    content = RecordDict({_SHARED: arrays})
    messages = [Message(content, message_type=MessageType.EVALUATE, dst_node_id=node) for node in grid.get_node_ids()]
    replies = list(grid.send_and_receive(messages))
    for reply in replies:
        if reply.has_error():
            raise InputError(f"a site gave no answer: {reply.error.reason}")
    replies.sort(key=lambda reply: int(reply.content[_TOLD]["site"]))
    return [tuple(reply.content[_TOLD]["scores"]) for reply in replies]


def _grid(client: Any, sites: int) -> Any:
    """Flower's grid of sites within this process: each message goes to the client with the site's own context."""
    from flwr.app import Context, RecordDict
    from flwr.serverapp import Grid
    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 0, 0  # messages are signed with it
    contexts = {node: Context(0, node, {"partition-id": node - 1, "num-partitions": sites}, RecordDict(), {})
                for node in range(1, sites + 1)}  # fmt: skip

    class InProcess(Grid):  # type: ignore[misc,unused-ignore]
        def set_run(self, run: Any) -> None:
            raise NotImplementedError(_ELSEWHERE)

        @property
        def run(self) -> Any:
            raise NotImplementedError(_ELSEWHERE)

        def create_message(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError(_ELSEWHERE)

        def push_messages(self, messages: Iterable[Any]) -> Iterable[str]:
            raise NotImplementedError(_ELSEWHERE)

        def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Any]:
            raise NotImplementedError(_ELSEWHERE)

        def get_node_ids(self) -> Iterable[int]:
            return list(contexts)

        def send_and_receive(self, messages: Iterable[Any], *, timeout: float | None = None) -> Iterable[Any]:
            ordered = sorted(messages, key=lambda message: int(message.metadata.dst_node_id))
            return [client(message, contexts[message.metadata.dst_node_id]) for message in ordered]

    return InProcess()


def _simulated(serve: Callable[[Any], None], client: Any, sites: int) -> None:
    """Run server and sites on Flower's simulation, one processor each."""
    try:
        from flwr.simulation import run_simulation
    except ImportError as error:
        raise need(str(error.name or "flwr[simulation]"), "federated", "Flower's simulation") from None
    from flwr.serverapp import ServerApp

    server = ServerApp()

    @server.main()  # type: ignore[untyped-decorator,unused-ignore]
    def main(grid: Any, context: Any) -> None:
        serve(grid)

    state, threads = random.getstate(), torch.get_num_threads()
    try:
        run_simulation(server_app=server, client_app=client, num_supernodes=sites,
                       backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}})  # fmt: skip
    finally:
        random.setstate(state)
        torch.set_num_threads(threads)
