# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Affinity and quotas, of real processes and of files as the kernel writes them."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys

import pytest

from drail_ros import cores


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of this process's cgroup, inside two others."""
    own = tmp_path / 'proc'
    own.write_text('1:name=systemd:/elsewhere\n0::/user.slice/robot.service\n')
    monkeypatch.setattr(cores, 'OWN_CGROUP', own)
    monkeypatch.setattr(cores, 'CGROUPS', tmp_path / 'cgroup')
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(8)))
    folder = tmp_path / 'cgroup' / 'user.slice' / 'robot.service'
    folder.mkdir(parents=True)
    return folder


def test_affinity_counts() -> None:
    first = min(os.sched_getaffinity(0))
    count = subprocess.run(
        [sys.executable, '-c', f'import os; os.sched_setaffinity(0, {{{first}}})\n'
         'from drail_ros.cores import usable_cores; print(usable_cores())'],
        check=True, capture_output=True, text=True).stdout
    assert int(count) == 1


@pytest.mark.parametrize(('limit', 'expected'), [
    ('max 100000', 8), ('300000 100000', 3), ('150000 100000', 1), ('20000 100000', 1),
    ('1600000 100000', 8), ('nonsense', 8)])
def test_a_quota_counts_in_whole_cores(cgroup: Path, limit: str, expected: int) -> None:
    (cgroup / 'cpu.max').write_text(limit + '\n')
    assert cores.usable_cores() == expected


@pytest.mark.parametrize('around', [0, 1])
def test_a_quota_of_a_cgroup_around_it_counts(cgroup: Path, around: int) -> None:
    (cgroup / 'cpu.max').write_text('400000 100000\n')
    (cgroup.parents[around] / 'cpu.max').write_text('200000 100000\n')
    assert cores.usable_cores() == 2


def test_without_cgroups_all_cores_count(cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, 'OWN_CGROUP', cgroup / 'nothing')
    assert cores.usable_cores() == 8


def test_cores_of_other_programs_are_not_idle() -> None:
    """One that computes without a pause takes a core."""
    core = min(os.sched_getaffinity(0))
    busy = subprocess.Popen([
        sys.executable, '-c', f'import os; os.sched_setaffinity(0, {{{core}}})\n'
        'while True: sum(range(10 ** 6))'])
    try:
        taken = 0.0
        for _ in range(20):  # it takes a moment to start
            taken = max(taken, cores._busy_cores())
            if taken > 0.9:
                break
    finally:
        busy.kill()
        busy.wait()
    assert 0.9 < taken < len(os.sched_getaffinity(0)) + 0.2


@pytest.mark.parametrize(('ticks', 'own_nice', 'expected'), [
    ((0, 0), 0, 4), ((30, 0), 0, 3), ((30, 30), 0, 2), ((12, 0), 0, 4), ((30, 12), 0, 3),
    ((90, 90), 0, 1), ((0, 0), -5, 4), ((0, 0), 5, 3)])
def test_idle_cores_are_counted_over_a_moment(
        ticks: tuple[int, int], own_nice: int, expected: int, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four cores; a fifth, which is not ours, and what gives way, do not count."""
    times = tmp_path / 'stat'
    rows = {f'cpu{i}': [7] * 10 for i in range(5)} | {'cpu': [35] * 10, 'btime': [1]}

    def pass_time(seconds: float) -> None:
        rows['cpu0'][0] += ticks[0]  # user
        rows['cpu2'][7] += ticks[1]  # steal
        rows['cpu1'][1] += 30  # nice
        rows['cpu3'][3] += 30  # idle
        rows['cpu4'][0] += 30
        write()

    def write() -> None:
        times.write_text('\n'.join(' '.join([name, *map(str, row)]) for name, row in rows.items()))

    write()
    clock = iter([100.0, 100.3])
    monkeypatch.setattr(cores, 'TIMES', times)
    monkeypatch.setattr(cores.time, 'sleep', pass_time)
    monkeypatch.setattr(cores.time, 'monotonic', lambda: next(clock))
    monkeypatch.setattr(os, 'nice', lambda more: own_nice)
    monkeypatch.setattr(os, 'sysconf', lambda name: 100)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(4)))
    monkeypatch.setattr(cores, 'OWN_CGROUP', tmp_path / 'nothing')
    assert cores.idle_cores() == expected


@pytest.mark.parametrize(('value', 'expected'), [
    ('', 0), ('3', 3), ('4,2', 4), (' 2 ', 2), ('many', 0), ('-1', 0)])
def test_what_openmp_was_told(monkeypatch: pytest.MonkeyPatch, value: str, expected: int) -> None:
    monkeypatch.setenv('OMP_NUM_THREADS', value)
    assert cores.threads_asked_for() == expected
