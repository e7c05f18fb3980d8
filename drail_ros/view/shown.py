# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Episodes to look at: somebody's who acts in simulation, or demonstrations.

Either way a whole episode is at hand as readings, so that a page can go back and forth in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from drail_ros import pipeline, plugins
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.data.storage import load
from drail_ros.episodes.evaluate import EVALUATION_SEED
from drail_ros.errors import unknown_name, UserError
from drail_ros.sim.make import make_sim
from drail_ros.tasks.display import Display
from drail_ros.tasks.task import Array, Task

EPISODES = 10
"""That are acted where no number is asked for."""
_POLICIES = ('.safetensors', '.onnx')


@dataclass(frozen=True)
class Shown:
    """An episode of L control steps, from its start to its end."""

    readings: Array
    """``[L + 1, R]``: the first before any step."""
    success: bool
    total_reward: float | None
    """The return by the task's own reward; None where it has none or it is not known."""

    @property
    def steps(self) -> int:
        """L."""
        return len(self.readings) - 1


class Episodes(Protocol):
    """So many episodes of one task, any of which can be had at any time."""

    task: Task
    actor: str
    """Who acts, to be read."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> Shown: ...

    def numbered(self, number: int) -> str:
        """Return what an episode is called."""


def display_of(task: Task) -> Display:
    """Return how a task is shown.

    Raises:
        UserError: it has no MuJoCo model, or none that says how.

    """
    if task.display is None or task.load_model is None:
        raise UserError(f'task {task.name!r} cannot be shown',
                        found='no MuJoCo model to show it in',
                        expected='a task with a model and a display',
                        do='choose another; drail demos info DIR --plot PNG draws any')
    return task.display


def episodes_of(what: str, demos: Path | None, episodes: int, noise: float,
                seed: int) -> Episodes:
    """Return episodes of a task's expert, of a policy, or of the demonstrations in a folder.

    ``what`` is a task's name, or a run folder or file of a policy. 0 ``episodes`` are
    ``EPISODES``, or all demonstrations; ``noise`` 0 is that of the training, or the task's own.

    Raises:
        UserError: there is no such task or file, it cannot be shown, the demonstrations are
            another task's, or the noise level is out of range.

    """
    if what in plugins.names(plugins.TASKS):
        task, act = plugins.load(plugins.TASKS, what), None
        actor, own_noise = '', task.default_noise
    elif Path(what).exists() or Path(what).suffix in _POLICIES:
        task, act, info = pipeline.acting(Path(what), num_envs=1)
        actor, own_noise = what, float(str(info['noise']))
    else:
        raise unknown_name('task, run folder or policy', what, plugins.names(plugins.TASKS))
    display_of(task)
    if episodes < 0:
        raise UserError('nothing to show', found=f'{episodes} episodes', expected='0 or more')
    if demos:
        if noise or seed:
            raise UserError('demonstrations are shown as they are', found='--noise or --seed',
                            expected='neither beside --demos')
        demonstrations = load(demos, task)
        return Demonstrated(task, demonstrations.first(episodes) if episodes else demonstrations)
    if act is None:
        expert, actor = pipeline.expert_of(task)
        rng = np.random.default_rng(seed)
        return Acted(task, lambda obs: expert(obs, rng), actor, episodes or EPISODES,
                     noise or own_noise, seed)
    return Acted(task, act, actor, episodes or EPISODES, noise or own_noise, seed)


class Acted:
    """Episodes that are simulated when first looked at, and kept.

    They begin as those of ``drail eval`` with the same seed. ``act`` maps observations ``[1, O]``
    to normalised actions ``[1, A]``; where it remembers, its ``begin`` is told of new episodes.

    Raises:
        UserError: the noise level is out of range.

    """

    def __init__(self, task: Task, act: Callable[[Array], Array], actor: str, episodes: int,
                 noise: float, seed: int) -> None:
        task.check_noise(noise)
        self.task, self.actor = task, actor
        self._act, self._noise, self._seed = act, noise, seed
        self._shown: list[Shown | None] = [None] * episodes

    def __len__(self) -> int:
        return len(self._shown)

    def __getitem__(self, number: int) -> Shown:
        shown = self._shown[number]
        if shown is None:
            shown = self._shown[number] = self._simulate(number)
        return shown

    def numbered(self, number: int) -> str:
        """Return its number, from 1."""
        return f'episode {number + 1} of {len(self)}'

    def _simulate(self, number: int) -> Shown:
        """Let it act until success, an end or the horizon."""
        # A simulator goes on with the next episode and keeps nothing of the last one; one that
        # knows no end leaves that to us.
        endless = replace(self.task, horizon=np.iinfo(np.int64).max, terminated=None,
                          succeeded=lambda readings: np.zeros(len(readings), bool))
        sim = make_sim(endless, 1, self._noise, threads=1, first_env=number)
        try:
            obs = sim.reset(self._seed + EVALUATION_SEED)
            getattr(self._act, 'begin', lambda environments: None)(np.ones(1, bool))
            readings, total = [sim.readings[0].copy()], 0.0
            while len(readings) <= self.task.horizon and not self._ended(sim.readings):
                step = sim.step(self._act(obs))
                obs, total = step.obs, total + float(step.reward[0])
                readings.append(sim.readings[0].copy())
            return Shown(np.array(readings), bool(self.task.succeeded(sim.readings)[0]),
                         total if self.task.reward else None)
        finally:
            sim.close()

    def _ended(self, readings: Array) -> bool:
        ended = self.task.succeeded(readings)
        return bool((ended | self.task.terminated(readings) if self.task.terminated
                     else ended)[0])


class Demonstrated:
    """Episodes of a dataset, as far as their observations tell."""

    def __init__(self, task: Task, demonstrations: Demonstrations) -> None:
        self.task, self._demos = task, demonstrations
        self._display = display_of(task)
        self.actor = ', '.join(sorted({*demonstrations.sources} - {''})) or 'demonstrations'

    def __len__(self) -> int:
        return self._demos.num_episodes

    def __getitem__(self, number: int) -> Shown:
        start = self._demos.starts[number]
        rows = slice(start, start + self._demos.lengths[number])
        obs = np.concatenate([self._demos.obs[rows], self._demos.next_obs[rows][-1:]])
        return Shown(self._display.readings(obs), bool(self._demos.success[rows].any()), None)

    def numbered(self, number: int) -> str:
        """Return its number in the dataset, and the noise it was made at."""
        name = f'demonstration {self._demos.episode[self._demos.starts[number]]}'
        noise = self._demos.noise[number]
        level = f', noise {noise:g}x' if noise == noise else ''
        return f'{name} ({number + 1} of {len(self)}){level}'
