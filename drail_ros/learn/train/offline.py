# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Learning from demonstrations alone: pass over them, evaluate now and then.

Drives any offline learner; the environments only judge its policy. Knows no topics, no task and
no method.
"""

from __future__ import annotations

from typing import Any

from drail_ros import plugins
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.episodes.evaluate import evaluate, EVALUATION_SEED
from drail_ros.learn.offline.offline_learner import OfflineLearner
from drail_ros.learn.train.compute import one_thread
from drail_ros.learn.train.loop import evaluation_metrics, OnBest, Report, TrainingLoop
from drail_ros.learn.train.settings import OfflineSettings
from drail_ros.sim.batch_sim import BatchSim


class OfflineTrainer(TrainingLoop):
    """One run; a step is a pass over the demonstrations."""

    run_settings: OfflineSettings

    def __init__(self, sim: BatchSim, demonstrations: Demonstrations, run: OfflineSettings,
                 report: Report, on_best: OnBest | None = None) -> None:
        super().__init__(sim, demonstrations, run, report, on_best)
        make_learner, _ = plugins.load(plugins.OFFLINE, run.algorithm)
        self.learner: OfflineLearner = make_learner(demonstrations, run.learner, self.generator)
        self.policy = self.learner.policy
        self.begin(self.learner.state_dict())

    def iterate(self) -> dict[str, float]:
        """Pass once over the demonstrations and return what there is to log."""
        metrics = self.learner.learn_epoch(self.step)
        self.step += 1
        self.check_finite(metrics)
        return metrics

    def is_finished(self) -> bool:
        """Whether all passes are made."""
        return self.step >= self.learner.settings.epochs

    def is_due(self, every: int) -> bool:
        """Whether the latest pass completed ``every`` passes, or was the last."""
        return self.is_finished() or (every > 0 and self.step % every == 0)

    def evaluate(self) -> dict[str, float]:
        """Judge the deterministic policy; of equally good ones the later is the best."""
        run = self.run_settings
        with one_thread():
            result = evaluate(self.sim, self.policy.controller(self.sim.num_envs),
                              run.evaluation_episodes, run.seed + EVALUATION_SEED)
        return evaluation_metrics('evaluation', result) | self.keep_best(result, later_wins=True)

    def state(self) -> dict[str, Any]:
        """Return what an exact continuation needs."""
        return {'learner': self.learner.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from ``state``."""
        self.learner.load_state_dict(state['learner'])
