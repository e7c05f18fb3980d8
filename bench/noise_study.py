# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Which randomness helps DRAIL: noise shared between the labels or not, in training and reward.

Trains every variant on fetch_push with its default settings, several seeds, up to a number of
environment steps, and prints the deterministic and sampled success there, mean ± std. Beside it,
the variance of each way to estimate L⁻ - L⁺, measured on the models that were trained; both in one
figure.

    .venv/bin/python bench/noise_study.py [--steps 196608] [--seeds 0 1 2] [--variants …]

Runs are kept in the output folder and not repeated; give parts to several processes, and call
once more for the table of all.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure
import numpy as np
import torch

from drail_ros import pipeline, plugins, settings
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.train.checkpoint import load_checkpoint
from drail_ros.learn.train.folder import read_metrics
from drail_ros.learn.train.online import Trainer
from drail_ros.learn.train.settings import make_run_settings, task_of
from drail_ros.learn.transitions import Transitions
from drail_ros.sim.make import make_sim

VARIANTS = {
    'shared/shared8': {},
    'independent/shared8': {'reward.training_shared_noise': False},
    'shared/independent1': {'reward.reward_shared_noise': False, 'reward.reward_draws': 1},
    'independent/independent1': {'reward.training_shared_noise': False,
                                 'reward.reward_shared_noise': False, 'reward.reward_draws': 1},
}
"""Noise of the two labels in training / in the reward, with the draws averaged there."""

DRAWS = (1, 2, 4, 8, 16)
SAMPLES, REPEATS = 256, 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=196_608)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--variants', nargs='+', choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument('--output', type=Path, default=Path('runs/noise_study'))
    options = parser.parse_args()
    table = {}
    for variant in options.variants:
        rows = [row_at(train(variant, seed, options), options.steps) for seed in options.seeds]
        table[variant] = {
            name: (float(np.mean(values)), float(np.std(values))) for name, values in
            ((key, [row[f'{key}/success_rate'] for row in rows])
             for key in ('evaluation', 'evaluation_sampled'))}
        print(variant, *(f'{key} {mean:.1%} ± {std:.1%}' for key, (mean, std)
                         in table[variant].items()), flush=True)
    noise = {shared: np.mean([relative_variance(folder, shared) for folder in (
        folder_of(variant, seed, options) for variant in options.variants
        for seed in options.seeds)], axis=0) for shared in (True, False)}
    for shared, values in noise.items():
        print('shared' if shared else 'independent', dict(zip(DRAWS, values.round(3).tolist())))
    draw(table, noise, options)
    print(json.dumps({'name': 'noise_study', 'value': table, 'against': None, 'ratio': None}))


def train(variant: str, seed: int, options: argparse.Namespace) -> Path:
    folder = folder_of(variant, seed, options)
    run = make_run_settings({'seed': seed, 'output_dir': str(folder), 'resume': 'auto',
                             **VARIANTS[variant]})
    if not any(row['step'] >= options.steps for row in read_metrics(folder)):
        sim = make_sim(task_of(run), run.num_envs, run.noise)
        trainer = Trainer(sim, pipeline.demonstrations_for(run, print), run,
                          lambda step, metrics: None)
        trainer.train(lambda: trainer.step >= options.steps)
        sim.close()
    return folder


def folder_of(variant: str, seed: int, options: argparse.Namespace) -> Path:
    return options.output / f'{variant.replace("/", "_")}_{seed}'


def relative_variance(folder: Path, shared: bool) -> np.ndarray:
    """Variance of one estimate of L⁻ - L⁺ over that between samples, for each of ``DRAWS``."""
    run = make_run_settings({})
    task, demonstrations = task_of(run), pipeline.demonstrations_for(run, print)
    state = load_checkpoint(folder / 'checkpoint.safetensors')
    normaliser = RunningNormaliser(task.observation_size)
    normaliser.load_state_dict(state['normaliser'])
    make_reward, _ = plugins.load(plugins.REWARDS, 'drail')
    random = np.random.default_rng(0)
    rows = random.choice(len(demonstrations), SAMPLES)
    action = demonstrations.action[rows].copy()
    action[::2] = random.uniform(-1, 1, action[::2].shape)  # half of them no expert's
    obs = normaliser(torch.tensor(demonstrations.obs[rows]))
    samples = Transitions.of(obs, torch.from_numpy(action), obs)
    model = make_reward(task.observation_size, task.action_size, run.reward,
                        torch.Generator().manual_seed(0))
    model.load_state_dict(state['reward_model'])
    result = []
    for draws in DRAWS:
        model.score.settings = settings.replace(
            run.reward, {'reward_shared_noise': shared, 'reward_draws': draws})
        estimates = torch.stack([model.reward(samples) for _ in range(REPEATS)])
        result.append((estimates.var(0).mean() / estimates.mean(0).var()).item())
    return np.array(result)


def draw(table: dict, noise: dict[bool, np.ndarray], options: argparse.Namespace) -> None:
    """Left: how noisy each estimate is. Right: what was learned with it."""
    figure = Figure(figsize=(10, 4), layout='constrained')
    left, right = figure.subplots(1, 2)
    for shared, marker in ((False, 's'), (True, 'o')):
        left.plot(DRAWS, noise[shared], marker=marker,
                  label='shared (t, ε)' if shared else 'independent (t, ε)')
    left.set(xscale='log', yscale='log', xlabel='draws averaged',
             ylabel='variance of an estimate of L⁻ - L⁺\nover that between samples')
    left.set_xticks(DRAWS, map(str, DRAWS))
    left.legend(frameon=False)
    left.grid(alpha=0.3)
    places = np.arange(len(table))
    for offset, key, label in ((-0.2, 'evaluation', 'mean action'),
                               (0.2, 'evaluation_sampled', 'sampled actions')):
        means, stds = zip(*(values[key] for values in table.values()))
        right.bar(places + offset, 100 * np.array(means), 0.38, yerr=100 * np.array(stds),
                  capsize=3, label=label)
    right.set_xticks(places, [name.replace('/', '\n') for name in table], fontsize=8)
    right.set(ylabel='success [%]', ylim=(0, 120), yticks=range(0, 101, 20),
              xlabel='noise in training, in the reward (draws averaged)',
              title=f'after {options.steps:,} steps, {len(options.seeds)} seeds')
    right.legend(frameon=False, loc='upper center', ncols=2)
    figure.savefig(options.output / 'noise_study.png', dpi=150)


def row_at(folder: Path, steps: int) -> dict[str, float]:
    return [row for row in read_metrics(folder)
            if 'evaluation/success_rate' in row and row['step'] <= steps][-1]


if __name__ == '__main__':
    main()
