# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Every figure of a GPU: speed of learning by part, wall time to 90 %, equal policies, ONNX.

Needs no network and one CUDA device, and finishes in 8 minutes; parts that time does not suffice
for are left out and named. Each figure has that of this machine's processor beside it, measured
in the same run.

    .venv/bin/python bench/gpu.py [--budget SECONDS] [--device cuda]

`--device cpu` compares the processor with itself: a rehearsal of the script.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import platform
import sys
import tempfile
import time

import numpy as np
import torch

from drail_ros import pipeline
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.deploy.onnx_policy import OnnxPolicy
from drail_ros.episodes.evaluate import evaluate
from drail_ros.learn.nets.policy import load_policy, Policy
from drail_ros.learn.train.folder import BEST_POLICY, read_metrics
from drail_ros.learn.train.online import Trainer
from drail_ros.learn.train.settings import make_run_settings, OnlineSettings, task_of
from drail_ros.sim.make import make_sim

BUDGET_S = 450.0
GOAL = 0.9
EPISODES = 320
EVALUATION_SEED = 11
ROWS = (1, 32, 4096)
"""Observations given to a policy at once: a robot, the environments of a run, many."""
SPEED_S = 12.0
"""Spent on the speed of one preset on one device."""


class Clock:
    """Seconds of the budget that are left."""

    def __init__(self, budget_s: float) -> None:
        self._end = time.perf_counter() + budget_s

    def left(self) -> float:
        """Return them."""
        return self._end - time.perf_counter()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--budget', type=float, default=BUDGET_S, help='seconds in all')
    parser.add_argument('--device', default='cuda', choices=('cuda', 'cpu'))
    options = parser.parse_args()
    if options.device == 'cuda' and not torch.cuda.is_available():
        print(f'no CUDA device: torch {torch.__version__} sees none; a driver and a build of '
              'torch with CUDA are needed', file=sys.stderr)
        return 1
    clock, demonstrations = Clock(options.budget), demonstrate()
    describe(options.device)
    for preset in ('default', 'published'):
        tell_speed(preset, options.device, demonstrations)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        tell_onnx(path, options.device, demonstrations)
        tell_wall_time(path, options.device, demonstrations, clock)
        tell_equality(path / options.device / BEST_POLICY, options.device)
    print(f'{options.budget - clock.left():.0f} s in all')
    return 0


def demonstrate() -> Demonstrations:
    """Return the demonstrations of the task, collected where there are none."""
    demonstrations = pipeline.demonstrations_for(settings('cpu'), print)
    assert demonstrations is not None
    return demonstrations


def describe(device: str) -> None:
    name = torch.cuda.get_device_name() if device == 'cuda' else 'no GPU'
    print(f'{name}; {platform.processor() or platform.machine()}, '
          f'{torch.get_num_threads()} threads; torch {torch.__version__}', flush=True)


def settings(device: str, **changes: object) -> OnlineSettings:
    run = make_run_settings({'device': device, **changes})
    assert isinstance(run, OnlineSettings)
    return run


def tell_speed(preset: str, device: str, demonstrations: Demonstrations) -> None:
    """Environment steps per second, and the seconds of each part for a million of them."""
    parts = {where: speed(preset, where, demonstrations) for where in (device, 'cpu')}
    for part in parts['cpu']:
        tell(f'{preset}: {part}', parts[device][part], parts['cpu'][part],
             'env steps/s' if part == 'steps/s' else 's per million steps')


def speed(preset: str, device: str, demonstrations: Demonstrations) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        run = settings(device, preset=preset, output_dir=folder, total_steps=10 ** 9)
        sim = make_sim(task_of(run), run.num_envs, run.noise)
        trainer = Trainer(sim, demonstrations, run, lambda step, metrics: None)
        for _ in range(2):  # the clone, and what compiles or allocates once
            trainer.iterate()
        trainer.seconds = dict.fromkeys(trainer.seconds, 0.0)
        first, began = trainer.step, time.perf_counter()
        while time.perf_counter() - began < SPEED_S:
            trainer.iterate()
        seconds, steps = time.perf_counter() - began, trainer.step - first
        sim.close()
    return {'steps/s': steps / seconds} | {
        part: spent / steps * 1e6 for part, spent in trainer.seconds.items()}


def tell_onnx(path: Path, device: str, demonstrations: Demonstrations) -> None:
    """Which provider onnxruntime takes, how fast it answers, and how far it is from the CPU's."""
    run = settings('cpu', algorithm='bc', output_dir=str(path / 'bc'), **{'learner.epochs': 5})
    sim = make_sim(task_of(run), run.num_envs, run.noise)
    file = pipeline.train(run, demonstrations, sim, lambda step, metrics: None)
    sim.close()
    policies = {where: OnnxPolicy(file, where) for where in (device, 'cpu')}
    print(f'onnxruntime: {policies[device].provider}'
          + ', fell back' * policies[device].fell_back)
    for rows in ROWS:
        obs = np.resize(demonstrations.obs, (rows, demonstrations.obs.shape[1]))
        actions = {where: policy.controller(rows)(obs) for where, policy in policies.items()}
        tell(f'onnxruntime, {rows} observations', *(
            1e6 * answer_time(policies[where].controller(rows), obs) for where in (device, 'cpu')),
            unit='us')
        print('  largest difference of commands '
              f'{np.abs(actions[device] - actions["cpu"]).max()}')


def answer_time(act: object, obs: np.ndarray) -> float:
    """Median seconds of a call."""
    assert callable(act)
    times = []
    for _ in range(300):
        began = time.perf_counter()
        act(obs)
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def tell_wall_time(path: Path, device: str, demonstrations: Demonstrations, clock: Clock) -> None:
    """Seconds of a run with default settings until an evaluation succeeds so often."""
    seconds = {where: wall_time(path / where, where, demonstrations, clock, spare_s)
               for where, spare_s in {device: clock.left() / 2, 'cpu': 30.0}.items()}
    tell(f'wall time to {GOAL:.0%}', seconds[device], seconds['cpu'], 's')


def wall_time(folder: Path, device: str, demonstrations: Demonstrations, clock: Clock,
              spare_s: float) -> float:
    """Train until so few seconds are left; NaN where the goal was not reached by then."""
    run = settings(device, output_dir=str(folder), stop_at_success=GOAL, evaluate_every=16_384)
    sim, began = make_sim(task_of(run), run.num_envs, run.noise), time.perf_counter()
    pipeline.train(run, demonstrations, sim, lambda step, metrics: None,
                   lambda: clock.left() < spare_s)
    seconds = time.perf_counter() - began
    sim.close()
    row = [r for r in read_metrics(folder) if 'evaluation/success_rate' in r][-1]
    reached = row['evaluation/best'] >= GOAL
    print(f'  {device}: {row["evaluation/success_rate"]:.1%} after {int(row["step"])} steps'
          + ', when time was up' * (not reached))
    return seconds if reached else float('nan')


def tell_equality(file: Path, device: str) -> None:
    """Success of one policy computed on both, over the same episodes."""
    successes, actions = {}, {}
    for where in (device, 'cpu'):
        policy, info = load_policy(file)
        assert isinstance(policy, Policy)
        policy.to(where)
        run = settings('cpu')
        sim = make_sim(task_of(run), run.num_envs, run.noise)
        result = evaluate(sim, policy.controller(run.num_envs), EPISODES, EVALUATION_SEED)
        successes[where] = result.successes
        actions[where] = policy.act(sim.reset(0))
        sim.close()
    tell('successes of one policy', successes[device], successes['cpu'], f'of {EPISODES}')
    print(f'  largest difference of actions {np.abs(actions[device] - actions["cpu"]).max():.1e}')


def tell(name: str, value: float, against: float, unit: str) -> None:
    print(json.dumps({'name': f'gpu, {name}', 'value': round(value, 3),
                      'against': round(against, 3), 'ratio': round(value / against, 3),
                      'unit': unit}), flush=True)


if __name__ == '__main__':
    sys.exit(main())
