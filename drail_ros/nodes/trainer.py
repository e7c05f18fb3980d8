# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Trains over topics: collects from simulator nodes, learns, exports, tells how it goes.

Publishes ``batch/actions``, ``metrics`` and the latched ``policy``; serves
``~/pause``, ``~/resume`` and ``~/save``. Its parameters are the settings of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
import json
from pathlib import Path
import sys
import threading

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from drail_ros import pipeline, settings
from drail_ros.errors import INTERRUPTED
from drail_ros.learn.train.settings import length_of, OfflineSettings, resolve, task_of
from drail_ros.nodes.batch_topics import TopicChannel
from drail_ros.nodes.diagnostics import diagnostic_array, Health, OK, publish_diagnostics
from drail_ros.nodes.parameters import declare, given
from drail_ros.nodes.running import run_node, RunnableNode, steady_timer, Stop
from drail_ros.settings import setting, Settings
from drail_ros.sim.batch_sim import BatchSim
from drail_ros.sim.make import make_sim
from drail_ros.sim.remote.client import HEARTBEAT_PERIOD_S, RemoteSim
from drail_ros.view.progress import Progress

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass(frozen=True)
class NodeSettings(Settings):
    """Settings of the node beside those of the run."""

    simulators: int = setting(1, 'simulator nodes that share the batch', low=1)
    config: str = setting('', 'YAML file of settings, or the folder of a run; parameters win')


class TrainerNode(RunnableNode):
    """Wires a run to topics."""

    def __init__(self, stop: Stop) -> None:
        super().__init__('trainer', stop)
        self._running, self._save_asked = threading.Event(), threading.Event()
        self._running.set()
        self._phase, self._latest = 'starting', dict[str, float]()
        self._sim: BatchSim | None = None

    def begin(self) -> None:
        """Read the settings and join the graph."""
        of_node = settings.specs(NodeSettings)
        outside = given(self)
        config = str(outside.get('config', ''))
        self._run = resolve(
            {'node trainer': {k: v for k, v in outside.items() if k not in of_node}},
            Path(config) if config else None).settings
        specs = [*settings.specs(self._run).values(), *of_node.values()]
        values = declare(self, specs, {**outside, **settings.values(self._run)})
        self._simulators = int(values['simulators'])
        self._metrics = self.create_publisher(DiagnosticArray, 'metrics', 100)
        self._policy = self.create_publisher(String, 'policy', LATCHED)
        self.create_service(Trigger, '~/pause', self._pause)
        self.create_service(Trigger, '~/resume', self._resume)
        self.create_service(Trigger, '~/save', self._save)
        publish_diagnostics(self, self._health, self._run.output_dir)

    def close(self) -> None:
        """Let the simulators go."""
        if self._sim is not None:
            self._sim.close()

    def train(self) -> None:
        """Run to the end, or until told to stop."""
        run, log = self._run, self.get_logger()
        with self.stop.interrupting():
            demonstrations = pipeline.demonstrations_for(run, log.info)
        found = (f'{len(demonstrations)} transitions in {demonstrations.num_episodes} '
                 'demonstrations' if demonstrations else 'no demonstrations needed')
        log.info(f'{found}; run folder {run.output_dir}')
        self._sim = self._make_sim()
        progress = Progress(*length_of(run))

        def begin(step: int) -> None:
            self._phase = 'training'
            progress.begin(step)

        def report(step: int, metrics: dict[str, float]) -> None:
            progress.report(step, metrics)
            self._publish_metrics(step, metrics)

        try:
            path = pipeline.train(run, demonstrations, self._sim, report, self._should_stop,
                                  self._publish_policy, self._save_asked, begin)
        finally:
            progress.close()
        self._phase = 'finished'
        log.info(f'policy exported to {path}')
        if self.stop() and self.stop.status == INTERRUPTED:
            log.warning('interrupted; continue with resume:=true')

    def _make_sim(self) -> BatchSim:
        run = self._run
        if isinstance(run, OfflineSettings):
            return make_sim(task_of(run), run.num_envs, run.noise)
        self._phase = 'waiting for simulators'
        sim = RemoteSim(TopicChannel(self), task_of(run), run.num_envs, run.noise,
                        simulators=self._simulators, should_stop=self.stop,
                        warn=self.get_logger().warning)
        steady_timer(self, HEARTBEAT_PERIOD_S, sim.heartbeat)
        return sim

    def _should_stop(self) -> bool:
        while not (self._running.is_set() or self.stop() or self._save_asked.is_set()):
            self._running.wait(0.2)
        return self.stop()

    def _publish_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Metrics as key-value pairs: PlotJuggler and rqt plot them without a message of ours."""
        self._latest = {'step': step, **metrics}
        self._metrics.publish(diagnostic_array(
            self, Health(OK, f'step {step}', self._latest), self._run.output_dir))

    def _publish_policy(self, policy: pipeline.ExportedPolicy) -> None:
        self._policy.publish(String(data=json.dumps(
            {'file': str(policy.path.resolve()), 'step': policy.step, 'sha256': policy.sha256})))

    def _health(self) -> Health:
        return Health(OK, self._phase if self._running.is_set() else 'paused', {
            k: v for k, v in self._latest.items() if k == 'step' or k.startswith('train/')})

    def _pause(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._running.clear()
        response.success, response.message = True, 'pauses after this iteration'
        return response

    def _resume(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._running.set()
        response.success, response.message = True, 'training'
        return response

    def _save(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._save_asked.set()
        response.success, response.message = True, 'saves after this iteration'
        return response


def main() -> int:
    """Run the node; the exit status is 130 after Ctrl-C."""
    return run_node(TrainerNode, work=TrainerNode.train)


if __name__ == '__main__':
    sys.exit(main())
