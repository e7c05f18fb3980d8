# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Records episodes: what is heard goes to a bag while an episode runs; ROS-free.

Who calls it hears the topics and tells the time. An episode begins only where every sensor is fit
to be recorded, and ends with a bag that was read again, or with a clear word of what was saved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import heapq
import shutil
from typing import Any

from drail_ros.data.bags.audit import TopicAudit
from drail_ros.data.bags.bag import BagWriter, Topic
from drail_ros.data.bags.recordings import Recordings
from drail_ros.errors import UserError
from drail_ros.robot.episode import EpisodeAssembler
from drail_ros.robot.messages import topics
from drail_ros.robot.names import RobotNames
from drail_ros.robot.refusals import RefusedError
from drail_ros.tasks.task import Task

_FLUSH_S = 1.0
_ORDERED_NS = 1_000_000_000
"""Messages of different topics are handed on in the order received, if they come so soon."""
_SLOW = 0.8
"""Share of the task's rate that a sensor needs at least."""
_MB = 1_000_000


@dataclass(frozen=True)
class Told:
    """What is to be said of an episode that ended."""

    name: str
    steps: int
    seconds: float
    kept: bool
    words: str

    def __str__(self) -> str:
        return f'{self.name}: {self.words}'


class Recorder:
    """Records to ``recordings`` what is heard of ``recorded``, topics as the robot has them.

    ``ours`` is the task's name of a topic; those that it does not know are recorded, no more.
    ``names`` are the robot's of joints and frames. Below ``least_free_mb`` on the disk no episode
    begins, and a running one ends.
    """

    def __init__(self, task: Task, recordings: Recordings, recorded: Sequence[Topic],
                 ours: Mapping[str, str], names: RobotNames, max_age_s: float,
                 least_free_mb: float) -> None:
        self._task, self._recordings, self._recorded = task, recordings, tuple(recorded)
        self._ours, self._names = dict(ours), names
        self._max_age_s, self._least_free_mb = max_age_s, least_free_mb
        sensors = topics(task)
        self.sensors = tuple(topic for topic, name in ours.items() if name in sensors)
        """Those that the task reads, as the robot has them."""
        self.audits = {topic.name: TopicAudit() for topic in recorded}
        self._writer: BagWriter | None = None
        self._assembler = self._new_assembler()
        self._waiting: list[tuple[int, int, str, bytes, Callable[[bytes], Any]]] = []
        self._heard = 0
        self._began_s = self._flushed_s = 0.0

    @property
    def records(self) -> bool:
        """Whether an episode runs."""
        return self._writer is not None

    @property
    def steps(self) -> int:
        """Steps of the episode that runs, or of the last."""
        return self._assembler.steps

    @property
    def assembler(self) -> EpisodeAssembler:
        """What the messages of the episode give so far."""
        return self._assembler

    def hear(self, topic: str, data: bytes, stamp_ns: int | None, received_ns: int, now_s: float,
             decode: Callable[[bytes], Any]) -> Told | None:
        """Take in a message; say so where it ended the episode, for the disk is full.

        Args:
            topic: as recorded.
            data: in CDR.
            stamp_ns: of its header, where it has one.
            received_ns: when the message reached this machine; not when it was looked at, for
                messages of different topics are looked at in another order.
            now_s: a steady clock.
            decode: makes the message, for what the task reads.

        """
        self.audits[topic].hear(stamp_ns, now_s)
        if self._writer is None:
            return None
        try:
            self._writer.write(topic, data, received_ns,
                               received_ns if stamp_ns is None else stamp_ns)
        except OSError as error:
            return self._cut_off(error.strerror or str(error))
        if topic in self._ours:
            heapq.heappush(self._waiting, (received_ns, self._heard, topic, data, decode))
            self._heard += 1
            self._hand_on(received_ns - _ORDERED_NS)
        return None

    def _hand_on(self, until_ns: float) -> None:
        """Give the assembler what was received until then, in that order."""
        while self._waiting and self._waiting[0][0] <= until_ns:
            received_ns, _, topic, data, decode = heapq.heappop(self._waiting)
            if topic in self.sensors:
                self._assembler.sensed(self._ours[topic], decode(data), received_ns)
            else:
                self._assembler.commanded(decode(data))

    def why_not(self, now_s: float) -> str:
        """Return why no episode may begin; empty if one may."""
        least_hz = _SLOW * self._task.rate_hz
        problems = [f'{topic} {problem}' for topic in self.sensors
                    if (problem := self.audits[topic].problem(least_hz, now_s))]
        free_mb = shutil.disk_usage(self._recordings.path).free / _MB
        if free_mb < self._least_free_mb:
            problems.append(f'{free_mb:.0f} MB are free on the disk, '
                            f'{self._least_free_mb:.0f} are needed')
        return '; '.join(problems)

    def start(self, facts: Mapping[str, str], now_s: float) -> str:
        """Begin an episode and return its name.

        Raises:
            RefusedError: one runs, or a topic is not fit to be recorded.

        """
        if self._writer is not None:
            raise RefusedError('already recording', self._writer.path.name)
        problem = self.why_not(now_s)
        if problem:
            raise RefusedError('not ready', problem)
        try:
            self._writer = BagWriter(self._recordings.next(), self._recorded, facts)
        except OSError as error:
            raise RefusedError('not ready', str(error)) from error
        self._assembler, self._waiting = self._new_assembler(), []
        for audit in self.audits.values():
            audit.begin()
        self._began_s = self._flushed_s = now_s
        return self._writer.path.name

    def stop(self, facts: Mapping[str, str], now_s: float) -> Told:
        """Finish the episode, with what there is to say of it.

        Raises:
            RefusedError: none runs.

        """
        writer = self._running()
        self._writer = None
        self._hand_on(float('inf'))
        told = {**facts, 'steps': str(self.steps), 'assembled': str(self._assembler.tally),
                **{f'lost {topic}': str(audit.lost) for topic, audit in self.audits.items()
                   if audit.lost}}
        seconds = now_s - self._began_s
        try:
            writer.close(told)
        except (OSError, UserError) as error:
            writer.abandon()
            return Told(writer.path.name, self.steps, seconds, False,
                        f'not finished, and left to be saved at the next start: {error}')
        return Told(writer.path.name, self.steps, seconds, True,
                    f'{self.steps} steps in {seconds:.1f} s, {self._assembler.tally}'
                    + self._faults())

    def discard(self) -> str:
        """Delete the episode that runs and return its name.

        Raises:
            RefusedError: none runs.

        """
        writer = self._running()
        self._writer = None
        writer.discard()
        return writer.path.name

    def tick(self, now_s: float) -> Told | None:
        """Have the disk keep what was heard; say so where this ended the episode."""
        if self._writer is None or now_s - self._flushed_s < _FLUSH_S:
            return None
        self._flushed_s = now_s
        try:
            self._writer.flush()
        except OSError as error:
            return self._cut_off(error.strerror or str(error))
        free_mb = shutil.disk_usage(self._recordings.path).free / _MB
        if free_mb < self._least_free_mb:
            return self.stop({'ended': 'disk nearly full'}, now_s)
        return None

    def close(self, now_s: float) -> Told | None:
        """Finish the episode that runs, if any, and let others write to the folder."""
        told = self.stop({'ended': 'recorder stopped'}, now_s) if self.records else None
        self._recordings.close()
        return told

    def _running(self) -> BagWriter:
        if self._writer is None:
            raise RefusedError('not recording', 'start an episode first')
        return self._writer

    def _cut_off(self, why: str) -> Told:
        writer = self._running()
        self._writer = None
        writer.abandon()
        return Told(writer.path.name, self.steps, 0.0, False,
                    f'cut off ({why}); what was written is saved at the next start')

    def _faults(self) -> str:
        faults = [f'{topic}: {count} {name}' for topic, audit in self.audits.items()
                  for name, count in (('lost', audit.lost), ('clock jumps', audit.jumps)) if count]
        return f'; {", ".join(faults)}' if faults else ''

    def _new_assembler(self) -> EpisodeAssembler:
        return EpisodeAssembler(self._task, self._max_age_s, self._names)
