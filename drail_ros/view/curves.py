# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Learning curves: success or return over environment steps, seeds of one method averaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
import numpy as np

from drail_ros.errors import UserError
from drail_ros.files import read_json
from drail_ros.learn.train.folder import read_metrics

_METRICS = ('success_rate', 'return')
"""What an evaluation logs: the first where a task has success, else the second."""


def plot_curves(runs: Sequence[Path], output: Path) -> None:
    """Draw the runs; those that differ in nothing but the seed share a mean ± std band.

    Raises:
        UserError: a folder holds no run, or a run without an evaluation, or some runs tell
            success and some tell returns.

    """
    groups, metric = _grouped(runs)
    in_percent = metric == _METRICS[0]
    scale = 100.0 if in_percent else 1.0
    figure = Figure(figsize=(8, 4.5), layout='constrained')
    axes = figure.subplots()
    for label, members in groups.items():
        name = f'{label} ({len(members)} seeds)' if len(members) > 1 else label
        steps, mean, spread = mean_and_spread(members, f'evaluation/{metric}')
        line, = axes.plot(steps / 1e6, scale * mean, label=name)
        axes.fill_between(steps / 1e6, scale * (mean - spread), scale * (mean + spread),
                          alpha=0.2, color=line.get_color(), linewidth=0)
        steps, mean, _ = mean_and_spread(members, f'evaluation_sampled/{metric}')
        axes.plot(steps / 1e6, scale * mean, linestyle=':', color=line.get_color())
    what = 'success [%]' if in_percent else 'return'
    axes.set(xlabel='environment steps [million]', ylabel=f'{what}, dotted: sampled actions')
    if in_percent:
        axes.set_ylim(-2, 102)
    axes.grid(alpha=0.3)
    figure.legend(loc='outside lower center', ncols=3, frameon=False)
    figure.savefig(output, dpi=150)


def mean_and_spread(members: list[list[dict[str, float]]],
                    name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return steps, mean and std of a metric over runs, between the steps that all have."""
    curves = [(np.array([row['step'] for row in rows]), np.array([row[name] for row in rows]))
              for rows in members]
    steps = np.unique(np.concatenate([s for s, _ in curves]))
    steps = steps[(steps >= max(s[0] for s, _ in curves))
                  & (steps <= min(s[-1] for s, _ in curves))]
    values = np.array([np.interp(steps, s, v) for s, v in curves])
    return steps, values.mean(axis=0), values.std(axis=0)


def _grouped(runs: Sequence[Path]) -> tuple[dict[str, list[list[dict[str, float]]]], str]:
    """Return the evaluations of each run by label, and the metric they tell."""
    records = [read_json(run / 'run.json')['settings'] for run in runs]
    ignored = ('seed', 'output_dir', 'resume', 'demo_path', 'device', 'stop_at_success',
               'evaluate_every', 'checkpoint_every', 'evaluation_episodes')
    varied = [name for name in records[0] if name not in ignored
              and len({str(r.get(name)) for r in records}) > 1]
    if 'preset' in varied:
        varied = ['preset']  # it says all that differs with it
    groups: dict[str, list[list[dict[str, float]]]] = {}
    logs = [read_metrics(run) for run in runs]
    metric = next((name for name in _METRICS for rows in logs for row in rows
                   if f'evaluation/{name}' in row), _METRICS[0])
    for run, record, log in zip(runs, records, logs):
        rows = [row for row in log if f'evaluation_sampled/{metric}' in row]
        if not rows:
            raise UserError(f'{run} has no curve of {metric} to draw',
                            do='train further, and draw runs of one kind of task together; '
                               'drail compare draws offline methods too')
        others = [f'{name}={record.get(name)}' for name in varied
                  if name != 'algorithm' and name in record]
        label = ' '.join([str(record['algorithm']), *others[:3]])
        groups.setdefault(label, []).append(rows)
    return groups, metric
