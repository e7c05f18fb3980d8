"""Every reward model: the protocol, and its own mathematics in closed form."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch.nn.functional import logsigmoid

from drail_ros import plugins, settings
from drail_ros.learn.batch import Batch, paired_minibatches
from drail_ros.learn.rewards.drail import Drail, DrailSettings
from drail_ros.learn.rewards.gradient_penalty import gradient_penalty
from drail_ros.learn.rewards.logits import REWARD_FORMS, reward_of_logit

OBS, ACTION = 4, 2
NAMES = plugins.names(plugins.REWARDS)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian_batch(mean: float, count: int = 512, seed: int = 0) -> Batch:
    random = generator(seed)
    return Batch(*(mean + torch.randn((count, size), generator=random)
                   for size in (OBS, ACTION, OBS)))


def make(name: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    model, defaults = plugins.load(plugins.REWARDS, name)
    chosen = settings.replace(defaults(), {'width': 32, 'layers': 2, **changes})
    return model(OBS, ACTION, chosen, generator(1))


@pytest.mark.parametrize('name', NAMES)
def test_learns_to_pay_for_looking_like_the_expert(name: str) -> None:
    model = make(name)
    expert, agent = gaussian_batch(1.0), gaussian_batch(-1.0, seed=1)
    before = model.update(expert, agent)
    for _ in range(40):
        after = model.update(expert, agent)
    assert after['discriminator/loss'] < 0.9 * before['discriminator/loss']
    difference = model.reward(gaussian_batch(1.0, seed=2)) - model.reward(
        gaussian_batch(-1.0, seed=3))
    assert difference.mean() > 0.3
    assert model.reward(expert).shape == (512,) and not model.reward(expert).requires_grad


@pytest.mark.parametrize('name', NAMES)
def test_continues_exactly_from_its_state(name: str) -> None:
    expert, agent = gaussian_batch(1.0), gaussian_batch(-1.0, seed=1)
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
    batch = gaussian_batch(0.0, count=64)
    state = model.generator.get_state()
    reward = model.reward(batch)
    model.generator.set_state(state)
    x = torch.cat([batch.obs, batch.action], dim=1)
    t_agent, noise_agent = model._draw(x, draws)
    t_expert, noise_expert = (t_agent, noise_agent) if shared else model._draw(x, draws)
    losses = [model.diffusion(x.repeat(draws, 1), t, noise, torch.full((64 * draws, 10), label))
              .view(draws, 64).mean(0)
              for t, noise, label in ((t_agent, noise_agent, 0.0), (t_expert, noise_expert, 1.0))]
    assert torch.allclose(reward, losses[0] - losses[1], atol=1e-5)
    # log D - log(1 - D) with D = exp(-L⁺) / (exp(-L⁺) + exp(-L⁻)) is the same number.
    logit = losses[0] - losses[1]
    assert torch.allclose(reward, logsigmoid(logit) - logsigmoid(-logit), atol=1e-5)


def test_sharing_noise_and_averaging_draws_lower_the_variance_only() -> None:
    """Every estimator has the same expectation; an untrained net separates their noise."""
    torch.manual_seed(0)
    batch = gaussian_batch(0.0, count=8)
    spread, mean = {}, {}
    for key in ((False, 1), (True, 1), (False, 8), (True, 8)):
        model = Drail(OBS, ACTION, DrailSettings(width=32, layers=2, reward_shared_noise=key[0],
                                                 reward_draws=key[1]), generator(2))
        torch.manual_seed(3)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, 0, 0.2)
        rewards = torch.stack([model.reward(batch) for _ in range(800)])
        spread[key], mean[key] = rewards.std(0).mean().item(), rewards.mean(0)
    assert spread[True, 1] < 0.8 * spread[False, 1]
    assert spread[False, 8] < 0.5 * spread[False, 1]
    assert spread[True, 8] < 0.5 * spread[True, 1]
    for key, value in mean.items():
        tolerance = 5 * spread[False, 1] / 800 ** 0.5
        assert (value - mean[True, 8]).abs().max() < tolerance, key


def test_epochs_really_iterate() -> None:
    batch = gaussian_batch(0.0, count=256)
    pairs = list(paired_minibatches(batch, batch, 64, 3, generator()))
    assert len(pairs) == 3 * 4
    for epoch in range(3):
        seen = torch.cat([agent.obs[:, 0] for _, agent in pairs[4 * epoch:4 * epoch + 4]])
        assert torch.equal(seen.sort().values, batch.obs[:, 0].sort().values)


def test_demonstrations_are_used_equally_often() -> None:
    expert, agent = gaussian_batch(0.0, count=100), gaussian_batch(1.0, count=256)
    used = torch.cat([e.obs[:, 0] for e, _ in paired_minibatches(expert, agent, 64, 2,
                                                                 generator())])
    counts = torch.unique(used, return_counts=True)[1]
    assert len(counts) == 100 and counts.min() >= 5 and counts.max() <= 6
