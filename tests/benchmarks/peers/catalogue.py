"""The peers: what each is called, where its code is, what it needs, and which process it runs in."""

from __future__ import annotations

import importlib
import importlib.util
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from tests.benchmarks.peers.rows import Row
from tests.benchmarks.peers.work import Work

__all__ = ["BY_HAND", "OURS", "PEERS", "Peer", "Variant", "builder", "chosen", "installed", "variants", "versions"]

OURS = "tensorgraph"
BY_HAND = ("numpy", "numpy-threads")

# glibc gives large arrays back to the system and asks for them again, with a page fault for every 4 KiB, unless told
# not to. PyTorch and JAX are measured both ways.
RAISED: Mapping[str, str] = {
    "MALLOC_TOP_PAD_": str(1 << 28),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
}


@dataclass(frozen=True, slots=True)
class Peer:
    """Someone to compare with.

    Attributes
    ----------
    name
        For ``--peers``.
    title
        For tables.
    builder
        ``module:function`` in this package: from a row to its `Work`.
    packages
        What must be installed.
    alone
        Whether it runs in a process of its own: it brings threads or a compiler that would stand in others' way.
    allocates
        Whether it is measured with raised thresholds of malloc too.
    """

    name: str
    title: str
    builder: str
    packages: tuple[str, ...] = ()
    alone: bool = False
    allocates: bool = False


PEERS: tuple[Peer, ...] = (
    Peer(OURS, "tensorgraph", "ours:build"),
    Peer("numpy", "NumPy by hand", "numpy_by_hand:alone"),
    Peer("numpy-threads", "NumPy by hand, threads", "numpy_by_hand:threaded"),
    Peer("pytorch", "PyTorch", "pytorch:eager", ("torch",), allocates=True),
    Peer("pytorch-channels-last", "PyTorch channels-last", "pytorch:channels_last", ("torch",), allocates=True),
    Peer("pytorch-compile", "torch.compile", "pytorch:compiled", ("torch",), alone=True, allocates=True),
    Peer("jax", "JAX jit", "jax_jit:build", ("jax",), allocates=True),
    Peer("pytensor", "PyTensor (Numba)", "pytensor_numba:build", ("pytensor", "numba"), alone=True),
    Peer("autograd", "autograd", "autograd_tape:build", ("autograd",)),
    Peer("numexpr", "numexpr", "numexpr_blocks:build", ("numexpr",)),
)


@dataclass(frozen=True, slots=True)
class Variant:
    """A peer, with malloc as it is or with its thresholds raised."""

    peer: Peer
    raised: bool = False

    @property
    def label(self) -> str:
        """What it is called between processes."""
        return f"{self.peer.name}+malloc" if self.raised else self.peer.name

    @property
    def process(self) -> tuple[str, bool]:
        """Variants with the same one share a process."""
        return self.peer.name if self.peer.alone else "shared", self.raised


def installed(peer: Peer) -> bool:
    """Whether what it needs is there."""
    return all(importlib.util.find_spec(name) is not None for name in peer.packages)


def chosen(names: Iterable[str] | None, found: Callable[[Peer], bool] = installed) -> tuple[list[Peer], dict[str, str]]:
    """The peers to measure, and why others are left out.

    Parameters
    ----------
    names
        Those wanted; None for all. tensorgraph, and NumPy to check against, are always among them.

    Raises
    ------
    ValueError
        If there is no such peer.
    """
    known = {peer.name: peer for peer in PEERS}
    wanted = set(known) if names is None else {*names, OURS, BY_HAND[0]}
    unknown = sorted(wanted - set(known))
    if unknown:
        raise ValueError(f"there is no peer {', '.join(unknown)}: there are {', '.join(known)}")
    missing = {p.name: f"{' and '.join(p.packages)} not installed" for p in PEERS if p.name in wanted and not found(p)}
    return [peer for peer in PEERS if peer.name in wanted and peer.name not in missing], missing


def variants(peers: Iterable[Peer], libc: str | None = None) -> list[Variant]:
    """Each peer, and with raised thresholds those that allocate, where malloc is glibc's."""
    glibc = (platform.libc_ver()[0] if libc is None else libc) == "glibc"
    return [
        Variant(peer, raised) for peer in peers for raised in ((False, True) if peer.allocates and glibc else (False,))
    ]


def builder(peer: Peer) -> Callable[[Row], Work]:
    """Its function; importing it imports the peer."""
    module, _, function = peer.builder.partition(":")
    found: Callable[[Row], Work] = getattr(importlib.import_module(f"{__package__}.{module}"), function)
    return found


def versions(peers: Iterable[Peer]) -> dict[str, str]:
    """Of what the peers need, and of NumPy."""
    found = {}
    for name in sorted({"numpy", *(package for peer in peers for package in peer.packages)}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
