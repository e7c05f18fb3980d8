# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The rewards that discriminators learned on task ``sine``, over all states and actions.

Owns the picture, the table and the results of runs. Every method is drawn as
D(s, a) = sigmoid(logit) on one scale from 0 to 1: a picture of one as logits beside the other as
probabilities compares nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
import numpy as np
import torch
from torch import nn, Tensor

from drail_ros import plugins
from drail_ros.errors import UserError
from drail_ros.files import write_json
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.rewards.discriminator import Discriminator, EstimatedScore
from drail_ros.learn.rewards.terminations import marked
from drail_ros.learn.train.checkpoint import load_checkpoint
from drail_ros.learn.train.config import read_record
from drail_ros.learn.train.folder import read_metrics
from drail_ros.learn.train.settings import (
    FREE_TO_CHANGE,
    make_run_settings,
    OnlineSettings,
    WATCHING,
)
from drail_ros.learn.transitions import Transitions
from drail_ros.tasks import sine
from drail_ros.tasks.task import Array
from drail_ros.view.reward_quality import best_logit, measure, Quality, Score, STATES

_DRAWS = 500
"""A logit that is an estimate is averaged over so many draws: the picture is of what it means."""
_MAY_DIFFER = ('seed', *FREE_TO_CHANGE, *WATCHING)
"""Settings in which runs of one algorithm may differ and still be averaged."""


@dataclass(frozen=True)
class LearnedReward:
    """The reward of one run."""

    settings: Mapping[str, Any]
    """Of the run, by dotted name."""
    versions: Mapping[str, str]
    """Of the packages that it learned with."""
    steps: int
    """Environment steps that it took."""
    quality: Quality
    probability: Array
    """D over states and actions, ``[S, A]``."""

    @property
    def algorithm(self) -> str:
        """What learned it."""
        return self.settings['algorithm']

    @property
    def seed(self) -> int:
        """Of the run."""
        return self.settings['seed']

    def record(self) -> dict[str, Any]:
        """Return all but the map, as JSON takes it."""
        return {'algorithm': self.algorithm, 'seed': self.seed, 'steps': self.steps,
                **asdict(self.quality), 'settings': self.settings, 'versions': self.versions}


def plot_reward_maps(runs: Sequence[Path], picture: Path, results: Path) -> str:
    """Draw D of the first run of each algorithm; return a table of all runs, as Markdown.

    What was measured of each run is written to ``sine_ALGORITHM_SEED.json`` in ``results``.

    Raises:
        UserError: a folder holds no run of task sine with a discriminator, or runs of one
            algorithm differ in more than the seed, or not in it.

    """
    groups: dict[str, list[LearnedReward]] = {}
    for run in runs:
        reward = learned_reward(run)
        group = groups.setdefault(reward.algorithm, [])
        _check_seeds_of_one_experiment([*group, reward], run)
        group.append(reward)
    for group in groups.values():
        for reward in group:
            write_json(results / f'sine_{reward.algorithm}_{reward.seed}.json', reward.record())
    _draw([group[0] for group in groups.values()], picture)
    return table(list(groups.values()))


def learned_reward(run: Path) -> LearnedReward:
    """Read the reward that a run has learned so far, and measure it.

    Raises:
        UserError: the folder holds no run of task sine with a discriminator.

    """
    record, log = read_record(run), read_metrics(run)
    quality, probability = measure(_score(run, record['settings']))
    return LearnedReward(record['settings'], record['versions'],
                         int(log[-1]['step']) if log else 0, quality, probability)


def table(groups: Sequence[Sequence[LearnedReward]]) -> str:
    """Return a Markdown table: a row per algorithm, mean ± standard deviation over its seeds.

    The last row is of the best score there is; see ``best_logit``.
    """
    names = {'demonstrated_auc': 'AUC, demonstrated', 'gap_auc': 'AUC, gaps',
             'roughness': 'roughness', 'expert_demonstrated': 'D of the expert, demonstrated',
             'expert_gap': 'D of the expert, gaps'}
    lines = [f'| {" | ".join(["algorithm", "seeds", "environment steps", *names.values()])} |',
             '|---' + '|--:' * (2 + len(names)) + '|']
    rows: list[tuple[str, str, str, Sequence[Quality]]] = [
        (group[0].algorithm, str(len(group)), f'{max(reward.steps for reward in group):,}',
         [reward.quality for reward in group]) for group in groups]
    rows.append(('the best there is', '–', '–', [measure(best_logit)[0]]))
    for *first, qualities in rows:
        cells = [_plus_minus([getattr(quality, name) for quality in qualities])
                 for name in names]
        lines.append(f'| {" | ".join([*first, *cells])} |')
    return '\n'.join(lines)


def _plus_minus(values: Sequence[float]) -> str:
    spread = f' ± {np.std(values):.3f}' if len(values) > 1 else ''
    return f'{np.mean(values):.3f}{spread}'


def _check_seeds_of_one_experiment(group: Sequence[LearnedReward], run: Path) -> None:
    """Compare the last of a group, of folder ``run``, with the others."""
    *others, last = group
    if last.seed in [other.seed for other in others]:
        raise UserError(f'{run} has the seed of another {last.algorithm} run',
                        found=f'seed {last.seed} twice', do='give runs of several seeds')
    for other in others:
        different = [name for name in {**other.settings, **last.settings}
                     if name not in _MAY_DIFFER
                     and other.settings.get(name) != last.settings.get(name)]
        if different:
            raise UserError(f'{run} is another experiment than the {last.algorithm} run of seed '
                            f'{other.seed}', found=f'different {", ".join(different)}',
                            expected='runs of one algorithm to differ in the seed only')


def _draw(rewards: Sequence[LearnedReward], picture: Path) -> None:
    figure = Figure(figsize=(9, 2.6 * len(rewards)), layout='constrained')
    panels = figure.subplots(len(rewards), 1, squeeze=False, sharex=True)[:, 0]
    for axes, reward in zip(panels, rewards):
        image = axes.imshow(reward.probability.T, origin='lower', aspect='auto', vmin=0, vmax=1,
                            extent=(0, sine.STATE_HIGH, -1, 1), cmap='viridis')
        for start in np.arange(0, sine.STATE_HIGH, 2 * sine.INTERVAL):
            axes.axvspan(start, start + sine.INTERVAL, ymin=0.96, color='white', linewidth=0)
        axes.plot(STATES, sine.curve(STATES), color='red', linewidth=0.8)
        quality = reward.quality
        axes.set(ylabel='action', title=(
            f'{reward.algorithm}, seed {reward.seed}: D(s, a); '
            f'AUC {quality.demonstrated_auc:.3f}, in the gaps {quality.gap_auc:.3f}; '
            f'roughness {quality.roughness:.2f}'))
    panels[-1].set_xlabel('state (white bars: demonstrated intervals; red: the expert)')
    figure.colorbar(image, ax=list(panels), label='D, high means expert')
    figure.savefig(picture, dpi=150)


def _score(run: Path, settings: Mapping[str, Any]) -> Score:
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

    def score(pairs: Array) -> Array:
        obs, action = torch.from_numpy(pairs).split([task.observation_size, task.action_size], 1)
        obs = normaliser(obs)
        rows = Transitions.of(obs, action, obs)
        return _logits(model.score, marked(rows) if is_marked else rows).numpy()

    return score


@torch.no_grad()
def _logits(score: nn.Module, rows: Transitions) -> Tensor:
    """Logits ``[B]`` as a smooth function of the rows."""
    return score.expected(rows, _DRAWS) if isinstance(score, EstimatedScore) else score(rows)


def _discriminators() -> dict[str, Callable[..., Discriminator]]:
    """Reward models that have a logit, by name."""
    models = {name: plugins.load(plugins.REWARDS, name)[0]
              for name in plugins.names(plugins.REWARDS)}
    return {name: model for name, model in models.items() if issubclass(model, Discriminator)}
