# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""A trial under way: a ``drail train`` in a process of its own, then one that judges.

What is finished is left alone and what was begun is resumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import fcntl
import os
import subprocess
import sys
from typing import Any, BinaryIO

from drail_ros import settings
from drail_ros.compare.plan import Comparison
from drail_ros.compare.result import Result
from drail_ros.compare.trials import Measurement, Trial
from drail_ros.files import read_tensors
from drail_ros.learn.train.config import read_record
from drail_ros.learn.train.folder import POLICY, read_metrics
from drail_ros.learn.train.settings import check_unchanged, length_of

LOG = 'log.txt'
"""In a trial's folder: what it printed."""
_TAIL_LINES = 12


def is_finished(trial: Trial) -> bool:
    """Whether a trial has learned to its end and saved the policy it ended with.

    Raises:
        UserError: it has, with other settings.

    """
    rows = read_metrics(trial.folder)
    if not rows or not (trial.folder / POLICY).exists():
        return False
    values: dict[str, Any] = settings.values(trial.settings)
    goal = values.get('stop_at_success', 0.0)
    total, _ = length_of(trial.settings)
    if rows[-1]['step'] < total and not 0 < goal <= rows[-1].get('evaluation/best', -1.0):
        return False
    if read_tensors(trial.folder / POLICY, 'policy')[1]['step'] != rows[-1]['step']:
        return False  # killed between its last row and its last policy
    check_unchanged(read_record(trial.folder)['settings'], trial.settings, str(trial.folder))
    return True


class Attempt:
    """A trial and its measurements under way: one process after the other.

    From beginning to end the log of the trial is locked, by its process too: whatever becomes of
    this one, no other comparison begins the same.
    """

    def __init__(self, trial: Trial, missing: Sequence[Measurement], what: Comparison) -> None:
        self.trial, self._missing, self._what = trial, missing, what
        self._log: BinaryIO
        self._commands: Iterator[list[str]]
        self.process: subprocess.Popen | None = None

    def start(self) -> bool:
        """Begin or continue; whether nobody else is at it."""
        self.trial.folder.mkdir(parents=True, exist_ok=True)
        self._log = (self.trial.folder / LOG).open('ab')
        try:
            fcntl.flock(self._log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._log.close()
            return False
        self._commands = self._remaining()
        self._next()
        return True

    def poll(self) -> int | None:
        """Return the exit status of what failed, 0 once all is done, None before."""
        code = self.process.poll() if self.process else 0
        if code == 0 and self._next():
            return None
        if code is not None:
            self._log.close()
        return code

    def told(self, code: int) -> str:
        """Return in words how it ended."""
        if code:
            return f'{self.trial.name} failed with exit status {code}:\n{self.tail()}'
        return '\n'.join(f'{m.name}: {Result.read(m.path)}' for m in self._missing)

    def tail(self) -> str:
        """Return the last lines of the log; of a progress bar only what it showed last."""
        text = (self.trial.folder / LOG).read_bytes().decode(errors='replace').rstrip()
        shown = [line.rstrip('\r').rpartition('\r')[2]
                 for line in text.split('\n')[-_TAIL_LINES:]]
        return '\n'.join(f'  {line}' for line in shown)

    def _remaining(self) -> Iterator[list[str]]:
        """Yield what there is to do after ``python -m``."""
        missing = [m for m in self._missing if not m.path.exists()]  # another one was quicker
        if missing and not is_finished(self.trial):
            flags = [f'--{name.replace("_", "-")}={value}'
                     for name, value in self.trial.given.items()]
            yield ['drail_ros.cli', 'train', *flags, '--resume=auto']
        if missing:
            yield ['drail_ros.compare.judge', str(self.trial.folder),
                   '--episodes', str(self._what.episodes),
                   *(word for m in missing for word in ('--at', repr(m.noise), str(m.path)))]

    def _next(self) -> bool:
        """Begin the next process, if there is one.

        It has a session of its own: Ctrl-C reaches only us.
        """
        command = next(self._commands, None)
        if command is None:
            return False
        environment = os.environ | ({'OMP_NUM_THREADS': '1'} if self._what.jobs > 1 else {})
        self.process = subprocess.Popen(
            [sys.executable, '-m', *command], env=environment, stdin=subprocess.DEVNULL,
            stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True)
        return True
