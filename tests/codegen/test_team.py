"""Threads that share loops: everything is done once, whatever fails, and they are free again afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import tensorgraph as tg
from tensorgraph.codegen import team
from tensorgraph.codegen.team import share
from tests.compiler.programs import same_bits
from tests.schedule.test_blocks import TINY, chain, eager

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
needs_timer = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no interval timers")


def work(seconds: float) -> None:
    """Let others run, as NumPy does."""
    time.sleep(seconds)


@pytest.mark.parametrize("threads", [0, 1, 2, 3, 8])
def test_every_start_is_taken_once(threads: int) -> None:
    done: list[tuple[int, int]] = []

    def task(thread: int, start: int) -> None:
        work(0.001)
        done.append((thread, start))

    share(task, range(0, 100, 5), threads)
    assert sorted(start for _, start in done) == list(range(0, 100, 5))
    assert {thread for thread, _ in done} <= set(range(max(threads, 1)))
    if threads > 1:
        assert len({thread for thread, _ in done}) > 1


def test_nothing_to_do() -> None:
    share(lambda thread, start: pytest.fail("there was none"), range(0), 3)


def test_the_caller_takes_part_and_others_are_kept_for_the_next_time() -> None:
    idents: dict[int, set[int]] = {}

    def task(thread: int, start: int) -> None:
        work(0.002)
        idents.setdefault(thread, set()).add(threading.get_ident())

    for _ in range(3):
        share(task, range(12), 3)
    assert idents[0] == {threading.get_ident()}
    assert [len(found) for found in idents.values()] == [1] * len(idents)


@pytest.mark.parametrize("where", [0, 1])
def test_an_error_ends_the_loop_and_is_raised(where: int) -> None:
    taken: list[int] = []
    running: set[int] = set()

    def task(thread: int, start: int) -> None:
        running.add(start)
        taken.append(start)
        work(0.002)
        if thread == where:
            running.remove(start)
            raise IndexError(f"start {start}")
        running.remove(start)

    for _ in range(3):  # the team is free again
        taken.clear()
        with pytest.raises(IndexError, match="start"):
            share(task, range(1000), 2)
        assert not running
        assert len(taken) < 1000


def test_another_call_meanwhile_works_alone() -> None:
    inner: list[int] = []

    def nested(thread: int, start: int) -> None:
        inner.append(thread)

    def task(thread: int, start: int) -> None:
        share(nested, range(10), 2)

    share(task, range(4), 2)
    assert inner == [0] * 40


def test_several_threads_call_at_the_same_time() -> None:
    sums = [0] * 6

    def call(number: int) -> None:
        found: list[int] = []
        share(lambda thread, start: (work(0.0005), found.append(start)), range(50), 2)  # type: ignore[func-returns-value]
        sums[number] = sum(found)

    callers = [threading.Thread(target=call, args=(i,)) for i in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sums == [sum(range(50))] * 6


def test_where_there_are_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(team, "POOL", {})
    done: list[int] = []
    share(lambda thread, start: done.append(start), range(9), 4)
    assert done == list(range(9))


def test_threads_are_quiet_as_kernels_are() -> None:
    def task(thread: int, start: int) -> None:
        work(0.001)
        with np.errstate(all="ignore") if thread == 0 else warnings.catch_warnings():
            np.exp(np.full(9, 1000.0))

    share(task, range(20), 2)  # a warning is an error in these tests


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize("fails", [False, True])
def test_blas_has_one_thread_inside_and_those_of_before_afterwards(fails: bool) -> None:
    before, inside = blas_threads(), []

    def task(thread: int, start: int) -> None:
        inside.append(blas_threads())
        if fails:
            raise ValueError

    try:
        share(task, range(4), 2, blas=True)
    except ValueError:
        assert fails
    assert inside
    assert all(found == {1} for found in inside)
    assert blas_threads() == before


@needs_timer
def test_an_interrupt_waits_for_what_has_begun() -> None:
    """Ctrl-C ends the loop, but only after the other threads have let go of the memory."""
    running: set[int] = set()
    blas = blas_threads()

    def task(thread: int, start: int) -> None:
        running.add(thread)
        work(0.02 if thread else 0.0005)
        running.discard(thread)

    for delay in (0.003, 0.011, 0.025):
        old = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, delay)
            with pytest.raises(KeyboardInterrupt):
                share(task, range(10_000), 2, blas=True)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        assert 1 not in running
        running.clear()
        assert blas_threads() == blas
    done: list[int] = []
    share(lambda thread, start: done.append(start), range(10), 2)
    assert sorted(done) == list(range(10))


@needs_fork
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forks of processes with threads
def test_a_forked_process_has_threads_of_its_own() -> None:
    share(lambda thread, start: work(0.001), range(10), 2)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover
        seen: set[int] = set()
        share(lambda thread, start: (work(0.002), seen.add(thread)), range(20), 2)  # type: ignore[func-returns-value]
        os.write(writer, bytes(sorted(seen)))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"\0\1"
    os.waitpid(child, 0)


def test_a_saved_module_has_its_own_team(tmp_path: Path) -> None:
    x = tg.placeholder(("n", 4), "float64", name="x")
    y = chain(x)
    with eager():
        kernel = tg.compile([x], [tg.sum(y, axis=0), y], machine=TINY, name="step")
    array = np.random.default_rng(0).normal(size=(200, 4))
    np.save(tmp_path / "array.npy", array)
    kernel.save(tmp_path / "step.py")
    script = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import step
total, y = step.step(step.init_state(), np.load(sys.argv[1] + "/array.npy"))
assert not [name for name in sys.modules if name.partition(".")[0] == "tensorgraph"]
assert len(step.POOL) >= 1, step.POOL
np.savez(sys.argv[1] + "/found.npz", total=total, y=y)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script, str(tmp_path)], check=True, cwd=tmp_path)
    found = np.load(tmp_path / "found.npz")
    total, y = kernel(array)
    assert same_bits(found["total"], total)
    assert same_bits(found["y"], y)
