"""One peer in a fresh process: ``python -m tests.benchmarks.peers.once memory|startup PEER ROW [smoke]``.

``startup`` prints a line when the first step is finished. ``memory`` prints by how many bytes the largest resident size
grew after the imports and one tiny step, which imports what libraries import late, through building and three steps.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from tests.benchmarks.peers.catalogue import PEERS, builder
from tests.benchmarks.peers.rows import row_named, smoke
from tests.benchmarks.peers.work import NotForThisRowError

__all__ = ["main", "peak"]


def peak() -> int:
    """The largest resident size so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # since the program began; what getrusage gives is no less than the parent's
        lines = status.read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    import resource  # not on Windows

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else 1024 * largest


def main() -> None:
    """Run what the arguments say."""
    what, name, row_name = sys.argv[1:4]
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    warnings.simplefilter("ignore")
    row = row_named(row_name)
    if sys.argv[4:] == ["smoke"]:
        row = smoke(row)
    build = builder({peer.name: peer for peer in PEERS}[name])
    try:
        if what == "memory":
            build(smoke(row)).step()  # imports what libraries import late
        before = peak()
        work = build(row)
    except NotForThisRowError as reason:
        answers.write(f"left out: {reason}\n")
        answers.flush()
        return
    for _ in range(3 if what == "memory" else 1):
        work.step()
    answers.write(f"{peak() - before}\n" if what == "memory" else "done\n")
    answers.flush()
    os._exit(0)  # what libraries do at exit is not measured


if __name__ == "__main__":
    main()
