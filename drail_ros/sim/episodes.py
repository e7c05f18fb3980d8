"""Episodes of a batch: seeding, ages, ends, rewards and same-step auto-reset.

Written once for all simulators of this folder, which supply the two moves ``_advance`` and
``_start``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from drail_ros.errors import UserError
from drail_ros.sim.batch_sim import State, Step, episode_rng
from drail_ros.tasks.task import Array, Task


class EpisodicSim(ABC):
    """Base of the simulators.

    ``first_env`` numbers the environments from there on, so that several simulators can each hold
    a part of one batch.
    """

    def __init__(self, task: Task, num_envs: int, first_env: int) -> None:
        if num_envs < 1:
            raise UserError('a simulator needs environments', found=num_envs, expected='>= 1')
        self.task, self.num_envs = task, num_envs
        self._first_env = first_env
        self._readings = np.zeros((num_envs, task.reading_size))
        self._seed = 0
        self._episode = np.zeros(num_envs, np.int64)
        self._age = np.zeros(num_envs, np.int64)

    @property
    def readings(self) -> Array:
        """Sensor readings ``[N, R]`` behind the latest observations."""
        return self._readings

    def reset(self, seed: int) -> Array:
        """Start episode 0 of every environment and return observations ``[N, O]``."""
        self._seed = seed
        self._episode[:] = 0
        self._start_episodes(np.arange(self.num_envs))
        return self.task.observe(self._readings)

    def step(self, actions: Array) -> Step:
        """Advance one control step with normalised actions ``[N, A]``, clipped to [-1, 1].

        Raises:
            UserError: an action is not finite, or the array has the wrong shape.

        """
        expected = (self.num_envs, self.task.action_size)
        if actions.shape != expected:
            raise UserError('wrong shape of actions', found=actions.shape, expected=expected)
        bad = np.flatnonzero(~np.isfinite(actions).all(axis=1))
        if bad.size:
            raise UserError('actions are not finite', found=f'environments {bad.tolist()}',
                            expected='finite numbers in [-1, 1]')
        actions = np.clip(actions, -1.0, 1.0)
        before = self._readings.copy() if self.task.reward else self._readings
        self._advance(actions)
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

    def _start_episodes(self, indices: Array) -> None:
        for index in indices:
            rng = episode_rng(self._seed, self._first_env + index, int(self._episode[index]))
            self._start(index, rng)
        self._age[indices] = 0

    @abstractmethod
    def _advance(self, actions: Array) -> None:
        """Move every environment one control step and write its row of ``_readings``."""

    @abstractmethod
    def _start(self, index: int, rng: np.random.Generator) -> None:
        """Start an episode of one environment and write its row of ``_readings``."""
