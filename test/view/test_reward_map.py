# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The picture of a learned reward: who has one to draw, and what the number beside it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from drail_ros import plugins
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.train.checkpoint import save_checkpoint
from drail_ros.learn.train.folder import RunFolder
from drail_ros.learn.train.settings import make_run_settings, OnlineSettings
from drail_ros.view import reward_map
from drail_ros.view.reward_map import plot_reward_maps, roughness

WITH_A_LOGIT = ('airl', 'dac', 'diffail', 'drail', 'drail_un', 'gail', 'gail_gp', 'wail')


def begun_run(folder: Path, algorithm: str, weights: float | None = None) -> Path:
    """Return a run of task sine as its checkpoint has it before anything is learned."""
    run = make_run_settings({'task': 'sine', 'algorithm': algorithm, 'output_dir': str(folder),
                             'reward.width': 16, 'terminations': 'end'})
    assert isinstance(run, OnlineSettings)
    RunFolder(run, '')
    torch.manual_seed(0)
    make, _ = plugins.load(plugins.REWARDS, algorithm)
    model = make(1, 1, run.reward, torch.Generator().manual_seed(0))
    for parameter in model.parameters() if weights is not None else ():
        torch.nn.init.constant_(parameter, weights)
    save_checkpoint(folder / 'checkpoint.safetensors', {
        'reward_model': model.state_dict(), 'normaliser': RunningNormaliser(1).state_dict()})
    return folder


def test_roughness_of_a_plane_is_its_slope() -> None:
    states, actions = np.linspace(0, 2, 5), np.linspace(-1, 1, 7)
    plane = 0.3 * states[:, None] + 0.4 * actions
    assert roughness(plane, states, actions) == pytest.approx(0.5)


@pytest.mark.parametrize('algorithm', WITH_A_LOGIT)
def test_every_logit_is_drawn_without_the_noise_of_its_estimates(
        algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained network hardly varies from one state to the next, a noisy estimate would."""
    monkeypatch.setattr(reward_map, '_DRAWS', 2)
    run = begun_run(tmp_path / 'run', algorithm)
    found = plot_reward_maps([run], tmp_path / 'map.png')
    assert 0.0 < found[algorithm] < 0.5
    assert (tmp_path / 'map.png').read_bytes().startswith(b'\x89PNG')


def test_a_logit_of_zero_is_flat(tmp_path: Path) -> None:
    run = begun_run(tmp_path / 'run', 'gail', weights=0.0)
    assert plot_reward_maps([run], tmp_path / 'map.png') == {'gail': pytest.approx(0.0, abs=1e-5)}
