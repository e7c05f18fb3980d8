# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Hopper: one leg of three joints hops forward without falling (Gymnasium's Hopper-v5)."""

from __future__ import annotations

import numpy as np

from drail_ros.tasks.locomotion import HEIGHT, locomotion_task, PITCH
from drail_ros.tasks.task import Array

LOWEST_M = 0.7
LARGEST_PITCH_RAD = 0.2
LARGEST_STATE = 100.0
"""Of pitch, joint angles and all velocities."""


def healthy(readings: Array) -> Array:
    """Whether the robot is upright, ``[N]``."""
    sane = (np.abs(readings[:, PITCH:]) < LARGEST_STATE).all(axis=1)
    return (sane & (readings[:, HEIGHT] > LOWEST_M)
            & (np.abs(readings[:, PITCH]) < LARGEST_PITCH_RAD))


TASK = locomotion_task(
    'hopper', 'A one-legged robot hops forward.',
    file='hopper.xml',
    torques_nm={'thigh_joint': 200.0, 'leg_joint': 200.0, 'foot_joint': 200.0},
    rate_hz=125.0,
    substeps=4,
    control_cost=1e-3,
    spread=5e-3,
    velocity_limit=10.0,
    healthy=healthy,
)
