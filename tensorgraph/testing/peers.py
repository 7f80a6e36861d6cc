"""Functions of other libraries: which one a function belongs to, and how it is called with arrays."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from tensorgraph.ir.tree import flatten_tree
from tensorgraph.ir.types import Array

__all__ = ["call_peer", "jax_in_double", "named_libraries", "peer_of", "public_name"]

PEERS = ("torch", "jax")
NAMED = ("numpy", "scipy", "tensorgraph", *PEERS)


def peer_of(function: Any) -> str | None:
    """PyTorch or JAX, if it is loaded and the function, or its code, is from there.

    Examples
    --------
    >>> peer_of(np.exp) is None
    True
    """
    found = named_libraries(function)
    return next((name for name in PEERS if name in sys.modules and name in found), None)


def named_libraries(function: Any) -> set[str]:
    """The packages that a function, its type, and what its code names are from.

    Examples
    --------
    >>> "numpy" in named_libraries(lambda x: np.exp(x) * 2)
    True
    """
    return {_root(owner) for owner in _owners(function)}


def public_name(function: Any) -> tuple[str, str] | None:
    """The module and the name by which anybody can import a function of a library.

    Examples
    --------
    >>> public_name(np.exp), public_name(lambda x: x)
    (('numpy', 'exp'), None)
    """
    name = getattr(function, "__name__", "")
    for place in (_root(function), getattr(function, "__module__", None) or ""):
        module = sys.modules.get(place) if _root(function) in NAMED else None
        if module is not None and getattr(module, name, None) is function:
            return place, name
    return None


def call_peer(function: Callable[..., Any], peer: str, arrays: Sequence[Array]) -> list[Array]:
    """Call a function of a library with its own arrays, in double precision where these have it."""
    if peer == "torch":
        torch = import_module("torch")
        results = flatten_tree(function(*[torch.from_numpy(a) for a in arrays]))[0]
        return [_from_torch(y) if isinstance(y, torch.Tensor) else np.asarray(y) for y in results]
    numpy = import_module("jax.numpy")
    with jax_in_double():
        return [np.asarray(y) for y in flatten_tree(function(*[numpy.asarray(a) for a in arrays]))[0]]


def _from_torch(tensor: Any) -> Array:
    return np.asarray(tensor.detach().resolve_conj().resolve_neg().numpy())


def jax_in_double() -> Any:
    """A context in which JAX keeps double precision; older versions have it in ``jax.experimental``."""
    jax = import_module("jax")
    home = jax if hasattr(jax, "enable_x64") else import_module("jax.experimental")
    return home.enable_x64(True)


def _owners(function: Any) -> list[Any]:
    """A function, its type, what it wraps, and what its code names; the same of the functions among these."""
    found: list[Any] = []
    waiting = [function]
    while waiting:
        one = waiting.pop()
        if any(one is known for known in found):
            continue
        found += [one, *type(one).__mro__]
        named = [getattr(one, "__wrapped__", None), getattr(one, "func", None), *_names(one)]
        waiting += [x for x in named if callable(x) and _root(x) not in {"", "builtins", "numpy", "tensorgraph"}]
        found += [x for x in named if isinstance(x, ModuleType) or _root(x) in {"numpy", "tensorgraph"}]
    return found


def _names(function: Any) -> list[Any]:
    """What a Python function reads from around it."""
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    scope = getattr(function, "__globals__", {})
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or () if _filled(cell)]
    return [*(scope[name] for name in _code_names(code) if name in scope), *cells]


def _code_names(code: CodeType) -> list[str]:
    inner = [name for part in code.co_consts if isinstance(part, CodeType) for name in _code_names(part)]
    return [*code.co_names, *inner]


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _root(owner: Any) -> str:
    name = getattr(owner, "__module__", None) or getattr(owner, "__name__", "")
    root = name.partition(".")[0] if isinstance(name, str) else ""
    return "jax" if root == "jaxlib" else root
