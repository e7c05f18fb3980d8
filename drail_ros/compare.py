# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""``drail compare``: try several algorithms with several seeds, judge them alike, tell the result.

Every trial is a ``drail train`` in a process of its own. What is finished is left alone and what
was begun is resumed, so that the same command goes on after anything that stopped it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
import fcntl
import os
from pathlib import Path
import shlex
import signal
import subprocess
import sys
import time
from typing import Any

from drail_ros import pipeline, plugins, settings
from drail_ros.errors import INTERRUPTED, unknown_name, UserError
from drail_ros.files import read_json, read_tensors, write_json
from drail_ros.learn.nets.policy import load_policy, PlanningPolicy
from drail_ros.learn.train.compute import one_thread
from drail_ros.learn.train.config import read_record
from drail_ros.learn.train.folder import POLICY, read_metrics
from drail_ros.learn.train.settings import (
    check_unchanged,
    length_of,
    make_run_settings,
    OnlineSettings,
    RunSettings,
    task_of,
)
from drail_ros.processes import end_all, ended_like_ctrl_c
from drail_ros.view.comparison import Outcome, write_comparison

FINAL, LOG = 'final.json', 'log.txt'
"""In a trial's folder: how its last policy fared in episodes of their own; what it printed."""
OWN = ('task', 'algorithm', 'seed', 'output_dir', 'resume')
"""Settings that the comparison itself gives to each trial."""
_EVALUATION_SEED = 7_000
"""Far from every trial's seed, from which the evaluations while training draw their episodes."""
_ENDING = ((signal.SIGINT, 60.0), (signal.SIGINT, 5.0), (signal.SIGKILL, 5.0))
"""Signals to a trial and seconds to obey: finish the iteration and save, end at once, be ended."""
_POLL_S = 0.1
_TAIL_LINES = 12


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
    """Settings of all trials that have them."""
    special: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings of the trials of one algorithm."""

    def trials(self) -> list[Trial]:
        """Return all trials, seed by seed, so that a comparison of few seeds is ready first.

        Raises:
            UserError: a name or value is wrong.

        """
        self._check()
        known = {name: set(settings.specs(make_run_settings(
            {'task': self.task, 'algorithm': name, **self._agent(name)})))
            for name in self.algorithms}
        everything = set().union(*known.values())
        return [self._trial(algorithm, seed, everything - known[algorithm])
                for seed in dict.fromkeys(self.seeds)
                for algorithm in dict.fromkeys(self.algorithms)]

    def command(self) -> str:
        """Return what to type for the same comparison."""
        assignments = [f'{name}={value}' for name, value in self.common.items()] + [
            f'{algorithm}:{name}={value}' for algorithm, own in self.special.items()
            for name, value in own.items()]
        return shlex.join([
            'drail', 'compare', '--task', self.task, '--algorithms', *self.algorithms,
            '--seeds', *map(str, self.seeds), '--episodes', str(self.episodes),
            '--jobs', str(self.jobs), '--output', str(self.output),
            *(['--set', *assignments] if assignments else [])])

    def _check(self) -> None:
        for name in ('episodes', 'jobs'):
            if getattr(self, name) < 1:
                raise UserError(f'--{name} is out of range', found=getattr(self, name),
                                expected='1 or more')
        for name in self.special:
            if name not in self.algorithms:
                raise unknown_name('algorithm in --set', name, self.algorithms)
        for name in (n for given in (self.common, *self.special.values()) for n in given):
            if name in OWN:
                raise UserError(f'setting {name!r} cannot be set for a comparison',
                                do='give --task, --algorithms, --seeds, --output')

    def _agent(self, algorithm: str) -> dict[str, object]:
        """Return the agent that was asked for, where the algorithm leaves it open."""
        has_choice = algorithm in plugins.names(plugins.REWARDS)
        asked = {**self.common, **self.special.get(algorithm, {})}
        return {k: v for k, v in asked.items() if k == 'agent' and has_choice}

    def _trial(self, algorithm: str, seed: int, foreign: set[str]) -> Trial:
        """``foreign`` settings belong to other algorithms of the comparison."""
        folder = self.output / f'{algorithm}_{seed}'
        common = {k: v for k, v in self.common.items() if k not in {'agent', *foreign}}
        given = {'task': self.task, 'algorithm': algorithm, **self._agent(algorithm),
                 'seed': seed, 'output_dir': str(folder), **common,
                 **self.special.get(algorithm, {})}
        return Trial(algorithm, seed, folder, given, make_run_settings(given, 'drail compare'))


@dataclass(frozen=True, eq=False)
class Trial:
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
        """Whether it has learned to its end and saved the policy it ended with.

        Raises:
            UserError: it has, with other settings.

        """
        rows = read_metrics(self.folder)
        if not rows or not (self.folder / POLICY).exists():
            return False
        values: dict[str, Any] = settings.values(self.settings)
        goal = values.get('stop_at_success', 0.0)
        total, _ = length_of(self.settings)
        if rows[-1]['step'] < total and not 0 < goal <= rows[-1].get('evaluation/best', -1.0):
            return False
        if read_tensors(self.folder / POLICY, 'policy')[1]['step'] != rows[-1]['step']:
            return False  # killed between its last row and its last policy
        check_unchanged(read_record(self.folder)['settings'], self.settings, str(self.folder))
        return True

    def start(self, jobs: int) -> subprocess.Popen | None:
        """Begin or continue it in a process; None while another process is at it.

        The process holds the lock of its log until it ends, whatever becomes of this one. It has
        a session of its own: Ctrl-C reaches only us.
        """
        flags = [f'--{name.replace("_", "-")}={value}' for name, value in self.given.items()]
        environment = os.environ | ({'OMP_NUM_THREADS': '1'} if jobs > 1 else {})
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOG).open('ab') as log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            return subprocess.Popen(
                [sys.executable, '-m', 'drail_ros.cli', 'train', *flags, '--resume=auto'],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True)

    def tail(self) -> str:
        """Return the last lines of its log; of a progress bar only what it showed last."""
        text = (self.folder / LOG).read_bytes().decode(errors='replace').rstrip()
        shown = [line.rstrip('\r').rpartition('\r')[2]
                 for line in text.split('\n')[-_TAIL_LINES:]]
        return '\n'.join(f'  {line}' for line in shown)


def compare(what: Comparison, say: Callable[[str], None]) -> int:
    """Train all that is not finished, evaluate, and write figure and tables; return exit status.

    Raises:
        UserError: a setting is wrong, or nothing could be trained.

    """
    trials = what.trials()
    todo = [trial for trial in trials if not trial.is_finished()]
    what.output.mkdir(parents=True, exist_ok=True)
    say(f'{len(trials)} runs, {len(trials) - len(todo)} of them finished before')
    try:
        with ended_like_ctrl_c():
            failed = _train_all(todo, what.jobs, say)
            outcomes = [_judge(trial, what.episodes, say)
                        for trial in trials if trial not in failed]
    except KeyboardInterrupt:
        say('interrupted; the same command goes on')
        return INTERRUPTED
    if not outcomes:
        raise UserError('no run was finished', found=f'see {what.output}/*/{LOG}')
    table = write_comparison(outcomes, task_of(trials[0].settings), what.command(), what.output)
    say(f'\n{table}\nwritten to {what.output}: comparison.png, comparison.md, comparison.csv\n'
        f'the same again, or more of it: {what.command()}')
    if failed:
        say(f'failed and left out: {", ".join(trial.name for trial in failed)}')
    return 1 if failed else 0


def _train_all(todo: Sequence[Trial], jobs: int, say: Callable[[str], None]) -> list[Trial]:
    """Train all, so many at a time; return those that failed."""
    waiting, running = list(todo), dict[Trial, subprocess.Popen]()
    failed: list[Trial] = []
    elsewhere: set[Trial] = set()
    try:
        while waiting or running:
            for trial in waiting[:]:
                if len(running) == jobs:
                    break
                process = trial.start(jobs)
                if process:
                    waiting.remove(trial)
                    running[trial] = process
                    say(f'{trial.name} begins ({len(waiting)} to follow)')
                elif trial not in elsewhere:
                    elsewhere.add(trial)
                    say(f'{trial.name} is still run by a comparison before this one; waiting')
            time.sleep(_POLL_S)
            for trial in [t for t, process in running.items() if process.poll() is not None]:
                if code := running.pop(trial).returncode:
                    failed.append(trial)
                    say(f'{trial.name} failed with exit status {code}:\n{trial.tail()}')
    finally:
        end_all(list(running.values()), _ENDING)
    return failed


def _judge(trial: Trial, episodes: int, say: Callable[[str], None]) -> Outcome:
    """Evaluate the last policy, its actions and, where it has any, samples; unless it was."""
    path, file = trial.folder / FINAL, trial.folder / POLICY
    policy, info = load_policy(file)
    final = read_json(path) if path.exists() else {}
    if final.get('episodes', 0) < episodes or final.get('step') != info['step']:
        kinds = {'score': False} | ({} if isinstance(policy, PlanningPolicy)
                                    else {'sampled_score': True})
        final = {'step': info['step']}
        for name, sampled in kinds.items():
            with one_thread():
                result, _ = pipeline.evaluate_policy(file, episodes=episodes, noise=0.0,
                                                     seed=_EVALUATION_SEED, sampled=sampled)
            final |= {name: result.score, 'episodes': result.episodes}
            say(f'{trial.name}{", sampled" if sampled else ""}: {result}')
        write_json(path, final)
    return Outcome(trial.algorithm, trial.seed, trial.is_online, read_metrics(trial.folder),
                   final['score'], final.get('sampled_score'), final['episodes'])
