"""The one door to numba. Importing this needs it, so kernels are imported where they are first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from hilum.core.errors import need

try:
    import numba
    from numba.core import types
    from numba.extending import intrinsic
except ImportError:
    raise need("numba", "drr", "projecting a CT") from None

__all__ = ["intrinsic", "jit", "pointer_of", "prange", "threads_at_work", "types"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
prange = numba.prange
"""A loop whose rounds run on all threads; they must not write to the same place."""


def jit(*, parallel: bool = False, fast: bool = True, inline: bool = False) -> Callable[[Kernel], Kernel]:
    """Return a decorator that compiles a kernel on its first call and keeps the machine code on disk.

    Args:
        parallel: run `prange` loops on all threads (`numba.set_num_threads` bounds them).
        fast: allow fused and reordered arithmetic; never the assumption that no value is NaN.
        inline: paste the body into its callers, for the small steps of an inner loop.
    """
    flags: Any = {"contract", "reassoc", "arcp", "nsz"} if fast else False
    made: Any = numba.njit(
        parallel=parallel, fastmath=flags, cache=True, nogil=True, inline="always" if inline else "never"
    )
    return cast(Callable[[Kernel], Kernel], made)


def pointer_of(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Return the address of a contiguous array's first number, inside an `intrinsic`."""
    proxy = cast(Any, numba.core.cgutils).create_struct_proxy(kind)
    return proxy(context, builder, value=array).data


def threads_at_work() -> int:
    """Return how many threads `prange` loops run on."""
    return int(numba.get_num_threads())
