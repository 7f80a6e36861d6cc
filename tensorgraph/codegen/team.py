"""Threads that share loops. Emitted modules contain these functions: they run with NumPy alone.

NumPy lets go of the interpreter's lock in long calls, so threads help where calls are long. They wait for work, and
pull it: where a core is busy with something else, one piece of the work is late, and not the whole.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from collections import deque
from contextlib import nullcontext
from importlib import import_module
from importlib.util import find_spec
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np

__all__ = ["CASTING", "POOL", "share"]

CASTING = 1536  # elements of the buffers that NumPy casts operands in: with its default a call would take up to 64 kB
POOL: dict[Any, Any] = {}  # by process, as threads do not survive a fork: whether they are busy, and their inboxes


def share(task: Any, starts: Any, threads: int, blas: bool = False) -> None:
    """Call ``task(thread, start)`` for every start, by so many threads: the caller is the first of them.

    Where tasks call BLAS, it has one thread in each: its own would wait for cores that are in use.
    """
    busy, inboxes = POOL.setdefault(os.getpid(), (allocate_lock(), []))
    if threads <= 1 or not busy.acquire(False):  # another call has them
        for start in starts:
            task(0, start)
        return
    try:
        with blas_of_one_thread() if blas else nullcontext():
            together(task, starts, enlisted(inboxes, threads - 1))
    finally:
        busy.release()


def together(task: Any, starts: Any, inboxes: list[Any]) -> None:
    """Share them with the threads of these inboxes; whatever happens, nobody works on them any more afterwards."""
    failed: list[BaseException] = []
    waiting, held, news = deque(starts), [False] * (len(inboxes) + 1), allocate_lock()
    try:
        for inbox in inboxes:
            inbox.put((task, waiting, failed, held, news))
        pull(0, task, waiting, failed, held, news)
    finally:
        waiting.clear()
        held[0] = False
        while any(held):
            news.acquire()
    if failed:
        raise failed[0]


def blas_of_one_thread() -> Any:
    """A context in which BLAS has one thread, where threadpoolctl is there to tell it so."""
    if "blas" not in POOL:
        known = find_spec("threadpoolctl") is not None
        POOL["blas"] = import_module("threadpoolctl").ThreadpoolController().select(user_api="blas") if known else None
    return nullcontext() if POOL["blas"] is None else POOL["blas"].limit(limits=1)


def enlisted(inboxes: list[Any], count: int) -> list[Any]:
    """The inboxes of so many threads, or of as many as there can be."""
    try:
        while len(inboxes) < count:
            inbox: Any = SimpleQueue()
            Thread(target=serve, args=(len(inboxes) + 1, inbox), daemon=True).start()
            inboxes.append(inbox)
    except RuntimeError:
        pass  # the system gives no more
    return inboxes[:count]


def serve(thread: int, inbox: Any) -> None:
    """Take part in one loop after the other."""
    np.seterr(all="ignore")
    np.setbufsize(CASTING)
    while True:
        pull(thread, *inbox.get())


def pull(thread: int, task: Any, waiting: Any, failed: Any, held: Any, news: Any) -> None:
    """Take one start after the other, until there is none or something has failed."""
    held[thread] = True  # before the first is taken: who waits for the end sees that it is not there yet
    try:
        while True:
            try:
                start = waiting.popleft()
            except IndexError:
                break
            task(thread, start)
    except BaseException as error:  # noqa: BLE001 (it is raised again by the caller)
        failed.append(error)
        waiting.clear()
    held[thread] = False
    try:
        if news.locked():
            news.release()
    except RuntimeError:
        pass  # another has done so in between
