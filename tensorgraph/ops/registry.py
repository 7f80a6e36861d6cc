"""Finding the primitives."""

from __future__ import annotations

from tensorgraph.ir.op import Op

__all__ = ["all_ops"]


def all_ops() -> list[type[Op]]:
    """Every primitive class of the library, by name: leaves, identities and the bases left out.

    Examples
    --------
    >>> [cls.name for cls in all_ops()][:3]
    ['abs', 'acos', 'acosh']
    """
    found: list[type[Op]] = []
    waiting = [Op]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        waiting.extend(subclasses)
        found.extend(
            cls for cls in subclasses if cls.numpy and not cls.leaf and cls.__module__.startswith("tensorgraph.ops")
        )
    return sorted(found, key=lambda cls: cls.name)
