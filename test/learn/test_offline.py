# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Learning from demonstrations alone: closed forms, every offline learner, whole runs."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drail_ros import plugins, settings
from drail_ros.data.demonstrations import Demonstrations, Episode, Layout
from drail_ros.episodes.evaluate import evaluate
from drail_ros.errors import UserError
from drail_ros.files import read_tensors
from drail_ros.learn.nets.diffusion import cosine_alpha_bar
from drail_ros.learn.offline.bc import Bc, BcSettings, negative_log_likelihood
from drail_ros.learn.offline.dbc import Dbc, DbcSettings
from drail_ros.learn.offline.offline_learner import decay_linearly, OfflineLearner, shuffled_pass
from drail_ros.learn.train.checkpoint import load_checkpoint, save_checkpoint
from drail_ros.learn.train.folder import read_metrics
from drail_ros.learn.train.offline import OfflineTrainer
from drail_ros.learn.train.settings import make_run_settings, OfflineSettings
from drail_ros.sim.make import make_sim
from drail_ros.tasks.fetch_push import TASK as FETCH_PUSH
from drail_ros.tasks.task import Array, Field

NAMES = plugins.names(plugins.OFFLINE)
SMALL: dict[str, object] = {
    'batch_size': 64, 'width': 32, 'layers': 2, 'learning_rate': 3e-3, 'diffusion_width': 32,
    'diffusion_layers': 2, 'diffusion_steps': 20}
"""Settings of a quick learner, for those that have them."""
CASES = [pytest.param(name, {}, id=name) for name in NAMES] + [
    pytest.param('bc', {'loss': 'nll'}, id='bc nll')]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def demonstrations(obs: Array, action: Array) -> Demonstrations:
    """Episodes ``[E, L, O]``, ``[E, L, A]`` of a task of that many numbers."""
    layout = Layout('toy', 10.0, (Field('state', obs.shape[2], ''),),
                    (Field('action', action.shape[2], '', -1.0, 1.0),))
    length = obs.shape[1] - 1
    no = np.zeros(length, bool)
    last = np.arange(length) == length - 1
    return Demonstrations.join([
        Episode(layout, o[:-1].astype(np.float32), a[:-1].astype(np.float32),
                o[1:].astype(np.float32), no, last, no, np.arange(length))
        for o, a in zip(obs, action)])


def turning_states(episodes: int, length: int, seed: int) -> Array:
    """States ``[E, L, 2]`` that turn around the origin by 0.2 rad a step, whatever is done."""
    angle = 0.2 * np.arange(length) + np.random.default_rng(seed).uniform(0, 6.28, (episodes, 1))
    return np.stack([np.cos(angle), np.sin(angle)], axis=2)


def linear_expert(obs: Array) -> Array:
    return 0.5 * obs @ np.array([[1.0, 0.3], [-0.4, 0.8]])


def linear_demonstrations() -> Demonstrations:
    obs = turning_states(20, 41, 0)
    return demonstrations(obs, linear_expert(obs))


def gaussian_demonstrations(mean: float, std: float) -> Demonstrations:
    """Actions that do not depend on the state."""
    rng = np.random.default_rng(0)
    return demonstrations(rng.normal(size=(1, 2001, 1)),
                          rng.normal(mean, std, (1, 2001, 1)).clip(-1, 1))


def make(name: str, data: Demonstrations, seed: int = 0, **changes: object) -> OfflineLearner:
    make_learner, make_settings = plugins.load(plugins.OFFLINE, name)
    base = make_settings()
    wanted = {k: v for k, v in SMALL.items() if k in settings.specs(base)} | {'epochs': 30}
    if 'diffusion_epochs' in settings.specs(base):
        wanted['diffusion_epochs'] = 10
    torch.manual_seed(seed)
    return make_learner(data, settings.replace(base, wanted | changes), generator(seed))


def learn(learner: OfflineLearner, epochs: int, begun: int = 0) -> list[dict[str, float]]:
    return [learner.learn_epoch(epoch) for epoch in range(begun, begun + epochs)]


def assert_same(one: Any, other: Any) -> None:
    """Nested states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same(value, other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other):
            assert_same(a, b)
    else:
        assert one == other


def test_likelihood_of_a_known_gaussian() -> None:
    """-E log N(a; m, σ²) = E (a - m)² / 2σ² + log σ + log √2π, summed over components."""
    by_hand = (0.04 / (2 * 0.1 ** 2) + math.log(0.1) + 0.5 * math.log(2 * math.pi)
               + 0.25 / (2 * 2.0 ** 2) + math.log(2.0) + 0.5 * math.log(2 * math.pi))
    found = negative_log_likelihood(torch.tensor([0.04, 0.25]), torch.tensor([0.1, 2.0]).log())
    assert found.item() == pytest.approx(by_hand, rel=1e-6)


def test_the_loss_is_the_policys_likelihood() -> None:
    learner = make('bc', linear_demonstrations(), loss='nll')
    assert isinstance(learner, Bc)
    actor, random = learner.policy.actor, generator(3)
    obs, action = torch.randn((50, 2), generator=random), torch.randn((50, 2), generator=random)
    square = (actor.mean(obs) - action).square().mean(dim=0)
    assert negative_log_likelihood(square, actor.log_std).item() == pytest.approx(
        -actor.log_prob(obs, action).mean().item(), rel=1e-5)


@pytest.mark.parametrize('loss', ['mse', 'nll'])
def test_cloning_finds_mean_and_std_of_noisy_actions(loss: str) -> None:
    data = gaussian_demonstrations(0.3, 0.15)
    learner = make('bc', data, loss=loss, epochs=40, learning_rate=6e-3,
                   learning_rate_decay=True)
    assert isinstance(learner, Bc)
    last = learn(learner, 40)[-1]
    mean, std = float(data.action.mean()), float(data.action.std())
    assert learner.policy.act(np.zeros((1, 1), np.float32)).item() == pytest.approx(mean, abs=0.03)
    assert last['bc/std'] == pytest.approx(std, rel=0.05)
    assert last['bc/mse'] == pytest.approx(std ** 2, rel=0.1)


def test_std_has_a_floor_where_actions_are_fitted_exactly() -> None:
    data = demonstrations(np.zeros((1, 101, 1)), np.full((1, 101, 1), 0.2))
    last = learn(make('bc', data, loss='nll', learning_rate=3e-2, epochs=300), 300)[-1]
    assert last['bc/std'] == pytest.approx(0.01)
    assert last['bc/loss'] > math.log(0.01) + 0.5 * math.log(2 * math.pi) - 1e-6


def test_step_size_falls_linearly_and_so_after_a_resume() -> None:
    data = linear_demonstrations()
    first, second = (make('bc', data, epochs=4, learning_rate=0.4, learning_rate_decay=True)
                     for _ in range(2))
    rates = []
    for epoch, learner in enumerate((first, first, second, second)):
        if epoch == 2:
            second.load_state_dict(copy.deepcopy(first.state_dict()))
        learner.learn_epoch(epoch)
        rates.append(learner.optimisers['policy'].param_groups[0]['lr'])
    assert rates == pytest.approx([0.4, 0.3, 0.2, 0.1])
    decay_linearly(first.optimisers['policy'], 1.0, 4, 4)
    assert first.optimisers['policy'].param_groups[0]['lr'] == 0.0


def test_a_pass_sees_every_row_once() -> None:
    passed = shuffled_pass(10, 4, generator())
    assert [len(rows) for rows in passed] == [4, 4, 2]
    assert sorted(torch.cat(passed).tolist()) == list(range(10))


@pytest.fixture(scope='module')
def dbc_on_a_gaussian() -> Dbc:
    """DBC whose diffusion model has learned z-scored states and actions of N(0.3, 0.2²)."""
    data = gaussian_demonstrations(0.3, 0.2)
    learner = make('dbc', data, epochs=151, diffusion_epochs=150, batch_size=256,
                   diffusion_width=64, diffusion_steps=50, diffusion_learning_rate=3e-3)
    assert isinstance(learner, Dbc)
    learn(learner, 150)
    return learner


def noise_prediction_error(learner: Dbc, std: float, mean: float) -> float:
    """Mean distance from √(1-ᾱ) (x_t - √ᾱ μ) / (ᾱ σ² + 1 - ᾱ) for the action of x = [s, a]."""
    errors = []
    for step in (5, 15, 25, 40):
        a = cosine_alpha_bar(50)[step].item()
        centre, spread = math.sqrt(a) * mean, math.sqrt(a * std ** 2 + 1 - a)
        x_t = torch.linspace(centre - 1.5 * spread, centre + 1.5 * spread, 21)
        expected = math.sqrt(1 - a) * (x_t - centre) / spread ** 2
        with torch.no_grad():
            found = learner.diffusion.net(torch.stack([torch.zeros(21), x_t], dim=1),
                                          torch.full((21,), step), torch.zeros(21, 0))[:, 1]
        errors.append((found - expected).abs().mean().item())
    return sum(errors) / len(errors)


def test_the_diffusion_model_learns_the_score(dbc_on_a_gaussian: Dbc) -> None:
    data = gaussian_demonstrations(0.3, 0.2)
    untrained = make('dbc', data, diffusion_width=64, diffusion_steps=50)
    assert isinstance(untrained, Dbc)
    mean, std = float(data.action.mean()), float(data.action.std())
    assert noise_prediction_error(untrained, std, mean) > 0.5
    assert noise_prediction_error(dbc_on_a_gaussian, std, mean) < 0.12


def test_the_diffusion_term_is_zero_at_the_experts_action(dbc_on_a_gaussian: Dbc) -> None:
    obs, action = torch.randn((200, 1), generator=generator(1)), torch.full((200, 1), 0.3)
    assert torch.equal(dbc_on_a_gaussian.excess(obs, action, action), torch.zeros(200))


def test_the_diffusion_term_grows_off_the_data(dbc_on_a_gaussian: Dbc) -> None:
    """With the best ε-net, E[L(a) - L(μ)] = (a - μ)² E_t ᾱ(1-ᾱ) / (2 (ᾱσ² + 1 - ᾱ)²)."""
    obs, expert = torch.zeros(4000, 1), torch.full((4000, 1), 0.3)
    alpha_bar = cosine_alpha_bar(50)
    factor = (alpha_bar * (1 - alpha_bar) / (alpha_bar * 0.04 + 1 - alpha_bar).square()).mean() / 2
    found = []
    for distance in (0.1, 0.3, 0.6):
        with torch.no_grad():
            excess = dbc_on_a_gaussian.excess(obs, expert - distance, expert)
        assert (excess >= 0).all()
        found.append(excess.mean().item())
        # max(0, ·) only adds; three standard deviations off, it hardly acts any more.
        assert found[-1] > 0.8 * distance ** 2 * factor
    assert found[0] < found[1] < found[2]
    assert found[2] == pytest.approx(0.36 * factor.item(), rel=0.35)


def test_the_diffusion_model_is_frozen_while_the_policy_learns() -> None:
    learner = make('dbc', linear_demonstrations(), epochs=4, diffusion_epochs=2)
    assert isinstance(learner, Dbc)
    policy = [p.clone() for p in learner.policy.parameters()]
    learn(learner, 2)
    assert all(torch.equal(a, b) for a, b in zip(policy, learner.policy.parameters()))
    model = [p.clone() for p in learner.diffusion.parameters()]
    learn(learner, 2, begun=2)
    assert all(torch.equal(a, b) for a, b in zip(model, learner.diffusion.parameters()))
    assert not all(torch.equal(a, b) for a, b in zip(policy, learner.policy.parameters()))


def test_the_policy_descends_both_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    """(π - 0.2)² + c max(0, 0.6 - π): slope 2 (π - 0.2) - c is zero at 0.2 + c / 2."""
    data = demonstrations(np.zeros((1, 101, 1)), np.full((1, 101, 1), 0.2))
    learner = make('dbc', data, diffusion_weight=0.4, epochs=60, diffusion_epochs=1)
    assert isinstance(learner, Dbc)
    monkeypatch.setattr(learner, 'excess', lambda obs, action, expert: (0.6 - action[:, 0]).relu())
    learn(learner, 59, begun=1)
    assert learner.policy.act(np.zeros((1, 1), np.float32)).item() == pytest.approx(0.4, abs=0.02)


def test_the_policy_needs_passes() -> None:
    with pytest.raises(UserError, match='no passes are left'):
        DbcSettings(epochs=50, diffusion_epochs=50)


@pytest.mark.parametrize(('name', 'changes'), CASES)
def test_losses_fall(name: str, changes: dict[str, object]) -> None:
    rows = learn(make(name, linear_demonstrations(), **changes), 30)
    for metric in {key for row in rows for key in row if key.endswith(('loss', 'mse'))}:
        values = [row[metric] for row in rows if metric in row]
        assert np.mean(values[-3:]) < np.mean(values[:3]), metric


@pytest.mark.parametrize(('name', 'changes'), CASES)
def test_a_linear_expert_is_imitated(name: str, changes: dict[str, object]) -> None:
    """Along new episodes, so that a policy that plans several actions ahead can show it."""
    learner = make(name, linear_demonstrations(), **changes)

    def error() -> float:
        obs = turning_states(16, 24, 1).astype(np.float32)
        act = learner.policy.controller(16)
        done = np.stack([act(obs[:, t]) for t in range(24)], axis=1)
        return float(np.square(done - linear_expert(obs)).mean())

    before = error()
    learn(learner, 30)
    assert error() < 0.1 * before


@pytest.mark.parametrize(('name', 'changes'), CASES)
def test_same_seed_same_result(name: str, changes: dict[str, object]) -> None:
    first, second, other = (make(name, linear_demonstrations(), seed, **changes)
                            for seed in (1, 1, 2))
    assert learn(first, 3) == learn(second, 3) != learn(other, 3)
    assert_same(first.state_dict(), second.state_dict())


@pytest.mark.parametrize('passes', [2, 12])
@pytest.mark.parametrize(('name', 'changes'), CASES)
def test_a_saved_learner_continues_identically(name: str, changes: dict[str, object],
                                               passes: int, tmp_path: Path) -> None:
    data = linear_demonstrations()
    learner, loaded = make(name, data, **changes), make(name, data, seed=9, **changes)
    learn(learner, passes)
    save_checkpoint(tmp_path / 'learner', {**learner.state_dict()})
    loaded.load_state_dict(load_checkpoint(tmp_path / 'learner'))
    loaded.generator.set_state(learner.generator.get_state())
    assert learn(learner, 3, passes) == learn(loaded, 3, passes)
    assert_same(learner.state_dict(), loaded.state_dict())


def trainer(folder: Path, data: Demonstrations, name: str = 'bc',
            **changes: Any) -> OfflineTrainer:
    known = settings.specs(make_run_settings({'algorithm': name}))
    small = {f'learner.{k}': v for k, v in SMALL.items()} | {
        'learner.diffusion_epochs': 2, 'learner.epochs': 5, 'num_envs': 4, 'device': 'cpu',
        'evaluation_episodes': 4, 'evaluate_every': 2, 'checkpoint_every': 2}
    run = make_run_settings({**{k: v for k, v in small.items() if k in known},
                             'algorithm': name, 'output_dir': str(folder), **changes})
    assert isinstance(run, OfflineSettings)
    return OfflineTrainer(make_sim(FETCH_PUSH, run.num_envs, run.noise), data, run,
                          lambda epoch, metrics: None)


@pytest.mark.parametrize('name', NAMES)
def test_stopped_and_resumed_equals_never_stopped(
        name: str, tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    trainer(whole, fetch_push_demonstrations, name).train()
    for epoch in (1, 3):
        run = trainer(parts, fetch_push_demonstrations, name, resume='auto')
        run.train(lambda run=run, epoch=epoch: run.step == epoch)
    trainer(parts, fetch_push_demonstrations, name, resume=True).train()
    for file in ('checkpoint', 'policy', 'policy_best'):
        assert_same(*(read_tensors(folder / f'{file}.safetensors', file)
                      for folder in (whole, parts)))
    assert rows_without_seconds(whole) == rows_without_seconds(parts)


def rows_without_seconds(folder: Path) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != 'train/seconds'}
            for row in read_metrics(folder)]


def test_a_killed_run_forgets_what_it_logged_past_its_checkpoint(
        tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    trainer(whole, fetch_push_demonstrations).train()

    def die() -> bool:
        if run.step == 3:
            raise KeyboardInterrupt
        return False

    run = trainer(killed, fetch_push_demonstrations)
    with pytest.raises(KeyboardInterrupt):
        run.train(die)
    run = trainer(killed, fetch_push_demonstrations, resume=True)
    assert run.step == 2
    run.train()
    assert rows_without_seconds(whole) == rows_without_seconds(killed)
    seconds = [row['train/seconds'] for row in read_metrics(killed)]
    assert seconds == sorted(seconds) and seconds[0] > 0, 'goes on with what it took before'
    assert_same(*(read_tensors(folder / 'policy.safetensors', 'policy')
                  for folder in (whole, killed)))


@pytest.mark.parametrize(('every', 'evaluated'), [(0, [5]), (2, [2, 4, 5]), (9, [5])])
def test_evaluates_when_due_and_at_the_end(
        every: int, evaluated: list[int], tmp_path: Path,
        fetch_push_demonstrations: Demonstrations) -> None:
    trainer(tmp_path, fetch_push_demonstrations, evaluate_every=every).train()
    rows = read_metrics(tmp_path)
    assert [row['step'] for row in rows] == [1, 2, 3, 4, 5]
    assert [row['step'] for row in rows if 'evaluation/success_rate' in row] == evaluated
    best = [row['step'] for row in rows if 'evaluation/best' in row
            and row['evaluation/success_rate'] == row['evaluation/best']]
    _, info = read_tensors(tmp_path / 'policy_best.safetensors', 'policy')
    assert info['step'] == best[-1] and info['algorithm'] == 'bc'


def test_divergence_stops_the_run_and_saves_its_state(
        tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    run = trainer(tmp_path, fetch_push_demonstrations)
    assert isinstance(run.learner, Bc)
    with torch.no_grad():
        for parameter in run.learner.parameters():
            parameter.fill_(float('nan'))
    with pytest.raises(UserError, match='training diverged'):
        run.train()
    assert (tmp_path / 'diverged.safetensors').exists()


def test_cloning_imitates_better_than_chance(fetch_push_demonstrations: Demonstrations) -> None:
    torch.manual_seed(0)
    learner = Bc(fetch_push_demonstrations,
                 BcSettings(epochs=60, learning_rate=1e-3, learning_rate_decay=True), generator())
    rows = learn(learner, 60)
    assert rows[-1]['bc/loss'] < 0.3 * rows[0]['bc/loss']
    result = evaluate(make_sim(FETCH_PUSH, 16, 1.0), learner.policy.act, 32, 3)
    assert result.success_rate > 0.25  # a random policy never succeeds
