# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Simulation over its ceiling, for every task with physics and one with hardly any.

The ceiling is MuJoCo's ``Batch.step`` alone: no actions applied, nothing read, no episodes. Before
each control step of the expert's episodes it gets the state that our physics begin from, so that
both sides solve the same; they take turns, step by step, so that they meet the same weather of a
shared machine.

    .venv/bin/python bench/sim.py [--quick] [--tasks hopper …] [--num-envs 64]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
import json
import os
import time

from mujoco.batch import Batch
import numpy as np
from point_maze_task import TASK as POINT_MAZE

from drail_ros import plugins
from drail_ros.pipeline import expert_of
from drail_ros.sim.mujoco_sim import MujocoSim
from drail_ros.tasks.task import Array, Task

SEGMENT = 10
"""Control steps whose times are added up, so that the starts of episodes count."""
WARM_UP = 5
"""Segments that are left out."""
Policy = Callable[[Array], Array]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='5 s a task instead of 30')
    parser.add_argument('--tasks', nargs='*', help='all where none is named')
    parser.add_argument('--num-envs', type=int, default=64)
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    options = parser.parse_args()
    tasks = [plugins.load(plugins.TASKS, name) for name in plugins.names(plugins.TASKS)]
    for task in (*tasks, POINT_MAZE):
        if task.physics and task.name in (options.tasks or [task.name]):
            compare(task, options.num_envs, options.threads, 5 if options.quick else 30)


def compare(task: Task, num_envs: int, threads: int, limit_s: float) -> None:
    sim, twin = (MujocoSim(task, num_envs, task.default_noise, threads) for _ in range(2))
    bare = Batch(task.load_model(), num_envs, threads)
    act, obs = policy(task), sim.reset(0)
    twin.reset(0)
    segments: list[tuple[float, float]] = []
    began = time.perf_counter()
    while time.perf_counter() - began < limit_s or len(segments) < 4 * WARM_UP:
        ours_s = ceiling_s = 0.0
        for step in range(SEGMENT):
            actions = act(obs)
            bare.state[:] = physics_from(twin, actions)
            if step % 2:
                ceiling_s += seconds(bare.step, nstep=task.substeps)
            ours_s += seconds(sim.step, actions)
            if not step % 2:
                ceiling_s += seconds(bare.step, nstep=task.substeps)
            obs = task.observe(sim.readings)
        segments.append((ours_s, ceiling_s))
    report(task, np.array(segments[WARM_UP:]).T, num_envs, threads)


def policy(task: Task) -> Policy:
    """Return the task's expert; random actions where there is none."""
    rng = np.random.default_rng(0)
    if task.expert or task.expert_policy:
        expert, _ = expert_of(task)
        return lambda obs: expert(obs, rng)
    return lambda obs: rng.uniform(-1, 1, (len(obs), task.action_size)).astype(np.float32)


def physics_from(twin: MujocoSim, actions: Array) -> Array:
    """Step the twin; return the states in which it handed over to MuJoCo."""
    handed_over, step = [], twin.batch.step

    def noting(**options: int) -> None:
        handed_over.append(twin.batch.state.copy())
        step(**options)

    twin.batch.step = noting
    twin.step(actions)
    del twin.batch.step
    return handed_over[0]


def seconds(call: Callable[..., object], *arguments: object, **options: object) -> float:
    began = time.perf_counter()
    call(*arguments, **options)
    return time.perf_counter() - began


def report(task: Task, segments_s: Array, num_envs: int, threads: int) -> None:
    ours, ceiling = SEGMENT * num_envs / np.median(segments_s, axis=1)
    ratios = segments_s[1] / segments_s[0]
    print(f'{task.name}: {num_envs} environments, {threads} threads, medians of {len(ratios)} '
          f'times {SEGMENT} steps; ratio quartiles {np.percentile(ratios, [25, 75]).round(3)}')
    print(json.dumps({'name': f'sim {task.name}', 'value': round(ours), 'against': round(ceiling),
                      'ratio': round(float(np.median(ratios)), 3), 'unit': 'env steps/s'}))


if __name__ == '__main__':
    main()
