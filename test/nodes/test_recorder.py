# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Episodes recorded from a simulated robot's topics are those that it performed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import signal
import subprocess

import numpy as np
from processes import Nodes, wait_for
import pytest
from robots import Robot, spin_until, TASK
from std_srvs.srv import Trigger

from drail_ros.data.bags.bag import facts_of
from drail_ros.data.bags.demonstrate import episode_of
from drail_ros.data.bags.recordings import episodes_in
from drail_ros.episodes.evaluate import EVALUATION_SEED
from drail_ros.sim.batch_sim import BatchSim, State
from drail_ros.sim.make import make_sim

SEED = 3


def expert(nodes: Nodes) -> subprocess.Popen:
    return nodes.start('expert', use_sim_time=True, max_observation_age_s=5.0)


def recorder(nodes: Nodes, folder: Path, **parameters: object) -> subprocess.Popen:
    return nodes.start('recorder', output_dir=folder, use_sim_time=True,
                       max_observation_age_s=5.0, **parameters)


def simulator(nodes: Nodes, factor: float, **parameters: object) -> subprocess.Popen:
    return nodes.start('simulator', mode='robot', task='fetch_push', noise=1.0, seed=SEED,
                       real_time_factor=factor, **parameters)


def ask(robot: Robot, service: str) -> Trigger.Response:
    client = robot.create_client(Trigger, f'recorder/{service}')
    assert client.wait_for_service(timeout_sec=30.0)
    future = client.call_async(Trigger.Request())
    spin_until(robot, future.done, service)
    robot.destroy_client(client)
    return future.result()


@pytest.fixture
def robot(robot: Robot) -> Robot:
    """Yield one that only looks on: the simulator is who speaks."""
    for publisher in (*robot.poses.values(), robot.joints, robot.time):
        robot.destroy_publisher(publisher)
    return robot


def test_what_is_recorded_is_what_was_performed(nodes: Nodes, robot: Robot,
                                                tmp_path: Path) -> None:
    """The same starts and the actions in the bags lead through the very same observations."""
    folder = tmp_path / 'bags'
    server = recorder(nodes, folder, follow_episodes=True, episodes=5, operator='expert')
    simulated = simulator(nodes, 0.0)
    spin_until(robot, lambda: 'not ready' in robot.status('recorder').message, 'the recorder')
    expert(nodes)
    spin_until(robot, lambda: server.poll() is not None, 'five episodes')
    assert server.returncode == 0, nodes.output(server) + nodes.output(simulated)
    bags = episodes_in(folder)
    assert len(bags) == 5
    sim = make_sim(TASK, 1, 1.0, threads=1)
    starts = dict(_starts(sim))
    faultless = 0
    for bag in bags:
        found = episode_of(bag, TASK, max_age_s=5.0)
        episode = found.episode
        assert episode is not None and episode.success[-1], str(found.tally)
        assert facts_of(bag / f'{bag.name}_0.mcap')['operator'] == 'expert'
        start = starts.get(episode.obs[0].tobytes())
        if start is None or str(found.tally) != 'faultless':
            continue  # it was begun in the middle, or a busy machine lost messages, and told so
        faultless += 1
        sim.set_state(start)
        for i in range(len(episode)):
            step = sim.step(episode.action[None, i])
            assert np.array_equal(step.final_obs[0], episode.next_obs[i])
    assert faultless


def _starts(sim: BatchSim) -> Iterator[tuple[bytes, State]]:
    """Yield the first observations of episodes, and the states to go on from."""
    obs = sim.reset(SEED + EVALUATION_SEED)
    for _ in range(30):
        yield obs[0].tobytes(), sim.get_state()
        truncated = False
        while not truncated:
            step = sim.step(np.zeros((1, TASK.action_size), np.float32))
            obs, truncated = step.obs, step.truncated[0]


def test_services_begin_and_end_episodes(nodes: Nodes, robot: Robot, tmp_path: Path) -> None:
    folder = tmp_path / 'bags'
    server = recorder(nodes, folder)
    refused = ask(robot, 'start')
    assert not refused.success and 'nothing came yet' in refused.message
    simulator(nodes, 1.0)
    spin_until(robot, lambda: 'ready' == robot.status('recorder').message, 'sensors')
    assert ask(robot, 'start').success and not ask(robot, 'start').success
    expert(nodes)
    spin_until(robot, lambda: int(robot.values('recorder')['steps']) > 20, 'steps')
    told = ask(robot, 'succeed')
    assert told.success and 'steps in' in told.message
    assert ask(robot, 'start').success and ask(robot, 'discard').success
    assert not ask(robot, 'stop').success
    bag, = episodes_in(folder)
    assert facts_of(bag / f'{bag.name}_0.mcap')['success'] == 'true'
    assert ask(robot, 'start').success
    server.send_signal(signal.SIGINT)
    assert server.wait(timeout=60) == 0, nodes.output(server)
    assert len(episodes_in(folder)) == 2 and not list(folder.glob('*.part'))


def test_a_killed_recorder_loses_no_episode(nodes: Nodes, robot: Robot, tmp_path: Path) -> None:
    folder = tmp_path / 'bags'
    simulator(nodes, 1.0)
    server = recorder(nodes, folder)
    spin_until(robot, lambda: 'ready' == robot.status('recorder').message, 'sensors')
    assert ask(robot, 'start').success and ask(robot, 'stop').success
    assert ask(robot, 'start').success
    spin_until(robot, lambda: int(robot.values('recorder').get('/joint_states messages', 0)) > 60,
               'messages')
    server.kill()
    server.wait()
    again = recorder(nodes, folder)
    wait_for(lambda: 'left unfinished, now saved' in nodes.output(again), 'the rest')
    wait_for(lambda: len(episodes_in(folder)) == 2, 'two episodes')
    info = facts_of(episodes_in(folder)[1] / 'episode_00001_0.mcap')
    assert info['recovered'] == 'true'


def test_another_setup_is_refused(nodes: Nodes, robot: Robot, tmp_path: Path) -> None:
    server = recorder(nodes, tmp_path, robot='left')
    wait_for(lambda: 'records' in nodes.output(server), 'the recorder')
    other = recorder(nodes, tmp_path, robot='right')
    assert other.wait(timeout=60) == 1
    assert 'another process records' in nodes.output(other)
    server.send_signal(signal.SIGTERM)
    server.wait(timeout=60)
    other = recorder(nodes, tmp_path, robot='right')
    assert other.wait(timeout=60) == 1
    assert "robot 'left', now 'right'" in nodes.output(other)
