"""Nested tuples, lists and dicts: taking the leaves out, and putting others in their places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

__all__ = ["Tree", "flatten_tree", "map_tree", "unflatten_tree"]

Tree: TypeAlias = Any


def flatten_tree(tree: Tree) -> tuple[list[Any], Tree]:
    """The leaves in order (dicts by sorted key) and the structure, in which each leaf is its number.

    Examples
    --------
    >>> flatten_tree({"b": 3, "a": (1, [2])})
    ([1, 2, 3], {'a': (0, [1]), 'b': 2})
    """
    leaves: list[Any] = []

    def walk(part: Tree) -> Tree:
        if isinstance(part, dict):
            return {key: walk(part[key]) for key in sorted(part)}
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return type(part)(*map(walk, part))
        if isinstance(part, (tuple, list)):
            return type(part)(map(walk, part))
        if part is None:
            return None
        leaves.append(part)
        return len(leaves) - 1

    return leaves, walk(tree)


def unflatten_tree(structure: Tree, leaves: Sequence[Any]) -> Tree:
    """The tree with these leaves.

    Examples
    --------
    >>> unflatten_tree({"a": (0, [1]), "b": 2}, "xyz")
    {'a': ('x', ['y']), 'b': 'z'}
    """
    if isinstance(structure, dict):
        return {key: unflatten_tree(part, leaves) for key, part in structure.items()}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*[unflatten_tree(part, leaves) for part in structure])
    if isinstance(structure, (tuple, list)):
        return type(structure)(unflatten_tree(part, leaves) for part in structure)
    return None if structure is None else leaves[structure]


def map_tree(function: Callable[[Any], Any], tree: Tree) -> Tree:
    """The tree with a function applied to every leaf.

    Examples
    --------
    >>> map_tree(lambda x: x + 1, [1, (2, {"a": 3})])
    [2, (3, {'a': 4})]
    """
    leaves, structure = flatten_tree(tree)
    return unflatten_tree(structure, [function(leaf) for leaf in leaves])
