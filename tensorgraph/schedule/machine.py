"""`Machine`: what costs depend on, as a value: the same graph and machine give the same program."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tensorgraph.schedule.measure import measure_rates, measure_speeds
from tensorgraph.schedule.rates import AVX2, AVX512, SPEEDS, Rate

__all__ = ["Machine"]

MALLOC = 32 << 20  # bytes from which glibc's allocator takes every array from the system and gives it back
KIB = 1024
VECTOR = 0.4  # of the rate of a large product: a matrix in L1 times a vector, measured in both dtypes


@dataclass(frozen=True, repr=False)
class Machine:
    """A machine as the compiler sees it: caches, and what NumPy's kernels take on it.

    `Machine.reference` is one fixed machine. `Machine.detect` describes this one from what the system says of
    it, without timing anything. `Machine.measure` times its kernels.

    Attributes
    ----------
    name
        Where the figures come from.
    cores
        The number of processors that the process may use: so many threads share loops.
    l1, l2, l3
        Bytes of the caches: the first two of one core, the third of all together.
    threads
        Whether there are threads.
    call
        Seconds of the shortest call of NumPy.
    bandwidth
        Bytes a second, read and written, of one core: in L1, L2, L3 and memory.
    fault
        Seconds a byte of memory that is new to the process.
    gemm
        Floating-point operations a second of a large matrix product on one core: float32, float64.
    thin
        The same of a product with 8 columns.
    rates
        Per kernel, the seconds of a call and of a unit of work (see `tensorgraph.schedule.rates`).

    Examples
    --------
    >>> import tensorgraph as tg
    >>> tg.Machine.reference
    Machine('reference': 2 cores; L1 48 KiB, L2 1 MiB, L3 32 MiB; call 0.28 us; memory 45 GB/s; gemm 127, 62 GFLOP/s)
    >>> tg.Machine.detect() == tg.Machine.detect()
    True
    """

    name: str
    cores: int
    l1: int
    l2: int
    l3: int
    threads: bool
    call: float
    bandwidth: tuple[float, ...]
    fault: float
    gemm: tuple[float, ...]
    thin: tuple[float, ...]
    rates: tuple[tuple[str, Rate], ...]

    reference: ClassVar[Machine]

    @staticmethod
    def detect() -> Machine:
        """The machine that runs this process, with the figures of the reference machine for processors of its kind.

        Nothing is timed, so every process on a machine finds the same. Cache sizes that the system does not
        tell are the reference machine's.

        Returns
        -------
        machine
            The same value in every call.

        Examples
        --------
        >>> Machine.detect().cores >= 1
        True
        """
        return detected()

    @staticmethod
    def measure() -> Machine:
        """The machine that runs this process, its kernels timed: some seconds, in which it should do nothing else.

        Each call measures anew and gives slightly different figures: keep the value, or pickle it, where
        programs are to be the same.

        Returns
        -------
        machine
            Called ``"measured"``.

        Examples
        --------
        >>> measured = Machine.measure()
        >>> measured.l2 == Machine.detect().l2
        True
        """
        found = detected()
        speeds = measure_speeds(found.l1, found.l2, found.l3)
        rates = measure_rates()
        speeds = speeds.better(measure_speeds(found.l1, found.l2, found.l3))  # a slow moment rarely lasts so long
        shape = found.cores, found.l1, found.l2, found.l3, found.threads
        return Machine("measured", *shape, **speeds._asdict(), rates=rates)

    @cached_property
    def _rates(self) -> Mapping[str, Rate]:
        return dict(self.rates)

    def rate(self, name: str) -> Rate | None:
        """What a kernel takes; None if it is not known."""
        return self._rates.get(name)

    def unit(self, name: str, dtype: np.dtype[Any]) -> float:
        """Seconds of a unit of work of a kernel that is known, for elements of this dtype."""
        rate = self._rates[name]
        known = {"f2": rate.half, "c8": rate.complex, "c16": rate.complex}
        seconds = known.get(f"{dtype.kind}{dtype.itemsize}", rate.double if dtype.itemsize == 8 else rate.single)
        return seconds or rate.double or rate.single

    def traffic(self, nbytes: float, footprint: float) -> float:
        """Seconds to move `nbytes`, where what is read and written again and again takes `footprint` bytes."""
        seconds, near = 0.0, 0.0
        # of the cache that all share, three eighths are left to the other cores
        for size, rate in zip((self.l1, self.l2, self.l3 * 5 // 8), self.bandwidth, strict=False):
            # streams push one another out: of twice what a cache holds, it serves not half but a quarter
            share = min(1.0, size / max(footprint, 1.0)) ** 2
            seconds, near = seconds + max(share - near, 0.0) * nbytes / rate, max(share, near)
        return seconds + (1.0 - near) * nbytes / self.bandwidth[-1]

    def fresh(self, nbytes: float) -> float:
        """Seconds that a new array of this size costs in page faults: none where the allocator keeps memory."""
        return nbytes * self.fault if nbytes > MALLOC else 0.0

    def product(self, m: int, k: int, n: int, dtype: np.dtype[Any], threads: int = 1) -> float:
        """Seconds of the arithmetic of a matrix product ``[m, k] @ [k, n]``."""
        terms = m * k * n
        if dtype.kind not in "fc" or dtype.itemsize == 2 or k == 1:
            return terms * self.unit("matmul_naive", dtype)
        column = 0 if dtype.name in {"float32", "complex64"} else 1
        large = self.gemm[column] / (4.0 if dtype.kind == "c" else 1.0)
        if 1 in {m, n} or not terms:
            return 2.0 * terms / (VECTOR * large)
        edge = 8.0 * (self.gemm[column] / self.thin[column] - 1.0)  # rows, columns and terms lost at the edges
        small = 1.0 + edge / max(m, 4) + edge / max(n, 4) + edge / k
        return 2.0 * terms * small / (large * max(1, min(threads, self.cores)))

    def __repr__(self) -> str:
        caches = ", ".join(f"L{i} {_bytes(size)}" for i, size in enumerate((self.l1, self.l2, self.l3), 1))
        speeds = f"call {1e6 * self.call:.2f} us; memory {self.bandwidth[-1] / 1e9:.0f} GB/s"
        gemm = ", ".join(f"{rate / 1e9:.0f}" for rate in self.gemm)
        cores = f"{self.cores} core{'s' if self.cores != 1 else ''}{'' if self.threads else ' without threads'}"
        return f"Machine({self.name!r}: {cores}; {caches}; {speeds}; gemm {gemm} GFLOP/s)"


def _bytes(size: int) -> str:
    return f"{size // KIB} KiB" if size < KIB * KIB else f"{size // (KIB * KIB)} MiB"


Machine.reference = Machine("reference", 2, 48 * KIB, KIB * KIB, 32 * KIB * KIB, True, **SPEEDS._asdict(), rates=AVX512)


@cache
def detected() -> Machine:
    wide = has_avx512(Path("/proc/cpuinfo"))
    caches = cache_sizes(Path("/sys/devices/system/cpu/cpu0/cache"))
    threads = sys.platform not in {"emscripten", "wasi"}
    kind = f"{platform.machine() or 'unknown'}{' with AVX-512' if wide else ''}"
    return Machine(kind, usable_cores(), *caches, threads, **SPEEDS._asdict(), rates=AVX512 if wide else AVX2)


def usable_cores() -> int:
    """The processors that this process may use, where the system tells; else all of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_avx512(cpuinfo: Path) -> bool:
    """Whether the first processor has the instructions for which NumPy has its widest kernels."""
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as file:
            return "avx512vl" in file.read(1 << 13).split()
    except OSError:
        return False


def cache_sizes(folder: Path) -> tuple[int, int, int]:
    """Bytes of the first three levels of cache, as Linux tells them; else those of the reference machine."""
    sizes = {1: Machine.reference.l1, 2: Machine.reference.l2, 3: Machine.reference.l3}
    for index in sorted(folder.glob("index*")):
        try:
            level, kind, size = ((index / part).read_text().strip() for part in ("level", "type", "size"))
            if kind != "Instruction":
                sizes[int(level)] = int(size.rstrip("KMG")) * {"K": KIB, "M": KIB**2, "G": KIB**3}.get(size[-1], 1)
        except (OSError, ValueError):
            continue
    return sizes[1], sizes[2], max(sizes[3], sizes[2])
