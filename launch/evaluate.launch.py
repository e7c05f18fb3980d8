"""Evaluate a policy over topics: ros2 launch drail_ros evaluate.launch.py policy_path:=FILE."""

from launch import LaunchDescription

from drail_ros.stack.launching import stack_launch_description


def generate_launch_description() -> LaunchDescription:
    return stack_launch_description('evaluate')
