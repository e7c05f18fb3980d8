# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How a task's readings are shown in its MuJoCo model: what a viewer needs, and no viewer.

All of it depends on the readings alone, so that a simulator, a recording and a real robot's topics
are shown by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import mujoco


@dataclass(frozen=True)
class Mark:
    """A position among the readings that is drawn beside the model."""

    reading: str
    """Name of a reading of 3 coordinates in the model's world, m."""
    radius_m: float
    is_path: bool = False
    """Whether a line follows it through the episode, instead of a sphere where it is."""


@dataclass(frozen=True)
class Camera:
    """Where a view begins; angles as MuJoCo's free camera has them."""

    azimuth_deg: float
    elevation_deg: float
    distance_m: float
    lookat_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    follows: str = ''
    """Body that it looks at instead of ``lookat_m``, and goes along with."""


@dataclass(frozen=True)
class Display:
    """A task with a MuJoCo model, as it is shown."""

    pose: Callable[[mujoco.MjModel, mujoco.MjData, npt.NDArray[np.float64]], None]
    """Put one set of readings ``[R]`` into the data's positions; computes nothing from them."""
    readings: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]
    """Successive observations ``[S, O]`` of one episode → readings ``[S, R]``; what observations
    do not tell is given a plain value."""
    camera: Camera
    marks: tuple[Mark, ...] = ()
    hidden_sites: tuple[str, ...] = ()
    """Sites of the model that show nothing of the readings."""


def reach(model: mujoco.MjModel, data: mujoco.MjData, site: str, joints: Sequence[str],
          position_m: npt.NDArray[np.float64]) -> float:
    """Turn joints until a site is at a position ``[3]``, its orientation kept; return what lacks.

    Levenberg-Marquardt's damped least squares from where the data are,

        Δq = Jᵀ (J Jᵀ + λ² I)⁻¹ e,   e = (position error in m, rotation error in rad),

    cut short at the joints' limits. Depends on nothing before, so that an arm with joints to spare
    takes the same pose for the same position whatever was shown last.
    """
    import mujoco
    joint_ids = [model.joint(name).id for name in joints]
    columns, rows = model.jnt_dofadr[joint_ids], model.jnt_qposadr[joint_ids]
    low, high = np.where(model.jnt_limited[joint_ids].astype(bool), model.jnt_range[joint_ids].T,
                         [[-np.inf], [np.inf]])
    mujoco.mj_kinematics(model, data)
    site_id, wanted = model.site(site).id, np.empty(4)
    mujoco.mju_mat2Quat(wanted, data.site(site).xmat)
    jacobian, now, error = np.empty((6, model.nv)), np.empty(4), np.empty(6)
    for _ in range(_ITERATIONS):
        error[:3] = position_m - data.site_xpos[site_id]
        mujoco.mju_mat2Quat(now, data.site_xmat[site_id])
        mujoco.mju_subQuat(error[3:], wanted, now)
        error[3:] = data.site_xmat[site_id].reshape(3, 3) @ error[3:]
        if np.abs(error).max() < _EXACT:
            break
        mujoco.mj_comPos(model, data)
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], site_id)
        j = jacobian[:, columns]
        step = j.T @ np.linalg.solve(j @ j.T + _DAMPING ** 2 * np.eye(6), error)
        data.qpos[rows] = np.clip(data.qpos[rows] + np.clip(step, -_STEP_RAD, _STEP_RAD),
                                  low, high)
        mujoco.mj_kinematics(model, data)
    return float(np.linalg.norm(position_m - data.site_xpos[site_id]))


_ITERATIONS = 60
_EXACT = 1e-4
"""Metres and radians: nothing that can be seen."""
_DAMPING = 0.02
_STEP_RAD = 0.3
"""Largest turn of a joint in one iteration, lest a far target throw the arm about."""
