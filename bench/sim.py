"""Simulation over its ceiling, for every task with physics and one with hardly any.

The ceiling is MuJoCo's ``Batch.step`` alone: no actions applied, nothing read, no episodes. Both
sides run each short segment of the expert's episodes from the same states, and the ceiling gets
before each control step the state that ours had, so that they solve the same physics; they take
turns at going first, so that they meet the same weather of a shared machine. Between the steps,
untimed, both sides ask the expert for actions: as in training, the physics' threads have gone to
sleep and must wake.

    .venv/bin/python bench/sim.py [--quick] [--tasks hopper …] [--num-envs 64]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mujoco.batch import Batch
from point_maze_task import TASK as POINT_MAZE

from drail_ros import plugins
from drail_ros.pipeline import expert_of
from drail_ros.sim.mujoco_sim import MujocoSim
from drail_ros.tasks.task import Array, Task

SEGMENT_S = 0.1
"""What a segment takes about, of many more steps where physics are cheap."""
Policy = Callable[[Array], Array]


@dataclass(frozen=True)
class Recorded:
    """A control step: observations before it, actions, and the state the physics began from."""

    obs: Array
    actions: Array
    physics: Array


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='under 50 s')
    parser.add_argument('--tasks', nargs='*', help='all where none is named')
    parser.add_argument('--num-envs', type=int, default=64)
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    options = parser.parse_args()
    tasks = [plugins.load(plugins.TASKS, name) for name in plugins.names(plugins.TASKS)]
    for task in (*tasks, POINT_MAZE):
        if task.physics and task.name in (options.tasks or [task.name]):
            compare(task, options)


def compare(task: Task, options: argparse.Namespace) -> None:
    sim, twin = (MujocoSim(task, options.num_envs, task.default_noise, options.threads)
                 for _ in range(2))
    act, obs = policy(task), sim.reset(0)
    began = time.perf_counter()
    sim.step(act(obs))
    length = int(np.clip(SEGMENT_S / (time.perf_counter() - began), 2, 100))
    ours, ceiling = [], []
    for segment in range(24 if options.quick else 120):
        state = sim.get_state()
        steps = record(twin, state, act, length)
        if segment % 2:
            ceiling.append(run_ceiling(twin.batch, steps, act, task.substeps))
        ours.append(run(sim, state, steps, act))
        if not segment % 2:
            ceiling.append(run_ceiling(twin.batch, steps, act, task.substeps))
    ratios = np.array(ceiling[4:]) / ours[4:]  # the first segments warm up
    value, against = (length * options.num_envs / float(np.median(side[4:]))
                      for side in (ours, ceiling))
    print(f'{task.name}: {options.num_envs} environments, {options.threads} threads, medians of '
          f'{len(ratios)} segments of {length} steps; ratio quartiles '
          f'{np.percentile(ratios, [25, 75]).round(3)}')
    print(json.dumps({'name': f'sim {task.name}', 'value': round(value), 'against': round(against),
                      'ratio': round(float(np.median(ratios)), 3), 'unit': 'env steps/s'}))


def policy(task: Task) -> Policy:
    """The task's expert; random actions where there is none."""
    rng = np.random.default_rng(0)
    if task.expert or task.expert_policy:
        expert, _ = expert_of(task)
        return lambda obs: expert(obs, rng)
    return lambda obs: rng.uniform(-1, 1, (len(obs), task.action_size)).astype(np.float32)


def record(sim: MujocoSim, state: dict[str, Array], act: Policy, length: int) -> list[Recorded]:
    """Drive a segment, untimed."""
    obs, steps, step = sim.set_state(state), [], sim.batch.step

    def noting(**options: int) -> None:
        steps.append(Recorded(obs, actions, sim.batch.state.copy()))
        step(**options)

    sim.batch.step = noting
    for _ in range(length):
        actions = act(obs)
        obs = sim.step(actions).obs
    del sim.batch.step
    return steps


def run(sim: MujocoSim, state: dict[str, Array], steps: list[Recorded], act: Policy) -> float:
    """Seconds of a segment in our simulator."""
    seconds = 0.0
    sim.set_state(state)
    for step in steps:
        act(step.obs)
        began = time.perf_counter()
        sim.step(step.actions)
        seconds += time.perf_counter() - began
    return seconds


def run_ceiling(batch: Batch, steps: list[Recorded], act: Policy, substeps: int) -> float:
    """Seconds of the same physics."""
    seconds = 0.0
    for step in steps:
        act(step.obs)
        batch.state[:] = step.physics
        began = time.perf_counter()
        batch.step(nstep=substeps)
        seconds += time.perf_counter() - began
    return seconds


if __name__ == '__main__':
    main()
