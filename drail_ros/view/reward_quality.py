# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How right a reward learned on task ``sine`` is, and how smooth: three numbers.

A score is right where it puts the expert's actions above others: at the states that were shown,
and between them, where the expert acts by the same curve but nobody showed it. Smoothness alone
says little, for a reward that has learned nothing is the smoothest of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drail_ros.tasks import sine
from drail_ros.tasks.task import Array

Score = Callable[[Array], Array]
"""States and actions ``[B, 2]`` float32 → logits ``[B]``, high where it looks like the expert."""

STATES = np.linspace(0, sine.STATE_HIGH, 201, dtype=np.float32)
ACTIONS = np.linspace(-1, 1, 81, dtype=np.float32)
"""Of the map, both ends included."""
_SAMPLES = 8000
"""States at which actions are told apart, half of them demonstrated: the standard error of an AUC
of 0.95 is 0.003, and less between rewards, for all of them are asked about the same samples."""
_SEED = 0


@dataclass(frozen=True)
class Quality:
    """What one learned reward is worth."""

    demonstrated_auc: float
    """Of expert against uniform actions, at states of the demonstrated intervals."""
    gap_auc: float
    """The same at states between them."""
    roughness: float
    """See ``roughness``."""
    expert_demonstrated: float
    """Mean D of the expert's actions on the demonstrated intervals."""
    expert_gap: float
    """The same between them: how much of it the reward carries over."""


def measure(score: Score) -> tuple[Quality, Array]:
    """Return the quality of a score, and its map D ``[S, A]`` over STATES and ACTIONS."""
    rng = np.random.default_rng(_SEED)
    states = rng.uniform(0.0, sine.STATE_HIGH, (_SAMPLES, 1)).astype(np.float32)
    shown = sine.demonstrated(states)
    uniform = rng.uniform(-1.0, 1.0, states.shape).astype(np.float32)
    grid = np.stack(np.meshgrid(STATES, ACTIONS, indexing='ij'), axis=-1).reshape(-1, 2)
    logits = score(np.concatenate([
        np.hstack([states, sine.scripted_expert(states, rng)]), np.hstack([states, uniform]),
        grid]))
    expert, other, drawn = np.split(logits, [_SAMPLES, 2 * _SAMPLES])
    probability = _sigmoid(drawn).reshape(len(STATES), len(ACTIONS))
    return Quality(
        auc(expert[shown], other[shown]), auc(expert[~shown], other[~shown]),
        roughness(probability, STATES, ACTIONS), float(_sigmoid(expert[shown]).mean()),
        float(_sigmoid(expert[~shown]).mean())), probability


def best_logit(pairs: Array) -> Array:
    """Return what no score can better, ``[B]``: log of the expert's density over the uniform one.

    log N(a; sin(0.2 π s), 0.05²) - log 1/2, as if the expert had been seen in every state.
    """
    z = (pairs[:, 1] - sine.curve(pairs[:, 0])) / sine.EXPERT_NOISE_STD
    return np.log(2 / (sine.EXPERT_NOISE_STD * np.sqrt(2 * np.pi))) - 0.5 * np.square(z)


def auc(high: Array, low: Array) -> float:
    """Return how often a score of ``high`` ``[P]`` is above one of ``low`` ``[N]``, ties half.

    The area under the curve of true over false positives, by ranks (Mann & Whitney, 1947):
    (sum of the ranks of ``high`` - P (P + 1) / 2) / (P N), equal scores sharing their mean rank.
    """
    _, place, count = np.unique(np.concatenate([high, low]), return_inverse=True,
                                return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    ranks = mean_rank[place][:len(high)].sum()
    return float((ranks - len(high) * (len(high) + 1) / 2) / (len(high) * len(low)))


def roughness(probability: Array, states: Array, actions: Array) -> float:
    """Mean of the gradient's norm ‖(dD/ds, dD/da)‖ over the map ``[S, A]``; low is smooth."""
    by_state, by_action = np.gradient(probability, states, actions)
    return float(np.hypot(by_state, by_action).mean())


def _sigmoid(logit: Array) -> Array:
    """D of a logit; by tanh, which does not overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * logit)
