"""A machine is a value: found quickly, the same each time, and printed in a line."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.registry import all_ops
from tensorgraph.schedule import machine as module
from tensorgraph.schedule.machine import Machine, cache_sizes
from tensorgraph.schedule.rates import AVX2, AVX512, SPEEDS, Rate

REFERENCE = Machine.reference
F32, F64 = np.dtype("float32"), np.dtype("float64")


def test_it_is_a_value() -> None:
    copy = pickle.loads(pickle.dumps(REFERENCE))
    assert copy == REFERENCE
    assert hash(copy) == hash(REFERENCE)
    assert dataclasses.replace(REFERENCE, cores=4) != REFERENCE
    with pytest.raises(dataclasses.FrozenInstanceError):
        REFERENCE.cores = 3  # type: ignore[misc]
    assert tg.Machine is Machine


def test_it_prints_in_one_line() -> None:
    assert str(dataclasses.replace(REFERENCE, name="small", cores=1, threads=False, l3=24 << 20)) == (
        "Machine('small': 1 core without threads; L1 48 KiB, L2 1 MiB, L3 24 MiB; "
        "call 0.28 us; memory 45 GB/s; gemm 127, 62 GFLOP/s)"
    )


def test_detection_finds_the_same_in_every_process_and_is_quick() -> None:
    code = (
        "import pickle, sys, time; from tensorgraph.schedule import Machine\n"
        "start = time.process_time(); found = Machine.detect(); seconds = time.process_time() - start\n"
        "sys.stdout.buffer.write(pickle.dumps((found, seconds)))"
    )
    results = [
        pickle.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    assert {found for found, _ in results} == {Machine.detect()}
    assert min(seconds for _, seconds in results) < 5e-3


def test_detection_times_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("timed")

    monkeypatch.setattr(module, "measure_rates", refuse)
    monkeypatch.setattr(module, "measure_speeds", refuse)
    assert module.detected.__wrapped__() == Machine.detect()


def _cache(folder: Path, index: int, level: str, kind: str, size: str) -> None:
    place = folder / f"index{index}"
    place.mkdir()
    for name, text in (("level", level), ("type", kind), ("size", size)):
        (place / name).write_text(f"{text}\n")


def test_cache_sizes_as_linux_tells_them(tmp_path: Path) -> None:
    _cache(tmp_path, 0, "1", "Data", "32K")
    _cache(tmp_path, 1, "1", "Instruction", "64K")
    _cache(tmp_path, 2, "2", "Unified", "2M")
    _cache(tmp_path, 3, "3", "Unified", "16384K")
    assert cache_sizes(tmp_path) == (32 << 10, 2 << 20, 16 << 20)


def test_cache_sizes_that_are_not_told_are_the_reference_machines(tmp_path: Path) -> None:
    reference = (REFERENCE.l1, REFERENCE.l2, REFERENCE.l3)
    assert cache_sizes(tmp_path / "absent") == reference
    _cache(tmp_path, 0, "1", "Data", "unknown")
    _cache(tmp_path, 1, "2", "Unified", "")
    assert cache_sizes(tmp_path) == reference


def test_without_a_third_level_the_second_is_the_last(tmp_path: Path) -> None:
    _cache(tmp_path, 0, "2", "Unified", "64M")
    assert cache_sizes(tmp_path)[2] == 64 << 20


def test_the_class_of_the_processor(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor : 0\nflags : fpu avx2 avx512f avx512vl\n")
    assert module.has_avx512(info)
    info.write_text("processor : 0\nflags : fpu avx2\n")
    assert not module.has_avx512(info)
    assert not module.has_avx512(tmp_path / "absent")


@pytest.mark.parametrize("rates", [AVX512, AVX2])
def test_every_elementwise_primitive_has_a_rate(rates: tuple[tuple[str, Rate], ...]) -> None:
    known = dict(rates)
    wanted = {cls.name for cls in all_ops() if issubclass(cls, Elementwise) and not cls.view}
    assert wanted - set(known) == set()
    for rate in known.values():
        assert rate.start >= REFERENCE.call
        assert all(unit >= 0 for unit in rate)
        assert rate.double > 0


def test_units_of_a_kernel_by_dtype() -> None:
    made = dataclasses.replace(REFERENCE, rates=(("add", Rate(1.0, 2.0, 3.0, 4.0, 5.0)), ("log", Rate(1, 0, 0, 4, 0))))
    names = ("float16", "float32", "int8", "bool", "float64", "int64", "complex64", "complex128")
    assert [made.unit("add", np.dtype(name)) for name in names] == [2.0, 3.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0]
    assert made.unit("log", F32) == 4.0  # a dtype that was not measured: by the widest
    assert made.rate("exp") is None


def test_traffic_is_slower_the_further_away() -> None:
    def gigabytes(footprint: float) -> float:
        return 1e-9 * 1e6 / REFERENCE.traffic(1e6, footprint)

    assert gigabytes(REFERENCE.l1) == pytest.approx(155)
    assert gigabytes(1e12) == pytest.approx(45, rel=1e-3)
    far = [REFERENCE.traffic(1e6, size) for size in (1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20)]
    assert far == sorted(far)
    assert REFERENCE.traffic(2e6, 1e9) == pytest.approx(2 * REFERENCE.traffic(1e6, 1e9))
    assert REFERENCE.traffic(0.0, 0.0) == 0.0


def test_only_arrays_that_the_allocator_does_not_keep_fault() -> None:
    assert REFERENCE.fresh(32 << 20) == 0.0
    assert REFERENCE.fresh(1e9) == pytest.approx(0.07)


def test_products() -> None:
    def rate(m: int, k: int, n: int, dtype: np.dtype[np.generic] = F32, threads: int = 1) -> float:
        return 2e-9 * m * k * n / REFERENCE.product(m, k, n, dtype, threads)

    assert rate(4000, 4000, 4000) == pytest.approx(127, rel=0.01)
    assert rate(4000, 4000, 4000, F64) == pytest.approx(62, rel=0.01)
    assert rate(10**6, 10**6, 8) == pytest.approx(79, rel=0.01)  # what was measured of thin ones comes out again
    assert rate(1000, 4, 1000) < rate(1000, 16, 1000) < rate(1000, 256, 1000)
    assert rate(1, 500, 500) == pytest.approx(0.4 * 127)
    assert rate(4000, 4000, 4000, np.dtype("complex64")) == pytest.approx(127 / 4, rel=0.01)
    assert rate(400, 400, 400, np.dtype("int64")) < 5  # without BLAS
    assert rate(4000, 4000, 4000, threads=2) == pytest.approx(2 * rate(4000, 4000, 4000))
    assert rate(4000, 4000, 4000, threads=64) == pytest.approx(2 * rate(4000, 4000, 4000))  # of two cores


def test_the_better_of_two_measurements() -> None:
    one = SPEEDS._replace(call=1.0, gemm=(1e9, 3e9))
    two = SPEEDS._replace(fault=1.0, gemm=(2e9, 1e9))
    assert one.better(two) == SPEEDS._replace(gemm=(2e9, 3e9))
    assert one.better(two) == two.better(one)


def test_measuring_gives_plausible_figures() -> None:
    found = Machine.measure()
    assert found.name == "measured"
    assert (found.cores, found.l2) == (Machine.detect().cores, Machine.detect().l2)
    assert {name for name, _ in found.rates} == {name for name, _ in REFERENCE.rates}
    assert 2e-8 < found.call < 1e-4
    assert all(1e8 < rate < 1e13 for rate in (*found.bandwidth, *found.gemm, *found.thin))
    assert 0.0 <= found.fault < 1e-6
    assert 1e-13 < found.unit("add", F32) < 1e-7
    assert found.unit("add", F64) < found.unit("erfc", F64)
    assert found.unit("exp", F64) < found.unit("digamma", F64)
