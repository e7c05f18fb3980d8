# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Serves an exported policy to a robot: sensor topics in, command topic out.

A lifecycle node. It acts when every sensor topic has something new, at most at the task's rate,
and stamps the command with the stamp of the observation it answers. Input that is stale, from the
future, unstamped, incomplete, out of range or in another frame is refused, counted and shown in
``/diagnostics``; when nothing usable came for ``max_observation_age_s``, a zero command is sent,
for the last velocity would keep an arm moving. An inactive node sends nothing. This is no
functional safety.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import sys
import time
import traceback
from typing import Any

import numpy as np
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, qos_profile_sensor_data, QoSProfile
from std_msgs.msg import String

from drail_ros import plugins, settings
from drail_ros.deploy.offers import load_offered, OfferReader, parse_offer, REASON
from drail_ros.deploy.onnx_policy import OnnxPolicy
from drail_ros.deploy.pilot import Condition, Pilot
from drail_ros.errors import UserError
from drail_ros.nodes.diagnostics import ERROR, Health, OK, publish_diagnostics, WARN
from drail_ros.nodes.parameters import declare
from drail_ros.nodes.running import run_node, RunnableNode, steady_timer, Stop
from drail_ros.nodes.sensor_messages import command_message, message_type
from drail_ros.robot.assembler import Assembler
from drail_ros.robot.messages import (
    frame_ids,
    joint_names,
    require_robot_interface,
    set_command,
)
from drail_ros.robot.names import parse_names, RobotNames
from drail_ros.robot.refusals import Refusals, RefusedError
from drail_ros.settings import setting, Settings
from drail_ros.tasks.task import Array

_LEVELS = {Condition.GOOD: OK, Condition.DOUBTFUL: WARN, Condition.BAD: ERROR}
_OFFERS_PERIOD_S = 0.1
_NO_EVENTS = SubscriptionEventCallbacks(use_default_callbacks=False)
"""Sensors are heard at whatever quality of service they offer, so there is none to warn of; and
with every message the executor would look at every event."""
_DELIVERY = Duration(seconds=0.5)
"""How long the last stop command may take to arrive."""


@dataclass(frozen=True)
class ServerSettings(Settings):
    """Settings of the policy server."""

    policy_path: str = setting('', 'ONNX file; empty: wait for one on topic policy')
    task: str = setting('', 'task the robot performs; empty: as the policy says')
    device: str = setting('cpu', 'where the policy computes', choices=('auto', 'cpu', 'cuda'))
    max_observation_age_s: float = setting(0.2, 'older sensor messages are refused', unit='s',
                                           low=0.001)
    joint_names: str = setting('', "the robot's names of joints: task_name:=robot_name, …")
    frames: str = setting('', "the robot's names of frames: task_name:=robot_name, …")
    autostart: bool = setting(True, 'configure and activate at start')


class PolicyServer(RunnableNode, LifecycleNode):
    """Wires a policy to a robot's topics."""

    def __init__(self, stop: Stop) -> None:
        super().__init__('policy_server', stop)
        self._pilot: Pilot | None = None
        """Who drives; there is one where the node is configured."""
        self._active = False
        self._wired: list[tuple[Callable[[Any], object], Any]] = []
        self._offered: OnnxPolicy | None = None
        self._error: UserError | None = None
        self._refusals = Refusals()

    def begin(self) -> None:
        """Join the graph; configure and activate where that is asked for."""
        self._settings = ServerSettings(**declare(self, settings.specs(ServerSettings).values()))
        self._starts = self._settings.autostart
        publish_diagnostics(self, self._health)
        if self._settings.policy_path:
            if self._starts:
                self._start()
            return
        self._reader = OfferReader(lambda offer: load_offered(offer, self._settings.device))
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(String, 'policy', self._announced, latched)
        steady_timer(self, _OFFERS_PERIOD_S, self._take_over)

    def close(self) -> None:
        """Leave the robot with a zero command."""
        self._tear_down()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the policy, check it against the task, subscribe to the sensors."""
        self._error = None
        try:
            self._configure(self._offered or OnnxPolicy(self._settings.policy_path,
                                                        self._settings.device))
        except UserError as error:
            self._error = error
            self._tear_down()
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception:  # rclpy would not say which
            self.get_logger().error(traceback.format_exc())
            return TransitionCallbackReturn.ERROR
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to act."""
        assert self._pilot
        self._pilot.begin()
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop acting, with a zero command: the last that the publisher lets pass."""
        self._stop_acting()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the policy and the topics."""
        return self._tear_down()

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop acting for good."""
        self._starts = False
        return self._tear_down()

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop acting after a transition failed; the node may be configured anew."""
        self.get_logger().error(f'a transition from state {state.label} failed')
        return self._tear_down()

    def _tear_down(self) -> TransitionCallbackReturn:
        if self._active:
            self._stop_acting()
            self._command.wait_for_all_acked(_DELIVERY)  # destroyed before, it might be lost
        for destroy, entity in self._wired:
            destroy(entity)
        self._wired.clear()
        self._pilot = None
        return TransitionCallbackReturn.SUCCESS

    def _stop_acting(self) -> None:
        if self._active:
            self._active = False
            self._watchdog.cancel()
            self._send_stop()

    def _start(self) -> None:
        """Configure and activate, but once: whoever stops the node later means it."""
        if self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
            raise self._error or UserError('the node could not be configured',
                                           do='see the log for the reason, and report it')
        self._starts = False
        self.trigger_activate()

    def _configure(self, policy: OnnxPolicy) -> None:
        task = plugins.load(plugins.TASKS, self._settings.task or policy.metadata['task'])
        policy.check(task)
        require_robot_interface(task)
        names = RobotNames(
            parse_names('joint_names', self._settings.joint_names, joint_names(task)),
            parse_names('frames', self._settings.frames, frame_ids(task)))
        age_s = self._settings.max_observation_age_s
        sensors = Assembler(task, age_s, names)
        self._pilot = Pilot(policy, sensors, self._refusals)
        self._command = self.create_lifecycle_publisher(
            message_type(task.command.message), task.command.topic, 1)
        self._message = command_message(task, names)
        self._watchdog = steady_timer(self, age_s, self._watch)
        self._watchdog.cancel()  # it is armed by every answer
        self._wired += [(self.destroy_lifecycle_publisher, self._command),
                        (self.destroy_timer, self._watchdog)]
        for topic, readings in sensors.topics.items():
            subscription = self.create_subscription(
                message_type(readings[0][0].message), topic, self._listener(topic),
                qos_profile_sensor_data, event_callbacks=_NO_EVENTS)
            self._wired.append((self.destroy_subscription, subscription))
        fallback = ' (asked for CUDA, which onnxruntime could not use!)' * policy.fell_back
        self.get_logger().info(f'policy {policy.path} for task {task.name} on '
                               f'{policy.provider}{fallback}')

    def _announced(self, message: String) -> None:
        try:
            self._reader.submit(parse_offer(message.data))
        except RefusedError as error:
            self._refuse(error)

    def _take_over(self) -> None:
        """Take over policies that were announced; a refused one leaves the old at work."""
        for offer, loaded in self._reader.loaded():
            try:
                self._take(loaded.result())
                self.get_logger().info(f'policy of step {offer.step} takes over')
            except UserError as error:
                self._refusals.add(RefusedError(REASON, str(error)))
                self.get_logger().warning(f'announced policy refused: {error}')

    def _take(self, policy: OnnxPolicy) -> None:
        before, self._offered = self._offered, policy
        try:
            if self._pilot:
                policy.check(self._pilot.task)
                self._pilot.use(policy)
            elif self._starts:
                self._start()
        except UserError:
            self._offered = before
            raise

    def _listener(self, topic: str) -> Callable[[Any], None]:
        """Return what hears a sensor topic."""
        assert self._pilot
        pilot = self._pilot

        def sensed(message: Any) -> None:
            if not self._active:
                return
            try:
                due = pilot.sensors.hear(topic, message, self._now_ns, time.monotonic())
                if due:
                    self._send(pilot.command(due), due.stamp_ns)
                    self._watchdog.reset()
                    pilot.acted(due, time.monotonic())
            except RefusedError as error:
                self._refuse(error)
        return sensed

    def _watch(self) -> None:
        assert self._pilot
        self._send_stop()
        self._pilot.stops += 1
        self.get_logger().warning(f'zero command sent: {self._pilot.why_idle()}',
                                  throttle_duration_sec=5.0)

    def _send_stop(self) -> None:
        """Send a zero command; a nanosecond late, lest by its stamp it answer an observation."""
        assert self._pilot
        self._send(np.zeros(self._pilot.task.action_size), self._now_ns() + 1)

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _send(self, command: Array, stamp_ns: int) -> None:
        set_command(self._message, command, stamp_ns)
        self._command.publish(self._message)

    def _refuse(self, error: RefusedError) -> None:
        self._refusals.add(error)
        self.get_logger().warning(str(error), throttle_duration_sec=5.0)

    def _health(self) -> Health:
        values: dict[str, object] = {**self._refusals.values()}
        if self._pilot:
            values = self._pilot.values() | values
        if self._pilot and self._active:
            condition, words = self._pilot.condition(time.monotonic())
            return Health(_LEVELS[condition], words, values)
        latest = self._refusals.latest
        return Health(WARN, f'not active; {latest}' if latest else 'not active', values)


def main() -> int:
    """Run the node."""
    return run_node(PolicyServer)


if __name__ == '__main__':
    sys.exit(main())
