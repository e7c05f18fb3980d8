"""Walker2d: two legs of three joints walk forward without falling (Gymnasium's Walker2d-v5)."""

from __future__ import annotations

import numpy as np

from drail_ros.tasks.locomotion import HEIGHT, PITCH, locomotion_task
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
