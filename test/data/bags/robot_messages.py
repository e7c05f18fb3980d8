# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Messages of a robot that performs fetch_push, without ROS, and bags of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drail_ros import plugins
from drail_ros.data.bags.bag import BagWriter, Topic
from drail_ros.data.bags.types import definition_of, typestore
from drail_ros.robot.messages import fill_message, set_command, topics
from drail_ros.sim.make import make_sim
from drail_ros.tasks.task import Array

TASK = plugins.load(plugins.TASKS, 'fetch_push')
assert TASK.command
COMMAND = TASK.command.topic
TYPES = {reading.topic: reading.message for reading in TASK.readings} | {
    COMMAND: TASK.command.message}
PERIOD_NS = round(1e9 / TASK.rate_hz)
START_NS = 1_700_000_000 * 10**9

Event = tuple[str, Any, int]
"""Topic, message, when it is received [ns]."""


def blank(message_type: str, stamp_ns: int) -> Any:
    """Return a message of zeros with a stamp."""
    types = typestore().types
    header = types['std_msgs/msg/Header'](
        stamp=types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, 10**9)), frame_id='')
    point, vector = types['geometry_msgs/msg/Point'], types['geometry_msgs/msg/Vector3']
    kind = types[message_type]
    if message_type == 'sensor_msgs/msg/JointState':
        return kind(header, [], np.zeros(0), np.zeros(0), np.zeros(0))
    if message_type == 'geometry_msgs/msg/PoseStamped':
        return kind(header, types['geometry_msgs/msg/Pose'](
            point(0.0, 0.0, 0.0), types['geometry_msgs/msg/Quaternion'](0.0, 0.0, 0.0, 1.0)))
    return kind(header, types['geometry_msgs/msg/Twist'](
        vector(0.0, 0.0, 0.0), vector(0.0, 0.0, 0.0)))


def sensed(row: Array, stamp_ns: int, delay_ns: int = 0) -> Iterator[Event]:
    """Yield what the sensors say of readings ``[R]``."""
    for topic, readings in topics(TASK).items():
        message = blank(TYPES[topic], stamp_ns)
        fill_message(readings, row, message)
        if 'joint' in topic:
            message.position = np.array(message.position)
        yield topic, message, stamp_ns + delay_ns


def commanded(command: Array, stamp_ns: int, delay_ns: int = 0) -> Event:
    """Return a command ``[A]``."""
    message = blank(TYPES[COMMAND], stamp_ns)
    message.header.frame_id = TASK.command.frame_id
    set_command(message, command, stamp_ns)
    return COMMAND, message, stamp_ns + delay_ns


def pushed(seed: int = 0, noise: float = 1.0) -> tuple[list[Event], dict[str, Array], bool]:
    """Return an episode of the expert: its messages, obs, action and next_obs, and success."""
    sim, rng = make_sim(TASK, 1, noise, threads=1), np.random.default_rng(0)
    obs, events, rows = sim.reset(seed), list[Event](), []
    for step in range(TASK.horizon):
        stamp_ns = START_NS + step * PERIOD_NS
        action = TASK.expert(obs, rng)
        events += sensed(sim.readings[0], stamp_ns, 10**6)
        command = TASK.command_scale().command(action[0].astype(np.float64))
        events.append(commanded(command, stamp_ns, 3 * 10**6))
        done = sim.step(action)
        rows.append((obs[0], action[0], done.final_obs[0]))
        obs = done.obs
        if done.terminated[0] or done.truncated[0]:
            events += sensed(sim.reached[0], stamp_ns + PERIOD_NS, 10**6)
            break
    names = 'obs', 'action', 'next_obs'
    return events, dict(zip(names, map(np.stack, zip(*rows)))), bool(done.success[0])


def write_bag(path: Path, events: Sequence[Event], facts: dict[str, str] | None = None,
              namespace: str = '/') -> Path:
    """Write events to a bag."""
    store = typestore()
    writer = BagWriter(path, [Topic(namespace + topic, kind, *definition_of(kind))
                              for topic, kind in TYPES.items()], {'task': TASK.name})
    for topic, message, received_ns in events:
        data = bytes(store.serialize_cdr(message, TYPES[topic]))
        writer.write(namespace + topic, data, received_ns, received_ns)
    writer.close(facts or {})
    return path
