# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""PointReach: a point in the plane moves to a goal; the simplest task with success.

Every method learns it in seconds: to try one, to compare them, to test them. The point goes
0.1 m a step at most along each axis; start and goal are drawn from a square of ±1 m; to be within
0.1 m of the goal is success and ends the episode.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drail_ros.tasks.task import Array, Field, Reading, Task

HALF_WIDTH_M = 1.0
STEP_M = 0.1
SUCCESS_DISTANCE_M = 0.1
RATE_HZ = 10.0

_POSITION, _GOAL = slice(0, 2), slice(2, 4)


class Point:
    """Readings: position and goal."""

    def reset(self, ids: Array, rngs: Sequence[np.random.Generator]) -> Array:
        """Draw starts and goals."""
        return np.array([rng.uniform(-HALF_WIDTH_M, HALF_WIDTH_M, 4) for rng in rngs])

    def step(self, readings: Array, actions: Array) -> Array:
        """Move by the action."""
        moved = readings.copy()
        moved[:, _POSITION] += STEP_M * actions
        return moved


def distance_m(readings: Array) -> Array:
    """Distance ``[N]`` from the goal."""
    return np.linalg.norm(readings[:, _POSITION] - readings[:, _GOAL], axis=1)


def observe(readings: Array) -> Array:
    """Turn readings ``[N, 4]`` into observations ``[N, 4]`` float32."""
    return readings.astype(np.float32)


def scripted_expert(obs: Array, rng: np.random.Generator) -> Array:
    """Observations ``[N, 4]`` → actions ``[N, 2]``: straight on, slower near the goal."""
    offset = obs[:, _GOAL] - obs[:, _POSITION]
    return np.clip(offset / (4 * STEP_M), -1, 1).astype(np.float32)


TASK = Task(
    name='point_reach',
    summary='A point in the plane moves to a goal; a toy that every method learns in seconds.',
    observation=(Field('position', 2, 'm', help='of the point'),
                 Field('goal', 2, 'm', help='position to reach')),
    command_fields=(Field('velocity', 2, 'm/s', low=-STEP_M * RATE_HZ, high=STEP_M * RATE_HZ),),
    rate_hz=RATE_HZ,
    horizon=50,
    success_help=f'within {SUCCESS_DISTANCE_M} m of the goal; ends the episode',
    readings=(Reading('position', 2, 'm', 'position', 'std_msgs/msg/Float32', 'data'),
              Reading('goal', 2, 'm', 'goal', 'std_msgs/msg/Float32', 'data')),
    observe=observe,
    succeeded=lambda readings: distance_m(readings) < SUCCESS_DISTANCE_M,
    reward=lambda before, action, after: -distance_m(after),
    demonstrations=50,
    expert=scripted_expert,
    dynamics=Point(),
)
