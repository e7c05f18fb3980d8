# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Walker2d: two legs of three joints walk forward without falling (Gymnasium's Walker2d-v5)."""

from __future__ import annotations

import numpy as np

from drail_ros.tasks.locomotion import HEIGHT, locomotion_task, PITCH
from drail_ros.tasks.task import Array

LOWEST_M, HIGHEST_M = 0.8, 2.0
LARGEST_PITCH_RAD = 1.0


def healthy(readings: Array) -> Array:
    """Whether the robot is upright, ``[N]``."""
    height = readings[:, HEIGHT]
    return ((height > LOWEST_M) & (height < HIGHEST_M)
            & (np.abs(readings[:, PITCH]) < LARGEST_PITCH_RAD))


TASK = locomotion_task(
    'walker2d', 'A two-legged robot walks forward.',
    file='walker2d_v5.xml',
    torques_nm=dict.fromkeys(('thigh_joint', 'leg_joint', 'foot_joint', 'thigh_left_joint',
                              'leg_left_joint', 'foot_left_joint'), 100.0),
    rate_hz=125.0,
    substeps=4,
    control_cost=1e-3,
    spread=5e-3,
    velocity_limit=10.0,
    healthy=healthy,
)
