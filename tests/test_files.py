from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tensorgraph.files import atomic_write

POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


class FaultError(Exception):
    pass


def write_half(path: Path, fault: type[BaseException]) -> None:
    with atomic_write(path) as file:
        file.write(b"half")
        raise fault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.bin"


def test_new_file(path: Path) -> None:
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_string_path_without_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with atomic_write(path.name) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_old_file_stays_until_the_block_ends(path: Path) -> None:
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("fault", [FaultError, KeyboardInterrupt, SystemExit])
def test_exception_keeps_the_old_file(path: Path, fault: type[BaseException]) -> None:
    path.write_bytes(b"old")
    with pytest.raises(fault):
        write_half(path, fault)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_exception_leaves_no_new_file(path: Path) -> None:
    with pytest.raises(FaultError):
        write_half(path, FaultError)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_failure_after_the_block(path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    path.write_bytes(b"old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="disk full"), atomic_write(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_missing_folder(path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(path / "inner"):
        pytest.fail("the block must not run")


def test_target_is_a_folder(path: Path) -> None:
    path.mkdir()
    with pytest.raises(OSError, match=r"some\.bin"), atomic_write(path) as file:
        file.write(b"new")
    assert list(path.parent.iterdir()) == [path]


@POSIX
def test_unwritable_folder(path: Path) -> None:
    path.write_bytes(b"old")
    path.parent.chmod(0o500)
    try:
        if os.access(path.parent, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(PermissionError), atomic_write(path):
            pytest.fail("the block must not run")
    finally:
        path.parent.chmod(0o700)
    assert path.read_bytes() == b"old"


@POSIX
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_of_a_plain_open(path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with atomic_write(path) as file:
            file.write(b"new")
        assert os.umask(umask) == umask  # as it was
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
