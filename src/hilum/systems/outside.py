"""Models that are not Hilum's, by address: `chat:URL#MODEL` and `outside:NAME`. Nothing is asked unless named so."""

from __future__ import annotations

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.learn.outside.asking import Backend
from hilum.learn.outside.endpoint import endpoint_at, settings_of
from hilum.learn.outside.process import Process
from hilum.learn.outside.published import published
from hilum.learn.outside.reader import ADDS, NEEDS, OutsideReader

_SETTINGS = ("weights", "python", "trust", "load", "answer")


class _ByAddress:
    """A model that is reached by an address; without one it cannot be called."""

    how = ""

    def __call__(self, study: Study) -> Study:
        """Refuse: there is nobody to ask."""
        raise InputError(f"this model needs an address: --model '{self.how}'")


@register.model("chat", needs=NEEDS, adds=ADDS)
class ChatModel(_ByAddress):
    """A vision-language model behind an OpenAI-compatible address: chat:URL#MODEL; off unless named."""

    how = "chat:http://127.0.0.1:8080/v1/chat/completions#MODEL"

    @staticmethod
    def at(place: str) -> OutsideReader:
        """Return the model at an address; nothing is sent by this. See `learn.outside.endpoint.endpoint_at`."""
        endpoint = endpoint_at(place)
        return OutsideReader(endpoint.name, endpoint, endpoint.mark, endpoint.uncached)


@register.model("outside", needs=NEEDS, adds=ADDS)
class OutsideModel(_ByAddress):
    """A published checkpoint in an environment of its own: outside:NAME#trust=NAME; not run against real weights."""

    how = "outside:maira-2#trust=maira-2"

    @staticmethod
    def at(place: str) -> OutsideReader:
        """Return a published reader; its process starts with the first study.

        Settings: weights (folder), python (of its environment), trust (the same name, where it brings code of its
        own), load and answer (seconds to wait).

        Raises:
            InputError: if there is none of that name, or a setting is wrong.
        """
        name, given = settings_of(place, _SETTINGS)
        row = published(name)
        trust = (given["trust"],) if "trust" in given else ()
        load_s, answer_s = (_seconds(key, given.get(key, most)) for key, most in (("load", "1800"), ("answer", "300")))
        process = Process(row, trust, given.get("weights", ""), given.get("python", ""), load_s, answer_s)

        def ready() -> Backend:
            return process.start()

        return OutsideReader(process.name, process, f"{row.repository}@{row.revision}", ready)


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise InputError(f"'#{name}={text}': expected seconds above 0")
    return seconds
