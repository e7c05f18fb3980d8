"""Which randomness helps DRAIL: noise shared between the labels or not, in training and reward.

Trains every variant on fetch_push with its default settings, several seeds, up to a number of
environment steps, and prints the deterministic and sampled success there, mean ± std.

    .venv/bin/python bench/noise_study.py [--steps 196608] [--seeds 0 1 2] [--variants …]

Runs are kept in the output folder and not repeated; give parts to several processes, and call
once more for the table of all.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from drail_ros import session
from drail_ros.learn.run_folder import read_metrics
from drail_ros.learn.run_settings import make_run_settings, task_of
from drail_ros.learn.trainer import Trainer
from drail_ros.sim.make import make_sim

VARIANTS = {
    'shared/shared8': {},
    'independent/shared8': {'reward.training_shared_noise': False},
    'shared/independent1': {'reward.reward_shared_noise': False, 'reward.reward_draws': 1},
    'independent/independent1': {'reward.training_shared_noise': False,
                                 'reward.reward_shared_noise': False, 'reward.reward_draws': 1},
}
"""Noise of the two labels in training / in the reward, with the draws averaged there."""


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
    print(json.dumps({'name': 'noise_study', 'value': table, 'against': None, 'ratio': None}))


def train(variant: str, seed: int, options: argparse.Namespace) -> Path:
    folder = options.output / f'{variant.replace("/", "_")}_{seed}'
    run = make_run_settings({'seed': seed, 'output_dir': str(folder), 'resume': True,
                             **VARIANTS[variant]})
    if not any(row['step'] >= options.steps for row in read_metrics(folder)):
        sim = make_sim(task_of(run), run.num_envs, run.noise)
        trainer = Trainer(sim, session.demonstrations_for(run, print), run,
                          lambda step, metrics: None)
        trainer.run(lambda: trainer.step >= options.steps)
        sim.close()
    return folder


def row_at(folder: Path, steps: int) -> dict[str, float]:
    return [row for row in read_metrics(folder)
            if 'evaluation/success_rate' in row and row['step'] <= steps][-1]


if __name__ == '__main__':
    main()
