"""Batched simulation of FetchPush over the ceiling of the machine.

The ceiling is what the same number of threads reach that only call ``mj_step(nstep=20)`` on the
same environments in lock-step: no observations, no resets. Both sides run each short segment of
the scripted expert's episodes from the same states, along the same path, and take turns at going
first, so that they meet the same contacts and the same weather of a shared machine.

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
from drail_ros.tasks.fetch_push import TASK

SEGMENT = 10
"""Control steps between two restarts from common states."""


class Ceiling:
    """Threads that step their share of the environments and wait for one another.

    The mocap body that drags the arm is moved as the batched simulation moved it, so that both
    sides solve the same physics.
    """

    def __init__(self, sim: MujocoSim, threads: int) -> None:
        self.drag = np.zeros((SEGMENT, sim.num_envs, 7))
        self._begin, self._end = (threading.Barrier(threads + 1) for _ in range(2))
        for i in range(threads):
            share = [(data, number) for number, data in enumerate(sim.datas)][i::threads]
            threading.Thread(target=self._work, args=(share,), daemon=True).start()

    def run(self) -> float:
        """Seconds for one segment."""
        began = time.perf_counter()
        for _ in range(SEGMENT):
            self._begin.wait()
            self._end.wait()
        return time.perf_counter() - began

    def _work(self, share: list[tuple[mujoco.MjData, int]]) -> None:
        model, substeps = TASK.load_model(), TASK.substeps
        bodies = [(data, data.mocap_pos[0], data.mocap_quat[0], i) for data, i in share]
        while True:
            for drag in self.drag:
                self._begin.wait()
                for data, position, rotation, i in bodies:
                    position[:], rotation[:] = drag[i, :3], drag[i, 3:]
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
    batched, bare = [], []
    for segment in range(40 if options.quick else 200):
        state = sim.get_state()
        actions = record(twin, state, obs, ceiling.drag, rng)
        seconds = {}
        for side in (('batched', 'bare') if segment % 2 else ('bare', 'batched')):
            if side == 'batched':
                sim.set_state(state)
                began = time.perf_counter()
                for action in actions:
                    obs = sim.step(action).obs
                seconds[side] = time.perf_counter() - began
            else:
                twin.set_state(state)
                seconds[side] = ceiling.run()
        if segment >= 4:  # the first segments warm up
            batched.append(seconds['batched'])
            bare.append(seconds['bare'])
    ratios = np.array(bare) / np.array(batched)
    steps = SEGMENT * options.num_envs
    value, against = (steps / float(np.median(side)) for side in (batched, bare))
    print(f'{options.num_envs} environments, {options.threads} threads, medians of '
          f'{len(ratios)} segments; ratio quartiles {np.percentile(ratios, [25, 75]).round(3)}')
    print(json.dumps({'name': 'sim', 'value': round(value), 'against': round(against),
                      'ratio': round(float(np.median(ratios)), 3), 'unit': 'env steps/s'}))


def record(sim: MujocoSim, state: dict[str, np.ndarray], obs: np.ndarray, drag: np.ndarray,
           rng: np.random.Generator) -> list[np.ndarray]:
    """Drive a segment with the expert, untimed; return its actions, note where the arm went."""
    sim.set_state(state)
    actions = []
    for row in drag:
        actions.append(TASK.expert(obs, rng))
        obs = sim.step(actions[-1]).obs
        for place, data in zip(row, sim.datas):
            place[:3], place[3:] = data.mocap_pos[0], data.mocap_quat[0]
    return actions


if __name__ == '__main__':
    main()
