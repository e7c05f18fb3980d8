# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""DRAIL end to end at paper sizes over imitation's GAIL with Stable-Baselines3's PPO.

Ours: 32 environments, discriminator of 3 hidden layers of 1024, PPO as published. The peer, in a
virtual environment of its own (made at the first call, some minutes): FetchPush in 8
environments of a DummyVecEnv, a discriminator of 2 layers of 64, the same PPO sizes. Both sides
take turns; medians.

    .venv/bin/python bench/train.py [--quick] [--profile] [--device cuda]
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time

import numpy as np

from drail_ros import pipeline
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.learn.train.online import Trainer
from drail_ros.learn.train.settings import make_run_settings, task_of
from drail_ros.sim.make import make_sim

HERE = Path(__file__).parent
CACHE = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'drail_ros' / 'bench'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='under 50 s once the peer is there')
    parser.add_argument('--profile', action='store_true', help='only ours, its time split')
    parser.add_argument('--preset', default='published', help='settings of our side')
    parser.add_argument('--device', default='cpu', choices=['cpu', 'cuda'])
    parser.add_argument('--peer-python', type=Path, help='Python of a ready environment')
    options = parser.parse_args()
    run = make_run_settings({'preset': options.preset, 'device': options.device})
    demonstrations = pipeline.demonstrations_for(run, print)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(make_sim(task_of(run), run.num_envs, run.noise), demonstrations,
                          make_run_settings({'preset': options.preset, 'device': options.device,
                                             'output_dir': f'{folder}/run',
                                             'total_steps': 10 ** 7}),
                          lambda step, metrics: None)
        trainer.iterate()  # warms up
        if options.profile:
            profile(trainer, 2 if options.quick else 10)
            return
        python = options.peer_python or peer_python()
        demos = save_for_peer(demonstrations, Path(folder) / 'demos.npz')
        ours, theirs = [], []
        for _ in range(1 if options.quick else 3):
            ours += measure_ours(trainer, 3 if options.quick else 6)
            theirs.append(measure_peer(python, demos, 4096 if options.quick else 12288))
            ours += measure_ours(trainer, 3 if options.quick else 6)
    value, against = float(np.median(ours)), float(np.median(theirs))
    print(f'ours {np.round(sorted(ours))}, peer {np.round(sorted(theirs))}')
    print(json.dumps({'name': 'train', 'value': round(value), 'against': round(against),
                      'ratio': round(value / against, 3), 'unit': 'env steps/s'}))


def measure_ours(trainer: Trainer, iterations: int) -> list[float]:
    rates = []
    for _ in range(iterations):
        step, began = trainer.step, time.perf_counter()
        trainer.iterate()
        rates.append((trainer.step - step) / (time.perf_counter() - began))
    return rates


def profile(trainer: Trainer, iterations: int) -> None:
    trainer.seconds = dict.fromkeys(trainer.seconds, 0.0)
    step, began = trainer.step, time.perf_counter()
    measure_ours(trainer, iterations)
    steps, total = trainer.step - step, time.perf_counter() - began
    for part, seconds in {**trainer.seconds, 'total': total}.items():
        print(f'{part:14s} {seconds / steps * 1e6:7.0f} s per million steps  '
              f'{seconds / total:5.1%}')
    print(json.dumps({'name': 'train --profile', 'value': round(steps / total), 'against': None,
                      'ratio': None, 'unit': 'env steps/s'}))


def peer_python() -> Path:
    """Return the Python of the peer's environment; make it where there is none."""
    venv, requirements = CACHE / 'imitation', HERE / 'imitation-requirements.txt'
    python, ready = venv / 'bin' / 'python', venv / 'ready'
    if not ready.exists() or ready.read_text() != requirements.read_text():
        print(f'making the environment of imitation in {venv} (once, some minutes)', flush=True)
        subprocess.run([sys.executable, '-m', 'venv', '--clear', str(venv)], check=True)
        torch = next(line for line in requirements.read_text().splitlines()
                     if line.startswith('torch=='))
        for what in ([torch], ['-r', str(requirements)]):
            subprocess.run([str(python), '-m', 'pip', 'install', '-q', *what], check=True)
        ready.write_text(requirements.read_text())
    return python


def measure_peer(python: Path, demos: Path, steps: int) -> float:
    ours = ('_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'GOMP_SPINCOUNT')
    environment = {k: v for k, v in os.environ.items() if k not in ours}
    output = subprocess.run(
        [str(python), str(HERE / 'imitation_peer.py'), '--demos', str(demos), '--steps',
         str(steps), '--num-envs', '8'], check=True, env=environment, stdout=subprocess.PIPE,
        text=True).stdout
    return float(json.loads(output.splitlines()[-1])['env_steps_per_s'])


def save_for_peer(demonstrations: Demonstrations, path: Path) -> Path:
    np.savez(path, obs=demonstrations.obs, action=demonstrations.action,
             next_obs=demonstrations.next_obs,
             done=demonstrations.terminated | demonstrations.truncated)
    return path


if __name__ == '__main__':
    main()
