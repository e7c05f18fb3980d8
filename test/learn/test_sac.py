# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""SAC's targets, densities and memory by hand; SAC climbs a reward it is given."""

from __future__ import annotations

import copy
import math

from known_reward import teacher_who_pays
import pytest
import torch

from drail_ros.learn.agents.agent import Rollout
from drail_ros.learn.agents.off_policy import Replay
from drail_ros.learn.agents.sac import Sac, SacSettings
from drail_ros.learn.nets.actors import SquashedGaussianActor
from drail_ros.learn.nets.mlp import Ensemble, mlp, polyak
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.rewards.terminations import absorbing_steps, marked, with_absorbing_steps
from drail_ros.learn.rewards.true_reward import TrueReward, TrueRewardSettings
from drail_ros.learn.transitions import Transitions


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make(seed: int = 0, **changes: float) -> Sac:
    torch.manual_seed(seed)
    small = {'width': 32, 'random_steps': 64, 'batch_size': 64, 'learning_rate': 3e-3}
    return Sac(2, 1, 4, SacSettings(**{**small, **changes}), generator(seed))


def rows_of(count: int, terminated: bool = False, seed: int = 0) -> Transitions:
    random = generator(seed)
    return Transitions.of(
        torch.randn(count, 2, generator=random), torch.rand(count, 1, generator=random) * 2 - 1,
        torch.randn(count, 2, generator=random), terminated=torch.full((count,), terminated),
        reward=torch.randn(count, generator=random))


def teacher(agent: Sac) -> Teacher:
    model = TrueReward(2, 1, TrueRewardSettings(), generator())
    return Teacher(rows_of(1), model, RunningNormaliser(2), agent.actor)


def test_squashed_density_is_that_of_torch() -> None:
    torch.manual_seed(0)
    actor, obs = SquashedGaussianActor(4, 3, 8, 1), torch.randn(7, 4)
    action, log_prob = actor.sample(obs, generator())
    mean, log_std = actor.net(obs).chunk(2, dim=1)
    expected = torch.distributions.TransformedDistribution(
        torch.distributions.Normal(mean, log_std.exp()),
        [torch.distributions.TanhTransform()]).log_prob(action).sum(1)
    assert torch.allclose(log_prob, expected, atol=1e-4)
    assert torch.allclose(actor.log_prob(obs, action), expected, atol=1e-3)
    assert actor.log_prob(obs, torch.ones(7, 3)).isfinite().all()


@pytest.mark.parametrize(('wanted', 'used'), [(10.0, 2.0), (-50.0, -20.0), (1.0, 1.0)])
def test_log_std_stays_in_its_range(wanted: float, used: float) -> None:
    torch.manual_seed(0)
    actor = SquashedGaussianActor(4, 1, 8, 1)
    with torch.no_grad():
        actor.net[-1].weight.zero_()
        actor.net[-1].bias.copy_(torch.tensor([0.0, wanted]))
    action, _ = actor.sample(torch.zeros(9, 4), generator())
    noise = torch.randn((9, 1), generator=generator())
    assert torch.allclose(action, torch.tanh(math.exp(used) * noise))


def test_ensemble_is_separate_networks() -> None:
    torch.manual_seed(0)
    ensemble, x = Ensemble(2, [3, 8, 8, 1]), torch.randn(5, 3)
    for member in range(2):
        net = mlp([3, 8, 8, 1], torch.nn.ReLU)
        with torch.no_grad():
            for layer, weight, bias in zip(net[::2], ensemble.weights, ensemble.biases):
                layer.weight.copy_(weight[member].T)
                layer.bias.copy_(bias[member, 0])
        assert torch.allclose(net(x), ensemble(x)[member], atol=1e-6)


def test_target_by_hand() -> None:
    agent = make(discount=0.9)
    with torch.no_grad():
        for parameter in agent.target.parameters():
            parameter.zero_()
        agent.target.biases[-1].copy_(torch.tensor([3.0, 2.0]).view(2, 1, 1))
    rows = rows_of(4)
    rows.terminated[2] = True
    state = agent.generator.get_state()
    found = agent.target_value(rows, torch.arange(4.0), torch.tensor(-5.0))
    agent.generator.set_state(state)
    _, log_prob = agent.actor.sample(rows.next_obs, agent.generator)
    expected = torch.arange(4.0) + 0.9 * (2.0 - 0.2 * log_prob)
    expected[2] = 2.0 + 0.9 * -5.0
    assert torch.allclose(found, expected, atol=1e-5)


def test_polyak_by_hand() -> None:
    target, source = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    with torch.no_grad():
        target.weight.fill_(1.0)
        source.weight.fill_(5.0)
    polyak(target, source, 0.25)
    assert target.weight.item() == pytest.approx(0.25 * 5 + 0.75 * 1)


def test_temperature_rises_while_the_entropy_is_too_low() -> None:
    agent = make(learning_rate=0.1)
    with torch.no_grad():
        agent.actor.net[-1].bias[1] = -6.0  # log σ: far less entropy than -dim(a) = -1
    agent.update(rows_of(64), torch.zeros(64), torch.zeros(()))
    assert agent.log_alpha.item() == pytest.approx(math.log(0.2) + 0.1, abs=1e-3)


@pytest.mark.parametrize(('chosen', 'log_prob', 'rises'), [
    ({}, 0.5, False), ({}, 1.5, True),
    ({'target_entropy': 0.5}, 0.4, False), ({'target_entropy': 0.5}, 0.6, True)])
def test_the_entropy_that_is_wanted_is_minus_the_number_of_actions(
        chosen: dict[str, float], log_prob: float, rises: bool,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """One action: entropy -log π of -0.5 is enough, -1.5 is not; or of -0.4, -0.6."""
    agent = make(**chosen)
    sample = agent.actor.sample

    def of_known_density(obs: torch.Tensor,
                         random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        action, real = sample(obs, random)
        return action, 0.0 * real + log_prob

    monkeypatch.setattr(agent.actor, 'sample', of_known_density)
    agent.update(rows_of(64), torch.zeros(64), torch.zeros(()))
    assert (agent.log_alpha.item() > math.log(0.2)) is rises


def test_the_actor_climbs_the_lower_critic() -> None:
    """Q₁ = 7 + a is above Q₂ = 2 - a: the mean action falls."""
    agent, rows = make(learn_temperature=False, initial_temperature=1e-8), rows_of(64)
    critic = agent.critic
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.zero_()
        critic.weights[0][:, 2, 0] = torch.tensor([1.0, -1.0])  # the action's, after two of obs
        critic.biases[0][:, 0, 0] = 2.0
        for weight in list(critic.weights)[1:]:
            weight[:, 0, 0] = 1.0
        critic.biases[-1][0] = 5.0
    before = agent.actor.mean_action(rows.obs).mean().item()
    agent.update(rows, torch.zeros(64), torch.zeros(()))
    assert agent.actor.mean_action(rows.obs).mean().item() < before - 1e-4


def test_rewards_and_what_follows_an_end_are_scaled_and_offset_alike(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reward is 2, scaled by 0.5 and offset by 0.25; γ = 0.75."""
    agent, seen = make(discount=0.75, reward_scale=0.5), []
    monkeypatch.setattr(agent, 'update', lambda rows, rewards, terminal: seen.append(
        (rewards, terminal)) or torch.zeros(4))
    pays = teacher_who_pays(lambda rows: torch.full((len(rows),), 2.0), agent.actor, 2, 1,
                            terminations='absorbing', offset=0.25)
    metrics = agent.learn(rows_of(128), pays)
    assert len(seen) == 2 and metrics['reward/mean'] == 2.0
    for rewards, terminal in seen:
        assert torch.equal(rewards, torch.full((64,), 1.25)) and terminal.item() == 4 * 1.25


def test_memory_keeps_the_latest() -> None:
    replay = Replay(5)
    for start in (0, 3, 6):
        rows = torch.arange(start, start + 3, dtype=torch.float32)
        replay.add(Transitions.of(rows[:, None], rows[:, None], rows[:, None], reward=rows))
    assert len(replay) == 5 and replay.added == 9
    drawn = replay.sample(200, generator())
    assert set(drawn.reward.tolist()) == {4.0, 5.0, 6.0, 7.0, 8.0}
    assert torch.equal(drawn.obs[:, 0], drawn.reward)


def test_only_new_steps_are_paid_for_with_updates() -> None:
    agent = make(updates_per_step=0.75, random_steps=8)
    never, obs = torch.zeros(2, 4, dtype=torch.bool), torch.zeros(2, 4, 2)
    rollout = Rollout(obs=obs, action=torch.zeros(2, 4, 1), next_obs=obs,
                      reward=torch.zeros(2, 4), log_prob=torch.zeros(2, 4), terminated=never,
                      ended=never)
    drawn = []
    for _ in range(3):
        agent.remember(rollout, rollout.transitions())
        drawn.append(len(agent.experience()))
    assert drawn == [0, 6 * 64, 6 * 64]
    for random, idle, expected in ((0, 8, [0, 6 * 64]), (16, 4, [6 * 64, 6 * 64])):
        agent = make(updates_per_step=0.75, random_steps=random, steps_before_updates=idle)
        for wanted in expected:
            agent.remember(rollout, rollout.transitions())
            assert len(agent.experience()) == wanted
    first, _ = make(random_steps=8).act(torch.zeros(1000, 2))
    assert first.abs().max() <= 1 and abs(first.std().item() - 3 ** -0.5) < 0.05


def test_the_momentum_of_adam_is_that_of_the_settings() -> None:
    for chosen, momentum in (({}, 0.9), ({'adam_momentum': 0.25}, 0.25)):
        for optimiser in make(**chosen).optimisers.values():
            assert optimiser.param_groups[0]['betas'] == (momentum, 0.999)


def test_continues_exactly_from_its_state() -> None:
    agent, twin = make(), make(seed=1)
    filled = rows_of(512)
    agent.replay.add(filled)
    agent.learn(agent.replay.sample(128, agent.generator), teacher(agent))
    twin.load_state_dict(copy.deepcopy(agent.state_dict()))
    twin.generator.set_state(agent.generator.get_state())
    for each in (agent, twin):
        each.replay.add(rows_of(32, seed=2))
        each.learn(each.replay.sample(128, each.generator), teacher(each))
    for ours, theirs in zip(agent.parameters(), twin.parameters()):
        assert torch.equal(ours, theirs)


def test_climbs_a_known_reward() -> None:
    """One-step episodes paid -(a - target)²: the mean action moves to the target."""
    agent, target = make(initial_temperature=0.01, learn_temperature=False), 0.6
    rows = rows_of(4096, terminated=True)
    rows.reward.copy_(-(rows.action[:, 0] - target).square())
    agent.replay.add(rows)
    for _ in range(12):
        agent.learn(agent.replay.sample(64 * 50, agent.generator), teacher(agent))
    assert (agent.actor.mean_action(rows.obs[:100]) - target).abs().mean() < 0.1


def test_absorbing_states_are_marked_and_appended() -> None:
    rows = rows_of(3)
    rows.terminated[1] = True
    seen = with_absorbing_steps(marked(rows))
    assert seen.obs.shape == (4, 3) and len(seen) == 4
    assert torch.equal(seen.obs[:3, :2], rows.obs) and not seen.obs[:3, 2].any()
    state = torch.tensor([0.0, 0.0, 1.0])
    assert torch.equal(seen.next_obs[1], state) and torch.equal(seen.obs[3], state)
    assert torch.equal(seen.next_obs[0, :2], rows.next_obs[0])
    assert not seen.terminated.any()
    step = absorbing_steps(2, 1, 1, torch.device('cpu'))
    assert torch.equal(step.obs, step.next_obs) and not step.action.any()
