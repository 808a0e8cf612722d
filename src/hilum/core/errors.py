"""Errors a person can act on: each sentence says what is wrong, where, and what to do."""

from __future__ import annotations


class HilumError(Exception):
    """Base of every error Hilum raises on purpose; `exit_code` is what a command returns."""

    exit_code = 1


class InputError(HilumError):
    """The input is wrong: a file, a value or a command that cannot be used as given (exit code 1)."""


class DecodeError(InputError):
    """A file could not be decoded: truncated, corrupted, encrypted or of an unknown kind."""


class TooLargeError(InputError):
    """A file or archive declares more pixels, bytes or members than Hilum agrees to open."""


class UnsafeArchiveError(InputError):
    """An archive tries to write outside its folder or unpacks to far more than it weighs."""


class RefusedError(InputError):
    """An image was decoded but is not one this model may read; the sentence gives the reason."""


class MissingError(HilumError):
    """Something needed is not here: weights, an optional extra, a licence or a program (exit code 2)."""

    exit_code = 2


class ClaimFailedError(HilumError):
    """A published claim was tested and did not hold (exit code 3)."""

    exit_code = 3


def need(package: str, extra: str, purpose: str) -> MissingError:
    """Build the error for a package that an optional extra provides.

    Args:
        package: the import name that failed.
        extra: the extra of `hilum` that installs it.
        purpose: what it is needed for, as a noun phrase.

    Returns:
        The error to raise.
    """
    return MissingError(
        f"{purpose} needs the package '{package}', which is not installed. "
        f"Install it with: pip install 'hilum[{extra}]'."
    )
