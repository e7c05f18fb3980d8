# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Every reward model: the protocol, and its own mathematics in closed form."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any, cast

import pytest
import torch
from torch.nn.functional import logsigmoid

from drail_ros import plugins, settings
from drail_ros.learn.nets.actors import Actor
from drail_ros.learn.nets.diffusion import stratified_timesteps
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.rewards.drail import Drail, DrailSettings
from drail_ros.learn.rewards.gradient_penalty import gradient_penalty
from drail_ros.learn.rewards.logits import logit_of_energy, REWARD_FORMS, reward_of_logit
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.rewards.terminations import marked
from drail_ros.learn.transitions import INPUTS, paired_minibatches, Transitions

OBS, ACTION = 4, 2
NAMES = [name for name in plugins.names(plugins.REWARDS) if name != 'true_reward']


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian_rows(mean: float, count: int = 512, seed: int = 0) -> Transitions:
    random = generator(seed)
    obs, action, next_obs = (mean + torch.randn((count, size), generator=random)
                             for size in (OBS, ACTION, OBS))
    return Transitions.of(obs, action, next_obs)


def make(name: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    model, defaults = plugins.load(plugins.REWARDS, name)
    small = {'width': 32, 'layers': 2, 'batch_size': 64, 'learning_rate': 1e-3,
             'expert_updates': 300}
    known = settings.specs(defaults)
    chosen = settings.replace(defaults(), {
        k: v for k, v in (small | changes).items() if k in known or k not in small})
    return model(OBS, ACTION, chosen, generator(1))


@pytest.mark.parametrize('inputs', INPUTS)
@pytest.mark.parametrize('name', NAMES)
def test_learns_to_pay_for_looking_like_the_expert(name: str, inputs: str) -> None:
    model = make(name, inputs=inputs)
    expert, agent = gaussian_rows(1.0), gaussian_rows(-1.0, seed=1)
    before = model.update(expert, agent)
    for _ in range(40):
        after = model.update(expert, agent)
    assert all(math.isfinite(value) for value in (before | after).values())
    more_expert, more_agent = gaussian_rows(1.0, seed=2), gaussian_rows(-1.0, seed=3)
    paid = torch.cat([model.reward(more_expert), model.reward(more_agent)])
    assert paid.shape == (1024,) and paid.isfinite().all() and not paid.requires_grad
    assert paid[:512].mean() - paid[512:].mean() > paid.std()


@pytest.mark.parametrize('inputs', ['state_pair', 'state'])
@pytest.mark.parametrize('name', NAMES)
def test_from_states_no_action_is_looked_at(name: str, inputs: str) -> None:
    changes = {'policy_density': False} if name == 'airl' else {}
    expert, agent = gaussian_rows(1.0), gaussian_rows(-1.0, seed=1)
    other = dataclasses.replace(expert, action=torch.zeros_like(expert.action))
    rewards = []
    for demonstrations in (expert, other):
        model = make(name, inputs=inputs, **changes)
        model.update(demonstrations, agent)
        rewards.append(model.reward(agent))
    assert torch.equal(*rewards)


@pytest.mark.parametrize('name', NAMES)
def test_continues_exactly_from_its_state(name: str) -> None:
    expert, agent = gaussian_rows(1.0), gaussian_rows(-1.0, seed=1)
    model = make(name)
    model.update(expert, agent)
    other = make(name)
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    other.generator.set_state(model.generator.get_state())
    for each in (model, other):
        each.update(expert, agent)
    for first, second in zip(model.parameters(), other.parameters()):
        assert torch.equal(first, second)
    assert torch.equal(model.reward(expert), other.reward(expert))


@pytest.mark.parametrize('name', NAMES)
def test_an_agent_that_did_nothing_yet_teaches_nothing(name: str) -> None:
    model = make(name)
    assert model.update(gaussian_rows(1.0), gaussian_rows(-1.0)[:0]) == {}


@pytest.mark.parametrize('name', NAMES)
def test_every_setting_is_described(name: str) -> None:
    _, defaults = plugins.load(plugins.REWARDS, name)
    for field in dataclasses.fields(defaults):
        assert field.metadata['help'], field.name


@pytest.mark.parametrize('form', REWARD_FORMS)
def test_reward_forms(form: str) -> None:
    logit = torch.linspace(-5, 5, 11)
    d = torch.sigmoid(logit)
    expected = {'logit': d.log() - (1 - d).log(), 'log_d': d.log(),
                'neg_log_one_minus_d': -(1 - d).log()}[form]
    assert torch.allclose(reward_of_logit(logit, form), expected, atol=1e-4)


def test_gradient_penalty_of_a_linear_critic() -> None:
    weight = torch.tensor([3.0, 4.0])
    penalty = gradient_penalty(lambda x: x @ weight, torch.randn(64, 2), torch.randn(64, 2),
                               generator())
    assert penalty.item() == pytest.approx((5.0 - 1.0) ** 2, rel=1e-5)


@pytest.mark.parametrize('shared', [False, True])
@pytest.mark.parametrize('draws', [1, 4])
def test_drail_reward_is_the_difference_of_the_two_losses(shared: bool, draws: int) -> None:
    model = make('drail', reward_shared_noise=shared, reward_draws=draws, diffusion_steps=20)
    rows = gaussian_rows(0.0, count=64)
    state = model.generator.get_state()
    reward = model.reward(rows)
    model.generator.set_state(state)
    x = torch.cat([rows.obs, rows.action], dim=1)
    t_agent, noise_agent = model.score.draw(x, draws)
    t_expert, noise_expert = (
        (t_agent, noise_agent) if shared else model.score.draw(x, draws))
    losses = [model.score.diffusion(x.repeat(draws, 1), t, noise,
                                    torch.full((64 * draws, 10), label)).view(draws, 64).mean(0)
              for t, noise, label in ((t_agent, noise_agent, 0.0), (t_expert, noise_expert, 1.0))]
    assert torch.allclose(reward, losses[0] - losses[1], atol=1e-5)
    # log D - log(1 - D) with D = exp(-L⁺) / (exp(-L⁺) + exp(-L⁻)) is the same number.
    logit = losses[0] - losses[1]
    assert torch.allclose(reward, logsigmoid(logit) - logsigmoid(-logit), atol=1e-5)


def test_sharing_noise_and_averaging_draws_lower_the_variance_only() -> None:
    """Every estimator has the same expectation; an untrained net separates their noise."""
    torch.manual_seed(0)
    rows = gaussian_rows(0.0, count=8)
    spread, mean = {}, {}
    for key in ((False, 1), (True, 1), (False, 8), (True, 8)):
        model = Drail(OBS, ACTION, DrailSettings(width=32, layers=2, reward_shared_noise=key[0],
                                                 reward_draws=key[1]), generator(2))
        torch.manual_seed(3)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, 0, 0.2)
        rewards = torch.stack([model.reward(rows) for _ in range(800)])
        spread[key], mean[key] = rewards.std(0).mean().item(), rewards.mean(0)
    assert spread[True, 1] < 0.8 * spread[False, 1]
    assert spread[False, 8] < 0.5 * spread[False, 1]
    assert spread[True, 8] < 0.5 * spread[True, 1]
    for key, value in mean.items():
        tolerance = 5 * spread[False, 1] / 800 ** 0.5
        assert (value - mean[True, 8]).abs().max() < tolerance, key


def test_epochs_really_iterate() -> None:
    rows = gaussian_rows(0.0, count=256)
    pairs = list(paired_minibatches(rows, rows, 64, 3, generator()))
    assert len(pairs) == 3 * 4
    for epoch in range(3):
        seen = torch.cat([agent.obs[:, 0] for _, agent in pairs[4 * epoch:4 * epoch + 4]])
        assert torch.equal(seen.sort().values, rows.obs[:, 0].sort().values)


def test_demonstrations_are_used_equally_often() -> None:
    expert, agent = gaussian_rows(0.0, count=100), gaussian_rows(1.0, count=256)
    used = torch.cat([e.obs[:, 0] for e, _ in paired_minibatches(expert, agent, 64, 2,
                                                                 generator())])
    counts = torch.unique(used, return_counts=True)[1]
    assert len(counts) == 100 and counts.min() >= 5 and counts.max() <= 6


def test_wail_penalty_of_a_linear_critic_is_its_closed_form() -> None:
    """f(x) = w·x on x_E - x_π = d for all pairs: (w·d - ‖d‖)² / (4 ε_reg)."""
    model = make('wail', layers=0, regularisation=0.1, inputs='state')
    difference = torch.tensor([1.0, 2.0, -2.0, 0.0])
    weight = torch.tensor([0.5, -1.0, 0.25, 3.0])
    with torch.no_grad():
        model.score.net[0].weight.copy_(weight[None])
    agent = gaussian_rows(0.0, count=8)
    expert = dataclasses.replace(agent, obs=agent.obs + difference)
    missed = (weight @ difference - difference.norm()).item()
    assert model.penalty(expert, agent).item() == pytest.approx(missed ** 2 / 0.4, rel=1e-4)
    assert make('wail', layers=0, regularisation=0.1, inputs='state', one_sided=True).penalty(
        agent, agent).item() == 0.0
    logits = model.score(expert), model.score(agent)
    assert model.loss(*logits).item() == pytest.approx(-(weight @ difference).item(), rel=1e-4)


def test_airl_logit_is_reward_plus_shaping_minus_log_policy() -> None:
    model = make('airl', discount=0.9, inputs='state_action')
    rows = dataclasses.replace(gaussian_rows(0.0, count=4), log_prob=torch.arange(4.0),
                               terminated=torch.tensor([False, True, False, False]))
    g = model.score.g(torch.cat([rows.obs, rows.action], 1)).squeeze(1)
    h, h_next = model.score.h(rows.obs).squeeze(1), model.score.h(rows.next_obs).squeeze(1)
    expected = g + 0.9 * h_next * torch.tensor([1.0, 0.0, 1.0, 1.0]) - h - torch.arange(4.0)
    assert torch.allclose(model.reward(rows), expected, atol=1e-6)


def test_airl_shapes_an_absorbing_state_as_any_other() -> None:
    model = make('airl', discount=0.9, inputs='state_action')
    rows = gaussian_rows(0.0, count=2)
    ending = dataclasses.replace(rows, obs=rows.obs[:, :-1], next_obs=rows.next_obs[:, :-1],
                                 terminated=torch.tensor([False, True]))
    seen = marked(ending)
    state = torch.tensor([[0.0] * (OBS - 1) + [1.0]])
    potential = model.score.h(state).squeeze() - model.score.h(torch.zeros(1, OBS)).squeeze()
    changed = model.reward(seen) - model.reward(
        dataclasses.replace(seen, next_obs=torch.zeros_like(seen.next_obs)))
    assert potential.abs() > 1e-3
    assert changed[1].item() == pytest.approx(0.9 * potential.item(), rel=1e-3)


def test_dac_halves_the_cross_entropy() -> None:
    logits = torch.randn(8, generator=generator()), torch.randn(8, generator=generator(1))
    assert torch.allclose(make('dac').loss(*logits), 0.5 * make('gail').loss(*logits))
    as_released = make('dac', cross_entropies='sum')
    assert torch.equal(as_released.loss(*logits), make('gail').loss(*logits))


@pytest.mark.parametrize(('inputs', 'slope'), [
    ('state_action', [4.0] + 3 * [0.0] + [3.0, 0.0]), ('state', [4.0] + 3 * [0.0]),
    ('state_pair', [4.0] + 3 * [0.0] + [3.0] + 3 * [0.0])])
@pytest.mark.parametrize('penalised', ['all', 'state'])
def test_the_gradient_in_the_action_may_be_left_out(penalised: str, inputs: str,
                                                    slope: list[float]) -> None:
    """Of slope 4 in s and 3 in a or s': (√(4² + 3²) - 1)², or without the action (4 - 1)²."""
    model = make('gail_gp', inputs=inputs, penalised=penalised, layers=0)
    with torch.no_grad():
        model.score.net[0].weight.copy_(torch.tensor([slope]))
    counts = [s for at, s in enumerate(slope)
              if penalised == 'all' or inputs != 'state_action' or at < OBS]
    found = model.penalty(gaussian_rows(1.0, 16), gaussian_rows(-1.0, 16)).item()
    assert found == pytest.approx((math.hypot(*counts) - 1) ** 2, rel=1e-4)


@pytest.mark.parametrize('name', NAMES)
def test_so_many_of_the_agents_rows_are_learned_from(name: str,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    def updates(**changes: int) -> int:
        model, steps = make(name, expert_updates=1, **changes), []
        optimiser = getattr(model, 'optimiser', None) or model._optimiser
        step = optimiser.step
        monkeypatch.setattr(optimiser, 'step', lambda: steps.append(1) or step())
        model.update(gaussian_rows(1.0), gaussian_rows(-1.0))
        return len(steps) - (name == 'smiling')  # one of the expert net

    assert (updates(), updates(agent_rows=192), updates(agent_rows=192, epochs=2)) == (8, 3, 6)


@pytest.mark.parametrize(('name', 'function'), [
    ('gail_gp', 'at'), ('dac', 'at'), ('diffail', 'probability')])
def test_the_gradient_penalty_is_of_the_logit_or_of_d(name: str, function: str) -> None:
    model = make(name, penalty_weight=3.0)
    expert, agent = gaussian_rows(1.0, 16), gaussian_rows(-1.0, 16)
    found = model.penalty(expert, agent)
    model.generator.manual_seed(1)
    x_expert, x_agent = (torch.cat([rows.obs, rows.action], 1) for rows in (expert, agent))
    expected = 3 * gradient_penalty(getattr(model.score, function), x_expert, x_agent,
                                    model.generator)
    assert torch.equal(found, expected) and found > 0
    assert make(name, penalty_weight=0.0).penalty(expert, agent) == 0.0


def test_diffail_penalises_d_of_one_step() -> None:
    model, x = make('diffail', diffusion_steps=3), gaussian_rows(0.0, 16).obs
    x = torch.cat([x, x[:, :ACTION]], 1)
    found = model.score.probability(x)
    model.generator.manual_seed(1)
    t = torch.randint(3, (16,), generator=model.generator)
    noise = torch.randn(x.shape, generator=model.generator)
    assert torch.allclose(found, torch.exp(-model.score.diffusion(x, t, noise)))


def test_wail_descends_without_momentum() -> None:
    model = make('wail')
    model.update(gaussian_rows(1.0), gaussian_rows(-1.0))
    kept = model.state_dict()['_extra_state']['state'][0]
    assert 'square_avg' in kept and not {'exp_avg', 'momentum_buffer'} & set(kept)


@pytest.mark.parametrize('density', [True, False])
def test_airl_asks_for_densities_where_it_subtracts_them(density: bool) -> None:
    assert make('airl', policy_density=density).needs_log_prob is density


@pytest.mark.parametrize('draws', [1, 4])
def test_drail_un_pays_the_logit_of_its_mean_error(draws: int) -> None:
    model = make('drail_un', reward_draws=draws, training_draws=draws + 1, diffusion_steps=20)
    rows = gaussian_rows(0.0, count=64)
    reward = model.reward(rows)
    model.generator.manual_seed(1)
    x = torch.cat([rows.obs, rows.action], dim=1)
    t = stratified_timesteps(64, draws, 20, model.generator)
    noise = torch.randn((draws * 64, OBS + ACTION), generator=model.generator)
    error = model.score.diffusion(x.repeat(draws, 1), t.flatten(), noise)
    d = torch.exp(-error.view(draws, 64).mean(0))
    assert torch.allclose(reward, d.log() - (1 - d).log(), atol=1e-4)


def test_what_a_picture_shows_is_what_drail_pays_on_average() -> None:
    model, rows = make('drail', diffusion_steps=20), gaussian_rows(0.0, count=32)
    torch.manual_seed(3)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    paid = torch.stack([model.reward(rows) for _ in range(400)]).mean(0)
    with torch.no_grad():
        shown = model.score.expected(rows, 3200)
    assert torch.corrcoef(torch.stack([paid, shown]))[0, 1] > 0.95
    assert (paid - shown).abs().mean() < 0.2 * paid.std()


def test_smiling_pays_the_mean_difference_of_errors() -> None:
    model, x = make('smiling', reward_draws=3), gaussian_rows(0.0, 8).obs
    torch.nn.init.zeros_(model.expert.net.net[-1].weight)
    found = model.difference(x)
    model.generator.manual_seed(1)
    expected = torch.zeros(8)
    for t in stratified_timesteps(1, 3, model.learner.steps, model.generator):
        noise = torch.randn(x.shape, generator=model.generator)
        errors = [net(x, t.expand(8), noise) for net in (model.learner, model.expert)]
        expected += (errors[0] - errors[1]) / 3
    assert torch.allclose(found, expected, atol=1e-6) and found.abs().max() > 1e-3


def test_logit_of_an_energy() -> None:
    energy = torch.tensor([0.01, 0.5, 3.0])
    d = torch.exp(-energy)
    assert torch.allclose(logit_of_energy(energy), d.log() - (1 - d).log(), rtol=1e-4)
    assert logit_of_energy(torch.zeros(1)).isfinite()


@pytest.mark.parametrize('form', ['paper', 'released'])
def test_diffail_rewards_as_in_the_paper_and_as_released(form: str) -> None:
    model = make('diffail', diffusion_steps=3, reward_form=form)
    rows = gaussian_rows(0.0, count=16)
    state = model.generator.get_state()
    reward = model.reward(rows)
    model.generator.set_state(state)
    x = torch.cat([rows.obs, rows.action], 1)
    paper, released = torch.zeros(16), torch.zeros(16)
    alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 2e-2, 3), 0)
    for t in range(3):
        noise = torch.randn(x.shape, generator=model.generator)
        x_t = alpha_bar[t].sqrt() * x + (1 - alpha_bar[t]).sqrt() * noise
        error = (model.score.diffusion.net(x_t, torch.full((16,), t)) - noise).square()
        paper += -torch.log(1 - torch.exp(-error.mean(1))) / 3
        released += torch.exp(-error).mean(1) / 3
    expected = paper if form == 'paper' else -torch.log(1 - released)
    assert torch.allclose(reward, expected, atol=1e-4)


def test_smiling_pays_nothing_where_the_learner_net_is_the_experts() -> None:
    model = make('smiling', reward_std=0.0)
    expert = gaussian_rows(1.0)
    model.update(expert, gaussian_rows(-1.0, seed=1))
    assert model.reward(expert).abs().mean() > 0.01
    model.learner.load_state_dict(model.expert.state_dict())
    assert model.reward(expert).abs().max() == 0.0


def test_smiling_is_paid_alike_whatever_the_agent_has_seen() -> None:
    model, statistics = make('smiling'), RunningNormaliser(OBS)
    teacher = Teacher(gaussian_rows(1.0), model, statistics, cast(Actor, None))
    agent = gaussian_rows(-1.0, seed=1)
    teacher.learn(agent)
    paid = []
    for seen in (1.0, 50.0):
        statistics.update(seen * agent.obs)
        model.generator.manual_seed(3)
        paid.append(teacher.reward(agent))
    assert torch.equal(*paid)


@pytest.mark.parametrize('name', ['drail', 'drail_un', 'diffail'])
def test_expected_scores_share_their_draws(name: str) -> None:
    rows = gaussian_rows(0.0, count=1)[torch.zeros(5, dtype=torch.long)]
    found = make(name).score.expected(rows, 4)
    assert torch.allclose(found, found[:1].expand(5), atol=1e-6) and found.isfinite().all()


def test_smiling_fits_its_expert_net_once_and_standardises() -> None:
    model = make('smiling', reward_std=0.1)
    expert, agent = gaussian_rows(1.0), gaussian_rows(-1.0, seed=1)
    model.update(expert, agent)
    before = [p.clone() for p in model.expert.parameters()]
    model.update(gaussian_rows(5.0), agent)
    assert all(map(torch.equal, before, model.expert.parameters()))
    paid = model.reward(agent)
    assert paid.std().item() == pytest.approx(0.1, rel=0.2) and paid.mean().abs() < 0.02
    signal = model.learner.signal.square()
    assert (signal >= 1e-3).all() and 1800 < len(signal) < 1900
