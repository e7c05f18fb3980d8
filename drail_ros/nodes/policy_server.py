"""Serves an exported policy to a robot: sensor topics in, command topic out.

A lifecycle node. It acts when every sensor topic has something new, at most at the task's rate,
and stamps the command with the stamp of the observation it answers. Input that is stale, from the
future, unstamped, incomplete or not finite is refused, counted and shown in ``diagnostics``; when
nothing usable came for ``max_observation_age_s``, a zero command is sent, for the last velocity
would keep an arm moving. This is no functional safety.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.time import Time
from std_msgs.msg import String

from drail_ros import plugins, settings
from drail_ros.deploy.onnx_policy import OnnxPolicy
from drail_ros.errors import UserError
from drail_ros.nodes.parameters import OVERRIDABLE, declare
from drail_ros.nodes.running import Stop, run_node
from drail_ros.nodes.sensor_messages import (
    UnusableMessageError,
    command_message,
    from_message,
    message_type,
    require_robot_interface,
    topics,
)
from drail_ros.settings import Settings, setting
from drail_ros.tasks.task import Task

_LONGEST_GAP = 2.5
"""Control periods between two observations after which what was seen and planned is forgotten."""
_LATENCIES = 1000
"""Latest latencies kept for the percentiles."""


@dataclass(frozen=True)
class ServerSettings(Settings):
    """Settings of the policy server."""

    policy_path: str = setting('', 'ONNX file; empty: wait for one on topic policy')
    task: str = setting('', 'task the robot performs; empty: as the policy says')
    device: str = setting('cpu', 'where the policy computes', choices=('auto', 'cpu', 'cuda'))
    max_observation_age_s: float = setting(0.2, 'older sensor messages are refused', unit='s',
                                           low=0.001)
    autostart: bool = setting(True, 'configure and activate at start')


class PolicyServer(LifecycleNode):
    """Wires a policy to a robot's topics."""

    def __init__(self, stop: Stop) -> None:
        super().__init__('policy_server', **OVERRIDABLE)
        self._active = False

    def begin(self) -> None:
        """Join the graph; configure and activate where that is asked for."""
        self._settings = ServerSettings(**declare(self, settings.specs(ServerSettings).values()))
        self._path = self._settings.policy_path
        self._policy: OnnxPolicy | None = None
        self._error: UserError | None = None
        self._refused: Counter[str] = Counter()
        self._latency_s: deque[float] = deque(maxlen=_LATENCIES)
        self._commands, self._wired = 0, []
        self._diagnostics = self.create_publisher(DiagnosticArray, 'diagnostics', 10)
        self.create_timer(1.0, self._diagnose)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(String, 'policy', self._offered, latched)
        if self._settings.autostart and self._path:
            self._start()

    def close(self) -> None:
        """Leave the robot with a zero command."""
        if self._active:
            self._halt()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the policy, check it against the task, subscribe to the sensors."""
        try:
            self._configure(OnnxPolicy(self._path, self._settings.device))
        except UserError as error:
            self._error = error
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to act."""
        self._active, self._acted = True, time.monotonic()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop acting, with a zero command."""
        self._halt()
        self._active = False
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the policy and the topics."""
        for destroy, entity in self._wired:
            destroy(entity)
        self._wired.clear()
        self._policy = None
        return TransitionCallbackReturn.SUCCESS

    def _start(self) -> None:
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()
        elif self._error:
            raise self._error

    def _configure(self, policy: OnnxPolicy) -> None:
        task = self._checked(policy)
        self._task = task
        self._use(policy)
        self._row = np.zeros(task.reading_size)
        self._stamps: dict[str, Time] = {}
        self._arrived: dict[str, float] = {}
        self._last_stamp: Time | None = None
        self._topics = topics(task)
        assert task.command
        for topic, readings in self._topics.items():
            subscription = self.create_subscription(
                message_type(readings[0][0].message), topic,
                lambda message, topic=topic: self._sensed(topic, message),
                qos_profile_sensor_data)
            self._wired.append((self.destroy_subscription, subscription))
        self._command = self.create_publisher(message_type(task.command.message),
                                              task.command.topic, 1)
        self._wired.append((self.destroy_publisher, self._command))
        watchdog = self.create_timer(self._settings.max_observation_age_s, self._watch)
        self._wired.append((self.destroy_timer, watchdog))
        fallback = ' (asked for CUDA, which onnxruntime could not use!)' * policy.fell_back
        self.get_logger().info(f'policy {policy.path} for task {task.name} on '
                               f'{policy.provider}{fallback}')

    def _use(self, policy: OnnxPolicy) -> None:
        """Let a policy act, beginning with what it sees next."""
        self._policy, self._controller = policy, policy.controller(1)

    def _checked(self, policy: OnnxPolicy) -> Task:
        task = plugins.load(plugins.TASKS, self._settings.task or policy.metadata['task'])
        policy.check(task)
        require_robot_interface(task)
        return task

    def _offered(self, message: String) -> None:
        """Take over the policy a trainer announced; a refused one leaves the old at work."""
        if self._settings.policy_path:
            return
        try:
            offer = json.loads(message.data)
            policy = OnnxPolicy(Path(offer['file']), self._settings.device)
            if policy.sha256 != offer['sha256']:
                raise UserError(f'policy {policy.path} is not the one that was announced',
                                found=policy.sha256, expected=offer['sha256'])
            if self._policy is not None:
                self._checked(policy)
                self._use(policy)
                self.get_logger().info(f'policy of step {offer["step"]} takes over')
                return
        except (UserError, ValueError, KeyError, TypeError) as error:
            self._refuse('policy', f'announced policy refused: {error}')
            return
        self._path = str(policy.path)
        if self._settings.autostart:
            self._start()

    def _sensed(self, topic: str, message: Any) -> None:
        try:
            from_message(self._topics[topic], message, self._row)
        except UnusableMessageError as problem:
            self._stamps.pop(topic, None)
            self._refuse(str(problem), f'{topic}: {problem}')
            return
        self._stamps[topic] = Time.from_msg(message.header.stamp,
                                            clock_type=self.get_clock().clock_type)
        self._arrived[topic] = time.monotonic()
        if self._active and len(self._stamps) == len(self._topics) and self._is_fresh():
            self._act()

    def _is_fresh(self) -> bool:
        oldest, limit_s = min(self._stamps.values()), self._settings.max_observation_age_s
        if oldest.nanoseconds == 0:
            return self._refuse('unstamped', 'a sensor message has no time stamp')
        ages_s = [(self.get_clock().now() - stamp).nanoseconds / 1e9
                  for stamp in self._stamps.values()]
        waited_s = time.monotonic() - min(self._arrived.values())
        if max(*ages_s, waited_s) > limit_s:
            return self._refuse('stale', f'sensors are {max(*ages_s, waited_s):.3f} s old')
        if min(ages_s) < -limit_s:
            return self._refuse('from the future', f'sensors are {-min(ages_s):.3f} s ahead of '
                                'the clock; is use_sim_time set alike?')
        if self._last_stamp is None or oldest == self._last_stamp:
            return True  # a repeated observation is answered again: the answer may be lost
        return (oldest - self._last_stamp).nanoseconds >= 0.9e9 / self._task.rate_hz

    def _act(self) -> None:
        assert self._policy is not None
        stamp, arrived = max(self._stamps.values()), max(self._arrived.values())
        seen, last = min(self._stamps.values()), self._last_stamp
        self._stamps.clear()
        if seen != last:
            if last and (seen - last).nanoseconds > _LONGEST_GAP * 1e9 / self._task.rate_hz:
                self._use(self._policy)
            self._last_stamp = seen
            self._answer = self._controller(self._task.observe(self._row[None]))[0]
        if not np.isfinite(self._answer).all():
            self._refuse('command not finite', f'the policy computed {self._answer}')
            return
        self._command.publish(command_message(self._task, self._answer, stamp.to_msg()))
        self._acted = time.monotonic()
        self._commands += 1
        self._latency_s.append(self._acted - arrived)

    def _watch(self) -> None:
        if self._active and self._commands:
            if time.monotonic() - self._acted > self._settings.max_observation_age_s:
                self._halt()
                self._refuse('watchdog', 'no usable sensors; zero command sent')

    def _halt(self) -> None:
        """Send a zero command; what a policy saw and planned before is forgotten."""
        assert self._policy is not None
        self._use(self._policy)
        zero = np.zeros(self._task.action_size)
        self._command.publish(command_message(self._task, zero, self.get_clock().now().to_msg()))

    def _refuse(self, reason: str, text: str) -> bool:
        self._refused[reason] += 1
        self.get_logger().warning(text, throttle_duration_sec=5.0)
        return False

    def _diagnose(self) -> None:
        level = DiagnosticStatus.OK if self._active else DiagnosticStatus.WARN
        status = DiagnosticStatus(level=level, name=self.get_fully_qualified_name(),
                                  message='active' if self._active else 'not active')
        values: dict[str, object] = {'commands': self._commands}
        values |= {f'refused: {reason}': count for reason, count in self._refused.items()}
        if self._policy is not None:
            values |= {'policy': self._policy.path, 'sha256': self._policy.sha256,
                       'provider': self._policy.provider}
        if self._latency_s:
            p50, p99 = np.percentile(self._latency_s, (50, 99)) * 1e3
            values |= {'latency p50 [ms]': f'{p50:.3f}', 'latency p99 [ms]': f'{p99:.3f}'}
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def main() -> int:
    """Run the node."""
    return run_node(PolicyServer)


if __name__ == '__main__':
    sys.exit(main())
