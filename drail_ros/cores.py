# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How many processor cores this process may use: seldom all that the machine has."""

from __future__ import annotations

from collections.abc import Iterator
import os
from pathlib import Path
import time

CGROUPS, OWN_CGROUP = Path('/sys/fs/cgroup'), Path('/proc/self/cgroup')
TIMES = Path('/proc/stat')
"""Ticks that each core spent as user, nice, system, idle, iowait, irq, softirq, steal, …"""
_NICE, _BUSY = 1, (0, 2, 5, 6, 7)
_MOMENT_S = 0.3
"""Thirty ticks of the kernel's clock."""
_UNIFIED = '0::'
"""What the line of version 2 begins with, in which a cgroup has a quota of processor time."""


def usable_cores() -> int:
    """Return so many as affinity (taskset) and quota (containers, systemd) leave; at least 1."""
    return max(1, int(min([len(_cores()), *_quotas()])))


def idle_cores() -> int:
    """Return how many of them no other program used while this one slept a moment; at least 1.

    What gives way to this process does not count: it runs under ``nice``, and this one does not.
    Linux tells; elsewhere all count as idle.
    """
    return max(1, usable_cores() - round(_busy_cores()))


def threads_asked_for() -> int:
    """Return what OMP_NUM_THREADS says, which torch and simulators heed; 0 where it says nothing.

    Of a list, one number for each level of nesting, the first counts.
    """
    first = os.environ.get('OMP_NUM_THREADS', '').split(',')[0].strip()
    return int(first) if first.isdecimal() else 0


def _cores() -> set[int]:
    """Return the numbers of those that the scheduler may put this process on."""
    of_affinity = getattr(os, 'sched_getaffinity', None)  # Linux has it
    return of_affinity(0) if of_affinity else set(range(os.cpu_count() or 1))


def _busy_cores() -> float:
    """How many of these cores' worth of time others take, while this process sleeps a moment."""
    before, began = _busy_seconds(), time.monotonic()
    time.sleep(_MOMENT_S)
    return (_busy_seconds() - before) / (time.monotonic() - began)


def _busy_seconds() -> float:
    """Time that these cores have spent on anything but idling and what gives way."""
    columns = _BUSY if os.nice(0) <= 0 else (_NICE, *_BUSY)
    names = {f'cpu{core}' for core in _cores()}
    try:
        lines = [line.split() for line in TIMES.read_text().splitlines()]
    except OSError:
        return 0.0
    ticks = sum(int(line[1 + i]) for line in lines if line and line[0] in names for i in columns)
    return ticks / os.sysconf('SC_CLK_TCK')


def _quotas() -> Iterator[float]:
    """Cores' worth of time that this process's cgroup and those around it may use."""
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith(_UNIFIED):
            inner = Path(line.removeprefix(_UNIFIED + '/'))
            for folder in (inner, *inner.parents):
                yield from _quota(CGROUPS / folder / 'cpu.max')


def _quota(file: Path) -> Iterator[float]:
    try:
        limit, period = file.read_text().split()
        yield int(limit) / int(period)
    except (OSError, ValueError):  # the kernel has no such control here, or the limit is 'max'
        return
