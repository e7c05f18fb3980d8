# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Warm start: the actor begins as a clone, and only what judges it learns at first."""

from __future__ import annotations

from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from test_training import assert_same_weights
import torch

from drail_ros.data.demonstrations import Demonstrations
from drail_ros.errors import UserError
from drail_ros.learn.nets.actors import CLONED_STD, GaussianActor, SquashedGaussianActor
from drail_ros.learn.train.folder import read_metrics
from drail_ros.learn.train.online import Trainer
from drail_ros.learn.train.settings import make_run_settings
from drail_ros.learn.train.warm_start import clone
from drail_ros.sim.make import make_sim
from drail_ros.tasks.fetch_push import TASK as FETCH_PUSH

RANDOM_STEPS = 2048
AGENTS = ('ppo', 'sac')


def trainer(folder: Path, demonstrations: Demonstrations, agent: str, **changes: Any) -> Trainer:
    small = {'total_steps': RANDOM_STEPS + 512, 'num_envs': 4, 'rollout_steps': 32,
             'evaluation_episodes': 4, 'reward.width': 16, 'learner.width': 32, 'device': 'cpu',
             'evaluate_every': 100_000, 'warm_start': 60, 'warm_start_steps': RANDOM_STEPS + 256}
    small |= {'learner.epochs': 2, 'learner.minibatches': 4,
              'learner.final_std': 0.0} if agent == 'ppo' else {
        'learner.updates_per_step': 0.1, 'learner.batch_size': 32}
    run = make_run_settings({**small, 'agent': agent, 'output_dir': str(folder), **changes})
    return Trainer(make_sim(FETCH_PUSH, run.num_envs, run.noise), demonstrations, run,
                   lambda step, metrics: None)


@pytest.mark.parametrize('make', [GaussianActor, SquashedGaussianActor])
def test_a_clone_does_what_the_expert_does(make: type) -> None:
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(0)
    obs = torch.randn((500, 2), generator=random)
    action = torch.stack([0.8 * obs[:, 0].sin(), -0.5 * obs[:, 1].cos()], dim=1)
    actor = make(2, 2, 64, 2)
    loss = clone(actor, obs, action, 600, random)
    assert (actor.mean_action(obs) - action).square().mean() < 0.01 and loss < 0.03
    samples = actor.sample(obs, random)[0].clamp(-0.99, 0.99)
    if make is SquashedGaussianActor:
        spread = (samples.atanh() - actor.mean_action(obs).atanh()).std()
        assert abs(spread.item() - CLONED_STD) < 0.05
    else:
        assert abs((samples - actor.mean_action(obs)).std().item() - 1.0) < 0.4


def test_observations_are_jittered_between_the_demonstrations() -> None:
    """Two states a little apart, opposite actions: a clone without jitter would jump."""
    torch.manual_seed(0)
    obs = torch.tensor([[-0.02], [0.02]])
    actor = GaussianActor(1, 1, 64, 2)
    clone(actor, obs, torch.tensor([[-1.0], [1.0]]), 1500, torch.Generator().manual_seed(0))
    assert 0.05 < actor.mean_action(obs)[1].item() < 0.6


@pytest.mark.parametrize('agent', AGENTS)
def test_the_clone_rests_while_its_judges_learn(
        agent: str, tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    run = trainer(tmp_path, fetch_push_demonstrations, agent)
    untrained = [p.clone() for p in run.agent.actor.parameters()]
    run.iterate()
    cloned = [p.clone() for p in run.agent.actor.parameters()]
    assert run.step == RANDOM_STEPS and not all(map(torch.equal, untrained, cloned))
    judges = [p.clone() for p in (*run.agent.critic.parameters(), *run.reward_model.parameters())]
    while run.step < RANDOM_STEPS + 256:
        run.iterate()
        assert all(map(torch.equal, cloned, run.agent.actor.parameters()))
    now = (*run.agent.critic.parameters(), *run.reward_model.parameters())
    assert not any(map(torch.equal, judges, now))
    run.iterate()
    assert not all(map(torch.equal, cloned, run.agent.actor.parameters()))


@pytest.mark.parametrize('agent', AGENTS)
def test_statistics_are_those_of_demonstrations_and_random_actions(
        agent: str, tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    run = trainer(tmp_path, fetch_push_demonstrations, agent)
    run.iterate()
    statistics = {k: v.clone() for k, v in run.normaliser.state_dict().items()}
    assert statistics['count'] == len(fetch_push_demonstrations) + RANDOM_STEPS
    # The expert holds its height to a millimetre, random actions do not.
    height = 2
    assert statistics['variance'][height] > 20 * fetch_push_demonstrations.obs[:, height].var()
    run.iterate()
    assert all(torch.equal(v, statistics[k]) for k, v in run.normaliser.state_dict().items())


@pytest.mark.parametrize('agent', AGENTS)
def test_stopped_and_resumed_equals_never_stopped(
        agent: str, tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    trainer(whole, fetch_push_demonstrations, agent).train()
    for calls in (0, 1, 30):  # before it clones, while the clone is judged, and later
        stops = chain(repeat(False, calls), repeat(True))
        trainer(parts, fetch_push_demonstrations, agent, resume='auto').train(
            partial(next, stops))
    trainer(parts, fetch_push_demonstrations, agent, resume=True).train()
    assert_same_weights(whole, parts)
    steps = [row['step'] for row in read_metrics(whole)]
    assert steps == [row['step'] for row in read_metrics(parts)] and steps[0] == RANDOM_STEPS


def test_the_clone_is_judged_and_saved(tmp_path: Path,
                                       fetch_push_demonstrations: Demonstrations) -> None:
    trainer(tmp_path, fetch_push_demonstrations, 'ppo', total_steps=RANDOM_STEPS).train()
    row, = read_metrics(tmp_path)
    assert row['step'] == RANDOM_STEPS and 0 < row['warm_start/loss'] < 1
    assert 'evaluation/success_rate' in row and 'evaluation_sampled/success_rate' in row


def test_a_clone_does_not_begin_with_random_actions() -> None:
    values = {'agent': 'sac', 'warm_start': 10}
    assert make_run_settings(values).learner.random_steps == 0
    assert make_run_settings(values | {'warm_start': 0}).learner.random_steps > 0


def test_nothing_to_clone_is_refused() -> None:
    with pytest.raises(UserError, match='no demonstrations to clone'):
        make_run_settings({'task': 'hopper', 'algorithm': 'true_reward', 'warm_start': 10})
