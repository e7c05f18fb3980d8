# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""One simulated robot with exactly the topics the hardware has.

Time passes at ``real_time_factor`` times real time; with 0 it waits for the command that answers
the latest sensors (one that carries their stamp) and is then as fast as both sides can be. No
episode runs before somebody publishes commands. It is what makes ``/clock``: absolute, as every
node reads it; a simulator in a namespace of its own remaps it, as do the nodes beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import MarkerArray

from drail_ros import plugins
from drail_ros.episodes.evaluate import Evaluation, EVALUATION_SEED
from drail_ros.episodes.tally import EpisodeTally, FinishedEpisode
from drail_ros.files import write_json
from drail_ros.nodes.diagnostics import Health, OK, publish_diagnostics, WARN
from drail_ros.nodes.markers import marker_array
from drail_ros.nodes.running import steady_timer
from drail_ros.nodes.sensor_messages import message_type, to_message
from drail_ros.robot.messages import command_from_message, require_robot_interface, topics
from drail_ros.robot.refusals import Refusals, RefusedError
from drail_ros.settings import setting, Settings
from drail_ros.sim.make import make_sim
from drail_ros.tasks.task import Array, Task

_REPEAT_AFTER_S = 0.5
"""Sensors are published again when no command answers them for so long."""
_BETWEEN_EPISODES = 10
"""Control periods that pass between episodes: by the stamps, who acts can tell that one began."""
_ROUNDING = 1e-6
"""Share of a command's range by which single precision may exceed its limits."""
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class RobotSettings(Settings):
    """Settings of the simulated robot."""

    task: str = setting('fetch_push', 'task to simulate')
    noise: float = setting(0.0, "noise level of starts and goals; 0 is the task's own", low=0.0)
    seed: int = setting(0, 'seed of the episodes', low=0)
    episodes: int = setting(0, 'end after so many episodes; 0 is never', low=0)
    real_time_factor: float = setting(1.0, 'speed of time; 0 waits for each command', low=0.0)
    result_path: str = setting('', 'JSON file for the success rate')


class RobotSimulator:
    """Gives a node the topics of one simulated robot; calls ``finish`` after the last episode."""

    def __init__(self, node: Node, settings: RobotSettings, finish: Callable[[], None]) -> None:
        self._node, self._settings, self._finish = node, settings, finish
        self._task: Task = plugins.load(plugins.TASKS, settings.task)
        require_robot_interface(self._task)
        noise = settings.noise or self._task.default_noise
        self._sim = make_sim(self._task, 1, noise, threads=1)
        self._sim.reset(settings.seed + EVALUATION_SEED)
        self._topics = topics(self._task)
        self._publishers = {topic: node.create_publisher(message_type(r[0][0].message), topic, 10)
                            for topic, r in self._topics.items()}
        self._clock = node.create_publisher(Clock, '/clock', 10)
        self._markers = node.create_publisher(MarkerArray, 'markers', 1)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._result = node.create_publisher(String, 'episode', latched)
        command = self._task.command
        assert command
        self._commands = node.create_subscription(message_type(command.message), command.topic,
                                                  self._commanded, 1)
        node.create_service(Trigger, '~/reset', self._reset)
        node.create_service(SetBool, '~/pause', self._pause)
        node.create_service(Trigger, '~/step', self._step_service)
        self._steps, self._paused = 1, False
        self._ended = False  # how an episode ended is to be seen before another begins
        self._command = np.zeros(self._task.action_size)
        self._received, self._refusals, self._reported = 0, Refusals(), 0
        self._tally, self._finished = EpisodeTally(1), list[FinishedEpisode]()
        if settings.real_time_factor > 0:
            steady_timer(node, 1 / (self._task.rate_hz * settings.real_time_factor), self._tick)
        else:
            self._repeat = steady_timer(node, _REPEAT_AFTER_S, self._again)
            self._publish()
        publish_diagnostics(node, self._health)

    def close(self) -> None:
        """Release the simulation."""
        self._sim.close()

    def _tick(self) -> None:
        """Real time: the latest command holds until the next one."""
        if self._ended or (
                not self._paused and self._node.count_publishers(self._commands.topic_name)):
            self._go_on()
        else:
            self._publish()

    def _go_on(self) -> None:
        """Move, or begin the next episode where one has ended; publish what there is to see."""
        if self._ended:
            self._ended = False
            self._steps += _BETWEEN_EPISODES
            self._command = np.zeros(self._task.action_size)
        else:
            self._step()
        self._publish()

    def _commanded(self, message: Any) -> None:
        self._received += 1
        try:
            self._command = self._within_limits(command_from_message(self._task, message))
        except RefusedError as error:
            self._refuse(error, 'ignored')
            return
        waits = self._settings.real_time_factor == 0 and not self._paused
        if waits and message.header.stamp == self._stamp():
            self._repeat.reset()
            self._go_on()

    def _within_limits(self, command: Array) -> Array:
        low, high = self._task.command_limits()
        clipped = np.clip(command, low, high)
        if (np.abs(clipped - command) > _ROUNDING * (high - low)).any():
            self._refuse(RefusedError('beyond limits', f'command {command.tolist()}'), 'clipped')
        return clipped

    def _refuse(self, error: RefusedError, done: str) -> None:
        self._refusals.add(error)
        self._node.get_logger().error(f'{error}; {done}', throttle_duration_sec=1.0)

    def _step(self) -> None:
        action = self._task.action_from_command(self._command)
        step = self._sim.step(action[None])
        self._steps += 1
        for episode in self._tally.add(step):
            self._finish_episode(episode)

    def _finish_episode(self, episode: FinishedEpisode) -> None:
        self._finished.append(episode)
        self._ended, stamp = True, self._stamp()
        result = Evaluation.of(self._finished, self._task.has_success)
        self._result.publish(String(data=json.dumps(
            {'episode': result.episodes, 'success': episode.success, 'steps': episode.length,
             'success_rate': result.success_rate,
             'stamp_ns': stamp.sec * _NANOSECONDS + stamp.nanosec})))
        if result.episodes == self._settings.episodes:
            self._node.get_logger().info(str(result))
            low, high = result.interval()
            if self._settings.result_path:
                write_json(Path(self._settings.result_path), {
                    'task': self._task.name, 'episodes': result.episodes,
                    'success_rate': result.success_rate, 'interval': [low, high],
                    'mean_length': result.mean_length})
            self._finish()

    def _stamp(self) -> Time:
        """Return simulated time, which starts above zero, for a zero stamp means 'unknown'."""
        nanoseconds = round(self._steps / self._task.rate_hz * _NANOSECONDS)
        return Time(sec=nanoseconds // _NANOSECONDS, nanosec=nanoseconds % _NANOSECONDS)

    def _again(self) -> None:
        """Nobody answered: perhaps a message was lost, or who acts takes an end for an end."""
        if self._ended:
            self._go_on()
        else:
            self._publish()

    def _publish(self) -> None:
        stamp, row = self._stamp(), (self._sim.reached if self._ended else self._sim.readings)[0]
        self._clock.publish(Clock(clock=stamp))
        for topic, readings in self._topics.items():
            self._publishers[topic].publish(to_message(readings, row, stamp))
        if self._markers.get_subscription_count():
            self._markers.publish(marker_array(self._task, row, stamp))

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._sim.reset(self._settings.seed + EVALUATION_SEED)
        self._tally.reset()
        self._ended = False
        self._steps += _BETWEEN_EPISODES
        self._command = np.zeros(self._task.action_size)
        self._publish()
        response.success = True
        return response

    def _pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._paused = request.data
        response.success = True
        return response

    def _step_service(self, request: Trigger.Request,
                      response: Trigger.Response) -> Trigger.Response:
        response.success = self._paused
        response.message = '' if self._paused else 'pause the simulator first'
        if self._paused:
            self._go_on()
        return response

    def _health(self) -> Health:
        refused, reported = self._refusals.total, self._reported
        self._reported = refused
        message = 'paused' if self._paused else 'simulating'
        if not self._received:
            message = f'{message}; no commands yet'
        elif refused > reported:
            message = f'{message}; {self._refusals.latest}'
        episodes = len(self._finished)
        successes = sum(episode.success for episode in self._finished)
        return Health(WARN if refused > reported else OK, message, {
            'episodes': episodes, 'success rate': successes / max(episodes, 1),
            'commands received': self._received, **self._refusals.values()})
