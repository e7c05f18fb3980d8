# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What is counted of episodes, by hand-made steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from drail_ros.episodes.evaluate import Evaluation
from drail_ros.episodes.meter import EpisodeMeter
from drail_ros.episodes.tally import EpisodeTally, FinishedEpisode
from drail_ros.sim.batch_sim import Step


def step(rewards: Sequence[float], *, terminated: Sequence[int] = (),
         truncated: Sequence[int] = (), success: Sequence[int] = ()) -> Step:
    """Rewards of N environments, and which of them ended how."""
    def marked(environments: Sequence[int]) -> np.ndarray:
        return np.isin(np.arange(len(rewards)), environments)

    obs = np.zeros((len(rewards), 1), np.float32)
    return Step(obs, obs, marked(terminated), marked(truncated), marked(success),
                np.array(rewards, np.float32))


def test_each_environment_is_counted_apart_and_begins_anew() -> None:
    tally = EpisodeTally(3)
    assert tally.add(step([1.0, 2.0, 4.0])) == []
    assert tally.add(step([1.0, 2.0, 4.0], terminated=[2], truncated=[0], success=[2])) == [
        FinishedEpisode(0, 2.0, 2, False), FinishedEpisode(2, 8.0, 2, True)]
    assert tally.add(step([0.5, 2.0, 0.25], terminated=[1, 2])) == [
        FinishedEpisode(1, 6.0, 3, False), FinishedEpisode(2, 0.25, 1, False)]


def test_success_is_that_of_the_last_step() -> None:
    tally = EpisodeTally(1)
    tally.add(step([0.0], success=[0]))
    assert tally.add(step([0.0], truncated=[0])) == [FinishedEpisode(0, 0.0, 2, False)]


def test_small_rewards_are_not_lost_in_a_large_sum() -> None:
    tally = EpisodeTally(1)
    tally.add(step([2.0 ** 24]))
    assert tally.add(step([1.0], terminated=[0]))[0].total_reward == 2.0 ** 24 + 1


def test_a_reset_forgets_what_was_under_way() -> None:
    tally = EpisodeTally(1)
    tally.add(step([5.0]))
    tally.reset()
    assert tally.add(step([1.0], terminated=[0])) == [FinishedEpisode(0, 1.0, 1, False)]


def random_steps(count: int) -> list[Step]:
    rng = np.random.default_rng(0)
    return [step(rng.normal(size=4), terminated=np.flatnonzero(rng.random(4) < 0.2),
                 success=np.flatnonzero(rng.random(4) < 0.5)) for _ in range(count)]


@pytest.mark.parametrize('stopped', [0, 1, 25])
def test_a_restored_tally_goes_on_as_if_never_stopped(stopped: int) -> None:
    whole, before, after = (EpisodeTally(4) for _ in range(3))
    steps = random_steps(60)
    expected = [whole.add(one) for one in steps]
    found = [before.add(one) for one in steps[:stopped]]
    state = before.get_state()
    before.add(steps[0])  # what is saved is a copy
    after.add(steps[3])
    after.set_state(state)
    assert found + [after.add(one) for one in steps[stopped:]] == expected


def test_a_restored_meter_goes_on_as_if_never_stopped() -> None:
    whole, before, after = (EpisodeMeter(4, has_success=False) for _ in range(3))
    for one in random_steps(400):
        whole.add(one)
    for one in random_steps(400)[:150]:
        before.add(one)
        after.add(one)
    after.set_state(before.get_state())
    for one in random_steps(400)[150:]:
        after.add(one)
    assert after.metrics() == whole.metrics()
    assert after.get_state().keys() == whole.get_state().keys()
    for name, array in whole.get_state().items():
        assert np.array_equal(after.get_state()[name], array), name


def test_a_meter_tells_the_latest_hundred_episodes() -> None:
    rates, returns = EpisodeMeter(1, has_success=True), EpisodeMeter(1, has_success=False)
    assert rates.metrics() == {}
    for number in range(150):
        one = step([float(number)], terminated=[0], success=[0] if number >= 120 else [])
        rates.add(one)
        returns.add(one)
    assert rates.metrics() == {'train/success_rate': 0.3}
    assert returns.metrics() == {'train/return': np.mean(np.arange(50, 150))}


def test_an_evaluation_sums_up_finished_episodes() -> None:
    episodes = [FinishedEpisode(0, 1.5, 4, True), FinishedEpisode(0, 0.5, 7, False)]
    assert Evaluation.of(episodes, has_success=True) == Evaluation(2, 1, 5.5, True, (1.5, 0.5))
