# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How many threads learn, and how they wait for one another."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from drail_ros.learn.train import compute
from drail_ros.learn.train.compute import choose_threads


@pytest.fixture(autouse=True)
def eight_idle_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has and was told."""
    monkeypatch.setattr(compute, 'idle_cores', lambda: 8)
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)


def layers(*sizes: int) -> dict[str, torch.Tensor]:
    return torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
                               ).state_dict()


@pytest.mark.parametrize(('sizes', 'expected'), [
    ((30, 64, 64, 4), 1), ((30, 128, 128, 4), 1), ((30, 256, 256, 4), 4),
    ((30, 1024, 1024, 4), 8)])
def test_a_small_network_has_one_thread(sizes: tuple[int, ...], expected: int) -> None:
    assert choose_threads(layers(*sizes)) == expected


def test_the_largest_network_counts() -> None:
    biases = {'optimiser': {'step': 1}, 'bias': torch.zeros(10 ** 6)}
    assert choose_threads(biases, layers(4, 8), layers(256, 256)) == 4
    assert choose_threads(biases) == 1


@pytest.mark.parametrize('idle', [1, 2])
def test_cores_that_others_use_get_no_thread(monkeypatch: pytest.MonkeyPatch, idle: int) -> None:
    monkeypatch.setattr(compute, 'idle_cores', lambda: idle)
    assert choose_threads(layers(1024, 1024)) == idle


@pytest.mark.parametrize('asked', ['3', '16'])
def test_whoever_asks_for_threads_gets_them(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv('OMP_NUM_THREADS', asked)
    assert choose_threads(layers(8, 8)) == int(asked)


@pytest.mark.parametrize(('told', 'spins'), [
    ({}, True), ({'OMP_WAIT_POLICY': 'ACTIVE'}, False), ({'GOMP_SPINCOUNT': '7'}, False)])
def test_threads_wait_briefly_unless_told_otherwise(told: dict[str, str], spins: bool) -> None:
    """OpenMP shows what it heeds, in a library loaded after this package."""
    env = {k: v for k, v in os.environ.items()
           if k not in ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')}
    shown = subprocess.run(
        [sys.executable, '-c', 'import drail_ros, torch'], check=True, text=True,
        capture_output=True, env=env | told | {'OMP_DISPLAY_ENV': 'verbose'}).stderr
    assert ("GOMP_SPINCOUNT = '20000'" in shown) is spins
