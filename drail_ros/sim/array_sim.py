"""N environments of a task whose dynamics are array arithmetic."""

from __future__ import annotations

import numpy as np

from drail_ros.sim.episodes import EpisodicSim
from drail_ros.tasks.task import Array, Task


class ArraySim(EpisodicSim):
    """BatchSim of a task without a physics engine."""

    def __init__(self, task: Task, num_envs: int, first_env: int = 0) -> None:
        assert task.dynamics
        super().__init__(task, num_envs, first_env)
        self._dynamics = task.dynamics

    def _advance(self, actions: Array) -> None:
        self._readings[:] = self._dynamics.step(self._readings, actions)

    def _start(self, index: int, rng: np.random.Generator) -> None:
        self._readings[index] = self._dynamics.reset(rng)
