# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The stacks for ``ros2 launch``: arguments declared, nodes started, failures passed on.

The only file of the package that imports launch, which comes with a ROS distro; the files in
``launch/`` call it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ament_index_python.packages import get_package_prefix, PackageNotFoundError
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from drail_ros.errors import unknown_name, UserError
from drail_ros.stack import description
from drail_ros.stack.description import GRACE_S, RESPAWN_DELAY_S, RESPAWNS, Stack, STACKS


def stack_launch_description(name: str) -> LaunchDescription:
    """Return what ``ros2 launch`` does for a stack."""
    stack = STACKS[name]
    arguments = [
        DeclareLaunchArgument(
            argument.name, default_value=argument.default, description=argument.description,
            **({'choices': ['', *argument.choices]} if argument.choices else {}))
        for argument in stack.arguments]
    use_rviz = DeclareLaunchArgument('use_rviz', default_value='false', choices=['true', 'false'],
                                     description='open rviz2, if it is installed')
    return LaunchDescription([*arguments, use_rviz,
                              OpaqueFunction(function=partial(_start, stack))])


def _start(stack: Stack, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    _refuse_misspelt(stack, context)
    given = {argument.name: LaunchConfiguration(argument.name).perform(context)
             for argument in stack.arguments}
    rviz = _rviz(context, given['namespace'])
    entities: list[LaunchDescriptionEntity] = []
    for node in stack.start(given):
        action = _action(stack, node, given)
        on_exit = _end_with_main if node.name == stack.main else _Deaths(node)
        entities += [RegisterEventHandler(OnProcessExit(target_action=action, on_exit=on_exit)),
                     action]
    return [*entities, *rviz]


def _action(stack: Stack, node: description.Node, given: dict[str, str]) -> Node:
    respawn: dict[str, Any] = {'respawn': True, 'respawn_max_retries': RESPAWNS,
                               'respawn_delay': RESPAWN_DELAY_S} if node.respawn else {}
    # No terminal is made up for the nodes: launch prints whole lines.
    return Node(package='drail_ros', executable=node.executable, name=node.name,
                namespace=given['namespace'], remappings=stack.remappings(given),
                parameters=[*map(str, stack.params_files(given)), dict(node.parameters)],
                output='screen', sigterm_timeout=str(GRACE_S),
                arguments=['--ros-args', '--log-level', given['log_level'] or 'info'], **respawn)


def _rviz(context: LaunchContext, namespace: str) -> list[Node]:
    """Return rviz2 where it is wanted; robots need not have it installed.

    Raises:
        UserError: if it is wanted and not installed.

    """
    if not IfCondition(LaunchConfiguration('use_rviz')).evaluate(context):
        return []
    try:
        get_package_prefix('rviz2')
    except PackageNotFoundError as error:
        raise UserError('rviz2 is not installed', found=error, do='install it, in a ROS distro '
                        'ros-$ROS_DISTRO-rviz2, or leave use_rviz:=true out') from error
    return [Node(package='rviz2', executable='rviz2', name='rviz2', output='log',
                 namespace=namespace, arguments=['-d', PathJoinSubstitution([
                     FindPackageShare('drail_ros'), 'rviz', 'drail.rviz'])])]


def _end_with_main(event: Any, context: LaunchContext) -> EmitEvent | None:
    """End everything with the main node; its failure is that of ``ros2 launch``."""
    if context.is_shutdown:
        return None
    if event.returncode:
        raise UserError(f'node {event.process_name} failed',
                        found=f'exit status {event.returncode}', do='see what it said above')
    return EmitEvent(event=Shutdown(reason=f'{event.process_name} has finished'))


class _Deaths:
    """Counts the deaths of a node and ends everything after too many."""

    def __init__(self, node: description.Node) -> None:
        self._node, self._left = node, RESPAWNS if node.respawn else 0

    def __call__(self, event: Any, context: LaunchContext) -> None:
        if context.is_shutdown:
            return
        if not self._left:
            raise UserError(f'node {self._node.name} ended', found=f'exit status '
                            f'{event.returncode}' + f', after {RESPAWNS} new starts'
                            * self._node.respawn, do='see what it said above')
        self._left -= 1


def _refuse_misspelt(stack: Stack, context: LaunchContext) -> None:
    """Refuse what looks like an argument of the stack; launch would ignore it without a word.

    Raises:
        UserError: naming the argument and the near ones.

    """
    names = [argument.name for argument in stack.arguments] + ['use_rviz']
    for word in context.argv:
        name, is_assignment, _ = word.partition(':=')
        if is_assignment and name not in names:
            error = unknown_name(f'argument of {stack.name}.launch.py', name, names)
            if 'did you mean' in str(error) or '.' in name:
                raise error
