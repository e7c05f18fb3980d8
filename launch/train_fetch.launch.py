"""Train a Fetch arm to push: ros2 launch drail_ros train_fetch.launch.py seed:=1."""

from launch import LaunchDescription

from drail_ros.stack.launching import stack_launch_description


def generate_launch_description() -> LaunchDescription:
    return stack_launch_description('train_fetch')
