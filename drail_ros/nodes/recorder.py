# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Records what a robot says and is told: every topic of the task, a bag for each episode.

A lifecycle node. ``~/start`` begins an episode where every sensor is fresh, stamped and fast
enough, ``~/stop`` ends it, ``~/succeed`` ends it as a success and ``~/discard`` deletes it. What
was recorded is on the disk within a second; what a killed recorder left is saved at the next
start. Losses, gaps and jumps are counted in ``/diagnostics`` and in the bag.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
import json
from pathlib import Path
import sys
import time
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from std_msgs.msg import String
from std_srvs.srv import Trigger

from drail_ros import __version__, plugins, settings
from drail_ros.data.bags.bag import Topic
from drail_ros.data.bags.recorder import Recorder, Told
from drail_ros.data.bags.recordings import Recordings, Setup
from drail_ros.data.bags.types import definition_of
from drail_ros.errors import UserError
from drail_ros.nodes.diagnostics import ERROR, Health, OK, publish_diagnostics, WARN
from drail_ros.nodes.parameters import declare
from drail_ros.nodes.running import run_node, RunnableNode, steady_timer, Stop
from drail_ros.nodes.sensor_messages import message_type
from drail_ros.robot.messages import frame_ids, joint_names, require_robot_interface
from drail_ros.robot.names import parse_names, RobotNames
from drail_ros.robot.refusals import RefusedError
from drail_ros.settings import setting, Settings
from drail_ros.tasks.task import Task

_TICK_S = 0.1
_LAST_WORDS_S = 1.0
"""How long the last readings of an episode are waited for once it is known to have ended; and
for how long who drives may be silent where an episode is to begin by itself."""
_DEPTH = 500
"""Messages of a topic that wait while an episode is finished."""
_STAMP_BYTES = slice(4, 12)
"""Of a message that begins with a header, in CDR: behind its encapsulation."""


@dataclass(frozen=True)
class RecorderSettings(Settings):
    """Settings of the recorder."""

    task: str = setting('fetch_push', 'task that the robot performs')
    output_dir: str = setting('', 'folder of the episodes; empty: recordings/TASK')
    robot: str = setting('', "the robot's name, which all episodes of a folder share")
    operator: str = setting('', 'who demonstrates; kept with each episode')
    note: str = setting('', 'anything else to keep with each episode')
    follow_episodes: bool = setting(
        False, "begin and end with the simulator's episodes, and keep those that succeed")
    episodes: int = setting(0, 'end after so many kept episodes; 0 is never', low=0)
    more_topics: str = setting('', 'further topics to record: NAME:=package/msg/Type, …')
    max_observation_age_s: float = setting(0.2, 'older sensor messages count as stale', unit='s',
                                           low=0.001)
    least_free_mb: float = setting(500.0, 'free space below which no episode begins', unit='MB',
                                   low=0.0)
    joint_names: str = setting('', "the robot's names of joints: task_name:=robot_name, …")
    frames: str = setting('', "the robot's names of frames: task_name:=robot_name, …")
    autostart: bool = setting(True, 'configure and activate at start')


@dataclass(frozen=True)
class _Ending:
    """What the simulator says of an episode that ended."""

    success: bool
    stamp_ns: int
    """Of its last readings."""
    latest_s: float
    """Until when they are waited for, by a steady clock."""

    def was_seen(self, recorder: Recorder) -> bool:
        """Whether every sensor has told how it ended."""
        return all((recorder.audits[topic].stamp_ns or 0) >= self.stamp_ns
                   for topic in recorder.sensors)


class RecorderNode(RunnableNode, LifecycleNode):
    """Wires a recorder to a robot's topics."""

    def __init__(self, stop: Stop) -> None:
        super().__init__('recorder', stop)
        self._recorder: Recorder | None = None
        self._active = False
        self._wired: list[tuple[Callable[[Any], object], Any]] = []
        self._kept = 0
        self._told = ''
        self._endings: deque[_Ending] = deque()
        """Of episodes whose last readings were not seen yet: sensors may lag behind."""
        self._error: UserError | None = None

    def begin(self) -> None:
        """Join the graph; configure and activate where that is asked for."""
        self._settings = RecorderSettings(
            **declare(self, settings.specs(RecorderSettings).values()))
        publish_diagnostics(self, self._health)
        for name, does in (('start', self._start), ('stop', partial(self._stop, '')),
                           ('succeed', partial(self._stop, 'true')),
                           ('discard', self._discard)):
            self.create_service(Trigger, f'~/{name}', partial(self._serve, does))
        if self._settings.autostart:
            if self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
                raise self._error or UserError('the node could not be configured',
                                               do='see the log for the reason, and report it')
            self.trigger_activate()

    def close(self) -> None:
        """Finish the episode that runs."""
        self._tear_down()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the folder, save what was left unfinished, subscribe to the topics."""
        self._error = None
        try:
            self._configure()
        except UserError as error:
            self._error = error
            self._tear_down()
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Allow episodes to begin."""
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End the episode that runs."""
        self._active = False
        if self._recorder and self._recorder.records:
            self._tell(self._recorder.stop({'ended': 'recorder deactivated'}, time.monotonic()))
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of folder and topics."""
        return self._tear_down()

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End the episode that runs, for good."""
        return self._tear_down()

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Save what there is after a transition failed; the node may be configured anew."""
        return self._tear_down()

    def _tear_down(self) -> TransitionCallbackReturn:
        self._active = False
        for destroy, entity in self._wired:
            destroy(entity)
        self._wired.clear()
        if self._recorder:
            self._tell(self._recorder.close(time.monotonic()))
            self._recorder = None
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        s = self._settings
        task: Task = plugins.load(plugins.TASKS, s.task)
        require_robot_interface(task)
        assert task.command
        names = RobotNames(parse_names('joint_names', s.joint_names, joint_names(task)),
                           parse_names('frames', s.frames, frame_ids(task)))
        types = {reading.topic: reading.message for reading in task.readings} | {
            task.command.topic: task.command.message}
        self._command = self.resolve_topic_name(task.command.topic)
        self._ours = {self.resolve_topic_name(topic): topic for topic in types}
        kinds = {self.resolve_topic_name(topic): kind for topic, kind in (
            types | _more_topics(s.more_topics)).items()}
        recordings = Recordings(Path(s.output_dir or f'recordings/{task.name}'), Setup(
            task.name, task.rate_hz, s.robot, tuple(map(names.joint, joint_names(task))),
            tuple(sorted(kinds.items()))))
        for saved in recordings.salvaged:
            self.get_logger().warning(f'left unfinished, now saved: {saved}')
        for problem in recordings.unsaved:
            self.get_logger().error(problem)
        recorded = [Topic(topic, kind, *definition_of(kind)) for topic, kind in kinds.items()]
        self._recorder = Recorder(task, recordings, recorded, self._ours, names,
                                  s.max_observation_age_s, s.least_free_mb)
        self._facts = {'task': task.name, 'robot': s.robot, 'operator': s.operator,
                       'note': s.note, 'recorded by': f'drail_ros {__version__}'}
        qos = QoSProfile(depth=_DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT,
                         durability=DurabilityPolicy.VOLATILE)
        for topic, kind in kinds.items():
            lost = SubscriptionEventCallbacks(
                message_lost=partial(self._lost, topic), use_default_callbacks=False)
            self._wired.append((self.destroy_subscription, self.create_subscription(
                message_type(kind), topic, self._listener(topic, kind), qos, raw=True,
                event_callbacks=lost)))
        if s.follow_episodes:
            self._wired.append((self.destroy_subscription, self.create_subscription(
                String, 'episode', self._episode_ended, 100)))
        self._wired.append((self.destroy_timer, steady_timer(self, _TICK_S, self._tick)))
        self.get_logger().info(f'records {len(kinds)} topics to {recordings.path}, which holds '
                               f'{len(recordings.episodes())} episodes')

    def _listener(self, topic: str, kind: str) -> Callable[[bytes, Any], None]:
        recorder, type_ = self._recorder, message_type(kind)
        assert recorder
        stamped = next(iter(type_.get_fields_and_field_types().values())) == 'std_msgs/Header'
        decode = partial(_decode, type_)

        def heard(data: bytes, info: Any) -> None:
            self._tell(recorder.hear(topic, data, _stamp_ns(data) if stamped else None,
                                     info['received_timestamp'] or time.time_ns(),
                                     time.monotonic(), decode))
            if self._endings and self._endings[0].was_seen(recorder):
                self._end_episode()
        return heard

    def _lost(self, topic: str, event: Any) -> None:
        assert self._recorder
        self._recorder.audits[topic].lose(event.total_count_change)
        self.get_logger().warning(f'{event.total_count_change} messages of {topic} lost, '
                                  f'{event.total_count} in all', throttle_duration_sec=5.0)

    def _tick(self) -> None:
        assert self._recorder
        now_s = time.monotonic()
        self._tell(self._recorder.tick(now_s))
        if self._endings and now_s > self._endings[0].latest_s:
            self._end_episode()
        if self._settings.follow_episodes and not self._recorder.records:
            self._follow()

    def _follow(self) -> None:
        """Begin with the simulator's next episode, where that may be recorded."""
        if not self._active or self.stop():
            return
        assert self._recorder
        try:
            silent_s = self._recorder.audits[self._command].silent_s(time.monotonic())
            if silent_s > _LAST_WORDS_S:
                raise RefusedError('not ready', f'nobody sends {self._command}')
            self._begin_episode()
        except RefusedError as error:
            self.get_logger().info(f'waits: {error}', throttle_duration_sec=5.0)

    def _begin_episode(self) -> str:
        assert self._recorder
        crowded = [f'{topic} has {count} publishers' for topic in self._ours
                   if (count := self.count_publishers(topic)) > 1]
        if crowded:
            raise RefusedError('not ready', '; '.join(crowded))
        return self._recorder.start(self._facts, time.monotonic())

    def _episode_ended(self, message: String) -> None:
        """Wait for the last readings of the episode that ended."""
        try:
            told = json.loads(message.data)
            ending = _Ending(told['success'] is True, int(told['stamp_ns']),
                             time.monotonic() + _LAST_WORDS_S)
        except (ValueError, RecursionError, KeyError, TypeError):
            self.get_logger().warning(f'no word of an episode: {message.data[:60]!r}',
                                      throttle_duration_sec=5.0)
            return
        self._endings.append(ending)
        if self._recorder and self._endings[0].was_seen(self._recorder):
            self._end_episode()

    def _end_episode(self) -> None:
        """Keep the episode of the simulator if it succeeded, and begin the next."""
        ending = self._endings.popleft()
        if not (self._recorder and self._recorder.records):
            return
        if ending.success:
            self._tell(self._recorder.stop({'success': 'true'}, time.monotonic()))
        else:
            self._recorder.discard()
        self._follow()

    def _serve(self, does: Callable[[], str], request: Trigger.Request,
               response: Trigger.Response) -> Trigger.Response:
        try:
            if not (self._active and self._recorder):
                raise RefusedError('not active', 'configure and activate the node first')
            response.message, response.success = does(), True
        except RefusedError as error:
            response.message, response.success = str(error), False
        return response

    def _start(self) -> str:
        name = self._begin_episode()
        self.get_logger().info(f'records {name}')
        return name

    def _stop(self, success: str) -> str:
        assert self._recorder
        told = self._recorder.stop({'success': success} if success else {}, time.monotonic())
        self._tell(told)
        return str(told)

    def _discard(self) -> str:
        assert self._recorder
        name = self._recorder.discard()
        self.get_logger().info(f'{name}: discarded')
        return name

    def _tell(self, told: Told | None) -> None:
        if told is None:
            return
        self._told = str(told)
        log = self.get_logger()
        (log.info if told.kept else log.error)(self._told)
        self._kept += told.kept
        if self._kept == self._settings.episodes and told.kept:
            self.stop.request()

    def _health(self) -> Health:
        if not self._recorder:
            return Health(WARN, 'not configured', {'episodes': self._kept})
        now_s, recorder = time.monotonic(), self._recorder
        values: dict[str, object] = {'episodes': self._kept, 'steps': recorder.steps,
                                     'assembled': recorder.assembler.tally}
        for topic, audit in recorder.audits.items():
            values |= {f'{topic} {name}': value for name, value in audit.values(now_s).items()}
        why = recorder.why_not(now_s)
        if recorder.records:
            words = f'recording; {why}' if why else 'recording'
            return Health(ERROR if why else OK, words, values)
        words = f'not ready: {why}' if why else f'ready; {self._told}' if self._told else 'ready'
        return Health(WARN if why else OK, words, values)


def _more_topics(text: str) -> dict[str, str]:
    """``'NAME:=package/msg/Type, …'`` → types by name.

    Raises:
        UserError: the form is wrong.

    """
    found = {}
    for entry in filter(None, map(str.strip, text.split(','))):
        name, _, kind = (part.strip() for part in entry.partition(':='))
        if not name or kind.count('/') != 2:
            raise UserError("setting 'more_topics' has the wrong form", found=entry,
                            expected='NAME:=package/msg/Type, separated by commas')
        found[name] = kind
    return found


def _stamp_ns(data: bytes) -> int:
    """Return the stamp in the header with which a message in CDR begins."""
    order: Any = 'little' if data[1] & 1 else 'big'
    part = data[_STAMP_BYTES]
    return (int.from_bytes(part[:4], order, signed=True) * 10**9
            + int.from_bytes(part[4:], order))


def _decode(type_: Any, data: bytes) -> Any:
    return deserialize_message(data, type_)


def main() -> int:
    """Run the node."""
    return run_node(RecorderNode)


if __name__ == '__main__':
    sys.exit(main())
