"""Convolution over any number of spatial axes, channels first, with its two adjoints.

Data is ``[n, c, *spatial]`` and weights are ``[o, c // groups, *kernel]``. "Convolution" is cross-correlation, as in
every neural-network library. All functions are linear transposes of one another: none conjugates complex values.
``stride`` and ``dilation`` hold one number per spatial axis, ``padding`` one (low, high) pair, negative to crop.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def conv_output_shape(
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
) -> tuple[int, ...]:
    """Count the places where the dilated kernel fits inside the padded input, per spatial axis."""
    return tuple(
        max((n + low + high - d * (k - 1) - 1) // s + 1, 0)
        for n, k, s, (low, high), d in zip(spatial, kernel, stride, padding, dilation, strict=True)
    )


def conv_pad(x: np.ndarray, padding: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Surround the spatial axes with zeros, or crop where the padding is negative; ``x`` itself if all of it is 0."""
    if not any(low or high for low, high in padding):
        return x
    spatial = x.shape[2:]
    out = np.zeros(x.shape[:2] + tuple(max(n + a + b, 0) for n, (a, b) in zip(spatial, padding, strict=True)), x.dtype)
    ends = [(max(-a, 0), max(min(n, n + b), -a, 0)) for n, (a, b) in zip(spatial, padding, strict=True)]
    source = tuple(slice(start, stop) for start, stop in ends)
    target = tuple(slice(start + a, stop + a) for (start, stop), (a, _) in zip(ends, padding, strict=True))
    out[:, :, *target] = x[:, :, *source]
    return out


def conv_windows(
    padded: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    *,
    writeable: bool = False,
) -> np.ndarray:
    """View ``[n, c, *spatial]`` as ``[n, c, *kernel, *output]``: every tap of the kernel sees its strided slice."""
    output = conv_output_shape(padded.shape[2:], kernel, stride, ((0, 0),) * len(kernel), dilation)
    steps = padded.strides[2:]
    return np.lib.stride_tricks.as_strided(
        padded,
        padded.shape[:2] + kernel + output,
        padded.strides[:2]
        + tuple(step * d for step, d in zip(steps, dilation, strict=True))
        + tuple(step * s for step, s in zip(steps, stride, strict=True)),
        writeable=writeable,
    )


def conv_work_dtype(*dtypes: np.dtype) -> np.dtype:
    """Name the dtype to accumulate in: float32 for float16, otherwise the common dtype itself."""
    common = np.result_type(*dtypes)
    return np.dtype(np.float32) if common == np.float16 else common


def conv_blocks(n: int, elements: int) -> Iterator[slice]:
    """Cut the batch so that the columns of a block, of ``elements`` per image, stay near the cache (2 M elements)."""
    step = max(1, (1 << 21) // max(elements, 1))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def conv(
    x: np.ndarray,
    w: np.ndarray,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Cross-correlate a batch with a bank of kernels.

    Windows are copied to columns ``[c * taps, positions]``, whose runs are as long as an output row, and multiplied by
    the weights, a few images at a time. A depthwise convolution is a multiply-add per tap: it has nothing to contract.

    Parameters
    ----------
    x, w
        ``[n, c, *spatial]`` and ``[o, c // groups, *kernel]``.
    stride, padding, dilation, groups
        Static; see the module.

    Returns
    -------
    ndarray
        ``[n, o, *output]``, contiguous.
    """
    n, c = x.shape[:2]
    o, kernel = w.shape[0], w.shape[2:]
    dtype = np.result_type(x, w)
    work = conv_work_dtype(x.dtype, w.dtype)
    padded = conv_pad(x, padding).astype(work, copy=False)
    view = conv_windows(padded, kernel, stride, dilation)
    output = view.shape[2 + len(kernel) :]
    taps, positions, many = int(np.prod(kernel)), int(np.prod(output)), o // groups
    if c == groups > 1:
        out = np.zeros((n, groups, many, *output), work)
        weights = w.astype(work, copy=False).reshape(groups, many, *kernel, *(1 for _ in output))
        for rows in conv_blocks(n, 8 * o * positions):
            product = np.empty(out[rows].shape, work)
            for tap in np.ndindex(*kernel):
                out[rows] += np.multiply(view[rows, :, None, *tap], weights[:, :, *tap], out=product)
    else:
        out = np.empty((n, groups, many, positions), work)
        depth = c // groups * taps
        matrix = w.astype(work, copy=False).reshape(groups, many, depth)
        for rows in conv_blocks(n, c * taps * positions):
            columns = view[rows].reshape(rows.stop - rows.start, groups, depth, positions)
            np.matmul(matrix, columns, out=out[rows])
    return out.reshape(n, o, *output).astype(dtype, copy=False)


def conv_input_grad(
    g: np.ndarray,
    w: np.ndarray,
    spatial: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Transpose `conv` in its first argument; also known as transposed convolution.

    One product makes the gradient of all columns, and one strided addition per tap puts them back.

    Parameters
    ----------
    g, w
        ``[n, o, *output]`` and ``[o, c // groups, *kernel]``.
    spatial
        Spatial sizes of the convolution's input; they settle what the stride left open.
    stride, padding, dilation, groups
        Those of the convolution.

    Returns
    -------
    ndarray
        ``[n, c, *spatial]``.
    """
    n, c = g.shape[0], w.shape[1] * groups
    o, kernel, output = w.shape[0], w.shape[2:], g.shape[2:]
    if not g.size:
        return np.zeros((n, c, *spatial), np.result_type(g, w))
    work = conv_work_dtype(g.dtype, w.dtype)
    taps, positions, many = int(np.prod(kernel)), int(np.prod(output)), o // groups
    sizes = tuple(max(size + a + b, 0) for size, (a, b) in zip(spatial, padding, strict=True))
    grad = np.zeros((n, c, *sizes), work)
    view = conv_windows(grad, kernel, stride, dilation, writeable=True)
    values, weights = g.astype(work, copy=False), w.astype(work, copy=False)
    if c == groups > 1:
        values = values.reshape(n, groups, many, *output)
        weights = weights.reshape(groups, many, *kernel, *(1 for _ in output))
        for rows in conv_blocks(n, 8 * o * positions):
            product = np.empty(values[rows].shape, work)
            for tap in np.ndindex(*kernel):
                np.multiply(values[rows], weights[:, :, *tap], out=product)
                view[rows, :, *tap] += product[:, :, 0] if many == 1 else product.sum(2)
    else:
        depth = c // groups * taps
        matrix = weights.reshape(groups, many, depth).swapaxes(1, 2)
        values = values.reshape(n, groups, many, positions)
        for rows in conv_blocks(n, c * taps * positions):
            columns = np.matmul(matrix, values[rows]).reshape(rows.stop - rows.start, c, *kernel, *output)
            for tap in np.ndindex(*kernel):
                view[rows, :, *tap] += columns[:, :, *tap]
    crop = tuple((-low, -high) for low, high in padding)
    return conv_pad(grad, crop).astype(np.result_type(g, w), copy=False)


def conv_weight_grad(
    x: np.ndarray,
    g: np.ndarray,
    kernel_shape: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Transpose `conv` in its second argument.

    The batch is part of the contracted axis, so each block of images is one long product per group.

    Parameters
    ----------
    x, g
        ``[n, c, *spatial]`` and ``[n, o, *output]``.
    kernel_shape
        The kernel's spatial sizes.
    stride, padding, dilation, groups
        Those of the convolution.

    Returns
    -------
    ndarray
        ``[o, c // groups, *kernel]``.
    """
    n, c = x.shape[:2]
    o, rank = g.shape[1], len(kernel_shape)
    work = conv_work_dtype(x.dtype, g.dtype)
    view = conv_windows(conv_pad(x, padding).astype(work, copy=False), kernel_shape, stride, dilation)
    view = np.moveaxis(view, 0, 1 + rank)
    values = np.moveaxis(g.astype(work, copy=False), 0, 1)
    positions, depth = int(np.prod(g.shape[2:])), c // groups * int(np.prod(kernel_shape))
    out = np.zeros((groups, o // groups, depth), work)
    for rows in conv_blocks(n, groups * depth * positions):
        length = (rows.stop - rows.start) * positions
        columns = view[(slice(None),) * (1 + rank) + (rows,)].reshape(groups, depth, length)
        out += values[:, rows].reshape(groups, o // groups, length) @ columns.swapaxes(1, 2)
    return out.reshape(o, c // groups, *kernel_shape).astype(np.result_type(x, g), copy=False)


def unfold(
    x: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
) -> np.ndarray:
    """Copy sliding windows to columns ``[n, c * taps, positions]``, as ``torch.nn.functional.unfold`` does in 2-D."""
    view = conv_windows(conv_pad(x, padding), kernel, stride, dilation)
    positions = int(np.prod(view.shape[2 + len(kernel) :]))
    return view.reshape(x.shape[0], x.shape[1] * int(np.prod(kernel)), positions).copy()


def fold(
    columns: np.ndarray,
    output_shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
) -> np.ndarray:
    """Add columns ``[n, c * taps, positions]`` back to ``[n, c, *output_shape]``: the adjoint of `unfold`."""
    n, c = columns.shape[0], columns.shape[1] // int(np.prod(kernel))
    sizes = tuple(max(size + a + b, 0) for size, (a, b) in zip(output_shape, padding, strict=True))
    grad = np.zeros((n, c, *sizes), conv_work_dtype(columns.dtype))
    view = conv_windows(grad, kernel, stride, dilation, writeable=True)
    values = columns.reshape(view.shape)
    for tap in np.ndindex(*kernel):
        view[:, :, *tap] += values[:, :, *tap]
    return conv_pad(grad, tuple((-low, -high) for low, high in padding)).astype(columns.dtype, copy=False)


def conv_terms(
    shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
    """Enumerate the definition: indices (of x, of w, of the output) of every product that a convolution adds."""
    n, spatial = shape[0], shape[2:]
    o, depth, kernel = weight_shape[0], weight_shape[1], weight_shape[2:]
    output = conv_output_shape(spatial, kernel, stride, padding, dilation)
    for image in range(n):
        for out_channel in range(o):
            for place in np.ndindex(*output):
                for channel in range(depth):
                    for tap in np.ndindex(*kernel):
                        where = tuple(
                            p * s + t * d - low
                            for p, s, t, d, (low, _) in zip(place, stride, tap, dilation, padding, strict=True)
                        )
                        if all(0 <= p < size for p, size in zip(where, spatial, strict=True)):
                            source = out_channel // (o // groups) * depth + channel
                            yield (image, source, *where), (out_channel, channel, *tap), (image, out_channel, *place)


def conv_reference(
    x: np.ndarray,
    w: np.ndarray,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Define `conv` by nested loops: the sum over taps and channels of input times weight, zero outside the input."""
    output = conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
    out = np.zeros((x.shape[0], w.shape[0], *output), conv_work_dtype(x.dtype, w.dtype))
    for i, k, p in conv_terms(x.shape, w.shape, stride, padding, dilation, groups):
        with np.errstate(over="ignore"):  # integers wrap
            out[p] += out.dtype.type(x[i]) * out.dtype.type(w[k])
    return out.astype(np.result_type(x, w), copy=False)


def conv_input_grad_reference(
    g: np.ndarray,
    w: np.ndarray,
    spatial: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Define `conv_input_grad` by nested loops: each product of the convolution, read backwards."""
    out = np.zeros((g.shape[0], w.shape[1] * groups, *spatial), conv_work_dtype(g.dtype, w.dtype))
    for i, k, p in conv_terms(out.shape, w.shape, stride, padding, dilation, groups):
        with np.errstate(over="ignore"):  # integers wrap
            out[i] += out.dtype.type(g[p]) * out.dtype.type(w[k])
    return out.astype(np.result_type(g, w), copy=False)


def conv_weight_grad_reference(
    x: np.ndarray,
    g: np.ndarray,
    kernel_shape: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Define `conv_weight_grad` by nested loops: each product of the convolution, read sideways."""
    shape = (g.shape[1], x.shape[1] // groups, *kernel_shape)
    out = np.zeros(shape, conv_work_dtype(x.dtype, g.dtype))
    for i, k, p in conv_terms(x.shape, shape, stride, padding, dilation, groups):
        with np.errstate(over="ignore"):  # integers wrap
            out[k] += out.dtype.type(x[i]) * out.dtype.type(g[p])
    return out.astype(np.result_type(x, g), copy=False)
