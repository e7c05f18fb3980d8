# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Training beside other programs: environment steps per second over the same on a quiet machine.

Beside it run two processes that compute without a pause, as a simulator, a recorder or a browser
may. One row a way to choose threads: the one that `drail train` chooses by itself, and others for
comparison; each is a process of its own, for how OpenMP's threads wait is settled when torch is
imported. Quiet and loaded runs take turns; medians over iterations.

    .venv/bin/python bench/loaded.py [--quick] [--set NAME=VALUE …]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile

import numpy as np

from drail_ros import settings
from drail_ros.cores import usable_cores
from drail_ros.learn.train.folder import read_metrics

BUSY = 2
"""Processes beside the one that trains."""
WAITS = ('OMP_NUM_THREADS', 'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')
CORES = str(usable_cores())
WAYS: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    'as it ships': ({}, {}),
    'one thread': ({}, {'threads': 1}),
    'all cores': ({}, {'threads': CORES}),
    'all cores, waiting as GNU does': ({'GOMP_SPINCOUNT': '300000'}, {'threads': CORES}),
    'all cores, passive': ({'OMP_WAIT_POLICY': 'PASSIVE'}, {'threads': CORES}),
}
"""Environment of the process, settings of the run."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='one turn, few iterations')
    parser.add_argument('--set', nargs='+', default=[], metavar='NAME=VALUE',
                        help='settings of the run, such as preset=published')
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=list(WAYS))
    options = parser.parse_args()
    wanted = settings.assigned(options.set)
    turns, iterations = (1, 6) if options.quick else (3, 12)
    for way in options.ways:
        quiet, loaded = [], []
        for _ in range(turns):
            quiet += rates(way, wanted, iterations)
            with busy():
                loaded += rates(way, wanted, iterations)
        value, against = float(np.median(loaded)), float(np.median(quiet))
        print(json.dumps({'name': f'loaded, {way}', 'value': round(value),
                          'against': round(against), 'ratio': round(value / against, 3),
                          'unit': 'env steps/s'}), flush=True)


def rates(way: str, wanted: dict[str, object], iterations: int) -> list[float]:
    """Return environment steps per second in each of so many iterations, after the first two."""
    environment = {k: v for k, v in os.environ.items() if k not in WAITS}
    extra, own = WAYS[way]
    with tempfile.TemporaryDirectory() as folder:
        flags = {'num_envs': 32, 'evaluate_every': 10 ** 9, 'checkpoint_every': 10 ** 9,
                 'warm_start': 0, **wanted, **own, 'output_dir': folder}
        lengths = subprocess.run(
            [sys.executable, '-m', 'drail_ros.cli', 'train', '--show-settings',
             *(f'--{k.replace("_", "-")}={v}' for k, v in flags.items())],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        rollout = next(int(line.split()[1]) for line in lengths.splitlines()
                       if line.startswith('rollout_steps '))
        flags['total_steps'] = (iterations + 2) * rollout * int(str(flags['num_envs']))
        flags['evaluation_episodes'] = 1
        subprocess.run([sys.executable, '-m', 'drail_ros.cli', 'train',
                        *(f'--{k.replace("_", "-")}={v}' for k, v in flags.items())],
                       check=True, env=environment | extra, stdout=subprocess.DEVNULL)
        return [row['train/steps_per_s'] for row in read_metrics(Path(folder))[2:]]


@contextmanager
def busy() -> Iterator[None]:
    """Keep processes computing."""
    others = [subprocess.Popen([sys.executable, '-c', 'while True: sum(range(10 ** 6))'])
              for _ in range(BUSY)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


if __name__ == '__main__':
    main()
