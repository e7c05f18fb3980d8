# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Learned rewards as pictures, tables and records: who has one, and whose seeds are averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from drail_ros import __version__, plugins
from drail_ros.errors import UserError
from drail_ros.files import read_json
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.train.checkpoint import load_checkpoint, save_checkpoint
from drail_ros.learn.train.folder import RunFolder
from drail_ros.learn.train.settings import make_run_settings, OnlineSettings
from drail_ros.view import reward_map
from drail_ros.view.reward_map import learned_reward, plot_reward_maps
from drail_ros.view.reward_quality import STATES

WITH_A_LOGIT = ('airl', 'dac', 'diffail', 'drail', 'drail_un', 'gail', 'gail_gp', 'wail')


def begun_run(folder: Path, algorithm: str, weights: float | None = None, seed: int = 0,
              **more: object) -> Path:
    """Return a run of task sine as its checkpoint has it before anything is learned."""
    run = make_run_settings({'task': 'sine', 'algorithm': algorithm, 'output_dir': str(folder),
                             'reward.width': 16, 'terminations': 'end', 'seed': seed, **more})
    assert isinstance(run, OnlineSettings)
    log = RunFolder(run, '')
    log.start_log(0)
    log.log(4096, {})
    log.close()
    torch.manual_seed(seed)
    make, _ = plugins.load(plugins.REWARDS, algorithm)
    model = make(1, 1, run.reward, torch.Generator().manual_seed(0))
    for parameter in model.parameters() if weights is not None else ():
        torch.nn.init.constant_(parameter, weights)
    save_checkpoint(folder / 'checkpoint.safetensors', {
        'reward_model': model.state_dict(), 'normaliser': RunningNormaliser(1).state_dict()})
    return folder


@pytest.mark.parametrize('algorithm', WITH_A_LOGIT)
def test_every_logit_is_drawn_without_the_noise_of_its_estimates(
        algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained network hardly varies from one state to the next, a noisy estimate would."""
    monkeypatch.setattr(reward_map, '_DRAWS', 2)
    run = begun_run(tmp_path / 'run', algorithm)
    plot_reward_maps([run], tmp_path / 'map.png', tmp_path)
    assert 0.0 < read_json(tmp_path / f'sine_{algorithm}_0.json')['roughness'] < 0.5
    assert (tmp_path / 'map.png').read_bytes().startswith(b'\x89PNG')


def test_a_logit_of_zero_is_flat_and_at_chance(tmp_path: Path) -> None:
    run = begun_run(tmp_path / 'run', 'gail', weights=0.0)
    quality = learned_reward(run).quality
    assert (quality.demonstrated_auc, quality.gap_auc, quality.roughness) == (
        0.5, 0.5, pytest.approx(0.0, abs=1e-5))


@pytest.mark.parametrize('normalises', [True, False])
def test_states_are_judged_as_they_were_learned_on(normalises: bool, tmp_path: Path) -> None:
    """A discriminator of one weight: the logit is what it sees of the state."""
    run = begun_run(tmp_path / 'run', 'gail', weights=0.0)
    state = load_checkpoint(run / 'checkpoint.safetensors')
    if normalises:
        state['normaliser'] |= {'mean': torch.tensor([5.0]).double(),
                                'variance': torch.tensor([4.0]).double()}
    weights = state['reward_model']
    layers = sorted(name for name in weights if name.endswith('weight'))
    for name in layers:
        weights[name][0, 0] = 1e-3 if name != layers[-1] else 1e6
    save_checkpoint(run / 'checkpoint.safetensors', state)
    probability = learned_reward(run).probability
    assert (probability[STATES < 4.9] < 0.5).all() == normalises
    assert (probability[STATES > 5.1] > 0.5).all()


def test_seeds_are_averaged_and_recorded(tmp_path: Path) -> None:
    runs = [begun_run(tmp_path / str(seed), 'gail', seed=seed) for seed in (3, 4)]
    runs.append(begun_run(tmp_path / 'other', 'gail_gp', weights=0.0))
    table = plot_reward_maps(runs, tmp_path / 'map.png', tmp_path / 'results')
    records = [read_json(tmp_path / 'results' / f'sine_gail_{seed}.json') for seed in (3, 4)]
    both = [record['gap_auc'] for record in records]
    assert f'{np.mean(both):.3f} ± {np.std(both):.3f}' in table.splitlines()[2]
    assert table.splitlines()[2].startswith('| gail | 2 | 4,096 | ')
    assert table.splitlines()[3].startswith('| gail_gp | 1 | 4,096 | 0.500 | 0.500 | 0.000 | ')
    assert [record['seed'] for record in records] == [3, 4]
    assert records[0]['settings']['reward.width'] == 16 and records[0]['steps'] == 4096
    assert records[0]['versions']['drail_ros'] == __version__


def test_runs_of_one_algorithm_are_seeds_of_one_experiment(tmp_path: Path) -> None:
    run = begun_run(tmp_path / 'run', 'gail')
    with pytest.raises(UserError, match='twice'):
        plot_reward_maps([run, run], tmp_path / 'map.png', tmp_path)
    other = begun_run(tmp_path / 'other', 'gail', seed=1, **{'reward.epochs': 7})
    with pytest.raises(UserError, match='reward.epochs'):
        plot_reward_maps([run, other], tmp_path / 'map.png', tmp_path)
    assert not (tmp_path / 'map.png').exists()
