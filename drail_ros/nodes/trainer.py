"""Trains over topics: collects from simulator nodes, learns, exports, tells how it goes.

Publishes ``batch/actions``, ``metrics``, ``diagnostics`` and the latched ``policy``; serves
``~/pause``, ``~/resume`` and ``~/save``. Its parameters are the settings of the run.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from drail_ros import pipeline, settings
from drail_ros.errors import INTERRUPTED
from drail_ros.learn.train.settings import OfflineSettings, make_run_settings, task_of
from drail_ros.nodes.batch_topics import TopicChannel
from drail_ros.nodes.parameters import OVERRIDABLE, declare, given
from drail_ros.nodes.running import Stop, run_node
from drail_ros.settings import Settings, setting
from drail_ros.sim.batch_sim import BatchSim
from drail_ros.sim.make import make_sim
from drail_ros.sim.remote.client import HEARTBEAT_PERIOD_S, RemoteSim
from drail_ros.view.progress import ProgressBar

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass(frozen=True)
class NodeSettings(Settings):
    """Settings of the node beside those of the run."""

    simulators: int = setting(1, 'simulator nodes that share the batch', low=1)


class TrainerNode(Node):
    """Wires a run to topics."""

    def __init__(self, stop: Stop) -> None:
        super().__init__('trainer', **OVERRIDABLE)
        self.stop = stop

    def begin(self) -> None:
        """Read the settings and join the graph."""
        of_node = settings.specs(NodeSettings)
        self.run_settings = make_run_settings(
            {k: v for k, v in given(self).items() if k not in of_node}, 'node trainer')
        specs = [*settings.specs(self.run_settings).values(), *of_node.values()]
        known = settings.values(self.run_settings)
        values = declare(self, specs, {**given(self), **known})
        self._simulators = int(values['simulators'])
        self._metrics = self.create_publisher(DiagnosticArray, 'metrics', 100)
        self._diagnostics = self.create_publisher(DiagnosticArray, 'diagnostics', 10)
        self._policy = self.create_publisher(String, 'policy', LATCHED)
        self._running, self._save_asked = threading.Event(), threading.Event()
        self._running.set()
        self.create_service(Trigger, '~/pause', self._pause)
        self.create_service(Trigger, '~/resume', self._resume)
        self.create_service(Trigger, '~/save', self._save)
        self._phase, self._latest = 'starting', {}
        self.create_timer(1.0, self._diagnose)

    def close(self) -> None:
        """Nothing to release."""

    def train(self) -> None:
        """Run to the end, or until told to stop."""
        run, log = self.run_settings, self.get_logger()
        demonstrations = pipeline.demonstrations_for(run, log.info)
        found = (f'{len(demonstrations)} transitions in {demonstrations.num_episodes} '
                 'demonstrations' if demonstrations else 'no demonstrations needed')
        log.info(f'{found}; run folder {run.output_dir}')
        sim = self._make_sim()
        values = settings.values(run)
        bar = ProgressBar(int(values.get('total_steps', values.get('learner.epochs', 0))), 'step')

        def report(step: int, metrics: dict[str, float]) -> None:
            bar.report(step, metrics)
            self._publish_metrics(step, metrics)

        self._phase = 'training'
        try:
            path = pipeline.train(run, demonstrations, sim, report, self._should_stop,
                                 self._publish_policy, self._save_asked)
        finally:
            bar.close()
        self._phase = 'finished'
        log.info(f'policy exported to {path}')
        if self.stop() and self.stop.status == INTERRUPTED:
            log.warning('interrupted; continue with resume:=true')

    def _make_sim(self) -> BatchSim:
        run = self.run_settings
        if isinstance(run, OfflineSettings):
            return make_sim(task_of(run), run.num_envs, run.noise)
        self._phase = 'waiting for simulators'
        sim = RemoteSim(TopicChannel(self), task_of(run), run.num_envs, run.noise,
                        simulators=self._simulators, warn=self.get_logger().warning)
        self.create_timer(HEARTBEAT_PERIOD_S, sim.heartbeat)
        return sim

    def _should_stop(self) -> bool:
        while not self._running.is_set() and not self.stop():
            self._running.wait(0.2)
        return self.stop()

    def _publish_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Metrics as key-value pairs: PlotJuggler and rqt plot them without a message of ours."""
        self._latest = {'step': step, **metrics}
        self._metrics.publish(self._array(DiagnosticStatus.OK, f'step {step}', self._latest))

    def _publish_policy(self, policy: pipeline.ExportedPolicy) -> None:
        self._policy.publish(String(data=json.dumps(
            {'file': str(policy.path.resolve()), 'step': policy.step, 'sha256': policy.sha256})))

    def _diagnose(self) -> None:
        self._diagnostics.publish(self._array(
            DiagnosticStatus.OK, self._phase if self._running.is_set() else 'paused',
            {k: v for k, v in self._latest.items() if k == 'step' or k.startswith('train/')}))

    def _array(self, level: bytes, message: str, values: dict[str, float]) -> DiagnosticArray:
        status = DiagnosticStatus(level=level, name=self.get_fully_qualified_name(),
                                  message=message, hardware_id=self.run_settings.output_dir)
        status.values = [KeyValue(key=k, value=f'{v:g}' if isinstance(v, float) else str(v))
                         for k, v in values.items()]
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        return array

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
