# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The reward a discriminator learned on task ``sine``, over all states and actions.

Every method is drawn as D(s, a) = sigmoid(logit) on one scale from 0 to 1: a picture of one as
logits beside the other as probabilities compares nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure
import numpy as np
import torch
from torch import nn, Tensor

from drail_ros import plugins
from drail_ros.errors import UserError
from drail_ros.files import read_json
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.rewards.discriminator import Discriminator, EstimatedScore
from drail_ros.learn.rewards.terminations import marked
from drail_ros.learn.train.checkpoint import load_checkpoint
from drail_ros.learn.train.settings import make_run_settings, OnlineSettings
from drail_ros.learn.transitions import Transitions
from drail_ros.tasks import sine

_STATES, _ACTIONS = 201, 81
_DRAWS = 500
"""A logit that is an estimate is averaged over so many draws: the picture is of what it means."""


def plot_reward_maps(runs: Sequence[Path], output: Path) -> dict[str, float]:
    """Draw D of each run; return each one's roughness (see ``roughness``).

    Raises:
        UserError: a folder holds no run of task sine with a discriminator.

    """
    states = np.linspace(0, sine.STATE_HIGH, _STATES, dtype=np.float32)
    actions = np.linspace(-1, 1, _ACTIONS, dtype=np.float32)
    figure = Figure(figsize=(9, 2.6 * len(runs)), layout='constrained')
    panels = figure.subplots(len(runs), 1, squeeze=False, sharex=True)[:, 0]
    result = {}
    for axes, run in zip(panels, runs):
        name, probability = _expert_probability(run, states, actions)
        result[name] = roughness(probability, states, actions)
        image = axes.imshow(probability.T, origin='lower', aspect='auto', vmin=0, vmax=1,
                            extent=(0, sine.STATE_HIGH, -1, 1), cmap='viridis')
        for start in np.arange(0, sine.STATE_HIGH, 2 * sine.INTERVAL):
            axes.axvspan(start, start + sine.INTERVAL, ymin=0.96, color='white', linewidth=0)
        axes.plot(states, np.sin(0.2 * np.pi * states), color='red', linewidth=0.8)
        axes.set(ylabel='action', title=f'{name}: D(s, a), roughness {result[name]:.2f}')
    panels[-1].set_xlabel('state (white bars: demonstrated intervals; red: the expert)')
    figure.colorbar(image, ax=list(panels), label='D, high means expert')
    figure.savefig(output, dpi=150)
    return result


def roughness(probability: np.ndarray, states: np.ndarray, actions: np.ndarray) -> float:
    """Mean of the gradient's norm ‖(dD/ds, dD/da)‖ over the map ``[S, A]``; low is smooth."""
    by_state, by_action = np.gradient(probability, states, actions)
    return float(np.hypot(by_state, by_action).mean())


def _expert_probability(run: Path, states: np.ndarray,
                        actions: np.ndarray) -> tuple[str, np.ndarray]:
    settings = read_json(run / 'run.json')['settings']
    chosen = make_run_settings({**settings, 'resume': 'false'})
    task, models = sine.TASK, _discriminators()
    if (chosen.task != task.name or chosen.algorithm not in models
            or not isinstance(chosen, OnlineSettings)):
        raise UserError(f'{run} cannot be drawn as a reward map', found=f'task {chosen.task}, '
                        f'algorithm {chosen.algorithm}',
                        expected=f'task {task.name}, algorithm {" or ".join(models)}',
                        do='drail train --task sine --algorithm drail')
    is_marked = chosen.terminations == 'absorbing'
    model = models[chosen.algorithm](task.observation_size + is_marked, task.action_size,
                                     chosen.reward, torch.Generator().manual_seed(0))
    normaliser = RunningNormaliser(task.observation_size)
    state = load_checkpoint(run / 'checkpoint.safetensors')
    model.load_state_dict(state['reward_model'])
    normaliser.load_state_dict(state['normaliser'])
    grid = np.stack(np.meshgrid(states, actions, indexing='ij'), axis=-1).reshape(-1, 2)
    obs = normaliser(torch.from_numpy(grid[:, :1]))
    rows = Transitions.of(obs, torch.from_numpy(grid[:, 1:].copy()), obs)
    logits = _logits(model.score, marked(rows) if is_marked else rows)
    return chosen.algorithm, logits.sigmoid().numpy().reshape(len(states), len(actions))


@torch.no_grad()
def _logits(score: nn.Module, rows: Transitions) -> Tensor:
    """Logits ``[B]`` as a smooth function of the rows."""
    return score.expected(rows, _DRAWS) if isinstance(score, EstimatedScore) else score(rows)


def _discriminators() -> dict[str, Callable[..., Discriminator]]:
    """Reward models that have a logit, by name."""
    models = {name: plugins.load(plugins.REWARDS, name)[0]
              for name in plugins.names(plugins.REWARDS)}
    return {name: model for name, model in models.items() if issubclass(model, Discriminator)}
