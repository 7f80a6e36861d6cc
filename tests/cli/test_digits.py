from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tensorgraph.cli import main
from tensorgraph.data import load_digits
from tensorgraph.train import DigitNetwork
from tensorgraph.train.digits import as_input, training_steps


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["tensorgraph", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    output = capsys.readouterr()
    return int(stopped.value.code or 0), output.out, output.err


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    command = [sys.executable, "-m", "tensorgraph", "train", "digits", "--epochs", "3", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (folder / "log").write_text(done.stdout)
    return folder


def test_training_prints_the_size_each_epoch_and_the_accuracy(trained: Path) -> None:
    lines = (trained / "log").read_text().splitlines()
    assert lines[0] == "10,000 training images, 2,000 test images, seed 0"
    assert lines[1] == "784-16-16-10 sigmoid network: 13,002 weights and biases"
    epochs = [line for line in lines if line.startswith("epoch")]
    assert [line.split()[1] for line in epochs] == ["1", "2", "3"]
    (accuracy,) = [line for line in lines if line.startswith("test accuracy ")]
    assert 0.8 < float(accuracy.split()[-1]) < 1
    assert abs(float(epochs[-1].split()[-1]) - float(accuracy.split()[-1])) <= 0.0005


def test_training_writes_weights_step_and_picture(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert {"digits.npz", "digits_step.py", "digits_step.npz"} <= names
    assert names & {"digits.svg", "digits.dot"}
    assert not [name for name in names if name.startswith(".")]


def test_the_training_step_trains_with_numpy_alone(trained: Path) -> None:
    """From the first weights, in a process of its own, to the very losses that the kernel gives."""
    program = (
        "import sys, numpy as np, digits_step as s\n"
        "state = s.init_state()\n"
        "x, y = np.full((4, 784), 0.5, np.float32), np.arange(4)\n"
        "print([float(s.step(state, x, y)) for _ in range(30)])\n"
        "assert 'tensorgraph' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=trained, check=True, capture_output=True, text=True)
    network = DigitNetwork(0, training_steps(load_digits(), 3))
    x, y = np.full((4, 784), 0.5, np.float32), np.arange(4)
    losses = [float(network.step(x, y)) for _ in range(30)]
    assert done.stdout.strip() == str(losses)
    assert losses[-1] < losses[0]


def test_predict_names_a_digit_with_ten_activations(monkeypatch, capsys, tmp_path, trained: Path) -> None:
    data = load_digits()
    shares = DigitNetwork.load(trained / "digits.npz").probabilities(as_input(data.test_images))
    sure = int(np.argmax(np.where(shares.argmax(1) == data.test_labels, shares.max(1), 0)))
    Image.fromarray(data.test_images[sure]).save(tmp_path / "digit.png")
    arguments = ("predict", str(tmp_path / "digit.png"), "--weights", str(trained / "digits.npz"))
    code, out, _ = run(monkeypatch, capsys, *arguments)
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == f"digit {data.test_labels[sure]}"
    printed = [line.split()[:2] for line in lines[1:]]
    assert printed == [[str(k), f"{share:.4f}"] for k, share in enumerate(shares[sure])]


def test_an_image_that_is_none_is_one_line(monkeypatch, capsys, tmp_path, trained: Path) -> None:
    path = tmp_path / "note.png"
    path.write_text("not an image")
    code, _, err = run(monkeypatch, capsys, "predict", str(path), "--weights", str(trained / "digits.npz"))
    assert code == 1
    assert err.startswith(f"error: {path} is not an image that can be read")
    assert err.count("\n") == 1


def test_missing_weights_say_what_to_run(monkeypatch, capsys, tmp_path) -> None:
    Image.fromarray(load_digits().test_images[0]).save(tmp_path / "digit.png")
    weights = tmp_path / "none.npz"
    code, _, err = run(monkeypatch, capsys, "predict", str(tmp_path / "digit.png"), "--weights", str(weights))
    assert code == 1
    assert (
        err
        == f"error: there are no weights at {weights}: run 'tensorgraph train digits', or name them with --weights\n"
    )


def test_a_corrupted_data_file_is_named_with_its_checksum(monkeypatch, capsys, tmp_path) -> None:
    rng = np.random.default_rng(0)
    header = bytes([0, 0, 8, 3]) + b"".join(int(n).to_bytes(4, "big") for n in (60000, 28, 28))
    content = header + rng.integers(0, 256, 60000 * 784, dtype=np.uint8).tobytes()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content, 1))
    for name, count in (("train-labels-idx1", 60000), ("t10k-labels-idx1", 10000)):
        (tmp_path / f"{name}-ubyte").write_bytes(bytes([0, 0, 8, 1]) + count.to_bytes(4, "big") + bytes(count))
    images = bytes([0, 0, 8, 3]) + b"".join(int(n).to_bytes(4, "big") for n in (10000, 28, 28))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(images + bytes(10000 * 784))
    code, _, err = run(
        monkeypatch, capsys, "train", "digits", "--data-dir", str(tmp_path), "--out", str(tmp_path / "o")
    )
    assert code == 1
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert str(tmp_path / "train-images-idx3-ubyte.gz") in err
    assert "6bbc9ace898e44ae57da46a324031adb" in err
    assert not (tmp_path / "o").exists()


def test_an_output_folder_that_cannot_be_made_is_one_line(monkeypatch, capsys, tmp_path) -> None:
    path = tmp_path / "file"
    path.write_text("in the way")
    code, out, err = run(monkeypatch, capsys, "train", "digits", "--epochs", "1", "--out", str(path))
    assert code == 1
    assert err == f"error: {path}: File exists\n"
    assert "epoch" not in out


def test_a_failing_write_keeps_the_good_file(monkeypatch, capsys, tmp_path) -> None:
    good = tmp_path / "digits.npz"
    good.write_bytes(b"good")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(good))

    monkeypatch.setattr("os.replace", full)
    code, _, err = run(monkeypatch, capsys, "train", "digits", "--epochs", "1", "--out", str(tmp_path))
    assert code == 1
    assert err == f"error: {good}: No space left on device\n"
    assert good.read_bytes() == b"good"
    assert [path.name for path in tmp_path.iterdir()] == ["digits.npz"]
