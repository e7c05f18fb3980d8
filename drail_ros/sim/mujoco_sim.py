"""N MuJoCo environments over one shared model, stepped by worker threads.

``mj_step`` releases the interpreter lock, so threads step environments in parallel; all that runs
in Python between two steps is kept to a few array assignments. Environments are handed to the
threads one by one, and none depends on another, so results depend neither on the number of
threads nor on their timing.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np

from drail_ros.sim.batch_sim import State
from drail_ros.sim.episodes import EpisodicSim
from drail_ros.tasks.task import Array, Task

_PHYSICS = mujoco.mjtState.mjSTATE_INTEGRATION


class MujocoSim(EpisodicSim):
    """BatchSim of a task with physics. ``threads=0`` takes one for each core."""

    def __init__(self, task: Task, num_envs: int, noise: float, threads: int = 0,
                 first_env: int = 0) -> None:
        super().__init__(task, num_envs, first_env)
        task.check_noise(noise)
        assert task.load_model and task.make_environment
        self._model = task.load_model()
        self._datas = [mujoco.MjData(self._model) for _ in range(num_envs)]
        self._envs = [task.make_environment(self._model, d, noise) for d in self._datas]
        self._rows = list(self._readings)
        self._helpers = min(threads or os.cpu_count() or 1, num_envs) - 1
        self._pool = ThreadPoolExecutor(max(self._helpers, 1), 'simulation')

    @property
    def datas(self) -> list[mujoco.MjData]:
        """The physics of each environment, for pictures and measurements."""
        return self._datas

    def get_state(self) -> State:
        """Return a copy of the exact state."""
        physics = np.zeros((self.num_envs, mujoco.mj_stateSize(self._model, _PHYSICS)))
        for row, data in zip(physics, self._datas):
            mujoco.mj_getState(self._model, data, row, _PHYSICS)
        return {**super().get_state(), 'physics': physics}

    def set_state(self, state: State) -> Array:
        """Continue from a state and return its observations ``[N, O]``."""
        for env, data, physics, row in zip(self._envs, self._datas, state['physics'],
                                           state['readings']):
            mujoco.mj_setState(self._model, data, physics, _PHYSICS)
            mujoco.mj_kinematics(self._model, data)
            env.restore(row)
        return super().set_state(state)

    def close(self) -> None:
        """End the worker threads."""
        self._pool.shutdown()

    def _advance(self, actions: Array) -> None:
        rows = list(actions)
        todo = deque(range(self.num_envs))
        helpers = [self._pool.submit(self._work, todo, rows) for _ in range(self._helpers)]
        self._work(todo, rows)
        for helper in helpers:
            helper.result()

    def _work(self, todo: deque[int], actions: list[Array]) -> None:
        model, substeps = self._model, self.task.substeps
        while True:
            try:
                index = todo.popleft()
            except IndexError:
                return
            env = self._envs[index]
            env.act(actions[index])
            mujoco.mj_step(model, self._datas[index], nstep=substeps)
            env.settle()
            env.read(self._rows[index])

    def _start(self, index: int, rng: np.random.Generator) -> None:
        self._envs[index].reset(rng)
        self._envs[index].read(self._rows[index])
