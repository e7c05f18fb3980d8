# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A served policy does on topics what it does in process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from processes import DEADLINE_S, Nodes, wait_for
import pytest
import rclpy
from robots import Robot, spin_until
import torch

from drail_ros import pipeline, plugins
from drail_ros.data.collect import collect
from drail_ros.data.storage import load
from drail_ros.deploy.export import export_onnx
from drail_ros.learn.offline.bc import Bc, BcSettings
from drail_ros.nodes import sensor_messages
from drail_ros.robot import messages
from drail_ros.sim.make import make_sim

TASK = plugins.load(plugins.TASKS, 'fetch_push')
EPISODES = 12


@pytest.fixture(scope='module')
def cloned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a policy that succeeds in a third to half of the episodes."""
    demos = tmp_path_factory.mktemp('demos') / 'fetch_push'
    collect(TASK, TASK.expert, demos, 40, lambda noise, num_envs: make_sim(TASK, num_envs, noise))
    torch.manual_seed(0)
    learner = Bc(load(demos), BcSettings(epochs=60, learning_rate=1e-3, width=64),
                 torch.Generator().manual_seed(0))
    for epoch in range(learner.settings.epochs):
        learner.learn_epoch(epoch)
    path = tmp_path_factory.mktemp('policy') / 'policy.onnx'
    export_onnx(learner.policy, TASK, path, {'algorithm': 'bc'})
    return path


def test_readings_survive_messages() -> None:
    """What a policy sees over topics is what it saw in training, to the last bit."""
    sim = make_sim(TASK, 5, 1.5)
    obs = sim.reset(0)
    rng = np.random.default_rng(0)
    for _ in range(10):
        obs = sim.step(TASK.expert(obs, rng)).obs
    received = np.zeros_like(sim.readings)
    for row, place in zip(sim.readings, received):
        for topic, readings in messages.topics(TASK).items():
            stamp = rclpy.time.Time().to_msg()
            message = sensor_messages.to_message(readings, row, stamp)
            if topic == 'joint_states':  # robots list more joints, in any order
                message.name = ['elbow', *reversed(message.name)]
                message.position = [9.0, *reversed(message.position)]
            messages.from_message(readings, message, place)
    assert np.array_equal(TASK.observe(received), obs)


@pytest.mark.parametrize('name', plugins.names(plugins.TASKS))
def test_joint_readings_survive_messages(name: str) -> None:
    """Positions and velocities, of several readings in one message."""
    task = plugins.load(plugins.TASKS, name)
    row = np.random.default_rng(0).normal(size=task.reading_size)
    received = np.full(task.reading_size, np.nan)
    for topic, readings in messages.topics(task).items():
        if readings[0][0].message == 'sensor_msgs/msg/JointState':
            stamp = rclpy.time.Time().to_msg()
            message = sensor_messages.to_message(readings, row, stamp)
            message.name.append('elbow')
            messages.from_message(readings, message, received)
            for _, place in readings:
                assert np.array_equal(received[place], row[place]), topic


def test_serves_as_it_evaluates_in_process(nodes: Nodes, tmp_path: Path, cloned: Path) -> None:
    expected, _ = pipeline.evaluate_policy(cloned, episodes=EPISODES, noise=1.5, seed=3,
                                           num_envs=1)
    server = nodes.start('policy_server', policy_path=cloned, use_sim_time=True)
    result = tmp_path / 'result.json'
    robot = nodes.start('simulator', mode='robot', task='fetch_push', noise=1.5, seed=3,
                        episodes=EPISODES, real_time_factor=0.0, result_path=result)
    assert robot.wait(timeout=DEADLINE_S) == 0, nodes.output(robot) + nodes.output(server)
    found = json.loads(result.read_text())
    assert found['episodes'] == EPISODES
    assert expected.success_rate > 0
    assert abs(found['success_rate'] - expected.success_rate) <= 1.5 / EPISODES


def test_wrong_policies_are_refused(nodes: Nodes, tmp_path: Path, cloned: Path) -> None:
    import onnx
    text = tmp_path / 'text.onnx'
    text.write_text('no policy')
    foreign, tampered = tmp_path / 'foreign.onnx', tmp_path / 'tampered.onnx'
    model = onnx.load(cloned)
    for entry in model.metadata_props:
        if entry.key == 'command':
            entry.value = entry.value.replace('1.25', '9.75')
    onnx.save(model, tampered)
    del model.metadata_props[:]
    onnx.save(model, foreign)
    for path, message in ((text, 'no ONNX file'), (foreign, 'not a policy exported by drail_ros'),
                          (tampered, 'does not fit task'), (tmp_path / 'none', 'cannot be read')):
        server = nodes.start('policy_server', policy_path=path)
        assert server.wait(timeout=DEADLINE_S) == 1
        assert message in nodes.output(server) and 'Traceback' not in nodes.output(server)


def test_a_policy_announced_by_a_trainer_is_served(nodes: Nodes, robot: Robot,
                                                   cloned: Path) -> None:
    import hashlib

    from std_msgs.msg import String

    from drail_ros.nodes.trainer import LATCHED
    publisher = robot.create_publisher(String, 'policy', LATCHED)
    sha256 = hashlib.sha256(cloned.read_bytes()).hexdigest()
    publisher.publish(String(data=json.dumps({'file': str(cloned), 'step': 7, 'sha256': sha256})))
    server = nodes.start('policy_server')
    spin_until(robot, lambda: robot.nonzero() > 0, 'commands', robot.sense)
    publisher.publish(String(data=json.dumps({'file': str(cloned), 'step': 8, 'sha256': 'x'})))
    wait_for(lambda: 'not the one that was announced' in nodes.output(server), 'the refusal')
    assert server.poll() is None
