"""Train on any task over topics: ros2 launch drail_ros train.launch.py task:=hopper seed:=1."""

from launch import LaunchDescription

from drail_ros.stack.launching import stack_launch_description


def generate_launch_description() -> LaunchDescription:
    return stack_launch_description('train')
