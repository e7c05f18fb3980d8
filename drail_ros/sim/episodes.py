# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""N environments stepped at once: seeding, ages, ends, rewards and same-step auto-reset.

How environments begin and move is the task's ``Dynamics``.
"""

from __future__ import annotations

import numpy as np

from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import episode_rng, State, Step
from drail_ros.tasks.task import Array, Dynamics, Task

_NAMED = 8
"""Environments that an error names at most."""


class EpisodicSim:
    """BatchSim in this process; of a task without physics, all there is.

    ``first_env`` numbers the environments from there on, so that several simulators can each hold
    a part of one batch.
    """

    def __init__(self, task: Task, dynamics: Dynamics, num_envs: int, first_env: int = 0) -> None:
        self.task, self.num_envs = task, num_envs
        self._dynamics, self._first_env = dynamics, first_env
        self._readings = self._reached = np.zeros((num_envs, task.reading_size))
        self._seed = 0
        self._episode = np.zeros(num_envs, np.int64)
        self._age = np.zeros(num_envs, np.int64)

    @property
    def readings(self) -> Array:
        """Sensor readings ``[N, R]`` behind the latest observations."""
        return self._readings

    @property
    def reached(self) -> Array:
        """Sensor readings ``[N, R]`` behind the latest step's ``final_obs``."""
        return self._reached

    def reset(self, seed: int) -> Array:
        """Start episode 0 of every environment and return observations ``[N, O]``."""
        self._seed = seed
        self._episode[:] = 0
        self._start_episodes(np.arange(self.num_envs))
        return self.task.observe(self._readings)

    def step(self, actions: Array) -> Step:
        """Advance one control step with normalised actions ``[N, A]``, clipped to [-1, 1].

        Raises:
            UserError: the array has the wrong shape or an action is not finite; or what follows
                from the actions is not, and the simulator has to be reset.

        """
        expected = (self.num_envs, self.task.action_size)
        if actions.shape != expected:
            raise UserError('wrong shape of actions', found=actions.shape, expected=expected)
        self._require_finite('actions', actions)
        actions = actions.clip(-1.0, 1.0)
        before, self._readings = self._readings, self._move(actions)
        self._reached = self._readings
        self._age += 1
        final_obs = obs = self.task.observe(self._readings)
        success = self.task.succeeded(self._readings)
        terminated = (success | self.task.terminated(self._readings) if self.task.terminated
                      else success.copy())
        truncated = (self._age >= self.task.horizon) & ~terminated
        reward = (self.task.reward(before, actions, self._readings) if self.task.reward
                  else success).astype(np.float32)
        ended = np.flatnonzero(terminated | truncated)
        if ended.size:
            self._episode[ended] += 1
            self._reached = self._readings.copy()
            self._start_episodes(ended)
            obs = final_obs.copy()
            obs[ended] = self.task.observe(self._readings[ended])
        return Step(obs, final_obs, terminated, truncated, success, reward)

    def close(self) -> None:
        """Release what the simulator holds."""

    def get_state(self) -> State:
        """Return a copy of the exact state."""
        return {'readings': self._readings.copy(), 'episode': self._episode.copy(),
                'age': self._age.copy(), 'seed': np.full(self.num_envs, self._seed, np.int64)}

    def set_state(self, state: State) -> Array:
        """Continue from a state and return its observations ``[N, O]``."""
        self._readings[:] = state['readings']
        self._episode[:], self._age[:] = state['episode'], state['age']
        self._seed = int(state['seed'][0])
        return self.task.observe(self._readings)

    def _move(self, actions: Array) -> Array:
        """Move every environment one control step and return its readings ``[N, R]``."""
        readings = self._dynamics.step(self._readings, actions)
        self._require_finite('sensor readings', readings)
        return readings

    def _start_episodes(self, ids: Array) -> None:
        rngs = [episode_rng(self._seed, self._first_env + environment, episode)
                for environment, episode in zip(ids.tolist(), self._episode[ids].tolist())]
        self._age[ids] = 0
        self._readings[ids] = self._dynamics.reset(ids, rngs)

    def _require_finite(self, what: str, rows: Array) -> None:
        finite = np.isfinite(rows)
        if not finite.all():
            raise self._error(f'{what} are not finite', np.flatnonzero(~finite.all(axis=1)),
                              expected='finite numbers')

    def _error(self, problem: str, ids: Array, reason: str = '', *, expected: str,
               do: str | None = None) -> UserError:
        """Error that names the environments ``ids`` and says how to see it again."""
        first = ids[0]
        more = f' and {ids.size - _NAMED} more' if ids.size > _NAMED else ''
        return UserError(
            problem, found=f'environments {(self._first_env + ids[:_NAMED]).tolist()}{more}'
            f'{reason and ": "}{reason} (seed {self._seed}, episode {self._episode[first]}, '
            f'step {self._age[first] + 1} of the first)', expected=expected, do=do)
