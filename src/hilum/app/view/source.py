"""What the reading room asks of whatever holds studies: a folder, open films, a cohort or an archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hilum.core.errors import InputError

STATES = ("unread", "waiting", "reading", "read", "edited", "final", "refused", "failed", "quarantined")
"""Of a study in the worklist."""


class Moved(InputError):
    """A reading was saved by somebody else since the page was opened."""


class ReadOnly(InputError):
    """This shelf, or this person, may look but not save."""


@dataclass(frozen=True)
class Session:
    """Who looks at the page.

    Args:
        user: name written beside every edit.
        roles: 'reader' may save, 'admin' may also cancel and retry jobs.
        csrf: token that every write carries in the header X-Hilum-CSRF.
        readonly: whether saving is refused.
    """

    user: str
    roles: tuple[str, ...] = ("reader",)
    csrf: str = ""
    readonly: bool = False


class Shelf(Protocol):
    """Studies behind the page; every id comes from outside and names nothing on disk by itself.

    Methods raise MissingError for a study, film or file that is not there, InputError for an action that cannot be
    done, and Moved where the revision is not the present one.
    """

    def features(self) -> Mapping[str, bool]:
        """Return which parts of the page make sense: 'worklist', 'jobs'."""
        ...

    def start(self) -> str:
        """Return the id of the study to open first, '' for the worklist."""
        ...

    def worklist(self, *, text: str = "", state: str = "", limit: int = 100, offset: int = 0) -> dict[str, Any]:
        """Return {total, rows} of the studies that match, newest first."""
        ...

    def sheet(self, study_id: str) -> dict[str, Any]:
        """Return everything that the page shows of one study."""
        ...

    def dicom(self, study_id: str, film_id: str) -> Path | bytes:
        """Return one film as a DICOM file."""
        ...

    def thumbnail(self, study_id: str, film_id: str) -> bytes:
        """Return one film as a small PNG."""
        ...

    def layer(self, study_id: str, film_id: str, name: str) -> bytes:
        """Return one layer of a film as a PNG of its rows and columns."""
        ...

    def file(self, study_id: str, name: str) -> Path:
        """Return one file that was written about a study."""
        ...

    def draft(self, study_id: str, actions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the sheet as it would be after some actions; nothing is stored."""
        ...

    def save(
        self, study_id: str, actions: Sequence[Mapping[str, Any]], *, revision: int, final: bool, editor: str
    ) -> dict[str, Any]:
        """Apply actions, write the reading, and return its sheet."""
        ...
