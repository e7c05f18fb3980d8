# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A teacher shows the reward model what it needs and pays by one rule."""

from __future__ import annotations

import dataclasses
from typing import Any

from known_reward import KnownReward, teacher_who_pays
import pytest
import torch

from drail_ros.learn.nets.actors import GaussianActor
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.rewards.terminations import TERMINATIONS
from drail_ros.learn.transitions import Transitions


def rows_of(count: int, seed: int = 0) -> Transitions:
    random = torch.Generator().manual_seed(seed)
    return Transitions.of(
        3 + 2 * torch.randn(count, 2, generator=random), torch.rand(count, 1, generator=random),
        3 + 2 * torch.randn(count, 2, generator=random), terminated=torch.arange(count) % 4 == 1)


def statistics() -> RunningNormaliser:
    made = RunningNormaliser(2)
    made.update(rows_of(500, seed=9).obs)
    return made


class Watched(KnownReward):
    """Keeps what it was shown."""

    def __init__(self, **needs: bool) -> None:
        super().__init__(lambda rows: self.shown.append(rows) or rows.obs.sum(dim=1))
        self.shown: list[Transitions] = []
        self.__dict__.update(needs)

    def update(self, expert: Transitions, agent: Transitions) -> dict[str, float]:
        self.shown += [expert, agent]
        return {}


def teacher(model: Watched, terminations: str = 'end') -> Teacher:
    torch.manual_seed(0)
    return Teacher(rows_of(6, seed=1), model, statistics(), GaussianActor(2, 1, 8, 1),
                   terminations)


@pytest.mark.parametrize('terminations', TERMINATIONS)
def test_expert_and_agent_are_shown_alike(terminations: str) -> None:
    model = Watched()
    teacher(model, terminations).learn(rows_of(8))
    normaliser = statistics()
    for shown, rows in zip(model.shown, (rows_of(6, seed=1), rows_of(8)), strict=True):
        if terminations != 'absorbing':
            assert torch.equal(shown.obs, normaliser(rows.obs))
            assert torch.equal(shown.next_obs, normaliser(rows.next_obs))
            assert torch.equal(shown.terminated, rows.terminated)
            continue
        assert torch.equal(shown.obs[:len(rows), :2], normaliser(rows.obs))
        assert len(shown) == len(rows) + int(rows.terminated.sum()) == len(rows) + 2
        assert shown.obs[len(rows):].tolist() == 2 * [[0.0, 0.0, 1.0]]


@pytest.mark.parametrize('needed', [False, True])
def test_densities_are_those_of_the_actor_where_they_are_needed(needed: bool) -> None:
    model, rows = Watched(needs_log_prob=needed), rows_of(8)
    said = teacher(model)
    said.reward(rows)
    shown, = model.shown
    expected = said._actor.log_prob(statistics()(rows.obs), rows.action)
    assert torch.equal(shown.log_prob, expected * needed) and not shown.log_prob.requires_grad


def test_fixed_statistics_are_those_of_the_demonstrations() -> None:
    model, rows = Watched(needs_fixed_statistics=True), rows_of(8)
    said = teacher(model)
    said.reward(rows)
    expected = RunningNormaliser(2)
    expected.update(rows_of(6, seed=1).obs)
    assert torch.equal(model.shown[0].obs, expected(rows.obs))
    assert torch.equal(said.normalised(rows).obs, statistics()(rows.obs)), 'the agent sees its own'


def pays(**changes: Any) -> Teacher:
    return teacher_who_pays(lambda rows: 1 + rows.obs.sum(dim=1), None, 2, 1, **changes)


def test_pay_is_scaled_then_offset() -> None:
    said, reward = pays(offset=0.5), torch.tensor([2.0, -1.0])
    assert said.paid(reward, 3.0).tolist() == [6.5, -2.5]
    assert torch.equal(said.reward_of(said.paid(reward)), reward)
    assert said.value_of_staying(reward, 0.75, 3.0).tolist() == [26.0, -10.0]


def test_what_follows_an_end_is_the_reward_of_the_absorbing_state_for_ever() -> None:
    assert pays(offset=0.5).terminal_value(0.75, 3.0).item() == 0.0
    assert pays(offset=0.5, terminations='ignore').terminal_value(0.75, 3.0).item() == 0.0
    absorbing = pays(offset=0.5, terminations='absorbing')
    assert absorbing.terminal_value(0.75, 3.0).item() == 4 * (3 * 2.0 + 0.5)


def test_the_value_of_an_end_is_steady_though_its_reward_is_drawn() -> None:
    """Else one draw of r_e, times 1 / (1 - γ), is the value of every end of an iteration."""
    random = torch.Generator().manual_seed(0)
    noisy = teacher_who_pays(lambda rows: 2 + torch.randn(len(rows), generator=random), None, 2, 1,
                             terminations='absorbing')
    values = torch.stack([noisy.terminal_value(0.99) for _ in range(100)])
    assert 180 < values.mean() < 220
    assert values.std() < 20, 'one draw has 100'


def test_rows_in_units_are_left_as_they_are() -> None:
    rows, before = rows_of(8), dataclasses.replace(rows_of(8))
    teacher(Watched(), 'absorbing').learn(rows)
    assert all(torch.equal(column, before.columns()[name])
               for name, column in rows.columns().items())
