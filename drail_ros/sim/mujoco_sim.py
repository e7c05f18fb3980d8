# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""N MuJoCo simulations of one model, stepped by the threads of MuJoCo's own ``Batch``.

A simulation is a row of the batch's states, and none depends on another, so results depend
neither on the number of threads nor on how simulators share the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import mujoco
from mujoco.batch import Batch, SimulationError
import numpy as np

from drail_ros.cores import threads_asked_for, usable_cores
from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import State
from drail_ros.sim.episodes import EpisodicSim
from drail_ros.tasks.task import Array, Task


class MujocoSim(EpisodicSim):
    """BatchSim of a task with physics.

    ``threads=0`` takes so many as OMP_NUM_THREADS says, as torch does, else one for each core that
    this process may use.
    """

    def __init__(self, task: Task, num_envs: int, noise: float, threads: int = 0,
                 first_env: int = 0) -> None:
        assert task.load_model and task.physics
        threads = threads or threads_asked_for() or usable_cores()
        self._batch = Batch(task.load_model(), num_envs, threads)
        self._warnings = self._batch.warning[:, :, 1]  # [N, W]: how often MuJoCo warned of what
        super().__init__(task, task.physics(self._batch, noise), num_envs, first_env)

    @property
    def batch(self) -> Batch:
        """The simulations, for measurements."""
        return self._batch

    def get_data(self, environment: int, data: mujoco.MjData | None = None) -> mujoco.MjData:
        """Return the physics of one environment, all computed, for pictures.

        ``data`` is filled instead of a new one, where given.
        """
        data = self._batch.get_data(environment, data)
        mujoco.mj_forward(self._batch.model, data)
        return data

    def get_state(self) -> State:
        """Return a copy of the exact state."""
        return {**super().get_state(), 'physics': self._batch.state.copy()}

    def set_state(self, state: State) -> Array:
        """Continue from a state and return its observations ``[N, O]``.

        The positions of bodies, on which dynamics may build, are computed anew.

        Raises:
            UserError: the physics in it are not finite.

        """
        obs = super().set_state(state)
        self._batch.state[:] = state['physics']
        self._batch.warning[:] = 0
        with self._watched():
            self._batch.forward(stage=mujoco.mjtStage.mjSTAGE_POS)
        return obs

    def _move(self, actions: Array) -> Array:
        with self._watched():  # of a sound state the readings are sound
            return self._dynamics.step(self._readings, actions)

    def _start_episodes(self, ids: Array) -> None:
        self._batch.warning[ids] = 0
        with self._watched():
            super()._start_episodes(ids)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Raise UserError where MuJoCo refuses to go on, and where it only warns.

        It resets a simulation whose numbers are no longer finite, warns and goes on.
        """
        try:
            yield
        except SimulationError as error:
            raise self._failure(error.ids, self._batch.error(int(error.ids[0]))) from error
        if self._warnings.any():
            ids = np.flatnonzero(self._warnings.any(axis=1))
            kind = int(self._warnings[ids[0]].argmax())
            raise self._failure(ids, mujoco.mju_warningText(
                kind, int(self._batch.warning[ids[0], kind, 0])))

    def _failure(self, ids: Array, reason: str) -> UserError:
        return self._error('the physics failed', ids, reason,
                           expected='a simulation that stays stable under any actions',
                           do="mend the task's model, for example by shorter physics steps")
