"""Modules that hold modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tensorgraph.errors import InputError
from tensorgraph.ir.provenance import located
from tensorgraph.nn.module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Numbered(Module):
    """Base: modules in a row, each named by its place unless it was given a name."""

    def __init__(self, named: Iterable[tuple[str, Module]]) -> None:
        self._layers = {name: _module(type(self).__name__, module) for name, module in named}

    def members(self) -> Iterable[tuple[str, Any]]:
        return [*((k, v) for k, v in vars(self).items() if k != "_layers"), *self._layers.items()]

    def append(self, module: Module) -> None:
        """Add a module at the end, named by its place."""
        self._layers[str(len(self._layers))] = _module(type(self).__name__, module)

    def extend(self, modules: Iterable[Module]) -> None:
        """Add modules at the end."""
        for module in modules:
            self.append(module)

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers.values())

    def __getitem__(self, place: int) -> Module:
        return list(self._layers.values())[place]

    def __setitem__(self, place: int, module: Module) -> None:
        self._layers[list(self._layers)[place]] = _module(type(self).__name__, module)


class Sequential(_Numbered):
    """Modules applied one after the other.

    Parameters
    ----------
    *modules
        Called ``0``, ``1`` and so on; or one mapping from names to modules.

    Raises
    ------
    InputError
        If one is no module.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> from tensorgraph import nn
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> model(tg.placeholder(("batch", 3), "float32", name="x")).shape
    (batch, 2)
    >>> model
    Sequential(
      (0): Linear(3, 4)
      (1): ReLU()
      (2): Linear(4, 2)
    )
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            super().__init__(modules[0].items())
        else:
            super().__init__((str(i), m) for i, m in enumerate(modules))  # type: ignore[misc]

    def forward(self, *args: Any) -> Any:
        """The result of the last module; the first one takes the arguments."""
        if not self._layers and len(args) == 1:
            return args[0]
        result: Any = None
        for i, module in enumerate(self):
            result = module(result) if i else module(*args)
        return result


class ModuleList(_Numbered):
    """Modules in a list, which ``forward`` of the module around it uses as it likes.

    Parameters
    ----------
    modules
        Called by their places: ``layers.0``.

    Raises
    ------
    InputError
        If one is no module.

    Examples
    --------
    >>> from tensorgraph import nn
    >>> layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(2)])
    >>> layers.append(nn.ReLU())
    >>> len(layers), [path for path, _ in layers.named_parameters()]
    (3, ['0.weight', '0.bias', '1.weight', '1.bias'])
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__((str(i), m) for i, m in enumerate(modules))


class ModuleDict(Module):
    """Modules by name.

    Parameters
    ----------
    modules
        From names, which become parts of paths, to modules.

    Raises
    ------
    InputError
        If one is no module.

    Examples
    --------
    >>> from tensorgraph import nn
    >>> heads = nn.ModuleDict({"colour": nn.Linear(4, 3), "size": nn.Linear(4, 1)})
    >>> heads["size"]
    Linear(4, 1)
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self._layers: dict[str, Module] = {}
        for name, module in (modules or {}).items():
            self[name] = module

    def members(self) -> Iterable[tuple[str, Any]]:
        return [*((k, v) for k, v in vars(self).items() if k != "_layers"), *self._layers.items()]

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._layers.keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._layers.values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return self._layers.items()

    def __getitem__(self, name: str) -> Module:
        return self._layers[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self._layers[name] = _module("ModuleDict", module)

    def __delitem__(self, name: str) -> None:
        del self._layers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def _module(container: str, value: Any) -> Module:
    if not isinstance(value, Module):
        raise located(InputError(f"{container}: {value!r} is no Module; wrap a function in nn.Lambda"))
    return value
