"""Advantages by hand; PPO climbs a reward it is given."""

from __future__ import annotations

import torch

from drail_ros.learn.advantages import generalised_advantages
from drail_ros.learn.agents.ppo import Ppo, PpoSettings, Rollout
from drail_ros.learn.actors import GaussianActor
from drail_ros.learn.normalise import ReturnScaler, RunningNormaliser


def column(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers)[:, None]


def test_advantages_by_hand() -> None:
    """Three steps, a termination after the second; γ = 0.9, λ = 0.5."""
    terminated = torch.tensor([False, True, False])[:, None]
    found = generalised_advantages(column(1, 2, 3), column(0.5, 0.25, 1), column(0.25, 9, 4),
                                   terminated, terminated, 0.9, 0.5)
    last = 3 + 0.9 * 4 - 1
    second = 2 - 0.25
    first = 1 + 0.9 * 0.25 - 0.5 + 0.45 * second
    assert torch.allclose(found, column(first, second, last))


def test_a_time_limit_is_bootstrapped_and_cuts_the_trace() -> None:
    no, ended = torch.zeros(2, 1, dtype=torch.bool), torch.tensor([[True], [False]])
    found = generalised_advantages(column(1, 1), column(0, 0), column(2, 0), no, ended, 0.5, 1.0)
    assert torch.allclose(found, column(1 + 0.5 * 2, 1))


def test_running_normaliser_equals_statistics_of_all_it_saw() -> None:
    random = torch.Generator().manual_seed(0)
    parts = [3 + 2 * torch.randn((n, 3), generator=random) for n in (5, 100, 1)]
    normaliser = RunningNormaliser(3)
    for part in parts:
        normaliser.update(part)
    everything = torch.cat(parts).double()
    assert torch.allclose(normaliser.mean, everything.mean(0))
    assert torch.allclose(normaliser.variance, everything.var(0, unbiased=False))
    assert normaliser(torch.full((1, 3), 1e9)).eq(10.0).all()


def test_return_scaler_divides_by_the_std_of_discounted_returns() -> None:
    rewards, ended = torch.tensor([[1.0], [1.0], [1.0]]), torch.tensor([[False], [True], [False]])
    scaled = ReturnScaler(1, 0.5)(rewards, ended)
    returns = torch.tensor([1.0, 1.5, 1.0]).double()
    assert torch.allclose(scaled, rewards / returns.std(unbiased=False).float(), rtol=1e-4)


def test_actor_is_the_gaussian_it_claims_to_be() -> None:
    torch.manual_seed(0)
    actor = GaussianActor(4, 3, 8, 1, initial_std=0.4)
    obs, action = torch.randn(7, 4), torch.randn(7, 3)
    expected = torch.distributions.Normal(actor.mean(obs), actor.log_std.exp())
    assert torch.allclose(actor.log_prob(obs, action), expected.log_prob(action).sum(1), atol=1e-5)
    assert torch.allclose(actor.entropy(), expected.entropy().sum(1)[0])


def test_annealed_exploration_ends_at_its_final_std() -> None:
    settings = PpoSettings(initial_std=0.5, final_std=0.1, minibatches=1, epochs=1)
    agent = Ppo(2, 1, settings, torch.Generator().manual_seed(0))
    flags = torch.zeros(8, 2, dtype=torch.bool)
    zeros = torch.zeros(8, 2)
    for progress, std in ((0.0, 0.5), (0.5, 0.05 ** 0.5), (1.0, 0.1)):
        agent.update(Rollout(torch.zeros(8, 2, 2), torch.randn(8, 2, 1), zeros, zeros, zeros,
                             flags, flags), torch.randn(8, 2), progress)
        assert abs(agent.actor.log_std.exp().item() - std) < 1e-6


def test_climbs_a_known_reward() -> None:
    """Reward -‖a - target‖²: the mean action moves to the target."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    settings = PpoSettings(learning_rate=3e-3, width=32, minibatches=4, epochs=5)
    agent, target = Ppo(2, 1, settings, generator), 0.6
    obs = torch.zeros(64, 4, 2)
    everything = torch.ones(64, 4, dtype=torch.bool)
    for _ in range(30):
        action, log_prob = agent.act(obs.flatten(0, 1))
        rollout = Rollout(obs, action.view(64, 4, 1), log_prob.view(64, 4), agent.value(obs),
                          agent.value(obs), everything, everything)
        agent.update(rollout, -(rollout.action[..., 0] - target).square(), progress=0.0)
    assert abs(agent.actor.mean(obs[0, :1]).item() - target) < 0.1
    assert agent.actor.log_std.exp().item() < 1.0
