"""What rviz shows of a task: a marker for each pose among the sensor readings."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from visualization_msgs.msg import Marker, MarkerArray

from drail_ros.nodes.sensor_messages import to_message, topics
from drail_ros.tasks.task import Array, Task

_COLOURS = {'gripper_pose': (0.2, 0.4, 1.0), 'object_pose': (0.6, 0.4, 0.2),
            'goal_pose': (0.9, 0.1, 0.1)}
_SIZE_M = 0.05


def marker_array(task: Task, row: Array, stamp: Time) -> MarkerArray:
    """Readings ``[R]`` of one environment → markers in the frames of the poses."""
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
