# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Demonstrations in memory: which episodes are refused, subsets, what the hash sees."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from random_episodes import random_episode, SINE

from drail_ros.data.demonstrations import ARRAYS, Demonstrations
from drail_ros.errors import UserError
from drail_ros.tasks.task import Array


def three_episodes() -> Demonstrations:
    """Of 8, 9 and 10 transitions."""
    return Demonstrations.join([random_episode(length=8 + i, seed=i) for i in range(3)])


@pytest.mark.parametrize(('changes', 'complaint'), [
    pytest.param({'obs': np.zeros((8, 5), np.float32)}, r'obs is float32 of shape \(8, 5\), '
                 r'expected float32 of shape \(8, 16\)', id='width'),
    pytest.param({'action': np.zeros((8, 3))}, 'action is float64', id='type'),
    pytest.param({'success': np.zeros(7, bool)}, r'success is bool of shape \(7,\)', id='length'),
    pytest.param({'action': np.full((8, 3), 1.01, np.float32)}, r'expected \[-1, 1\] \(8 such',
                 id='action out of range'),
    pytest.param({'action': np.full((8, 3), np.nan, np.float32)}, 'expected finite', id='nan'),
    pytest.param({'step': np.array([0, 1, 2, 2, 3, 4, 5, 6])}, 'step does not', id='repeated'),
    pytest.param({'truncated': np.arange(8) == 3}, 'goes on after its end in row 3', id='end'),
    pytest.param({'next_obs': np.zeros((8, 16), np.float32)}, 'not the obs of the step after it',
                 id='observation after a reset'),
])
def test_episode_is_refused(changes: dict[str, Array], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        random_episode(**changes)


def test_empty_episode_is_refused() -> None:
    with pytest.raises(UserError, match='no transitions'):
        random_episode(length=0)


def test_steps_may_have_gaps_where_next_obs_is_not_the_next_row() -> None:
    episode = random_episode(length=8)
    kept = [0, 1, 5, 7]
    some = random_episode(**{name: getattr(episode, name)[kept] for name in ARRAYS})
    assert some.step.tolist() == kept


@pytest.mark.parametrize('episodes', [1, 2, 3])
def test_first_episodes_are_whole(episodes: int) -> None:
    demos = three_episodes()
    first = demos.first(episodes)
    assert first.num_episodes == episodes == len(first.noise) == len(first.sources)
    assert len(first) == demos.lengths[:episodes].sum()
    assert np.array_equal(first.obs, demos.obs[:len(first)])
    assert first.lengths.tolist() == demos.lengths.tolist()[:episodes]


def test_more_episodes_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match='fewer demonstrations than asked for'):
        three_episodes().first(4)


def test_hash_is_the_same_for_years() -> None:
    zeros = np.zeros((2, 1), np.float32)
    fixed = random_episode(SINE, 2, obs=zeros, next_obs=zeros, action=zeros)
    assert Demonstrations.join([fixed]).content_hash() == (
        '3867a80eaff3f44ff106b2c1ebe0a7b39ac265be3024198d1e45526db0082ccb')


def test_hash_ignores_names_and_dates() -> None:
    demos = three_episodes()
    other = dataclasses.replace(demos, created='', version='9', noise=(2.0,) * 3,
                                episode=demos.episode * 2, sources=('someone else',) * 3)
    assert other.content_hash() == demos.content_hash()


@pytest.mark.parametrize('changes', [
    pytest.param({'action': np.zeros((8, 3), np.float32)}, id='action'),
    pytest.param({'success': np.zeros(8, bool)}, id='success'),
    pytest.param({'terminated': np.zeros(8, bool), 'truncated': np.arange(8) == 7}, id='end'),
    pytest.param({'step': np.arange(8) + 1}, id='step'),
])
def test_hash_sees_every_array(changes: dict[str, Array]) -> None:
    one, other = (Demonstrations.join([random_episode(**c)]) for c in ({}, changes))
    assert one.content_hash() != other.content_hash()


def test_hash_sees_where_episodes_begin() -> None:
    cut = random_episode(length=2, terminated=np.zeros(2, bool), step=np.array([0, 5]))
    one = Demonstrations.join([cut])
    two = dataclasses.replace(one, episode=np.arange(2), noise=(1.0,) * 2, sources=('',) * 2)
    assert one.content_hash() != two.content_hash()
