"""Writing files so that a half-written one never replaces a good one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["atomic_write"]


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file that appears at `path` only when the block ends well.

    The bytes go to a temporary file in the same directory, which replaces `path` in one step. If the
    block raises, the temporary file is removed and whatever was at `path` stays.

    Parameters
    ----------
    path
        Where the file is to appear. Its directory must exist.

    Yields
    ------
    file
        Writable binary file.

    Raises
    ------
    OSError
        If the directory does not exist or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_write(folder / "note.txt") as file:
    ...     _ = file.write(b"whole")
    >>> (folder / "note.txt").read_bytes()
    b'whole'
    """
    import tempfile  # slow to import, and needed only here

    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _default_mode())  # mkstemp makes private files
        os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _default_mode() -> int:
    """Permissions a plain ``open`` would give: 0o666 less the umask."""
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
