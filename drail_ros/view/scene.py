# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A moment of an episode as a scene: the task's model in a pose, its marks, where one looks from.

What draws it is another's: ``film.py`` off screen, ``live.py`` in a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import copy

import mujoco
import numpy as np

from drail_ros.tasks.display import Mark
from drail_ros.tasks.task import Array, Task
from drail_ros.view.shown import display_of, Shown

GOAL_RGBA, REACHED_RGBA, PATH_RGBA = (
    (0.90, 0.25, 0.15, 0.5), (0.15, 0.75, 0.30, 0.5), (0.0, 0.45, 0.70, 1.0))
GROUND = 20
"""How many times as long and wide as in the model the ground is shown to who runs over it."""
LARGEST_PATH = 100
"""Pieces a path is drawn in; browsers are sent some hundred at most."""


class Scene:
    """The scene of a task; ``model`` and ``data`` are its own.

    Raises:
        UserError: the task has no display, or its model is missing.

    """

    def __init__(self, task: Task) -> None:
        self.task, self.display = task, display_of(task)
        assert task.load_model
        self.model = copy.deepcopy(task.load_model())
        for site in self.display.hidden_sites:
            self.model.site(site).rgba[3] = 0.0
        if self.display.camera.follows:  # however far it goes, there is ground to see
            planes = self.model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
            self.model.geom_size[planes, :2] *= GROUND
            self.model.mat_texrepeat[np.unique(self.model.geom_matid[planes])] *= GROUND
        self.data = mujoco.MjData(self.model)

    def show(self, shown: Shown, step: int) -> None:
        """Take the pose of an episode after so many steps, all computed."""
        self.display.pose(self.model, self.data, shown.readings[step])
        mujoco.mj_forward(self.model, self.data)

    def place(self, camera: mujoco.MjvCamera) -> None:
        """Have a camera look from where the task is best seen."""
        view = self.display.camera
        mujoco.mjv_defaultFreeCamera(self.model, camera)
        camera.azimuth, camera.elevation = view.azimuth_deg, view.elevation_deg
        camera.distance, camera.lookat[:] = view.distance_m, view.lookat_m
        if view.follows:
            camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
            camera.trackbodyid = self.model.body(view.follows).id

    def draw_marks(self, shown: Shown, step: int,
                   new_geom: Callable[[], mujoco.MjvGeom | None]) -> None:
        """Draw goals and the paths so far; ``new_geom`` gives a shape to fill, None if no more."""
        reached = shown.success and step == shown.steps
        for mark in self.display.marks:
            positions = shown.readings[:step + 1, self.task.reading_columns(mark.reading)]
            for shape in (_path(mark, positions) if mark.is_path
                          else [_sphere(mark, positions[-1], reached)]):
                geom = new_geom()
                if geom is None:
                    return
                shape(geom)


Shape = Callable[[mujoco.MjvGeom], None]


def _sphere(mark: Mark, position: Array, reached: bool) -> Shape:
    def fill(geom: mujoco.MjvGeom) -> None:
        _initialise(geom, mujoco.mjtGeom.mjGEOM_SPHERE, REACHED_RGBA if reached else GOAL_RGBA,
                    np.full(3, mark.radius_m), position)
    return fill


def _path(mark: Mark, positions: Array) -> Iterator[Shape]:
    """Yield capsules along positions ``[S, 3]``, of which the last is always reached."""
    stride = -(-(len(positions) - 1) // LARGEST_PATH) or 1
    points = positions[::-1][::stride][::-1]
    for begin, end in zip(points, points[1:]):
        def fill(geom: mujoco.MjvGeom, begin: Array = begin, end: Array = end) -> None:
            _initialise(geom, mujoco.mjtGeom.mjGEOM_CAPSULE, PATH_RGBA, np.zeros(3), np.zeros(3))
            mujoco.mjv_connector(geom, mujoco.mjtGeom.mjGEOM_CAPSULE, mark.radius_m, begin, end)
        yield fill


def _initialise(geom: mujoco.MjvGeom, kind: int, rgba: tuple[float, ...], size: Array,
                position: Array) -> None:
    mujoco.mjv_initGeom(geom, kind, size, position, np.eye(3).ravel(),
                        np.array(rgba, np.float32))
