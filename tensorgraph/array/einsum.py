"""Einstein summation, contracted pair by pair into matrix products."""

from __future__ import annotations

from collections.abc import Sequence

from tensorgraph.array.creation import arange
from tensorgraph.array.reduction import sum
from tensorgraph.array.shape import permute_dims, reshape
from tensorgraph.array.tensor import Tensor, TensorLike, apply, promote
from tensorgraph.errors import ShapeError
from tensorgraph.ir.dims import DimLike, dim_key, product
from tensorgraph.ir.provenance import located
from tensorgraph.ops.linalg import Matmul

__all__ = ["einsum"]


def einsum(subscripts: str, /, *operands: TensorLike) -> Tensor:
    """Sum of products by named axes.

    Parameters
    ----------
    subscripts
        As in NumPy: ``"ij,jk->ik"``; a repeated letter takes a diagonal, a letter missing in the result is
        summed over, ``...`` stands for axes that broadcast. Without ``->`` the letters that occur once are
        kept, in alphabetical order.
    *operands
        One array per term.

    Raises
    ------
    ShapeError
        If the terms do not fit the operands, or a letter has two sizes.

    Notes
    -----
    The order of contraction is the one that `opt_einsum <https://doi.org/10.21105/joss.00753>`_ finds
    cheapest; every step is a matrix product or a sum.

    Examples
    --------
    >>> einsum("ij,j->i", [[1, 2], [3, 4]], [1, 1])
    Tensor([3, 7], int64)
    """
    tensors = promote(*operands)
    terms, result = _read(subscripts, tensors)
    sizes = _sizes(subscripts, terms, tensors)
    pairs = [_diagonal(term, tensor) for term, tensor in zip(terms, tensors, strict=True)]
    for step in _path(terms, result, sizes):
        picked = [pairs[i] for i in step]
        rest = [pair for i, pair in enumerate(pairs) if i not in step]
        needed = set(result).union(*[term for term, _ in rest])
        pairs = [*rest, _contract(picked, needed)]
    term, total = pairs[0]
    return _arranged(*_summed(term, total, set(result)), result)


def _read(subscripts: str, tensors: Sequence[Tensor]) -> tuple[list[str], str]:
    """Terms and result with every ``...`` replaced by letters of its own."""
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise _misfit(subscripts, f"{len(terms)} terms for {len(tensors)} operands")
    spare = list(map(chr, range(0x3B1, 0x3B1 + 24)))
    longest = 0
    for i, (term, tensor) in enumerate(zip(terms, tensors, strict=True)):
        named = len(term.replace("...", ""))
        extra = tensor.ndim - named
        if extra < 0 or (extra and "..." not in term):
            raise _misfit(
                subscripts, f"term {term!r} names {named} axes and its operand {tensor.node.type} has {tensor.ndim}"
            )
        terms[i] = term.replace("...", "".join(spare[24 - extra :]) if extra else "")
        longest = max(longest, extra)
    block = "".join(spare[24 - longest :]) if longest else ""
    if arrow:
        result = result.replace("...", block)
    else:
        letters = "".join(terms)
        result = block + "".join(sorted(c for c in set(letters) if letters.count(c) == 1 and c not in block))
    unknown = [c for c in result if c not in "".join(terms)]
    if unknown or len(set(result)) != len(result):
        raise _misfit(subscripts, f"the result {result!r} must name axes of the operands, each once")
    return terms, result


def _misfit(subscripts: str, why: str) -> ShapeError:
    error = located(ShapeError(f"einsum: {subscripts!r}: {why}"))
    assert isinstance(error, ShapeError)
    return error


def _sizes(subscripts: str, terms: Sequence[str], tensors: Sequence[Tensor]) -> dict[str, DimLike]:
    sizes: dict[str, DimLike] = {}
    for term, tensor in zip(terms, tensors, strict=True):
        for letter, size in zip(term, tensor.shape, strict=True):
            known = sizes.setdefault(letter, size)
            if dim_key(known) == 1:
                sizes[letter] = size
            elif dim_key(size) not in (1, dim_key(known)):
                raise _misfit(subscripts, f"axis {letter} is {known} and {size}")
    return sizes


def _path(terms: Sequence[str], result: str, sizes: dict[str, DimLike]) -> list[tuple[int, ...]]:
    if len(terms) < 3:
        return [tuple(range(len(terms)))]
    known = {c: n if isinstance(n, int) else 64 for c, n in sizes.items()}  # any number serves to compare orders
    shapes = [tuple(known[c] for c in term) for term in terms]
    import opt_einsum  # type: ignore[import-untyped]  # slow to import, and only wanted here

    path, _ = opt_einsum.contract_path(f"{','.join(terms)}->{result}", *shapes, shapes=True, optimize="auto")
    return [tuple(step) for step in path]


def _diagonal(term: str, x: Tensor) -> tuple[str, Tensor]:
    """Take the diagonal of every letter that a term repeats."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            i, j = (k for k in range(len(term)) if term[k] == letter and term[:k].count(letter) < 2)
            order = [k for k in range(x.ndim) if k not in (i, j)]
            positions = arange(x.shape[i])
            x = permute_dims(x, [i, j, *order])[positions, positions]
            term = letter + "".join(term[k] for k in order)
    return term, x


def _summed(term: str, x: Tensor, needed: set[str]) -> tuple[str, Tensor]:
    gone = [i for i, letter in enumerate(term) if letter not in needed]
    return ("".join(c for c in term if c in needed), sum(x, gone)) if gone else (term, x)


def _contract(pairs: Sequence[tuple[str, Tensor]], needed: set[str]) -> tuple[str, Tensor]:
    """Multiply one, two or more operands, summing letters that nothing else needs."""
    (term, x), *rest = pairs
    for i, (other, y) in enumerate(rest):
        later = needed.union(*[t for t, _ in rest[i + 1 :]])
        term, x = _product(*_summed(term, x, later | set(other)), *_summed(other, y, later | set(term)), later)
    return _summed(term, x, needed)


def _product(a: str, x: Tensor, b: str, y: Tensor, needed: set[str]) -> tuple[str, Tensor]:
    shared = [c for c in a if c in b]
    inner = [c for c in shared if c not in needed and _known_equal(x, a, y, b, c)]
    batch = [c for c in shared if c not in inner]
    rows, columns = [c for c in a if c not in b], [c for c in b if c not in a]
    if not inner:
        term = "".join([*batch, *rows, *columns])
        return term, _aligned(x, a, term) * _aligned(y, b, term)
    left = permute_dims(x, [a.index(c) for c in [*batch, *rows, *inner]])
    right = permute_dims(y, [b.index(c) for c in [*batch, *inner, *columns]])
    nb, nr, ni = len(batch), len(rows), len(inner)
    left_shape, right_shape = left.shape, right.shape
    contracted = apply(
        Matmul(),
        reshape(left, (*left_shape[:nb], product(left_shape[nb : nb + nr]), product(left_shape[nb + nr :]))),
        reshape(right, (*right_shape[:nb], product(right_shape[nb : nb + ni]), product(right_shape[nb + ni :]))),
    )
    shape = (*contracted.shape[:nb], *left_shape[nb : nb + nr], *right_shape[nb + ni :])
    return "".join([*batch, *rows, *columns]), reshape(contracted, shape)


def _known_equal(x: Tensor, a: str, y: Tensor, b: str, letter: str) -> bool:
    return dim_key(x.shape[a.index(letter)]) == dim_key(y.shape[b.index(letter)])


def _aligned(x: Tensor, term: str, wanted: str) -> Tensor:
    """Axes in the wanted order, with size 1 for letters it lacks."""
    ordered = permute_dims(x, [term.index(c) for c in wanted if c in term])
    sizes = iter(ordered.shape)
    return reshape(ordered, [next(sizes) if c in term else 1 for c in wanted])


def _arranged(term: str, x: Tensor, result: str) -> Tensor:
    return permute_dims(x, [term.index(c) for c in result])
