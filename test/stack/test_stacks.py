# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""A stack does what its user expects, whoever starts it and whatever dies."""

from __future__ import annotations

import json
import os
from pathlib import Path
import re
import signal
import time

import numpy as np
import pytest
from stack_launchers import Launcher, RUN, Terminal
import torch

from drail_ros import plugins
from drail_ros.data.bags.bag import facts_of
from drail_ros.data.bags.demonstrate import episode_of
from drail_ros.data.bags.recordings import episodes_in
from drail_ros.files import read_tensors
from drail_ros.learn.train.folder import read_metrics


def rows(folder: Path) -> int:
    return len(read_metrics(folder))


def assert_same_result(folder: Path, in_process: Path) -> None:
    ours, theirs = (read_tensors(f / 'policy.safetensors', 'policy')[0]
                    for f in (folder, in_process))
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), name
    assert (folder / 'policy.onnx').exists()
    unlike = ('train/steps_per_s', 'train/seconds')
    logs = [[{k: v for k, v in row.items() if k not in unlike} for row in read_metrics(f)]
            for f in (folder, in_process)]
    assert logs[0] == logs[1]


def begun(stack: Terminal, folder: Path, iterations: int) -> None:
    stack.wait_for(lambda: rows(folder) >= iterations, f'{iterations} iterations')


def assert_goes_on(stack: Terminal, saved_rows: int) -> None:
    """From the last row of the log, or from an iteration that was learned but not yet judged."""
    step = int(re.findall(r'goes on from step (\d+) of', stack.output)[0])
    assert step in (128 * saved_rows, 128 * (saved_rows + 1))


def kill(stack: Terminal, executable: str) -> None:
    pid, = stack.processes(executable)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize('iterations', [0, 1, 3])
def test_ctrl_c_loses_at_most_the_iteration_under_way(
        iterations: int, launcher: Launcher, tmp_path: Path, demo_path: Path,
        in_process: Path) -> None:
    folder = tmp_path / 'run'
    stack = launcher.train(folder, demo_path, resume='auto')
    if iterations:
        begun(stack, folder, iterations)
    else:
        stack.wait_for(lambda: (folder / 'run.json').exists(), 'the run to begin')
    stack.press_ctrl_c()
    stack.wait()
    assert 'Traceback' not in stack.output
    before = rows(folder)
    assert before >= iterations
    again = launcher.train(folder, demo_path, resume='true' if iterations else 'auto')
    assert again.wait() == 0, again.output
    if iterations:
        assert_goes_on(again, before)
    assert_same_result(folder, in_process)


def test_impatience_leaves_no_process_behind(launcher: Launcher, tmp_path: Path,
                                             demo_path: Path) -> None:
    stack = launcher.train(tmp_path / 'run', demo_path, total_steps=1_000_000)
    begun(stack, tmp_path / 'run', 1)
    nodes = stack.processes('trainer') + stack.processes('simulator')
    assert len(nodes) == 2
    for _ in range(4):
        stack.press_ctrl_c()
        stack.read_for(1.2)
    stack.wait()
    for node in nodes:
        with pytest.raises(ProcessLookupError):
            os.kill(node, 0)


@pytest.mark.slow
def test_ctrl_c_at_twenty_random_moments(launcher: Launcher, tmp_path: Path, demo_path: Path,
                                         in_process: Path) -> None:
    """Drawn from the whole life of a run: start, first iterations, evaluations, the end."""
    rng = np.random.default_rng(0)
    began = time.monotonic()
    assert launcher.train(tmp_path / 'whole', demo_path).wait() == 0
    life_s = time.monotonic() - began
    for trial in range(20):
        folder = tmp_path / f'run_{trial}'
        stack = launcher.train(folder, demo_path)
        stack.read_for(rng.uniform(0.0, life_s))
        seen = rows(folder)
        stack.press_ctrl_c()
        stack.wait()
        saved = rows(folder)
        assert saved >= seen, stack.output
        again = launcher.train(folder, demo_path, resume='auto')
        assert again.wait() == 0, again.output
        if saved:
            assert_goes_on(again, saved)
        assert_same_result(folder, in_process)
        launcher.close()


def test_a_simulator_that_dies_is_started_again(launcher: Launcher, tmp_path: Path,
                                                demo_path: Path, in_process: Path) -> None:
    folder = tmp_path / 'run'
    stack = launcher.train(folder, demo_path)
    begun(stack, folder, 2)
    kill(stack, 'simulator')
    assert stack.wait() == 0, stack.output
    assert 'takes over' in stack.output
    assert_same_result(folder, in_process)


def test_without_respawn_its_death_is_a_failure_and_the_run_is_saved(
        launcher: Launcher, tmp_path: Path, demo_path: Path, in_process: Path) -> None:
    folder = tmp_path / 'run'
    stack = launcher.train(folder, demo_path, use_respawn='false')
    begun(stack, folder, 2)
    kill(stack, 'simulator')
    assert stack.wait() not in (0, 130)
    assert 'simulator ended' in stack.output
    again = launcher.train(folder, demo_path, resume='true')
    assert again.wait() == 0, again.output
    assert_same_result(folder, in_process)


def test_a_trainer_that_dies_is_a_failure(launcher: Launcher, tmp_path: Path, demo_path: Path,
                                          in_process: Path) -> None:
    folder = tmp_path / 'run'
    stack = launcher.train(folder, demo_path)
    begun(stack, folder, 5)
    kill(stack, 'trainer')
    assert stack.wait() != 0
    again = launcher.train(folder, demo_path, resume='true')
    assert again.wait() == 0, again.output
    assert_same_result(folder, in_process)


@pytest.mark.parametrize(('wrong', 'message'), [
    pytest.param({'total_steps': 'abc'}, "'total_steps' has the wrong type", id='type'),
    pytest.param({'settings': 'learner.widht=3'}, 'did you mean learner.width', id='setting'),
    pytest.param({'totl_steps': 3}, 'did you mean total_steps', id='argument'),
    pytest.param({'params_file': '/nowhere.yaml'}, '/nowhere.yaml does not exist', id='file'),
    pytest.param({'resume': 'true'}, 'holds no run to resume', id='resume'),
    pytest.param({'simulators': 0}, "'simulators' is out of range", id='simulators'),
])
def test_wrong_arguments_are_refused_by_name(wrong: dict[str, object], message: str,
                                             launcher: Launcher, tmp_path: Path,
                                             demo_path: Path) -> None:
    stack = launcher.train(tmp_path / 'run', demo_path, **wrong)
    assert stack.wait() not in (0, 130)
    assert message in stack.output
    assert 'Traceback' not in stack.output


def test_namespace_parameter_file_and_two_simulators(launcher: Launcher, tmp_path: Path,
                                                     demo_path: Path, in_process: Path) -> None:
    file = tmp_path / 'own.yaml'
    file.write_text('/**/trainer:\n  ros__parameters:\n    num_envs: 4\n    learner.width: 16\n')
    folder = tmp_path / 'run'
    stack = launcher.train(folder, demo_path, num_envs=None, params_file=file, namespace='arm',
                           simulators=2, use_sim_time='true', total_steps='1.024e3')
    assert stack.wait() == 0, stack.output
    assert_same_result(folder, in_process)


def test_a_parameter_file_that_means_no_node_is_refused(launcher: Launcher, tmp_path: Path,
                                                        demo_path: Path) -> None:
    file = tmp_path / 'own.yaml'
    file.write_text('trainer:\n  ros__parameters:\n    num_envs: 4\n')
    stack = launcher.train(tmp_path / 'run', demo_path, params_file=file, namespace='arm')
    assert stack.wait() != 0
    assert 'is for none of the nodes' in stack.output and '/arm/trainer' in stack.output


def test_two_robots_are_evaluated_side_by_side(launcher: Launcher, tmp_path: Path,
                                               in_process: Path) -> None:
    results = {name: tmp_path / f'{name}.json' for name in ('left', 'right')}
    stacks = [launcher.start('evaluate', policy_path=in_process / 'policy.onnx', episodes=3,
                             namespace=name, result_path=path) for name, path in results.items()]
    for stack in stacks:
        assert stack.wait() == 0, stack.output
    left, right = (json.loads(path.read_text()) for path in results.values())
    assert left == right and left['episodes'] == 3


def test_a_policy_server_that_fails_ends_the_evaluation(launcher: Launcher,
                                                        tmp_path: Path) -> None:
    stack = launcher.start('evaluate', policy_path=tmp_path / 'none.onnx')
    assert stack.wait() not in (0, 130)
    assert 'none.onnx' in stack.output


def test_progress_comes_in_lines(launcher: Launcher, tmp_path: Path, demo_path: Path) -> None:
    stack = launcher.train(tmp_path / 'run', demo_path)
    assert stack.wait() == 0, stack.output
    assert f'step {RUN["total_steps"]} of {RUN["total_steps"]} (100%)' in stack.output


def test_an_expert_is_recorded_in_a_namespace(launcher: Launcher, tmp_path: Path) -> None:
    folder = tmp_path / 'bags'
    stack = launcher.start('record', episodes=3, output_dir=folder, namespace='left',
                           real_time_factor=2.0)
    assert stack.wait() == 0, stack.output
    bags = episodes_in(folder)
    assert len(bags) == 3
    task = plugins.load(plugins.TASKS, 'fetch_push')
    for bag in bags:
        episode = episode_of(bag, task).episode
        assert episode is not None and episode.success[-1]


def test_ctrl_c_keeps_the_episode_that_is_recorded(launcher: Launcher, tmp_path: Path) -> None:
    folder = tmp_path / 'bags'
    stack = launcher.start('record', episodes=0, output_dir=folder)
    stack.wait_for(lambda: 'episode_00000: ' in stack.output, 'an episode')
    stack.press_ctrl_c()
    stack.wait()
    bags = episodes_in(folder)
    assert len(bags) >= 2 and not list(folder.glob('*.part'))
    file = bags[-1] / f'{bags[-1].name}_0.mcap'
    assert facts_of(file).get('ended') == 'recorder stopped'
