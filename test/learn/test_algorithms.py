# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Learners without a reward model: their objectives by hand, and what they recover."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

from known_reward import teacher_who_pays
import pytest
import torch

from drail_ros import plugins, settings
from drail_ros.learn.agents.iq_learn import iq_loss, VALUE_TERMS
from drail_ros.learn.agents.opolo import opolo_objective
from drail_ros.learn.agents.value_dice import dice_objective, orthogonal_penalty
from drail_ros.learn.nets.mlp import mlp
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.transitions import joined, Transitions

NAMES = plugins.names(plugins.ALGORITHMS)
OBS, ACTION = 3, 2


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows_of(count: int, mean: float = 0.0, seed: int = 0) -> Transitions:
    random = generator(seed)
    return Transitions.of(mean + torch.randn(count, OBS, generator=random),
                          torch.rand(count, ACTION, generator=random) * 2 - 1,
                          mean + torch.randn(count, OBS, generator=random),
                          terminated=torch.rand(count, generator=random) < 0.1)


def make(name: str, seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    model, defaults = plugins.load(plugins.ALGORITHMS, name)
    chosen = settings.replace(defaults(), {'width': 16, 'batch_size': 32, **changes})
    return model(OBS, ACTION, 4, chosen, generator(seed))


def teacher(agent: Any, expert: Transitions, terminations: str = 'end',
            offset: float = 0.0) -> Teacher:
    torch.manual_seed(0)
    judge = None
    if agent.settings.reward_model:
        model, defaults = plugins.load(plugins.REWARDS, agent.settings.reward_model)
        own = {name.removeprefix('reward.'): value
               for name, value in agent.settings.run_defaults.items()
               if name.startswith('reward.')}
        judge = model(OBS + (terminations == 'absorbing'), ACTION,
                      settings.replace(defaults(), own), generator())
    return Teacher(expert, judge, RunningNormaliser(OBS), agent.actor, terminations, offset)


@pytest.mark.parametrize('name', NAMES)
def test_continues_exactly_from_its_state(name: str) -> None:
    agent, twin = make(name), make(name, seed=1)
    expert = rows_of(100, 1.0, seed=5)
    agent.replay.add(rows_of(200))
    agent.learn(agent.replay.sample(64, agent.generator), teacher(agent, expert))
    twin.load_state_dict(copy.deepcopy(agent.state_dict()))
    twin.generator.set_state(agent.generator.get_state())
    for each in (agent, twin):
        metrics = each.learn(each.replay.sample(64, each.generator), teacher(each, expert))
        assert all(math.isfinite(value) for value in metrics.values())
    for ours, theirs in zip(agent.parameters(), twin.parameters()):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize('name', NAMES)
def test_every_setting_is_described(name: str) -> None:
    _, defaults = plugins.load(plugins.ALGORITHMS, name)
    for field in dataclasses.fields(defaults):
        assert field.metadata['help'], field.name


def test_opolo_never_looks_at_the_experts_actions() -> None:
    expert = rows_of(100, 1.0)
    weights = []
    for demonstrated in (expert, dataclasses.replace(expert, action=-expert.action)):
        agent = make('opolo')
        agent.replay.add(rows_of(200))
        agent.learn(agent.replay.sample(64, agent.generator), teacher(agent, demonstrated))
        weights.append(torch.cat([p.flatten() for p in agent.parameters()]))
    assert torch.equal(*weights)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('changed', [{'terminations': 'absorbing'}, {'offset': 1.0}])
def test_how_ends_are_valued_changes_what_is_learned(name: str, changed: dict[str, Any]) -> None:
    weights = []
    for chosen in ({}, changed):
        agent = make(name)
        agent.replay.add(rows_of(200))
        drawn = agent.replay.sample(64, agent.generator)
        metrics = agent.learn(drawn, teacher(agent, rows_of(100, 1.0), **chosen))
        assert all(math.isfinite(value) for value in metrics.values())
        weights.append(torch.cat([p.flatten() for p in agent.parameters()]))
    assert not torch.equal(*weights)


def test_implied_reward_by_hand() -> None:
    """r = Q - c - γ V(s'), V = (r_a + c) / (1 - γ) after an end, and r_a for each end."""
    agent, rows = make('iq_learn', discount=0.5), rows_of(3)
    rows.terminated.copy_(torch.tensor([False, True, False]))
    value, following = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([4.0, 5.0, 6.0])
    with torch.no_grad():
        agent.implied_reward.after_end.fill_(0.25)
    for terminations, expected in (('end', [-2.0, 1.0, -1.0]),
                                   ('absorbing', [-2.0, 1.0 - 0.5 * 2.5, -1.0, 0.25])):
        said = teacher(agent, rows, terminations, offset=1.0)
        after = agent.implied_reward.following(following, rows, said)
        found = agent.implied_reward(value, after, rows, said)
        assert found.tolist() == [pytest.approx(expected)]


@pytest.mark.parametrize('critics', [1, 2])
@pytest.mark.parametrize('term', VALUE_TERMS)
def test_the_loss_of_iq_learn_is_that_of_its_rewards_and_values(term: str, critics: int) -> None:
    """Nothing ends; c = 1: r = Q - γ V(s') - c, while the start's value knows no c."""
    agent = make('iq_learn', value_term=term, discount=0.5, temperature=0.3, critics=critics)
    assert len(agent.critic.weights[0]) == critics
    expert, mine = rows_of(6, 1.0), rows_of(6, seed=1)
    for rows in (expert, mine):
        rows.terminated.fill_(False)
    both = joined(expert, mine)
    with torch.no_grad():
        after = agent._value(agent.target, both.next_obs)
        value = agent._value(agent.critic, both.obs)
        q = agent.critic(torch.cat([both.obs, both.action], 1)).squeeze(-1)
        rewards = q - 0.5 * after - 1.0
        start = {'value': value - 0.5 * after, 'value_expert': (value - 0.5 * after)[:6],
                 'first': 0.5 * value[:6]}[term]
        expected = sum(start.mean() - r[:6].mean() + r.square().mean() / 2 for r in rewards)
    agent.generator.manual_seed(0)
    found = agent._update(expert, mine, teacher(agent, expert, offset=1.0))
    assert found[0].item() == pytest.approx(float(expected), rel=1e-4)
    assert found[1].item() == pytest.approx(rewards[:, :6].mean().item(), rel=1e-4)


def test_the_value_of_iq_learn_is_the_lower_q_and_its_entropy() -> None:
    agent, obs = make('iq_learn', temperature=0.5), rows_of(5).obs
    found = agent._value(agent.critic, obs)
    agent.generator.manual_seed(0)
    action, log_prob = agent.actor.sample(obs, agent.generator)
    first, second = agent.critic(torch.cat([obs, action], 1)).squeeze(-1)
    assert torch.allclose(found, torch.minimum(first, second) - 0.5 * log_prob)


def test_the_actor_of_iq_learn_climbs_q() -> None:
    agent, expert = make('iq_learn', learning_rate=0.0, actor_learning_rate=1e-3,
                         temperature=0.0), rows_of(64, 1.0)

    def lower_q() -> float:
        action = agent.actor.mean_action(expert.obs)
        return agent.critic(torch.cat([expert.obs, action], 1)).amin(dim=0).mean().item()

    before = lower_q()
    for _ in range(5):
        agent._update(expert, expert, teacher(agent, expert))
    assert lower_q() > before


def test_the_objective_of_opolo_is_that_of_its_residuals() -> None:
    """Residuals r + γ Q(s', a') - Q(s, a), with what follows an end in its place."""
    agent, expert, mine = make('opolo', discount=0.5), rows_of(8, 1.0), rows_of(8, seed=1)
    mine.terminated.copy_(torch.arange(8) % 2 == 0)
    rewards = torch.arange(8.0)
    with torch.no_grad():
        first, _ = agent.actor.sample(mine.obs, agent.generator)
        action, _ = agent.actor.sample(mine.next_obs, agent.generator)
        after = torch.where(mine.terminated, torch.tensor(5.0), agent._q(mine.next_obs, action))
        residual = rewards + 0.5 * after - agent._q(mine.obs, mine.action)
        expected = opolo_objective(residual, agent._q(mine.obs, first), 1.5, 0.5)
    agent.generator.manual_seed(0)
    found = agent._update(expert, mine, rewards, torch.tensor(5.0))
    assert found[0].item() == pytest.approx(expected.item(), rel=1e-5)


def test_opolo_is_paid_with_the_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reward is 2, c = 0.25 and γ = 0.75."""
    agent, seen = make('opolo', discount=0.75), []
    monkeypatch.setattr(agent, '_update', lambda expert, rows, rewards, terminal: seen.append(
        (rewards, terminal)) or torch.zeros(3))
    pays = teacher_who_pays(lambda rows: torch.full((len(rows),), 2.0), agent.actor, OBS, ACTION,
                            terminations='absorbing', offset=0.25)
    agent.learn(rows_of(32), pays)
    (rewards, terminal), = seen
    assert torch.equal(rewards, torch.full((32,), 2.25)) and terminal.item() == 4 * 2.25


@pytest.mark.parametrize(('name', 'judge', 'alone'), [
    pytest.param('opolo', 'q', {'cloning_weight': 0.0}, id='opolo'),
    pytest.param('value_dice', 'nu', {'penalty_weight': 0.0, 'orthogonal_weight': 0.0,
                                      'actor_learning_rate': 1e-3}, id='value_dice')])
def test_actor_and_judge_pull_the_objective_apart(name: str, judge: str,
                                                  alone: dict[str, Any]) -> None:
    """max_π min_Q: what either learns in a step, against the other as it was."""
    expert, mine = rows_of(64, 1.0), rows_of(64, seed=1)

    def objective_before_a_step(agent: Any) -> float:
        agent.generator.manual_seed(7)
        pay = ((torch.ones(64), torch.zeros(())) if name == 'opolo'
               else (teacher(agent, expert),))
        return agent._update(expert, mine, *pay)[0].item()

    learned = make(name, **alone)
    at_first = objective_before_a_step(learned)
    for part, rises in (('actor', True), (judge, False)):
        mixed = make(name, **alone)
        getattr(mixed, part).load_state_dict(getattr(learned, part).state_dict())
        change = objective_before_a_step(mixed) - at_first
        assert change > 1e-6 if rises else change < -1e-6


def test_the_differences_of_value_dice_by_hand() -> None:
    agent, rows = make('value_dice', discount=0.5), rows_of(6)
    rows.terminated.copy_(torch.arange(6) == 2)
    found = agent._difference(rows, teacher(agent, rows))
    agent.generator.manual_seed(0)
    action, _ = agent.actor.sample(rows.next_obs, agent.generator)
    after = agent._nu(rows.next_obs, action) * (torch.arange(6) != 2)
    assert torch.allclose(found, agent._nu(rows.obs, rows.action) - 0.5 * after, atol=1e-6)


def test_the_gradient_of_nu_is_drawn_to_one() -> None:
    agent, expert = make('value_dice', penalty_weight=100.0, replay_weight=0.5), rows_of(64, 1.0)
    agent.replay.add(rows_of(64))
    said = teacher(agent, expert)
    penalties = [agent.learn(agent.replay.sample(32 * 20, agent.generator), said)[
        'policy/penalty'] for _ in range(10)]
    assert penalties[-1] < 0.5 * penalties[0]


def test_the_actor_of_opolo_is_drawn_to_the_actions_it_infers() -> None:
    agent = make('opolo', cloning_weight=100.0)
    agent.replay.add(rows_of(400))
    said = teacher(agent, rows_of(400, seed=1))
    losses = [agent.learn(agent.replay.sample(32 * 20, agent.generator), said)[
        'policy/cloning_loss'] for _ in range(5)]
    assert losses[-1] < losses[0] - 0.1


def test_the_actor_of_value_dice_is_drawn_to_orthogonal_weights() -> None:
    agent = make('value_dice', orthogonal_weight=100.0, actor_learning_rate=1e-3)
    agent.replay.add(rows_of(400))
    before = orthogonal_penalty(agent.actor).item()
    agent.learn(agent.replay.sample(32 * 20, agent.generator), teacher(agent, rows_of(400, 1.0)))
    assert orthogonal_penalty(agent.actor).item() < 0.9 * before


def test_opolo_stays_in_bounds_far_from_the_expert() -> None:
    """The expert's states, 20 deviations from all that Q is held at, do not draw it down."""
    agent = make('opolo', learning_rate=3e-3, discount=0.9)
    agent.replay.add(rows_of(400, -10.0))
    said = teacher(agent, rows_of(400, 10.0))
    for _ in range(30):
        metrics = agent.learn(agent.replay.sample(32 * 20, agent.generator), said)
    assert abs(metrics['policy/objective']) < 5.0


@pytest.mark.parametrize('term', VALUE_TERMS)
def test_every_value_term_of_iq_learn_learns(term: str) -> None:
    """The expert's rewards rise above the agent's."""
    agent = make('iq_learn', value_term=term, learning_rate=3e-3)
    agent.replay.add(rows_of(400, -1.0))
    for _ in range(10):
        metrics = agent.learn(agent.replay.sample(32 * 20, agent.generator),
                              teacher(agent, rows_of(400, 1.0)))
    assert metrics['reward/expert'] > metrics['reward/mean'] + 0.03


def test_iq_objective_by_hand() -> None:
    expert, start, squared = (torch.tensor(v) for v in ([1.0, 3.0], [0.5, 1.5], [2.0, 0.0]))
    assert iq_loss(expert, start, squared, 0.5).item() == pytest.approx(1.0 - 2.0 + 2.0 / 2.0)


def test_iq_learn_recovers_the_expert_of_a_tabular_mdp() -> None:
    """Soft-optimal expert, exact occupancy; softmax of the learned Q is the expert's policy."""
    states, actions, discount = 5, 3, 0.9
    random = generator(1)
    reward = torch.randn(states, actions, generator=random)
    dynamics = torch.softmax(2 * torch.randn(states, actions, states, generator=random), dim=-1)
    value = torch.zeros(states)
    for _ in range(500):
        value = torch.logsumexp(reward + discount * dynamics @ value, dim=1)
    expert = torch.softmax(reward + discount * dynamics @ value, dim=1)
    moves = torch.einsum('sa,sax->sx', expert, dynamics)
    start = torch.full((states,), 1 / states)
    visited = (1 - discount) * torch.linalg.solve((torch.eye(states) - discount * moves.T), start)
    weight = (visited[:, None] * expert).flatten()  # how often the expert is in (s, a)
    rows = len(weight) * weight

    q = torch.zeros(states, actions, requires_grad=True)
    optimiser = torch.optim.Adam([q], lr=0.05)
    for _ in range(1500):
        soft = torch.logsumexp(q, dim=1)
        following = discount * (dynamics @ soft)
        learned = (q - following).flatten()
        gap = (soft[:, None] - following).flatten()
        loss = iq_loss(rows * learned, rows * gap, rows.sqrt() * learned, regularisation=200.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = torch.softmax(q.detach(), dim=1)
    assert (found - expert).abs().max() < 0.02
    assert (torch.full_like(expert, 1 / actions) - expert).abs().max() > 0.3


@pytest.mark.parametrize('mixed', [0.0, 0.1])
def test_dice_objective_by_hand(mixed: float) -> None:
    expert, replay, start = (torch.tensor(v) for v in ([0.1, 0.5], [1.0, -1.0], [2.0, 4.0]))
    log_term = math.log((1 - mixed) * (math.exp(0.1) + math.exp(0.5)) / 2
                        + mixed * (math.exp(1.0) + math.exp(-1.0)) / 2)
    linear = (1 - mixed) * 0.1 * 3.0 + mixed * 0.0
    found = dice_objective(expert, replay, start, mixed, discount=0.9).item()
    assert found == pytest.approx(log_term - linear, rel=1e-5)


def test_dice_objective_at_its_optimum_is_minus_the_divergence() -> None:
    """With γ = 0 and ν the log-ratio of two Gaussians: -KL(N(1, 1) ‖ N(0, 1)) = -1/2."""
    random = generator()
    expert = torch.randn(400_000, generator=random)
    agent = 1 + torch.randn(400_000, generator=random)
    found = dice_objective(expert - 0.5, expert, agent - 0.5, 0.0, discount=0.0)
    assert found.item() == pytest.approx(-0.5, abs=0.02)


def test_orthogonal_weights_cost_nothing() -> None:
    net = mlp([2, 2], torch.nn.ReLU)
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(2) * 3)
        assert orthogonal_penalty(net).item() == 0.0
        net[0].weight.copy_(torch.tensor([[1.0, 0.0], [2.0, 0.0]]))
        assert orthogonal_penalty(net).item() == pytest.approx(2 * 2.0 ** 2)


def test_opolo_objective_by_hand() -> None:
    found = opolo_objective(torch.tensor([4.0, -1.0]), torch.tensor([2.0]), 1.5, 0.9).item()
    assert found == pytest.approx(0.1 * 2.0 + (8.0 + 1.0) / 2 / 1.5)
