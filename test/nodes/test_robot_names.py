# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Robots call joints and frames as they like; the server is told how."""

from __future__ import annotations

from pathlib import Path

from processes import DEADLINE_S, Nodes
import pytest
from robots import ERROR, Robot, spin_until, WARN

from drail_ros.tasks.fetch_push import FINGER_JOINTS


def test_robots_may_name_joints_and_frames_as_they_like(nodes: Nodes, robot: Robot,
                                                        policy: Path) -> None:
    left, right = FINGER_JOINTS
    nodes.start('policy_server', policy_path=policy, frames='world:=base_link',
                joint_names=f'"{left}:=l_finger, {right}:=r_finger"')
    spin_until(robot, lambda: robot.nonzero() > 2, 'commands', lambda: robot.sense(
        joints=['r_finger', 'l_finger'], frame='base_link'))
    assert {c.header.frame_id for _, c in robot.commands} == {'base_link'}
    spin_until(robot, lambda: robot.refused('joints missing') > 0 and robot.refused('wrong frame')
               > 0, "refusal of the task's own names", robot.sense)
    assert robot.status().level in (WARN, ERROR)


@pytest.mark.parametrize(('given', 'words'), [
    pytest.param({'joint_names': '"robot0:l_gripper_finger_jiont:=a"'},
                 ["'robot0:l_gripper_finger_jiont'", f'did you mean {FINGER_JOINTS[0]}'],
                 id='unknown'),
    pytest.param({'joint_names': f'"{FINGER_JOINTS[0]}:=a, {FINGER_JOINTS[1]}:=a"'},
                 ['one of the robot', 'found:    a'], id='same-robot-joint'),
    pytest.param({'frames': '"world:=a, world:=b"'}, ["names 'world' twice"], id='twice'),
    pytest.param({'frames': 'base_link'}, ['has the wrong form'], id='form'),
])
def test_wrong_names_are_refused(given: dict[str, str], words: list[str], nodes: Nodes,
                                 policy: Path) -> None:
    server = nodes.start('policy_server', policy_path=policy, **given)
    assert server.wait(timeout=DEADLINE_S) == 1
    for word in words:
        assert word in nodes.output(server)
    assert 'Traceback' not in nodes.output(server)
