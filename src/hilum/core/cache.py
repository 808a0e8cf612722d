"""Where what is slow to make and cheap to keep lies on this machine: one folder, which may be deleted at any time."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "HILUM_CACHE"


def cache_folder(*names: str) -> Path:
    """Return a folder under the cache, made where missing: `HILUM_CACHE`, else 'hilum' in the user's cache folder.

    Args:
        names: folders below it, one each.

    Raises:
        InputError: if it cannot be made.
    """
    from hilum.core.errors import InputError

    given = os.environ.get(VARIABLE, "")
    root = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hilum"
    place = root.joinpath(*names)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the cache folder '{place}': {error.strerror or error}; name another in {VARIABLE}"
        ) from error
    return place
