"""Train a Fetch arm to push, from demonstrations.

    ros2 launch drail_ros train_fetch.launch.py seed:=1 total_steps:=600000
    ros2 launch drail_ros train_fetch.launch.py --show-args

Nodes and parameters are those of config/train_fetch.yaml; an argument left empty keeps the
file's value. Everything ends when the trainer does.
"""

from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from drail_ros import plugins
from drail_ros.learn.train.names import PRESETS, agents, algorithms
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

OF_RUN = {
    'task': ('task to learn', ['', *plugins.names(plugins.TASKS)]),
    'algorithm': ('learning method', ['', *algorithms()]),
    'agent': ('what learns from the rewards', ['', *agents()]),
    'preset': ("this package's settings, or the published ones", ['', *PRESETS]),
    'noise': ("noise level of starts and goals (0: the task's own)", None),
    'seed': ('seed of weights, sampling and episodes', None),
    'total_steps': ('environment steps of the run', None),
    'num_envs': ('environments stepped at once', None),
    'device': ('where to learn', ['', 'auto', 'cpu', 'cuda']),
    'output_dir': ('folder of the run (runs/TASK_ALGORITHM[_AGENT]_SEED, the agent unless it is '
                   'ppo or the algorithm itself)', None),
    'resume': ('continue the run in output_dir', ['', 'true', 'false']),
    'demo_path': ("folder of demonstrations (those of the task's expert)", None),
    'stop_at_success': ('end once an evaluation succeeds this often', None),
}
"""Parameters of the trainer: description and choices."""
NUMBERS = {'noise': float, 'seed': int, 'total_steps': int, 'num_envs': int,
           'stop_at_success': float}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, then start what they ask for."""
    arguments = [
        DeclareLaunchArgument(name, default_value='', description=text,
                              **({'choices': choices} if choices else {}))
        for name, (text, choices) in OF_RUN.items()]
    arguments += [
        DeclareLaunchArgument('params_file', description='ROS parameter file of the stack',
                              default_value=PathJoinSubstitution([
                                  FindPackageShare('drail_ros'), 'config', 'train_fetch.yaml'])),
        DeclareLaunchArgument('namespace', default_value='', description='namespace of all nodes'),
        DeclareLaunchArgument('log_level', default_value='info', description='severity shown',
                              choices=['debug', 'info', 'warn', 'error', 'fatal']),
        DeclareLaunchArgument('use_rviz', default_value='false', choices=['true', 'false'],
                              description='open rviz2'),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_nodes)])


def _nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name in OF_RUN}
    overrides = {name: _value(name, text) for name, text in given.items() if text}
    common = {'package': 'drail_ros', 'namespace': LaunchConfiguration('namespace'),
              'output': 'screen', 'emulate_tty': True,
              'arguments': ['--ros-args', '--log-level', LaunchConfiguration('log_level')]}
    file = LaunchConfiguration('params_file')
    trainer = Node(executable='trainer', name='trainer', parameters=[file, overrides],
                   sigterm_timeout='30', **common)
    return [
        Node(executable='simulator', name='simulator', parameters=[file], **common),
        trainer,
        Node(package='rviz2', executable='rviz2', name='rviz2', output='log',
             namespace=LaunchConfiguration('namespace'),
             arguments=['-d', PathJoinSubstitution([
                 FindPackageShare('drail_ros'), 'rviz', 'drail.rviz'])],
             condition=IfCondition(LaunchConfiguration('use_rviz'))),
        RegisterEventHandler(OnProcessExit(
            target_action=trainer, on_exit=[EmitEvent(event=Shutdown(reason='training ended'))])),
    ]


def _value(name: str, text: str) -> object:
    if name == 'resume':
        return text == 'true'
    return NUMBERS.get(name, str)(text)
