"""The commands, and how their failures are told: one line, never a traceback of ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tensorgraph.cli import digits
from tensorgraph.errors import TensorGraphError

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__.splitlines()[0]
)
train = typer.Typer(no_args_is_help=True, help="Train a network that comes with the library.")
app.add_typer(train, name="train")


@app.callback()
def _commands() -> None:
    """A symbolic autodiff engine with a graph compiler."""


@train.command("digits")
def train_digits(
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder with the four full MNIST files, instead of the subset.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the first weights and the order of the images.", min=0)] = 0,
    epochs: Annotated[int, typer.Option(help="Passes over the training images.", min=1)] = 30,
    out: Annotated[Path, typer.Option(help="Folder for the files it writes.")] = Path(),
) -> None:
    """Train the 784-16-16-10 digit network; write its weights, training step and graph."""
    digits.train(data_dir, seed, epochs, out)


@app.command()
def predict(
    image: Annotated[Path, typer.Argument(help="An image of one handwritten digit.")],
    weights: Annotated[Path, typer.Option(help="Weights that 'train digits' wrote.")] = Path("digits.npz"),
) -> None:
    """Name the digit in an image, with the ten activations."""
    digits.predict(image, weights)


@app.command()
def check(
    target: Annotated[str, typer.Argument(help="PATH.py:NAME or MODULE:NAME of a function or a Module.")],
    types: Annotated[
        list[str] | None, typer.Option("--input", help="Type of an argument, such as 'float64[n, 3]'; once for each.")
    ] = None,
    order: Annotated[int, typer.Option(help="Of the highest derivative.", min=1)] = 2,
    examples: Annotated[int, typer.Option(help="At how many drawn points.", min=1)] = 10,
    seed: Annotated[int, typer.Option(help="Of the points.", min=0)] = 0,
) -> None:
    """Check the gradients of a function or a Module at drawn inputs."""
    from tensorgraph.cli import testing  # Hypothesis is slow to import

    testing.check(target, types or [], order, examples, seed)


@app.command()
def fuzz(
    minutes: Annotated[float, typer.Option(help="How long.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the first graphs.", min=0)] = 0,
    out: Annotated[Path, typer.Option(help="Folder for programs that show what was found.")] = Path("fuzz"),
) -> None:
    """Send random graphs through every stage of the compiler; exit with 1 if a stage is wrong."""
    from tensorgraph.cli import testing

    if not testing.fuzz(minutes, seed, out):
        sys.exit(1)


@app.command()
def bench(
    rows: Annotated[str, typer.Option(metavar="PATTERN", help="Only rows whose name matches this.")] = "",
    peers: Annotated[str | None, typer.Option(metavar="LIST", help="Only these, such as pytorch,jax.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for a table, JSON and a plot.")] = None,
    json: Annotated[Path | None, typer.Option(help="File for everything as JSON.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Of turns for each row.")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Tiny sizes and one round: does it run?")] = False,
    force: Annotated[bool, typer.Option("--force", help="Report although another process holds the machine.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Only print the names of the rows.")] = False,
) -> None:
    """Measure training steps, expressions, start-up and memory beside NumPy by hand and the peers installed."""
    from tensorgraph.cli.bench import bench as run

    given = {"--rows": rows, "--peers": peers, "--out": out, "--json": json, "--seconds": seconds}
    flags = [name for name, wanted in (("--smoke", smoke), ("--force", force), ("--list", listing)) if wanted]
    options = [text for name, value in given.items() if value not in (None, "") for text in (name, str(value))]
    sys.exit(run([*options, *flags]))


def main() -> None:
    """Run the command line; exit with 1 and one line on a failure."""
    try:
        app()
    except TensorGraphError as error:
        _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}")


def _fail(message: str) -> None:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(1)
