# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Bags of a robot become the very episodes that were performed, or it is said what is missing."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from robot_messages import COMMAND, Event, PERIOD_NS, pushed, sensed, START_NS, TASK, write_bag

from drail_ros.data.bags.demonstrate import episode_of
from drail_ros.errors import UserError
from drail_ros.robot.episode import EpisodeAssembler
from drail_ros.robot.names import RobotNames

EPISODE = pushed()


def events() -> list[Event]:
    return copy.deepcopy(EPISODE[0])


def of_step(there: list[Event], step: int, topic: str) -> int:
    """Return the place of a topic's message of one control step."""
    return [i for i, (name, _, _) in enumerate(there) if name == topic][step]


def assembled(there: list[Event]) -> EpisodeAssembler:
    live = EpisodeAssembler(TASK, 0.2)
    for topic, message, received_ns in there:
        if topic == COMMAND:
            live.commanded(message)
        else:
            live.sensed(topic, message, received_ns)
    return live


def test_a_bag_gives_the_episode_that_was_performed(tmp_path: Path) -> None:
    _, expected, succeeded = EPISODE
    assert succeeded
    found = episode_of(write_bag(tmp_path / 'push', events()), TASK)
    episode = found.episode
    assert episode is not None and str(found.tally) == 'faultless'
    assert np.array_equal(episode.obs, expected['obs'])
    assert np.array_equal(episode.next_obs, expected['next_obs'])
    assert np.allclose(episode.action, expected['action'], atol=1e-6)
    assert episode.step.tolist() == list(range(len(expected['obs'])))
    for ends in (episode.terminated, episode.success):
        assert ends.tolist() == [False] * (len(episode) - 1) + [True]
    assert not episode.truncated.any() and episode.source == 'push'


def test_live_and_recorded_are_the_same_to_the_last_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    there = [(topic, message, received_ns + int(rng.integers(0, 8 * 10**6)))
             for topic, message, received_ns in events() if rng.random() > 0.03]
    there.sort(key=lambda event: event[2])
    live = assembled(there)
    steps = live.finish()
    found = episode_of(write_bag(tmp_path / 'bag', there, namespace='/lab/arm_1/'), TASK)
    assert steps is not None and found.episode is not None
    assert found.tally == live.tally and str(live.tally) != 'faultless'
    for name in ('obs', 'action', 'next_obs', 'step'):
        assert np.array_equal(getattr(steps, name), getattr(found.episode, name)), name


@pytest.mark.parametrize(('label', 'success'), [('true', True), ('false', False), ('', True)])
def test_success_is_what_the_recorder_was_told_or_else_measured(
        tmp_path: Path, label: str, success: bool) -> None:
    bag = write_bag(tmp_path / 'bag', events(), {'success': label} if label else {})
    episode = episode_of(bag, TASK).episode
    assert episode is not None
    assert (episode.success[-1], episode.terminated[-1], episode.truncated[-1]) == (
        success, success, not success)


def test_without_its_end_the_measure_says_it_failed(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'bag', events()[:-30])
    episode = episode_of(bag, TASK).episode
    assert episode is not None and not episode.success.any() and episode.truncated[-1]


def test_an_action_is_the_command_in_force_when_the_robot_arrived() -> None:
    """Of two in one period the later; where none came, the one before holds, and is counted."""
    there = events()
    late = of_step(there, 3, COMMAND)
    there.insert(late + 1, copy.deepcopy(there[late]))
    there[late + 1][1].twist.linear.x = 0.25
    del there[of_step(there, 8, COMMAND)]
    live = assembled(there)
    steps, scale = live.finish(), TASK.command_scale()
    assert steps is not None
    assert scale.command(steps.action[3])[0] == pytest.approx(0.25)
    assert np.array_equal(steps.action[7], steps.action[6])
    assert live.tally.held == 1 and str(live.tally) == '1 held'


def test_steps_before_the_first_command_are_left_out() -> None:
    there = [event for i, event in enumerate(events())
             if event[0] != COMMAND or event[2] > START_NS + 2.5 * PERIOD_NS]
    live = assembled(there)
    steps = live.finish()
    assert steps is not None and live.tally.without_command == 3 and steps.step[0] == 3


def test_a_gap_is_no_step() -> None:
    first, last = START_NS + 5.5 * PERIOD_NS, START_NS + 8.5 * PERIOD_NS
    there = [event for event in events() if event[0] == COMMAND or not first < event[2] < last]
    live = assembled(there)
    steps = live.finish()
    assert steps is not None and live.tally.over_a_gap == 1
    assert steps.step.tolist()[:8] == [0, 1, 2, 3, 4, 6, 7, 8]
    assert np.array_equal(steps.next_obs[5], steps.obs[6])
    assert not np.array_equal(steps.next_obs[4], steps.obs[5])


def test_commands_count_as_they_are_executed() -> None:
    there = events()
    there[of_step(there, 2, COMMAND)][1].twist.linear.y = 99.0
    live = assembled(there)
    steps = live.finish()
    assert steps is not None and steps.action[2][1] == 1.0 and live.tally.beyond_limits == 1


@pytest.mark.parametrize(('change', 'reason'), [
    pytest.param(lambda m: setattr(m.header, 'frame_id', 'map'), 'wrong frame', id='frame'),
    pytest.param(lambda m: setattr(m.pose.position, 'x', np.nan), 'not finite', id='nan'),
    pytest.param(lambda m: setattr(m.header.stamp, 'sec', 0) or setattr(
        m.header.stamp, 'nanosec', 0), 'unstamped', id='stamp'),
    pytest.param(lambda m: setattr(m.header.stamp, 'sec', m.header.stamp.sec - 1), 'stale',
                 id='stale'),
])
def test_what_is_not_usable_is_counted_and_never_filled_in(change: object, reason: str) -> None:
    there = events()
    assert callable(change)
    change(there[of_step(there, 4, 'gripper_pose')][1])
    live = assembled(there)
    steps, (_, expected, _) = live.finish(), EPISODE
    assert steps is not None and live.tally.refused >= 1
    assert f'refused: {reason}' in live.refusals.values()
    made = {row.tobytes() for row in [*steps.obs, *steps.next_obs]}
    assert made <= {row.tobytes() for row in [*expected['obs'], *expected['next_obs']]}


def test_a_bag_without_a_topic_of_the_task_says_which(tmp_path: Path) -> None:
    other = TASK.__class__(**{**vars(TASK), 'command': TASK.command.__class__(
        'arm/twist', TASK.command.message, TASK.command.frame_id)})
    with pytest.raises(UserError, match=r'arm/twist: none[\s\S]*holds /goal_pose'):
        episode_of(write_bag(tmp_path / 'bag', events()), other)


def test_a_bag_of_another_type_says_which(tmp_path: Path) -> None:
    other = TASK.__class__(**{**vars(TASK), 'command': TASK.command.__class__(
        TASK.command.topic, 'geometry_msgs/msg/Twist', TASK.command.frame_id)})
    with pytest.raises(UserError, match='twist_command is geometry_msgs/msg/TwistStamped, not'):
        episode_of(write_bag(tmp_path / 'bag', events()), other)


@pytest.mark.parametrize('content', [b'', b'no bag', b'\x89MCAP0\r\n' + bytes(100)])
def test_what_is_no_bag_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / 'bag.mcap'
    file.write_bytes(content)
    for path in (file, tmp_path / 'missing', tmp_path):
        with pytest.raises(UserError, match='cannot be read as a bag'):
            episode_of(path, TASK)


def test_joints_and_frames_may_have_the_robots_names() -> None:
    there = events()
    for topic, message, _ in there:
        if topic == 'joint_states':
            message.name = [f'lab_{name}' for name in message.name]
        else:
            message.header.frame_id = 'table'
    joints = TASK.readings[3].part.split(',')
    live = EpisodeAssembler(TASK, 0.2, RobotNames({n: f'lab_{n}' for n in joints},
                                                  {'world': 'table'}))
    for topic, message, received_ns in there:
        if topic == COMMAND:
            live.commanded(message)
        else:
            live.sensed(topic, message, received_ns)
    steps = live.finish()
    assert steps is not None and np.array_equal(steps.obs, EPISODE[1]['obs'])


def test_an_episode_without_a_step_is_none(tmp_path: Path) -> None:
    row = next(iter(pushed()[0]))
    assert row[0] != COMMAND
    assert episode_of(write_bag(tmp_path / 'bag', events()[:4]), TASK).episode is None
    assert len(list(sensed(np.zeros(TASK.reading_size), START_NS))) == 4
