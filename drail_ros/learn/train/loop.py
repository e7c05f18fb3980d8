# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What every training run does: iterate, log, evaluate, keep the best policy, save, resume."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
import math
import threading
import time
from typing import Any

import torch

from drail_ros.data.demonstrations import Demonstrations
from drail_ros.episodes.evaluate import Evaluation
from drail_ros.errors import UserError
from drail_ros.learn.nets.mlp import global_seed
from drail_ros.learn.nets.policy import SavedPolicy
from drail_ros.learn.nets.precision import use_fast_matmul
from drail_ros.learn.train.checkpoint import load_checkpoint, save_checkpoint
from drail_ros.learn.train.compute import choose_threads, pick_device
from drail_ros.learn.train.folder import BEST_POLICY, POLICY, RunFolder
from drail_ros.learn.train.settings import OfflineSettings, OnlineSettings
from drail_ros.sim.batch_sim import BatchSim, SimulationStopped

Report = Callable[[int, dict[str, float]], None]
"""Called with a step of the log and its metrics."""
OnBest = Callable[[SavedPolicy, dict[str, Any]], None]
"""Called with a policy better than all before it, and what is saved of it: task, step, …"""


class TrainingLoop(ABC):
    """One run; ``step`` is what its log counts. ``report(step, metrics)`` follows each iteration.

    ``on_best(policy, info)`` gets the policy itself, which goes on learning afterwards.
    A subclass makes what learns, then calls ``begin``.
    """

    run_settings: OnlineSettings | OfflineSettings
    policy: SavedPolicy
    """As it is now."""

    def __init__(self, sim: BatchSim, demonstrations: Demonstrations | None,
                 run: OnlineSettings | OfflineSettings, report: Report,
                 on_best: OnBest | None = None) -> None:
        self.sim, self.run_settings, self._report, self._on_best = sim, run, report, on_best
        self.device = pick_device(run.device)
        use_fast_matmul(run.fast_matmul)
        self.generator = torch.Generator(self.device).manual_seed(run.seed)
        global_seed(run.seed)
        self._demonstrations_hash = demonstrations.content_hash() if demonstrations else ''
        self.step, self.best = 0, -math.inf
        self.should_stop: Callable[[], bool] = lambda: False
        self._unfinished: dict[str, float] | None = None
        """Metrics of an iteration that was learned from but not yet judged and logged."""
        self._seconds_before, self._since = 0.0, time.monotonic()
        """What the run took before it went on, and when it did."""

    def begin(self, *networks: Mapping[str, Any]) -> None:
        """Create or continue the folder; choose threads for the networks of these ``state_dict``.

        Raises:
            UserError: it holds a run that cannot be continued; see ``RunFolder``.

        """
        run = self.run_settings
        self.folder = RunFolder(run, self._demonstrations_hash)
        self.threads = run.threads
        if self.folder.checkpoint.exists():
            state = load_checkpoint(self.folder.checkpoint)
            if state['device'] != self.device.type:
                raise UserError(f'the run in {self.folder.path} learned on another device',
                                found=self.device.type, expected=state['device'],
                                do=f'continue on a machine with it, with device {state["device"]}')
            self.step, self.best = state['step'], state['best']
            self._unfinished = state['unfinished']
            self.threads = self.threads or state['threads']
            self.load_state(state)
            self.generator.set_state(state['generator'])
        self.threads = self.threads or choose_threads(*networks)
        torch.set_num_threads(self.threads)
        # The row of an iteration still to be judged is written when it is.
        rows = self.folder.start_log(self.step - (self._unfinished is not None))
        self._seconds_before = rows[-1].get('train/seconds', 0.0) if rows else 0.0

    def train(self, should_stop: Callable[[], bool] = lambda: False,
              save_asked: threading.Event | None = None) -> None:
        """Train to the end, or until ``should_stop``; what was learned is saved either way.

        Where simulators fell silent after that, the iteration they cut off is left out.
        """
        self.should_stop, self._since = should_stop, time.monotonic()
        try:
            if self._unfinished is not None:
                self._finish_iteration(self._unfinished)
            while not self.is_finished() and not self._stops(save_asked):
                self._unfinished = self.iterate()
                self._finish_iteration(self._unfinished)
                if self.is_due(self.run_settings.checkpoint_every):
                    self.save()
        except SimulationStopped:
            if self._unfinished is None:
                self.rewind()
        except KeyboardInterrupt:
            if self._unfinished is not None:  # all that an iteration changes is done
                self.save()
            raise
        finally:
            self.folder.close()
        self.save()

    def _stops(self, save_asked: threading.Event | None) -> bool:
        """Whether to stop; first saves if that is asked for, and asks again."""
        stops = self.should_stop()
        while save_asked is not None and save_asked.is_set():
            save_asked.clear()
            self.save()
            stops = self.should_stop()
        return stops

    def _finish_iteration(self, metrics: dict[str, float]) -> None:
        if self.is_due(self.run_settings.evaluate_every):
            metrics = metrics | self.evaluate()
        metrics = metrics | {
            'train/seconds': self._seconds_before + time.monotonic() - self._since}
        self.folder.log(self.step, metrics)
        self._unfinished = None
        self._report(self.step, metrics)

    def save(self) -> None:
        """Write the checkpoint and the policy as it is now."""
        save_checkpoint(self.folder.checkpoint, self._whole_state())
        self._save_policy(POLICY)

    @abstractmethod
    def iterate(self) -> dict[str, float]:
        """Run one iteration, count it in ``step`` and return what there is to log."""

    def rewind(self) -> None:
        """Undo what an iteration did before it learned, when its simulation was cut off."""

    @abstractmethod
    def is_finished(self) -> bool:
        """Whether there is nothing left to learn."""

    @abstractmethod
    def is_due(self, every: int) -> bool:
        """Whether the latest iteration completed ``every`` steps."""

    @abstractmethod
    def evaluate(self) -> dict[str, float]:
        """Judge the policy; return what there is to log."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what an exact continuation needs beside step, best and generator."""

    @abstractmethod
    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from ``state``."""

    def keep_best(self, result: Evaluation, *, later_wins: bool = False) -> dict[str, float]:
        """Save the policy if it is the best so far, or ``later_wins`` and it is as good.

        Returns what there is to log.
        """
        is_best = result.score > self.best or (later_wins and result.score == self.best)
        if is_best:
            self.best = result.score
            self._save_policy(BEST_POLICY)
            if self._on_best is not None:
                self._on_best(self.policy, self._policy_info())
        return {'evaluation/best': self.best}

    def check_finite(self, metrics: Mapping[str, float]) -> None:
        """Stop a run that diverged; what made it is saved to be looked at.

        Raises:
            UserError: a metric is not finite.

        """
        bad = [name for name, value in metrics.items() if not math.isfinite(value)]
        if bad:
            path = self.folder.path / 'diverged.safetensors'
            save_checkpoint(path, self._whole_state())
            raise UserError('training diverged',
                            found=f'{", ".join(bad)} not finite at step {self.step}',
                            do=f'lower the learning rates; state saved in {path}')

    def _save_policy(self, name: str) -> None:
        self.policy.save(self.folder.path / name, self._policy_info())

    def _policy_info(self) -> dict[str, Any]:
        run = self.run_settings
        return {'task': run.task, 'algorithm': run.algorithm, 'noise': run.noise,
                'seed': run.seed, 'step': self.step, 'demonstrations': self._demonstrations_hash}

    def _whole_state(self) -> dict[str, Any]:
        return {'device': self.device.type, 'threads': self.threads, 'step': self.step,
                'best': self.best, 'unfinished': self._unfinished,
                'generator': self.generator.get_state(), **self.state()}


def evaluation_metrics(prefix: str, result: Evaluation) -> dict[str, float]:
    """Return an evaluation as scalars to log."""
    length = {f'{prefix}/length': result.mean_length}
    if not result.has_success:
        return {f'{prefix}/return': result.mean_return,
                f'{prefix}/return_std': result.std_return} | length
    low, high = result.interval()
    return {f'{prefix}/success_rate': result.success_rate, f'{prefix}/success_low': low,
            f'{prefix}/success_high': high} | length
