"""``drail compare``: run several algorithms with several seeds, judge them alike, tell the result.

Every run is a ``drail train`` in a process of its own. What is finished is left alone and what was
begun is resumed, so that the same command goes on after anything that stopped it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drail_ros import plugins, session, settings
from drail_ros.errors import UserError
from drail_ros.files import read_json, write_json
from drail_ros.learn.run_folder import POLICY, read_metrics
from drail_ros.learn.run_settings import (
    OnlineSettings,
    RunSettings,
    make_run_settings,
    task_of,
)
from drail_ros.view.comparison import Outcome, write_comparison

INTERRUPTED = 130
FINAL = 'final.json'
"""In the folder of a run: how its last policy fared in episodes of their own."""
_EVALUATION_SEED = 7_000
_WAIT_S = 0.2
_TAIL_LINES = 5


@dataclass(frozen=True)
class Comparison:
    """What is to be compared."""

    task: str
    algorithms: Sequence[str]
    seeds: Sequence[int]
    output: Path
    episodes: int = 100
    jobs: int = 1
    common: Mapping[str, object] = field(default_factory=dict)
    """Settings of all runs."""
    special: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings of the runs of one algorithm."""

    def runs(self) -> list[Run]:
        """Return all runs, seed by seed, so that a comparison of few seeds is ready first.

        Raises:
            UserError: a name or value of a setting is wrong.

        """
        known = {name: set(settings.specs(make_run_settings(
            {'task': self.task, 'algorithm': name, **self._agent(name)})))
            for name in self.algorithms}
        everything = set().union(*known.values())
        return [self._run(algorithm, seed, everything - known[algorithm])
                for seed in self.seeds for algorithm in self.algorithms]

    def _agent(self, algorithm: str) -> dict[str, object]:
        """Return the agent that was asked for, where the algorithm leaves it open."""
        has_choice = algorithm in plugins.names(plugins.REWARDS)
        return {k: v for k, v in self.common.items() if k == 'agent' and has_choice}

    def _run(self, algorithm: str, seed: int, foreign: set[str]) -> Run:
        """``foreign`` settings belong to other algorithms of the comparison."""
        folder = self.output / f'{algorithm}_{seed}'
        common = {k: v for k, v in self.common.items() if k not in {'agent', *foreign}}
        given = {'task': self.task, 'algorithm': algorithm, **self._agent(algorithm),
                 'seed': seed, 'output_dir': str(folder), **common,
                 **self.special.get(algorithm, {})}
        return Run(algorithm, seed, folder, given, make_run_settings(given, 'drail compare'))


@dataclass(frozen=True, eq=False)
class Run:
    """One algorithm with one seed."""

    algorithm: str
    seed: int
    folder: Path
    given: Mapping[str, object]
    settings: RunSettings

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.folder.name

    @property
    def is_online(self) -> bool:
        """Whether it counts environment steps; else passes over the demonstrations."""
        return isinstance(self.settings, OnlineSettings)

    def is_finished(self) -> bool:
        """Whether it has learned to its end."""
        rows = read_metrics(self.folder)
        if not rows or not (self.folder / POLICY).exists():
            return False
        values: dict[str, Any] = settings.values(self.settings)
        goal = values.get('stop_at_success', 0.0)
        total = values['total_steps'] if self.is_online else values['learner.epochs']
        return rows[-1]['step'] >= total or 0 < goal <= rows[-1].get('evaluation/best', -1.0)

    def command(self) -> list[str]:
        """Return the command that begins or continues it."""
        flags = [f'--{name.replace("_", "-")}={value}' for name, value in self.given.items()]
        return [sys.executable, '-m', 'drail_ros.cli', 'train', *flags, '--resume=true']


def compare(what: Comparison, say: Callable[[str], None]) -> int:
    """Run all that is not finished, evaluate, and write figure and tables; return exit status.

    Raises:
        UserError: a setting is wrong, or nothing could be run.

    """
    runs = what.runs()
    what.output.mkdir(parents=True, exist_ok=True)
    todo = [run for run in runs if not run.is_finished()]
    say(f'{len(runs)} runs, {len(runs) - len(todo)} of them finished before')
    status = _run_all(todo, what.jobs, say)
    if status == INTERRUPTED:
        say('interrupted; the same command goes on')
        return status
    finished = [run for run in runs if run.is_finished()]
    if not finished:
        raise UserError('no run was finished', found=f'see the log files in {what.output}')
    outcomes = [_judge(run, what.episodes, say) for run in finished]
    say(write_comparison(outcomes, task_of(finished[0].settings).has_success, what.output))
    say(f'written to {what.output}: comparison.png, comparison.md, comparison.csv')
    return status


def _run_all(todo: Sequence[Run], jobs: int, say: Callable[[str], None]) -> int:
    waiting, running, status = list(todo), dict[Run, subprocess.Popen](), 0
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                run = waiting.pop(0)
                say(f'{run.name} begins ({len(waiting)} to follow)')
                running[run] = _start(run, jobs)
            for run, process in list(running.items()):
                try:
                    code = process.wait(_WAIT_S / len(running))
                except subprocess.TimeoutExpired:
                    continue
                del running[run]
                if code:
                    status = 1
                    say(f'{run.name} failed with exit status {code}:\n{_tail(run)}')
    except KeyboardInterrupt:
        status = INTERRUPTED
    finally:
        for process in running.values():
            process.send_signal(signal.SIGINT)
        for process in running.values():
            process.wait()
    return status


def _start(run: Run, jobs: int) -> subprocess.Popen:
    """In a process group of its own: Ctrl-C reaches only us."""
    environment = dict(os.environ)
    if jobs > 1:
        environment['OMP_NUM_THREADS'] = '1'
    with run.folder.with_suffix('.log').open('ab') as log:
        return subprocess.Popen(run.command(), env=environment, stdout=log,
                                stderr=subprocess.STDOUT, start_new_session=True)


def _tail(run: Run) -> str:
    text = run.folder.with_suffix('.log').read_text('utf-8', errors='replace')
    return '\n'.join(f'  {line}' for line in text.splitlines()[-_TAIL_LINES:])


def _judge(run: Run, episodes: int, say: Callable[[str], None]) -> Outcome:
    """Evaluate the last policy, its actions and, where it has any, samples; unless it was."""
    path, policy = run.folder / FINAL, run.folder / POLICY
    final = read_json(path) if path.exists() else {'episodes': 0}
    if final['episodes'] < episodes:
        for name, sampled in (('score', False), ('sampled_score', True)):
            try:
                result, _ = session.evaluate_policy(policy, episodes=episodes, noise=0.0,
                                                    seed=_EVALUATION_SEED, sampled=sampled)
            except UserError:  # a policy that plans has no samples
                continue
            final |= {name: result.score, 'episodes': result.episodes}
        write_json(path, final)
        say(f'{run.name}: {final["score"]:.4g}')
    return Outcome(run.algorithm, run.seed, run.is_online, read_metrics(run.folder),
                   final['score'], final.get('sampled_score'))
