"""Random models, and sequences of training steps for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tensorgraph import nn
from tensorgraph.array.tensor import asarray
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.types import Array
from tensorgraph.testing.literals import arrays_code
from tensorgraph.testing.strategies.arrays import tensors
from tensorgraph.testing.strategies.shapes import check_count, impossible

__all__ = ["DrawnModel", "Training", "modules", "training_steps"]

ACTIVATIONS = ("nn.Tanh()", "nn.Sigmoid()", "nn.ReLU()", "nn.GELU()", "nn.Softplus()", "nn.LeakyReLU()")
SMOOTH = ("nn.Tanh()", "nn.Sigmoid()", "nn.Softplus()", "nn.SiLU()")
OPTIMIZERS = (
    "optim.SGD(0.1)", "optim.SGD(0.05, momentum=0.9)", "optim.Adam(0.01)", "optim.AdamW(0.01)", "optim.RMSprop(0.01)",
    "optim.Adagrad(0.1)",
)  # fmt: skip
COMPILED = "step = tg.compile([x], loss, updates=updates)"


@dataclass(frozen=True)
class DrawnModel:
    """A model, and the shape it takes; prints as the code that makes it.

    Attributes
    ----------
    layers
        The layers as Python.
    shape
        Of the input; the first axis is the batch.
    """

    layers: tuple[str, ...]
    shape: tuple[Any, ...]

    def module(self) -> nn.Sequential:
        """The model, always with the same first weights."""
        scope: dict[str, Any] = {}
        exec(repr(self), scope)
        made: nn.Sequential = scope["model"]
        return made

    def lines(self) -> list[str]:
        """What defines ``model``, and an input ``x`` for it."""
        shape = ", ".join(f'"{n}"' if isinstance(n, str) else str(n) for n in self.shape)
        return [
            f"model = nn.Sequential({', '.join(self.layers)})",
            f'x = tg.placeholder(({shape}), "float32", name="x")',
        ]

    def __repr__(self) -> str:
        return "\n".join(["import tensorgraph as tg", "from tensorgraph import nn", "", *self.lines()])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


def modules(
    *, layers: int = 3, width: int = 4, images: bool | None = None, smooth: bool = False
) -> st.SearchStrategy[DrawnModel]:
    """Models of a few layers: dense ones, convolutions and pools, normalization, activations.

    Parameters
    ----------
    layers
        Most blocks, each of a layer with weights and perhaps an activation.
    width
        Most features or channels.
    images
        Whether inputs are images; both by default.
    smooth
        Whether there are to be no kinks.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(modules(images=False), lambda m: len(m.layers) > 1)
    import tensorgraph as tg
    from tensorgraph import nn
    <BLANKLINE>
    model = nn.Sequential(nn.Linear(1, 1, rng=0), nn.Tanh())
    x = tg.placeholder(("batch", 1), "float32", name="x")
    """
    for name, least in (("layers", layers), ("width", width)):
        check_count("modules", name, least, 1, "a model has at least one")
    return _modules(layers, width, images, smooth)


@st.composite
def _modules(draw: st.DrawFn, most: int, width: int, images: bool | None, smooth: bool) -> DrawnModel:
    spatial = draw(st.booleans()) if images is None else images
    features = draw(st.integers(1, width))
    shape = ("batch", features, 6, 6) if spatial else ("batch", features)
    found: list[str] = []
    for i in range(draw(st.integers(1, most))):
        wider = draw(st.integers(1, width))
        if spatial:
            found.append(f"nn.Conv2d({features}, {wider}, 3, padding=1, rng={i})")
            found += draw(st.sampled_from([[], [f"nn.BatchNorm2d({wider})"], ["nn.AvgPool2d(2, stride=1)"]]))
        else:
            found.append(f"nn.Linear({features}, {wider}, rng={i})")
            found += draw(st.sampled_from([[], [f"nn.LayerNorm({wider})"]])) if wider > 1 else []
        features = wider
        found += draw(st.sampled_from([[], *([a] for a in (SMOOTH if smooth else ACTIVATIONS))]))
    if spatial:
        found += ["nn.GlobalAvgPool()", "nn.Flatten()", f"nn.Linear({features}, 2, rng=9)"]
    return DrawnModel(tuple(found), shape)


@dataclass(frozen=True)
class Training:
    """A model, an optimizer, and the batches it meets; prints as the code that trains it.

    Attributes
    ----------
    model
        What is trained: to give back the mean of its input.
    optimizer
        As Python.
    batches
        Inputs, one per step; their sizes may differ.
    """

    model: DrawnModel
    optimizer: str
    batches: Sequence[Array]

    def compiled(self) -> tuple[Kernel, nn.Sequential]:
        """The training step, which gives the loss, and the model whose parameters it updates."""
        scope: dict[str, Any] = {}
        exec("\n".join([*self._updates(), COMPILED]), scope)
        return scope["step"], scope["model"]

    def graph(self) -> Graph:
        """The training step as it is before it is compiled."""
        scope: dict[str, Any] = {}
        exec("\n".join(self._updates()), scope)
        pairs = [(parameter.node, asarray(value).node) for parameter, value in scope["updates"]]
        return Graph([scope["x"].node], [scope["loss"].node], pairs)

    def losses(self) -> list[float]:
        """The loss of every step."""
        step, _ = self.compiled()
        return [float(step(batch)) for batch in self.batches]

    def _updates(self) -> list[str]:
        """What defines ``loss`` and ``updates``."""
        axes = tuple(range(1, len(self.model.shape)))
        return [
            "import numpy as np",
            "import tensorgraph as tg",
            "from tensorgraph import nn, optim",
            "",
            *self.model.lines(),
            f"loss = tg.mean((tg.mean(model(x), axis=-1) - tg.mean(x, axis={axes})) ** 2)",
            f"updates = {self.optimizer}.updates(loss, model.parameters())",
        ]

    def __repr__(self) -> str:
        losses = "losses = [float(step(batch)) for batch in batches]"
        return "\n".join([*self._updates(), COMPILED, *arrays_code(self.batches, "batches"), losses])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


def training_steps(
    steps: int = 4, *, batch: int = 3, models: st.SearchStrategy[DrawnModel] | None = None
) -> st.SearchStrategy[Training]:
    """Models with an optimizer and batches of inputs, whose sizes differ.

    Parameters
    ----------
    steps
        Most steps.
    batch
        Most examples in a batch.
    models
        As `modules` gives.

    Examples
    --------
    >>> from hypothesis import find
    >>> found = find(training_steps(), lambda t: len(t.batches) == 2)
    >>> len(found.losses())
    2
    """
    for name, least in (("steps", steps), ("batch", batch)):
        check_count("training_steps", name, least, 1, "there is at least one")
    if models is not None and not isinstance(models, st.SearchStrategy):
        what = f"models= is a {type(models).__name__}, which is no strategy"
        raise impossible("training_steps", what, "give one that draws models, such as modules()")
    return _training(steps, batch, modules() if models is None else models)


@st.composite
def _training(draw: st.DrawFn, steps: int, batch: int, models: st.SearchStrategy[DrawnModel]) -> Training:
    model = draw(models)
    batches = []
    for _ in range(draw(st.integers(1, steps))):
        shape = (draw(st.integers(1, batch)), *model.shape[1:])
        batches.append(draw(tensors(np.float32, shape, layouts="contiguous", low=-2, high=2)))
    return Training(model, draw(st.sampled_from(OPTIMIZERS)), batches)
