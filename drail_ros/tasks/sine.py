# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Sine: a one-dimensional toy whose whole reward can be drawn as a picture.

Expert data: a = sin(0.2 π s) + noise of std 0.05 for s on alternate intervals of width 0.5 in
[0, 10], so that a discriminator's reward between the intervals shows how it generalises (Lai et
al., DRAIL, NeurIPS 2024). A state is drawn uniformly from [0, 10] at every step: the task has no
dynamics, only a curve to stay on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drail_ros.tasks.task import Array, Field, Reading, Task

STATE_HIGH = 10.0
INTERVAL = 0.5
EXPERT_NOISE_STD = 0.05
HORIZON = 100


class DrawnStates:
    """Readings: the current state, then those of the rest of the episode, drawn at its start."""

    def reset(self, ids: Array, rngs: Sequence[np.random.Generator]) -> Array:
        """Draw the states of episodes."""
        return np.array([rng.uniform(0.0, STATE_HIGH, HORIZON + 1) for rng in rngs])

    def step(self, readings: Array, actions: Array) -> Array:
        """Move on to the next drawn state, whatever the action."""
        return np.roll(readings, -1, axis=1)


def observe(readings: Array) -> Array:
    """Turn readings ``[N, 101]`` into observations ``[N, 1]`` float32."""
    return readings[:, :1].astype(np.float32)


def curve(state: Array) -> Array:
    """Return the best actions ``[N]`` at states ``[N]``."""
    return np.sin(0.2 * np.pi * state)


def scripted_expert(obs: Array, rng: np.random.Generator) -> Array:
    """Observations ``[N, 1]`` → actions ``[N, 1]`` around the curve."""
    noise = rng.normal(0.0, EXPERT_NOISE_STD, obs.shape)
    return np.clip(np.sin(0.2 * np.pi * obs) + noise, -1, 1).astype(np.float32)


def demonstrated(obs: Array) -> Array:
    """Whether a state lies on an interval that the expert visits, ``[N]`` bool.

    These are [0, 0.5), [1, 1.5), … and [9, 9.5); the last state, 10, is at the end of a gap.
    """
    state = obs[:, 0]
    return (np.floor(state / INTERVAL) % 2 == 0) & (state < STATE_HIGH)


TASK = Task(
    name='sine',
    summary='Stay on a sine curve; a toy to draw reward functions with.',
    observation=(Field('state', 1, '', low=0.0, high=STATE_HIGH),),
    command_fields=(Field('action', 1, '', low=-1.0, high=1.0),),
    rate_hz=10.0,
    horizon=HORIZON,
    success_help='',
    readings=(Reading('states', HORIZON + 1, '', 'state', 'std_msgs/msg/Float32', 'data'),),
    observe=observe,
    succeeded=lambda readings: np.zeros(len(readings), bool),
    reward=lambda before, action, after: -np.square(action[:, 0] - curve(before[:, 0])),
    demonstrations=40,
    expert=scripted_expert,
    demonstrated=demonstrated,
    dynamics=DrawnStates(),
)
