"""Learning from demonstrations alone: pass over them, evaluate now and then, keep the best.

Drives any offline learner; the environments only judge its policy. Knows no topics, no task and
no method.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import torch

from drail_ros import plugins
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.learn.checkpoint import load_checkpoint, save_checkpoint
from drail_ros.learn.compute import one_thread, pick_device, use_fast_matmul
from drail_ros.learn.evaluate import EVALUATION_SEED, evaluate
from drail_ros.learn.networks import global_seed
from drail_ros.learn.offline.offline_learner import OfflineLearner
from drail_ros.learn.records import Report, check_finite, evaluation_metrics, policy_info
from drail_ros.learn.run_folder import BEST_POLICY, POLICY, RunFolder
from drail_ros.learn.run_settings import OfflineSettings
from drail_ros.sim.batch_sim import BatchSim


class OfflineTrainer:
    """One run. ``report(epoch, metrics)`` is called after every pass over the demonstrations."""

    def __init__(self, sim: BatchSim, demonstrations: Demonstrations, run: OfflineSettings,
                 report: Report) -> None:
        self.sim, self.run_settings, self._report = sim, run, report
        self._demonstrations = demonstrations
        use_fast_matmul(run.fast_matmul)
        self.generator = torch.Generator(pick_device(run.device)).manual_seed(run.seed)
        global_seed(run.seed)
        make_learner, _ = plugins.load(plugins.OFFLINE, run.algorithm)
        self.learner: OfflineLearner = make_learner(demonstrations, run.learner, self.generator)
        self.folder = RunFolder(run, demonstrations.content_hash())
        self.epoch, self.best = 0, -math.inf
        if run.resume and self.folder.checkpoint.exists():
            self._load(load_checkpoint(self.folder.checkpoint))
        self.folder.start_log(self.epoch)

    def run(self, should_stop: Callable[[], bool] = lambda: False,
            save_asked: threading.Event | None = None) -> None:
        """Learn to the end, or until ``should_stop``; what was learned is saved either way."""
        run = self.run_settings
        try:
            while not self.is_finished() and not should_stop():
                metrics = self.learner.learn_epoch()
                self.epoch += 1
                check_finite(metrics, f'epoch {self.epoch}', self.folder, self._state)
                if self.is_finished() or self._due(run.evaluate_every):
                    metrics |= self._evaluate()
                self.folder.log(self.epoch, metrics)
                self._report(self.epoch, metrics)
                asked = save_asked is not None and save_asked.is_set()
                if asked or self._due(run.checkpoint_every):
                    self.save()
                    if save_asked is not None:
                        save_asked.clear()
        finally:
            self.folder.close()
        self.save()

    def is_finished(self) -> bool:
        """Whether all passes are made."""
        return self.epoch >= self.learner.settings.epochs

    def save(self) -> None:
        """Write the checkpoint and the policy as it is now."""
        save_checkpoint(self.folder.checkpoint, self._state())
        self.learner.policy.save(self.folder.path / POLICY, self._policy_info())

    def _due(self, every: int) -> bool:
        return every > 0 and self.epoch % every == 0

    def _evaluate(self) -> dict[str, float]:
        """Success of the deterministic policy; of equally good ones the later is the best."""
        run = self.run_settings
        with one_thread():
            result = evaluate(self.sim, self.learner.policy.controller(self.sim.num_envs),
                              run.evaluation_episodes,
                              run.seed + EVALUATION_SEED)
        is_best = result.score >= self.best
        if is_best:
            self.best = result.score
            self.learner.policy.save(self.folder.path / BEST_POLICY, self._policy_info())
        return {**evaluation_metrics('evaluation', result),
                'evaluation/is_best': float(is_best),
                'evaluation/best': self.best}

    def _policy_info(self) -> dict[str, object]:
        return policy_info(self.run_settings, self._demonstrations.content_hash(), self.epoch)

    def _state(self) -> dict[str, Any]:
        return {'epoch': self.epoch, 'best': self.best, 'learner': self.learner.state_dict(),
                'generator': self.generator.get_state()}

    def _load(self, state: dict[str, Any]) -> None:
        self.epoch, self.best = state['epoch'], state['best']
        self.learner.load_state_dict(state['learner'])
        self.generator.set_state(state['generator'])
