# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Every method learns: on the simplest task, far better than chance, in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from drail_ros import plugins
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.episodes.evaluate import evaluate
from drail_ros.learn.train.offline import OfflineTrainer
from drail_ros.learn.train.online import Trainer
from drail_ros.learn.train.settings import make_run_settings, OfflineSettings
from drail_ros.sim.make import make_sim
from drail_ros.tasks.point_reach import TASK as POINT_REACH

ONLINE = [name for kind in (plugins.REWARDS, plugins.ALGORITHMS)
          for name in plugins.names(kind)]
ENOUGH = 0.3
"""A policy with random weights succeeds in 3 % of the episodes: by chance, near the goal."""


def success(policy: object) -> float:
    sim = make_sim(POINT_REACH, 50, 1.0)
    return evaluate(sim, policy.controller(50), 100, seed=7).success_rate  # type: ignore


@pytest.mark.parametrize(('algorithm', 'agent'), [
    *(pytest.param(name, '', id=name) for name in ONLINE),
    pytest.param('drail', 'sac', id='drail sac'), pytest.param('diffail', 'ppo', id='diffail ppo'),
])
def test_learns_by_acting(algorithm: str, agent: str, tmp_path: Path,
                          point_reach_demonstrations: Demonstrations) -> None:
    """Until it is good enough, at most for the task's own number of steps."""
    run = make_run_settings({
        'task': 'point_reach', 'algorithm': algorithm, 'output_dir': str(tmp_path / 'run'),
        **({'agent': agent} if agent else {})})
    trainer = Trainer(make_sim(POINT_REACH, run.num_envs, 1.0),
                      point_reach_demonstrations, run, lambda step, metrics: None)
    assert success(trainer.policy) < 0.2
    best, due = 0.0, 0.0
    while best < ENOUGH and not trainer.is_finished():
        trainer.iterate()
        if trainer.step >= due:
            best, due = success(trainer.policy), trainer.step + run.total_steps / 20
    assert best >= ENOUGH


@pytest.mark.parametrize('algorithm', plugins.names(plugins.OFFLINE))
def test_learns_from_demonstrations_alone(algorithm: str, tmp_path: Path,
                                          point_reach_demonstrations: Demonstrations) -> None:
    run = make_run_settings({'task': 'point_reach', 'algorithm': algorithm,
                             'output_dir': str(tmp_path / 'run')})
    assert isinstance(run, OfflineSettings)
    trainer = OfflineTrainer(make_sim(POINT_REACH, run.num_envs, 1.0),
                             point_reach_demonstrations, run, lambda epoch, metrics: None)
    assert success(trainer.learner.policy) < 0.2
    trainer.train()
    assert success(trainer.learner.policy) >= 0.5


def test_random_weights_do_not_succeed() -> None:
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    sim = make_sim(POINT_REACH, 50, 1.0)
    chance = evaluate(sim, lambda obs: rng.uniform(-1, 1, (50, 2)).astype(np.float32), 500, 7)
    assert chance.success_rate < 0.15
