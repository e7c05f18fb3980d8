# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""FetchPush moves as Gymnasium-Robotics' own environment does.

The recorded trajectories come from its code under MuJoCo 3.11 (``test/fixtures``). Under the same
MuJoCo ours agree to 1e-6; newer releases of MuJoCo solve contacts a little differently, which
moves a pushed block by centimetres, so there only motion before contact is compared closely.
"""

from __future__ import annotations

from functools import partialmethod
from pathlib import Path
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
import pytest

from drail_ros.tasks.fetch_push import TASK

RECORDED = Path(__file__).parents[1] / 'fixtures' / 'fetch_push.npz'
RECORDED_UNDER = '3.11.0'


class OneSimulation:
    """What FetchPush needs of ``mujoco.batch.Batch``, for releases of MuJoCo without it."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model, self._data = model, mujoco.MjData(model)

    def __getattr__(self, name: str) -> np.ndarray:
        return getattr(self._data, name)[None]

    def named(self, kind: str, name: str) -> SimpleNamespace:
        view = getattr(self._data, kind)(name)
        fields = {'body': ('xpos', 'xquat'), 'site': ('xpos',), 'joint': ('qpos',)}[kind]
        return SimpleNamespace(**{field: getattr(view, field)[None] for field in fields})

    body = partialmethod(named, 'body')
    site = partialmethod(named, 'site')
    joint = partialmethod(named, 'joint')

    def step(self, nstep: int, stage: mujoco.mjtStage) -> None:
        mujoco.mj_step(self.model, self._data, nstep=nstep)
        mujoco.mj_fwdPosition(self.model, self._data)

    def forward(self) -> None:
        mujoco.mj_forward(self.model, self._data)


def simulate_one(model: mujoco.MjModel) -> Any:
    if mujoco.__version__ == RECORDED_UNDER:
        return OneSimulation(model)
    from mujoco.batch import Batch
    return Batch(model, 1)


def replay(episode: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Our and the reference's trajectory of one recorded action sequence."""
    with np.load(RECORDED, allow_pickle=False) as file:
        recorded = {name: file[name][episode] for name in file.files}
    batch = simulate_one(TASK.load_model())
    dynamics = TASK.physics(batch, 1.0)
    batch.qpos[0], batch.qvel[0] = recorded['qpos'], recorded['qvel']
    batch.forward()
    readings = np.zeros((1, TASK.reading_size))
    readings[:, -3:] = recorded['goal']
    rows = []
    for action in recorded['actions']:
        readings = dynamics.step(readings, action[None])
        rows.append(readings)
    readings = np.concatenate(rows)
    return {'gripper': readings[:, 0:3], 'block': readings[:, 3:6],
            'observation': TASK.observe(readings)}, recorded


def largest_error(episode: int, name: str, steps: int | None = None) -> float:
    ours, recorded = replay(episode)
    return float(np.abs(ours[name][:steps] - recorded[name][:steps]).max())


@pytest.mark.parametrize('episode', range(6))
def test_agrees_with_the_recorded_trajectory(episode: int) -> None:
    ours, recorded = replay(episode)
    assert np.linalg.norm(recorded['block'][-1] - recorded['block'][0]) > 0.05, 'it was pushed'
    if mujoco.__version__ == RECORDED_UNDER:
        for name in ('gripper', 'block', 'observation'):
            assert largest_error(episode, name) < 1e-6
        return
    untouched = int(np.argmax(np.abs(recorded['block'] - recorded['block'][0]).max(1) > 1e-4))
    assert largest_error(episode, 'observation', untouched) < 2e-4
    assert largest_error(episode, 'gripper') < 1e-3
    assert largest_error(episode, 'block') < 0.06
    pushed = recorded['block'][-1] - recorded['block'][0]
    ours_pushed = ours['block'][-1] - ours['block'][0]
    assert np.linalg.norm(ours_pushed - pushed) < 0.35 * np.linalg.norm(pushed) + 0.02


@pytest.mark.slow
def test_agrees_exactly_under_the_recorded_mujoco(tmp_path: Path) -> None:
    site = tmp_path / 'site'
    pip = [sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--target', str(site)]
    subprocess.run([*pip, f'mujoco=={RECORDED_UNDER}'], check=True)
    code = (f'import sys; sys.path[:0] = [{str(site)!r}]; import mujoco, pytest; '
            f'assert mujoco.__version__ == {RECORDED_UNDER!r}; '
            f'sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-k", "recorded_trajectory", '
            f'{__file__!r}]))')
    subprocess.run([sys.executable, '-c', code], check=True)
