"""Hopper: one leg of three joints hops forward without falling (Gymnasium's Hopper-v5)."""

from __future__ import annotations

import numpy as np

from drail_ros.tasks.locomotion import HEIGHT, PITCH, locomotion_task
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
