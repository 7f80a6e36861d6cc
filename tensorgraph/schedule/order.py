"""The order of statements: which of the possible ones needs the least memory at a time.

Finding the best order is NP-hard. Three are compared by the memory that would be alive: the graph's own, which is
that of the source; one that always runs what frees the most; and one that goes into the operand first whose
computation needs the most beside its result (R. Sethi and J. D. Ullman, "The generation of optimal code for
arithmetic expressions", J. ACM 17, 1970). Statements move only where that is worth it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise

__all__ = ["Work", "alive", "orders", "worth"]

GAIN = 0.02  # what must be saved, as a share: less is not worth statements out of their order
LEAST = 16 * 1024  # and in bytes
LITTLE = 4 * 1024  # bytes that do not decide where a statement stands


@dataclass(frozen=True, slots=True)
class Work:
    """What statements read and hold, each by its position in the graph.

    Attributes
    ----------
    after
        For each statement, those that must run before it.
    reads
        The statements in whose memory its operands lie.
    takes
        Bytes of new memory that its result takes.
    beside
        Bytes that are needed only while it runs.
    lasting
        Whether its result lies in the workspace, which stays.
    over
        Whether its result may take the memory of an operand of the same size.
    kept
        Statements whose memory is read after all others have run.
    """

    after: Sequence[Sequence[int]]
    reads: Sequence[Sequence[int]]
    takes: Sequence[int]
    beside: Sequence[int]
    lasting: Sequence[bool]
    over: Sequence[bool]
    kept: frozenset[int]


def orders(work: Work) -> Iterator[list[int]]:
    """Orders that need less memory than the graph's own, the best one first; none if they gain little."""
    own = alive(work, range(len(work.takes)))
    if own <= LEAST:
        return
    tried = [(alive(work, order), order) for order in (_tidy(work, _frugal(work)), _tidy(work, _deep_first(work)))]
    yield from (order for peak, order in sorted(tried, key=lambda pair: pair[0]) if worth(own, peak))


def worth(own: int, peak: int) -> bool:
    """Whether an order is worth leaving the graph's own, which needs `own` bytes."""
    return own - peak > max(own * GAIN, LEAST)


def alive(work: Work, order: Sequence[int]) -> int:
    """The most bytes held at a time in this order: in the workspace, which stays, and beside it."""
    readers = _readers(work)
    held, peak = [0, 0], [0, 0]
    for i in order:
        where, takes = work.lasting[i], work.takes[i]
        reused = 0
        dying = []
        for owner in work.reads[i]:
            readers[owner] -= 1
            if not readers[owner]:
                dying.append(owner)
                reused = takes if work.over[i] and work.takes[owner] == takes and work.lasting[owner] else reused
        held[where] += takes
        peak[where] = max(peak[where], held[where] - reused + work.beside[i])
        if not readers[i]:  # nothing reads it
            dying.append(i)
        for owner in dying:
            held[work.lasting[owner]] -= work.takes[owner]
    return sum(peak)


def _tidy(work: Work, order: Sequence[int]) -> list[int]:
    """The order of those that read or make much; all others where the graph has them, as far as that goes."""
    much = [i for i in order if max([work.takes[i], work.beside[i], *(work.takes[o] for o in work.reads[i])]) > LITTLE]
    following = _followers(work)
    waiting = [len(before) for before in work.after]
    for i, j in pairwise(much):
        following[i].append(j)
        waiting[j] += 1
    place = list(range(len(work.takes)))
    for i in reversed(order):  # it stands before those that follow it
        place[i] = min([i, *(place[j] for j in following[i])])
    ready = [(place[i], i) for i, count in enumerate(waiting) if not count]
    heapify(ready)
    found = []
    while ready:
        _, i = heappop(ready)
        found.append(i)
        for j in following[i]:
            waiting[j] -= 1
            if not waiting[j]:
                heappush(ready, (place[j], j))
    return found


def _readers(work: Work) -> list[int]:
    """How often the memory of each is read; what is kept, once more."""
    count = [0] * len(work.takes)
    for reads in work.reads:
        for owner in reads:
            count[owner] += 1
    for owner in work.kept:
        count[owner] += 1
    return count


def _followers(work: Work) -> list[list[int]]:
    following: list[list[int]] = [[] for _ in work.takes]
    for i, before in enumerate(work.after):
        for j in before:
            following[j].append(i)
    return following


def _frugal(work: Work) -> list[int]:
    """Of the statements that may run, always the one after which the least is held; of equal ones the first."""
    readers = _readers(work)
    left = [0] * len(work.takes)  # the sum of those that have still to read: the last one is known by it
    for i, reads in enumerate(work.reads):
        for owner in reads:
            left[owner] += i
    waiting = [len(before) for before in work.after]
    following = _followers(work)
    done = [False] * len(work.takes)

    def entry(i: int) -> tuple[int, int]:
        return work.takes[i] - sum(work.takes[owner] for owner in work.reads[i] if readers[owner] == 1), i

    ready = [entry(i) for i, count in enumerate(waiting) if not count]
    heapify(ready)
    order = []
    while ready:
        _, i = heappop(ready)
        if done[i]:  # it has been put in again, with less to hold
            continue
        done[i] = True
        order.append(i)
        for owner in work.reads[i]:
            readers[owner] -= 1
            left[owner] -= i
            last = left[owner]
            if readers[owner] == 1 and owner not in work.kept and not waiting[last] and not done[last]:
                heappush(ready, entry(last))
        for j in following[i]:
            waiting[j] -= 1
            if not waiting[j]:
                heappush(ready, entry(j))
    return order


def _deep_first(work: Work) -> list[int]:
    """Operands before their reader, those first that need the most beside what they leave."""
    count = len(work.takes)
    needs = [0] * count  # as if no value had two readers
    ranked: list[list[int]] = [[]] * count
    for i, before in enumerate(work.after):
        ranked[i] = sorted(before, key=lambda j: (work.takes[j] - needs[j], j))
        held = 0
        for j in ranked[i]:
            needs[i] = max(needs[i], held + needs[j])
            held += work.takes[j]
        needs[i] = max(needs[i], held + work.takes[i] + work.beside[i])
    followed = {j for before in work.after for j in before}
    done = [False] * count
    order = []
    for root in range(count):
        stack = [root] if root not in followed else []
        while stack:
            i = stack[-1]
            pending = [j for j in ranked[i] if not done[j]]
            if done[i] or not pending:
                stack.pop()
                order += [] if done[i] else [i]
                done[i] = True
            else:
                stack.extend(reversed(pending))
    return order
