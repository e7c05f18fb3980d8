"""Batched simulation of FetchPush over the ceiling of the machine.

The ceiling is what the same number of threads reach that only call ``mj_step(nstep=20)`` on the
same environments in lock-step: no actions, no observations, no resets. Both sides start each
short segment from the same states along the scripted expert's episodes and take turns, so that
they meet the same contacts and the same weather of a shared machine.

    .venv/bin/python bench/sim.py [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time

import mujoco
import numpy as np

from drail_ros.sim.mujoco_sim import MujocoSim
from drail_ros.tasks.fetch_push import PLUGIN as TASK

SEGMENT = 10
"""Control steps between two restarts from common states."""


class Ceiling:
    """Threads that step their share of the environments and wait for one another."""

    def __init__(self, sim: MujocoSim, threads: int) -> None:
        self._start, self._end = (threading.Barrier(threads + 1) for _ in range(2))
        for i in range(threads):
            datas = sim.datas[i::threads]
            threading.Thread(target=self._work, args=(datas,), daemon=True).start()

    def step(self) -> None:
        self._start.wait()
        self._end.wait()

    def _work(self, datas: list[mujoco.MjData]) -> None:
        model, substeps = TASK.load_model(), TASK.substeps
        while True:
            self._start.wait()
            for data in datas:
                mujoco.mj_step(model, data, nstep=substeps)
            self._end.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='under 50 s')
    parser.add_argument('--num-envs', type=int, default=64)
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    options = parser.parse_args()
    sim = MujocoSim(TASK, options.num_envs, 1.5, options.threads)
    twin = MujocoSim(TASK, options.num_envs, 1.5, options.threads)
    ceiling = Ceiling(twin, options.threads)
    rng = np.random.default_rng(0)
    obs = sim.reset(0)
    batched, bare, ratios = [], [], []
    for segment in range(40 if options.quick else 160):
        # Untimed: the twin takes over the states and the expert's actions of this segment.
        state = sim.get_state()
        twin.set_state(state)
        sides = [lambda: run_batched(sim, obs, rng), lambda: run_bare(ceiling)]
        order = (0, 1) if segment % 2 else (1, 0)
        seconds = [0.0, 0.0]
        for side in order:
            seconds[side] = sides[side]()
        obs = TASK.observe(sim.readings)
        if segment >= 4:
            batched.append(seconds[0])
            bare.append(seconds[1])
            ratios.append(seconds[1] / seconds[0])
    steps = SEGMENT * options.num_envs
    value, against = (steps / float(np.median(side)) for side in (batched, bare))
    print(f'{options.num_envs} environments, {options.threads} threads, medians of '
          f'{len(ratios)} segments; ratio quartiles {np.percentile(ratios, [25, 75]).round(3)}')
    print(json.dumps({'name': 'sim', 'value': round(value), 'against': round(against),
                      'ratio': round(float(np.median(ratios)), 3), 'unit': 'env steps/s'}))


def run_batched(sim: MujocoSim, obs: np.ndarray, rng: np.random.Generator) -> float:
    """Seconds spent in ``step`` over a segment that the scripted expert drives."""
    seconds = 0.0
    for _ in range(SEGMENT):
        action = TASK.expert(obs, rng)
        began = time.perf_counter()
        obs = sim.step(action).obs
        seconds += time.perf_counter() - began
    return seconds


def run_bare(ceiling: Ceiling) -> float:
    began = time.perf_counter()
    for _ in range(SEGMENT):
        ceiling.step()
    return time.perf_counter() - began


if __name__ == '__main__':
    main()
