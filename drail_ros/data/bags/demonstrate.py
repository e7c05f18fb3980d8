# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Recorded bags → demonstrations, by the assembler that also hears the robot live.

Reads any rosbag2 folder or MCAP file that holds the task's topics, whoever recorded it; topics
are found by the end of their names, whatever the namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection

from drail_ros.data.bags.bag import facts_of
from drail_ros.data.bags.types import typestore
from drail_ros.data.demonstrations import Episode, Layout
from drail_ros.errors import UserError
from drail_ros.robot.episode import EpisodeAssembler, Steps, Tally
from drail_ros.robot.messages import require_robot_interface, topics
from drail_ros.robot.names import RobotNames
from drail_ros.tasks.task import Task

MAX_AGE_S = 0.2
"""Messages that are older when an observation would be complete are refused."""


@dataclass(frozen=True)
class Demonstrated:
    """What a bag gave."""

    path: Path
    episode: Episode | None
    """None where it holds no step."""
    tally: Tally
    refusals: tuple[tuple[str, int], ...]
    """How often messages were refused, by reason."""


def episode_of(path: Path, task: Task, names: RobotNames | None = None,
               max_age_s: float = MAX_AGE_S) -> Demonstrated:
    """Return the episode in a bag.

    It ended in success if the bag's own facts say so, or, where they say nothing, if the task's
    measure of the last readings does.

    Raises:
        UserError: the bag cannot be read, or lacks a topic of the task.

    """
    require_robot_interface(task)
    assembler = EpisodeAssembler(task, max_age_s, names)
    sensors = topics(task)
    assert task.command
    for topic, message, received_ns in read(path, task, [*sensors, task.command.topic]):
        if topic == task.command.topic:
            assembler.commanded(message)
        else:
            assembler.sensed(topic, message, received_ns)
    steps = assembler.finish()
    label = success_label(path)
    succeeded = steps is not None and (
        label == 'true' if label else bool(task.succeeded(steps.reached[None])[0]))
    episode = None if steps is None else _episode(steps, task, succeeded, path.name)
    return Demonstrated(path, episode, assembler.tally, tuple(assembler.refusals.values().items()))


def success_label(path: Path) -> str:
    """Return what the recorder was told: ``true``, ``false``, or empty."""
    files = sorted(path.glob('*.mcap')) if path.is_dir() else [path]
    facts: dict[str, str] = {}
    for file in files:
        facts |= facts_of(file)
    return facts.get('success', '')


def read(path: Path, task: Task, wanted: Sequence[str]) -> Iterator[tuple[str, Any, int]]:
    """Yield topic as the task names it, message and when it was received [ns], in that order.

    Raises:
        UserError: the bag cannot be read, or a topic is missing or of another type.

    """
    try:
        with AnyReader([path], default_typestore=typestore()) as reader:
            found = _connections(path, reader.connections, wanted)
            _check_types(path, found, task)
            ours = {connection.topic: topic for topic, connection in found.items()}
            for connection, received_ns, raw in reader.messages(list(found.values())):
                yield (ours[connection.topic], reader.deserialize(raw, connection.msgtype),
                       received_ns)
    except (AnyReaderError, OSError) as error:
        raise UserError(f'{path} cannot be read as a bag', found=error,
                        expected='a rosbag2 folder or an MCAP file') from error


def _connections(path: Path, connections: Sequence[Connection],
                 wanted: Sequence[str]) -> dict[str, Connection]:
    found: dict[str, Connection] = {}
    problems = []
    for topic in wanted:
        matches = [connection for connection in connections
                   if f'/{connection.topic.lstrip("/")}'.endswith(f'/{topic}')]
        if len(matches) == 1:
            found[topic] = matches[0]
        else:
            problems.append(f'{topic}: ' + (
                f'{", ".join(sorted(match.topic for match in matches))}' if matches else 'none'))
    if problems:
        there = ', '.join(sorted({connection.topic for connection in connections}))
        raise UserError(f'{path} does not hold the topics of the task',
                        found='; '.join(problems), expected=f'one each; it holds {there}')
    return found


def _check_types(path: Path, found: dict[str, Connection], task: Task) -> None:
    assert task.command
    expected = {reading.topic: reading.message for reading in task.readings} | {
        task.command.topic: task.command.message}
    wrong = [f'{connection.topic} is {connection.msgtype}, not {expected[topic]}'
             for topic, connection in found.items() if connection.msgtype != expected[topic]]
    if wrong:
        raise UserError(f'{path} holds other types than the task', found='; '.join(wrong))


def _episode(steps: Steps, task: Task, succeeded: bool, source: str) -> Episode:
    last = np.arange(len(steps.step)) == len(steps.step) - 1
    return Episode(Layout.of(task), steps.obs, steps.action, steps.next_obs,
                   terminated=last & succeeded, truncated=last & ~np.array(succeeded),
                   success=last & succeeded, step=steps.step, source=source)
