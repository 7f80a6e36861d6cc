"""Threads that wait for work, and pull it: NumPy lets go of the interpreter's lock in long calls."""

from __future__ import annotations

import os
from _thread import allocate_lock
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from threading import Thread
from typing import Any, TypeAlias

from threadpoolctl import ThreadpoolController

__all__ = ["Pool", "Task", "cores"]

Task: TypeAlias = Callable[[int], object]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """The calling thread and others beside it.

    Parameters
    ----------
    size
        Threads in all. With one there is nothing to wait for, and BLAS keeps its own threads; with more, BLAS uses
        one in each.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.pending: deque[Task] = deque()
        self.failed: list[BaseException] = []
        self.gates = [(allocate_lock(), allocate_lock()) for _ in range(size - 1)]
        self.limit: Callable[[], Any] = nullcontext
        if size > 1:
            blas = ThreadpoolController().select(user_api="blas")
            self.limit = lambda: blas.limit(limits=1)
        for lane, (begin, end) in enumerate(self.gates, 1):
            begin.acquire()
            end.acquire()
            Thread(target=self._serve, args=(lane, begin, end), daemon=True).start()

    def run(self, tasks: Sequence[Task]) -> None:
        """Call every task with the number of the thread that took it; return when all are done."""
        if self.size == 1:
            for task in tasks:
                task(0)
            return
        self.pending.extend(tasks)
        for begin, _ in self.gates:
            begin.release()
        self._work(0)
        for _, end in self.gates:
            end.acquire()
        if self.failed:
            raise self.failed.pop()

    def _serve(self, lane: int, begin: Any, end: Any) -> None:
        while True:
            begin.acquire()
            self._work(lane)
            end.release()

    def _work(self, lane: int) -> None:
        try:
            while True:
                self.pending.popleft()(lane)
        except IndexError:  # nothing is left
            pass
        except BaseException as error:
            self.failed.append(error)
