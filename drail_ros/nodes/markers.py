# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What rviz shows of a task: a marker for each pose among the sensor readings."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from visualization_msgs.msg import Marker, MarkerArray

from drail_ros.nodes.sensor_messages import to_message
from drail_ros.robot.messages import topics
from drail_ros.tasks.task import Array, Task

_COLOURS = {'gripper_pose': (0.2, 0.4, 1.0), 'object_pose': (0.6, 0.4, 0.2),
            'goal_pose': (0.9, 0.1, 0.1)}
_SIZE_M = 0.05


def marker_array(task: Task, row: Array, stamp: Time) -> MarkerArray:
    """Turn readings ``[R]`` of one environment into markers in the frames of the poses."""
    array = MarkerArray()
    for topic, readings in topics(task).items():
        if topic not in _COLOURS:
            continue
        is_goal = topic == 'goal_pose'
        marker = Marker(ns=task.name, id=len(array.markers), action=Marker.ADD,
                        type=Marker.SPHERE if is_goal else Marker.CUBE)
        told = to_message(readings, row, stamp)
        marker.header, marker.pose = told.header, told.pose
        if not any(reading.part == 'orientation' for reading, _ in readings):
            marker.pose.orientation.w = 1.0
        marker.scale.x = marker.scale.y = marker.scale.z = _SIZE_M
        marker.color.r, marker.color.g, marker.color.b = _COLOURS[topic]
        marker.color.a = 0.5 if is_goal else 1.0
        array.markers.append(marker)
    return array
