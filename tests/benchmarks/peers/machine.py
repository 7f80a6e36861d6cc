"""The machine in words: cores, processor, libraries; never its name."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from threadpoolctl import threadpool_info

__all__ = ["machine"]


def machine() -> dict[str, str]:
    """What figures depend on."""
    import numpy as np  # its BLAS must be loaded to be found

    blas = [
        f"{x['internal_api']} {x.get('version') or ''}".strip() for x in threadpool_info() if x["user_api"] == "blas"
    ]
    libc = " ".join(platform.libc_ver()).strip()
    system = f"{platform.system()} {platform.machine()}{', ' + libc if libc else ''}"
    return {
        "processor": f"{_processor()}, {_cores()} cores",
        "NumPy's BLAS": ", ".join(dict.fromkeys(blas)) or "unknown",
        "vector extensions": ", ".join(np.show_config("dicts")["SIMD Extensions"].get("found", [])[-1:]) or "unknown",
        "system": system,
        "Python": platform.python_version(),
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        if names:
            return names[0]
    return platform.processor() or "unknown processor"
