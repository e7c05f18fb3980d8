# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Advantages by hand; PPO climbs a reward it is given."""

from __future__ import annotations

from typing import Any

from known_reward import Reward, teacher_who_pays
import pytest
import torch

from drail_ros.learn.agents.advantages import generalised_advantages
from drail_ros.learn.agents.agent import Rollout
from drail_ros.learn.agents.ppo import clipped_gain, clipped_square, Ppo, PpoSettings
from drail_ros.learn.nets.actors import GaussianActor
from drail_ros.learn.nets.normalise import ReturnScaler, RunningNormaliser
from drail_ros.learn.rewards.teacher import Teacher


def column(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers)[:, None]


def test_advantages_by_hand() -> None:
    """Three steps, a termination worth 0 after the second; γ = 0.9, λ = 0.5."""
    ended = torch.tensor([False, True, False])[:, None]
    found = generalised_advantages(column(1, 2, 3), column(0.5, 0.25, 1), column(0.25, 0, 4),
                                   ended, 0.9, 0.5)
    last = 3 + 0.9 * 4 - 1
    second = 2 - 0.25
    first = 1 + 0.9 * 0.25 - 0.5 + 0.45 * second
    assert torch.allclose(found, column(first, second, last))


def test_a_time_limit_is_bootstrapped_and_cuts_the_trace() -> None:
    ended = torch.tensor([[True], [False]])
    found = generalised_advantages(column(1, 1), column(0, 0), column(2, 0), ended, 0.5, 1.0)
    assert torch.allclose(found, column(1 + 0.5 * 2, 1))


def test_the_trace_weakens_step_by_step() -> None:
    found = generalised_advantages(column(0, 0, 8), column(0, 0, 0), column(0, 0, 0),
                                   torch.zeros(3, 1, dtype=torch.bool), 0.5, 0.5)
    assert torch.equal(found, column(8 / 16, 8 / 4, 8))


@pytest.mark.parametrize(('ratio', 'advantage', 'gain', 'slope'), [
    pytest.param(1.1, 2.0, 2.2, 2.0, id='good, near'),
    pytest.param(1.5, 2.0, 2.4, 0.0, id='good, more likely than counts'),
    pytest.param(0.5, 2.0, 1.0, 2.0, id='good, less likely by mistake'),
    pytest.param(0.9, -2.0, -1.8, -2.0, id='bad, near'),
    pytest.param(0.5, -2.0, -1.6, 0.0, id='bad, less likely than counts'),
    pytest.param(1.5, -2.0, -3.0, -2.0, id='bad, more likely by mistake'),
])
def test_nothing_is_gained_beyond_the_clip(ratio: float, advantage: float, gain: float,
                                           slope: float) -> None:
    at = torch.tensor([ratio], requires_grad=True)
    found = clipped_gain(at, torch.tensor([advantage]), 0.2)
    found.sum().backward()
    assert found.item() == pytest.approx(gain) and at.grad is not None
    assert at.grad.item() == pytest.approx(slope)


@pytest.mark.parametrize(('value', 'returns', 'square'), [
    pytest.param(1.1, 3.0, 1.9 ** 2, id='near'),
    pytest.param(2.0, 3.0, 1.8 ** 2, id='up, towards the return'),
    pytest.param(2.0, 0.0, 2.0 ** 2, id='up, away from it'),
    pytest.param(0.0, -1.0, 1.8 ** 2, id='down, towards the return'),
    pytest.param(0.0, 2.0, 2.0 ** 2, id='down, away from it'),
])
def test_values_are_clipped_on_both_sides(value: float, returns: float, square: float) -> None:
    """The old value is 1 and the range 0.2."""
    found = clipped_square(*(torch.tensor([x]) for x in (value, 1.0, returns)), 0.2)
    assert found.item() == pytest.approx(square)


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


def test_return_scaler_is_one_over_the_std_of_discounted_returns() -> None:
    rewards, ended = torch.tensor([[1.0], [1.0], [1.0]]), torch.tensor([[False], [True], [False]])
    factor = ReturnScaler(1, 0.5)(rewards, ended)
    returns = torch.tensor([1.0, 1.5, 1.0]).double()
    assert factor == pytest.approx(1 / returns.std(unbiased=False).item(), rel=1e-4)


def test_actor_is_the_gaussian_it_claims_to_be() -> None:
    torch.manual_seed(0)
    actor = GaussianActor(4, 3, 8, 1, initial_std=0.4)
    obs, action = torch.randn(7, 4), torch.randn(7, 3)
    expected = torch.distributions.Normal(actor.mean(obs), actor.log_std.exp())
    assert torch.allclose(actor.log_prob(obs, action), expected.log_prob(action).sum(1), atol=1e-5)
    assert torch.allclose(actor.entropy(), expected.entropy().sum(1)[0])


@pytest.mark.parametrize('chosen', [{}, {'mean_gain': 0.7}])
def test_first_actions_hardly_depend_on_the_state(chosen: dict[str, float]) -> None:
    """Orthogonal layers of gain √2, the last of the actor of gain 0.01, of the critic of 1."""
    agent = make(PpoSettings(width=8, layers=2, **chosen), obs_size=8)
    for net, last in ((agent.actor.mean, chosen.get('mean_gain', 0.01)), (agent.critic, 1.0)):
        for layer, gain in zip(net[::2], (2 ** 0.5, 2 ** 0.5, last), strict=True):
            gains = torch.linalg.svdvals(layer.weight)
            assert torch.allclose(gains, torch.tensor(gain), atol=1e-5) and not layer.bias.any()


def make(settings: PpoSettings, obs_size: int = 2, num_envs: int = 2) -> Ppo:
    torch.manual_seed(0)
    return Ppo(obs_size, 1, num_envs, settings, torch.Generator().manual_seed(0))


def teacher(agent: Ppo, reward: Reward, **changes: Any) -> Teacher:
    return teacher_who_pays(reward, agent.actor, 2, 1, **changes)


def rollout(agent: Ppo, steps: int, num_envs: int, terminated: bool = False) -> Rollout:
    obs = torch.zeros(steps, num_envs, 2)
    action, log_prob = agent.act(obs.flatten(0, 1))
    ended = torch.full((steps, num_envs), True)
    return Rollout(obs=obs, action=action.view(steps, num_envs, 1), next_obs=obs,
                   reward=torch.zeros(steps, num_envs), log_prob=log_prob.view(steps, num_envs),
                   terminated=ended & terminated, ended=ended)


def act_and_remember(agent: Ppo, steps: int, num_envs: int, terminated: bool = False) -> None:
    done = rollout(agent, steps, num_envs, terminated)
    agent.remember(done, done.transitions())


def test_annealed_exploration_comes_to_its_final_std_however_long_the_run() -> None:
    agent = make(PpoSettings(initial_std=0.5, final_std=0.1, std_steps=32, minibatches=1,
                             epochs=1))
    for std in (0.05 ** 0.5, 0.1, 0.1):
        act_and_remember(agent, 8, 2)
        agent.improve(teacher(agent, lambda rows: rows.action[:, 0]), progress=0.1)
        assert abs(agent.actor.log_std.exp().item() - std) < 1e-6


def test_climbs_a_known_reward() -> None:
    """Reward -(a - target)²: the mean action moves to the target."""
    settings = PpoSettings(learning_rate=3e-3, width=32, minibatches=4, epochs=5)
    agent, target = make(settings, num_envs=4), 0.6
    pays = teacher(agent, lambda rows: -(rows.action[:, 0] - target).square())
    for _ in range(30):
        act_and_remember(agent, 64, 4, terminated=True)
        agent.improve(pays, progress=0.0)
    assert abs(agent.actor.mean(torch.zeros(1, 2)).item() - target) < 0.1
    assert agent.actor.log_std.exp().item() < 1.0


@pytest.mark.parametrize(('terminations', 'terminated', 'value'), [
    pytest.param('end', True, 0.0, id='nothing follows an end'),
    pytest.param('absorbing', True, 4 * (2.0 * 0.5 + 0.25), id='an absorbing state for ever'),
    pytest.param('ignore', False, 7.0, id='as after a time limit'),
])
def test_what_follows_an_end(terminations: str, terminated: bool, value: float,
                             monkeypatch: pytest.MonkeyPatch) -> None:
    """γ = 0.75, every reward is 2, scaled by 0.5 and offset by 0.25; V is 7 everywhere."""
    settings = PpoSettings(discount=0.75, trace=0.0)
    agent = make(settings)
    monkeypatch.setattr(ReturnScaler, 'forward', lambda self, rewards, ended: 0.5)
    monkeypatch.setattr(agent, 'value', lambda obs: torch.full((len(obs),), 7.0))
    seen: dict[str, torch.Tensor] = {}
    monkeypatch.setattr(agent, 'update', lambda obs, rollout, value, next_value, rewards,
                        progress: seen.update(next_value=next_value, rewards=rewards) or {})
    act_and_remember(agent, 3, 2, terminated)
    pays = teacher(agent, lambda rows: torch.full((len(rows),), 2.0),
                   terminations=terminations, offset=0.25)
    agent.improve(pays, 0.0)
    assert torch.allclose(seen['next_value'], torch.tensor(value))
    assert torch.allclose(seen['rewards'], torch.tensor(1.25))


def learned(reward: float | torch.Tensor, progress: float = 0.0, **changes: Any) -> Ppo:
    """Return an agent after one update on 8 steps paid so; what it was paid stays unscaled."""
    agent = make(PpoSettings(**{'minibatches': 1, 'epochs': 1, 'learning_rate': 1e-3, **changes}))
    done = rollout(agent, 4, 2)
    zeros = torch.zeros(4, 2)
    agent.update(done.transitions().obs, done, zeros, zeros, zeros + reward, progress)
    return agent


@pytest.mark.parametrize(('weight', 'grows'), [(0.01, True), (0.0, False)])
def test_entropy_is_wanted(weight: float, grows: bool) -> None:
    """Where every action is paid alike only the entropy moves the standard deviation."""
    assert (learned(0.0, entropy_weight=weight).actor.log_std.item() > 0) is grows


def test_a_reward_that_is_the_same_everywhere_teaches_the_actor_nothing() -> None:
    before = make(PpoSettings()).actor.state_dict()
    after = learned(4.0, entropy_weight=0.0).actor.state_dict()
    for name, value in before.items():
        assert torch.equal(value, after[name]), name


def test_returns_are_bootstrapped_and_advantages_standardised(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """γ = 0.5, λ = 0, V is 3 and 4 afterwards: A = r + 2 - 3, R = A + 3."""
    agent = make(PpoSettings(minibatches=1, epochs=1, trace=0.0, discount=0.5))
    seen: dict[str, torch.Tensor] = {}
    monkeypatch.setattr(agent, '_minibatch', lambda obs, action, log_prob, value, advantage,
                        returns: seen.update(A=advantage, R=returns) or torch.zeros(4))
    done, ones, rewards = rollout(agent, 4, 2), torch.ones(4, 2), torch.arange(8.0).view(4, 2)
    agent.update(done.transitions().obs, done, 3 * ones, 4 * ones, rewards, 0.0)
    assert torch.equal(seen['R'].sort().values, torch.arange(2.0, 10.0))
    expected = (torch.arange(8.0) - 3.5) / torch.arange(8.0).std()
    assert torch.allclose(seen['A'].sort().values, expected, atol=1e-4)


def test_what_an_update_says_of_itself() -> None:
    """V is 0 and R 4; one action in eight has become less likely than the clip allows."""
    agent = make(PpoSettings(minibatches=1, epochs=1, learning_rate=0.0))
    done, zeros = rollout(agent, 4, 2), torch.zeros(4, 2)
    done.log_prob[0, 0] += 1.0
    metrics = agent.update(done.transitions().obs, done, zeros, zeros, zeros + 4.0, 0.0)
    assert metrics['policy/clip_fraction'] == 1 / 8
    assert metrics['policy/value_loss'] == pytest.approx(0.5 * 4.0 ** 2)
    assert metrics['policy/entropy'] == pytest.approx(agent.actor.entropy().item())
    assert metrics['policy/loss'] == pytest.approx(0.0, abs=1e-6)


def test_actions_are_judged_as_they_were_executed() -> None:
    done = rollout(make(PpoSettings()), 2, 3)
    done.action[0, 1], done.action[1, 2] = 3.0, -3.0
    rows = done.transitions()
    assert rows.action[1].item() == 1.0 and rows.action[5].item() == -1.0
    assert torch.equal(done.action.flatten(0, 1).clamp(-1, 1), rows.action)
    for judged, seen in (('executed', rows.action), ('drawn', done.action.flatten(0, 1))):
        agent = make(PpoSettings(judged_actions=judged))
        agent.remember(done, rows)
        assert torch.equal(agent.experience().action, seen)


def test_the_epsilon_of_adam_is_that_of_the_settings() -> None:
    for chosen, epsilon in (({}, 1e-5), ({'adam_epsilon': 1e-12}, 1e-12)):
        group, = make(PpoSettings(**chosen)).optimiser.param_groups
        assert group['eps'] == epsilon


@pytest.mark.parametrize(('weight', 'moves'), [(0.5, 1), (0.0, 0)])
def test_the_critic_moves_to_the_returns(weight: float, moves: int) -> None:
    for paid in (4.0, -4.0):
        value = learned(paid, value_weight=weight).value(torch.zeros(1, 2)).item()
        assert value * paid > 0 if moves else value == 0


def test_the_step_size_falls_to_zero() -> None:
    for progress, decays, expected in ((0.25, True, 7.5e-4), (1.0, True, 0.0), (1.0, False, 1e-3)):
        group, = learned(1.0, progress, learning_rate_decay=decays).optimiser.param_groups
        assert group['lr'] == pytest.approx(expected)


def test_gradients_are_scaled_down_together() -> None:
    for limit in (0.5, 0.01):
        gradients = [p.grad for p in learned(1e3, max_gradient_norm=limit).parameters()]
        norm = torch.cat([g.flatten() for g in gradients if g is not None]).norm().item()
        assert norm == pytest.approx(limit, rel=1e-4)
