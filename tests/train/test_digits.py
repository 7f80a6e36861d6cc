from __future__ import annotations

import numpy as np
import pytest

from tensorgraph.data import load_digits
from tensorgraph.errors import DataError
from tensorgraph.train import DigitNetwork, Epoch, train_digits
from tensorgraph.train.digits import as_input


def test_the_network_has_13002_weights_and_biases() -> None:
    shapes = [p.shape for p in DigitNetwork().model.parameters()]
    assert shapes == [(16, 784), (16,), (16, 16), (16,), (10, 16), (10,)]
    assert DigitNetwork().parameters == 13_002


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_names_at_least_89_percent_of_the_bundled_test_images(seed: int) -> None:
    epochs: list[Epoch] = []
    data = load_digits()
    network = train_digits(data, seed, report=epochs.append)
    assert [e.number for e in epochs] == list(range(1, 31))
    assert epochs[-1].accuracy >= 0.89
    assert epochs[-1].loss < epochs[0].loss / 4
    assert network.accuracy(as_input(data.test_images), data.test_labels) == epochs[-1].accuracy


def test_the_same_seed_trains_the_same_network_and_another_does_not() -> None:
    first, again, other = (train_digits(load_digits(), seed, epochs=1).model.state_dict() for seed in (0, 0, 1))
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    assert any(not np.array_equal(value, other[name]) for name, value in first.items())


def test_weights_survive_saving(tmp_path) -> None:
    network = train_digits(load_digits(), epochs=1)
    network.save(tmp_path / "digits.npz")
    images = as_input(load_digits().test_images[:5])
    np.testing.assert_array_equal(
        DigitNetwork.load(tmp_path / "digits.npz").probabilities(images), network.probabilities(images)
    )


def test_missing_weights_are_named(tmp_path) -> None:
    path = tmp_path / "none.npz"
    with pytest.raises(DataError) as caught:
        DigitNetwork.load(path)
    assert (
        str(caught.value)
        == f"there are no weights at {path}: run 'tensorgraph train digits', or name them with --weights"
    )
