"""The sources of numerics run in a module that knows nothing but NumPy."""

from __future__ import annotations

import builtins
import dis
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

import numpy as np
import pytest

from tensorgraph.ops.numerics import adaptive_pool, conv, philox, pool, segment, special

MODULES = [adaptive_pool, conv, philox, pool, segment, special]


def functions(module: ModuleType) -> dict[str, FunctionType]:
    members = inspect.getmembers(module, inspect.isfunction)
    return {name: function for name, function in members if function.__module__ == module.__name__}


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_names_are_numpy_builtins_or_neighbours(module: ModuleType) -> None:
    known = {"np", *vars(builtins), *functions(module)}
    for function in functions(module).values():
        for code in codes(function.__code__):
            used = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
            assert used <= known, (function.__name__, used - known)
            assert not any(i.opname.startswith("IMPORT") for i in dis.get_instructions(code))


def test_names_are_unique_across_files() -> None:
    names = [name for module in MODULES for name in functions(module)]
    assert len(names) == len(set(names))


def test_copied_sources_run() -> None:
    sources = [inspect.getsource(f) for module in MODULES for f in functions(module).values()]
    text = "\n".join(["from __future__ import annotations", "import numpy as np", *sources])
    space: dict[str, FunctionType] = {}
    exec(compile(text, "<copied>", "exec"), space)
    x = np.arange(50, dtype=np.float32).reshape(1, 2, 5, 5)
    w = np.ones((3, 2, 2, 2), np.float32)
    attributes = ((1, 1), ((0, 1), (1, 0)), (1, 1), 1)
    np.testing.assert_array_equal(space["conv"](x, w, *attributes), conv.conv(x, w, *attributes))
    window = ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), True)
    np.testing.assert_array_equal(
        space["max_pool_grad"](x[:, :, :3, :3], x, *window), pool.max_pool_grad(x[:, :, :3, :3], x, *window)
    )
    key = philox.random_key(1)
    np.testing.assert_array_equal(
        space["random_truncated_normal"](key, -2, 2, (9,), np.float32),
        philox.random_truncated_normal(key, -2, 2, (9,), np.float32),
    )
