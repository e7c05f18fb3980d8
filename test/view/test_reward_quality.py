# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How right and how smooth a reward on task sine is: against counts by hand and known rewards."""

from __future__ import annotations

import numpy as np
import pytest

from drail_ros.tasks import sine
from drail_ros.tasks.task import Array
from drail_ros.view.reward_quality import auc, best_logit, measure, roughness


def distance(pairs: Array) -> Array:
    """How far actions are from the curve, ``[B]``."""
    return np.abs(pairs[:, 1] - sine.curve(pairs[:, 0]))


@pytest.mark.parametrize('levels', [3, 10_000], ids=['many-ties', 'few-ties'])
def test_auc_is_the_share_of_pairs_in_the_right_order(levels: int) -> None:
    rng = np.random.default_rng(0)
    high, low = rng.integers(0, levels, 83) + levels // 5, rng.integers(0, levels, 47)
    above, equal = high[:, None] > low, high[:, None] == low
    assert auc(high, low) == pytest.approx((above + 0.5 * equal).mean(), abs=1e-12)


def test_auc_knows_the_order_and_ties() -> None:
    low, high = np.array([0.0, 1.0]), np.array([2.0, 3.0, 3.0])
    assert (auc(high, low), auc(low, high), auc(low, low)) == (1.0, 0.0, 0.5)


def test_roughness_of_a_plane_is_its_slope() -> None:
    states, actions = np.linspace(0, 2, 5), np.linspace(-1, 1, 7)
    plane = 0.3 * states[:, None] + 0.4 * actions
    assert roughness(plane, states, actions) == pytest.approx(0.5)


def test_a_constant_tells_nothing_apart() -> None:
    """D = sigmoid(log 3) = 3/4 everywhere."""
    quality, probability = measure(lambda pairs: np.full(len(pairs), np.log(3.0)))
    assert (quality.demonstrated_auc, quality.gap_auc) == (0.5, 0.5)
    assert quality.roughness == pytest.approx(0.0, abs=1e-5)
    assert (quality.expert_demonstrated, quality.expert_gap) == (0.75, 0.75)
    assert probability.shape == (201, 81) and (probability == 0.75).all()


def test_the_best_reward_is_right_everywhere() -> None:
    """Away from the ends of [-1, 1], with noise e, a uniform action is as near with odds E|e|.

    D is 1/2 where the densities are equal, at z std of the noise from the curve.
    """
    quality, probability = measure(best_logit)
    best = 1 - sine.EXPERT_NOISE_STD * np.sqrt(2 / np.pi)
    assert quality.demonstrated_auc == pytest.approx(best, abs=0.01)
    assert quality.gap_auc == pytest.approx(best, abs=0.01)
    peak = 2 / (sine.EXPERT_NOISE_STD * np.sqrt(2 * np.pi))
    z = np.sqrt(2 * np.log(peak))
    assert best_logit(np.array([[0.0, z * sine.EXPERT_NOISE_STD]])) == pytest.approx(0.0)
    assert probability[0, 40] == pytest.approx(peak / (1 + peak))


def test_a_reward_that_stays_on_the_demonstrations_is_at_chance_between_them() -> None:
    """D = 1/2 in the gaps, and on the intervals 0.9 within 0.2 of the curve, else 0.1."""
    def score(pairs: Array) -> Array:
        logit = np.log(9.0) * np.sign(0.2 - distance(pairs))
        return np.where(sine.demonstrated(pairs[:, :1]), logit, 0.0)
    quality, probability = measure(score)
    # Uniform actions tie with the expert's within 0.2 of the curve: a fifth, less at its peaks.
    assert quality.demonstrated_auc == pytest.approx(0.91, abs=0.01)
    assert quality.gap_auc == 0.5 and quality.expert_gap == 0.5
    assert quality.expert_demonstrated == pytest.approx(0.9, abs=0.001)
    assert probability[10, 40] == pytest.approx(0.5)  # s = 0.5, the first of a gap


def test_roughness_is_that_of_the_map() -> None:
    """A logit 4a: mean dD/da is (sigmoid(4) - sigmoid(-4)) / 2 = tanh(2) / 2."""
    quality, probability = measure(lambda pairs: 4 * pairs[:, 1])
    assert quality.roughness == pytest.approx(np.tanh(2) / 2, abs=0.01)
    assert probability[0, 0] == pytest.approx(1 / (1 + np.exp(4)))


@pytest.mark.parametrize(('state', 'shown'), [
    (0.0, True), (np.nextafter(0.5, 0), True), (0.5, False), (np.nextafter(1.0, 0), False),
    (1.0, True), (1.5, False), (9.0, True), (np.nextafter(9.5, 0), True), (9.5, False),
    (10.0, False)])
def test_intervals_include_their_first_state_and_not_their_last(state: float,
                                                                shown: bool) -> None:
    assert sine.demonstrated(np.array([[state]])) == [shown]
