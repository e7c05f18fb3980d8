# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Training over topics ends with the weights of training in process, whatever is killed."""

from __future__ import annotations

from pathlib import Path
import signal
import subprocess
from typing import Any

from processes import DEADLINE_S, Nodes, wait_for
import pytest
import torch

from drail_ros import pipeline, settings
from drail_ros.data.storage import load
from drail_ros.files import read_tensors
from drail_ros.learn.train.folder import read_metrics
from drail_ros.learn.train.settings import make_run_settings, task_of
from drail_ros.sim.make import make_sim

SMALL: dict[str, Any] = {
    'total_steps': 1024, 'num_envs': 4, 'rollout_steps': 32, 'evaluate_every': 512,
    'evaluation_episodes': 4, 'checkpoint_every': 128, 'reward.width': 16, 'reward.layers': 2,
    'reward.batch_size': 32, 'reward.epochs': 1, 'learner.width': 16, 'learner.epochs': 2,
    'learner.minibatches': 4, 'warm_start': 0, 'device': 'cpu'}


def parameters(folder: Path, demo_path: Path, **more: object) -> dict[str, object]:
    names = {name.replace('.', '__'): value for name, value in SMALL.items()}
    return {**names, 'output_dir': folder, 'demo_path': demo_path, **more}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_tensors(folder / 'policy.safetensors', 'policy')[0]


@pytest.fixture(scope='module')
def in_process(tmp_path_factory: pytest.TempPathFactory, demo_path: Path) -> Path:
    """Return the same run without ROS."""
    folder = tmp_path_factory.mktemp('in_process')
    run = make_run_settings({**SMALL, 'output_dir': str(folder), 'demo_path': str(demo_path)})
    pipeline.train(run, load(demo_path), make_sim(task_of(run), run.num_envs, run.noise),
                   lambda step, metrics: None)
    return folder


def assert_same_result(folder: Path, in_process: Path) -> None:
    ours, theirs = weights(folder), weights(in_process)
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), name
    assert (folder / 'policy.onnx').exists()


def succeed(nodes: Nodes, trainer: subprocess.Popen) -> None:
    assert trainer.wait(timeout=DEADLINE_S) == 0, nodes.output(trainer)


@pytest.mark.parametrize('simulators', [1, 2])
def test_equals_training_in_process(simulators: int, nodes: Nodes, tmp_path: Path,
                                    demo_path: Path, in_process: Path) -> None:
    for i in range(simulators):
        nodes.start('simulator', '-r', f'__node:=simulator_{i}', threads=1)
    trainer = nodes.start('trainer', **parameters(tmp_path / 'run', demo_path,
                                                  simulators=simulators))
    succeed(nodes, trainer)
    assert_same_result(tmp_path / 'run', in_process)


def test_a_simulator_killed_twice_leaves_no_trace(nodes: Nodes, tmp_path: Path, demo_path: Path,
                                                  in_process: Path) -> None:
    simulator = nodes.start('simulator', threads=1)
    folder = tmp_path / 'run'
    trainer = nodes.start('trainer', **parameters(folder, demo_path))
    for rows in (2, 5):
        wait_for(lambda n=rows: len(read_metrics(folder)) >= n, 'an iteration')
        simulator.send_signal(signal.SIGKILL)
        simulator.wait()
        simulator = nodes.start('simulator', threads=1)
    succeed(nodes, trainer)
    assert 'takes over' in nodes.output(trainer)
    assert_same_result(folder, in_process)


def test_a_trainer_killed_and_resumed_leaves_no_trace(
        nodes: Nodes, tmp_path: Path, demo_path: Path, in_process: Path) -> None:
    nodes.start('simulator', threads=1)
    folder = tmp_path / 'run'
    trainer = nodes.start('trainer', **parameters(folder, demo_path))
    wait_for(lambda: len(read_metrics(folder)) >= 3, 'iterations')
    trainer.send_signal(signal.SIGKILL)
    trainer.wait()
    succeed(nodes, nodes.start('trainer', **parameters(folder, demo_path, resume=True)))
    assert_same_result(folder, in_process)


def test_interrupt_is_130_and_resumable(nodes: Nodes, tmp_path: Path, demo_path: Path,
                                        in_process: Path) -> None:
    nodes.start('simulator', threads=1)
    folder = tmp_path / 'run'
    trainer = nodes.start('trainer', **parameters(folder, demo_path))
    wait_for(lambda: len(read_metrics(folder)) >= 2, 'iterations')
    trainer.send_signal(signal.SIGINT)
    assert trainer.wait(timeout=DEADLINE_S) == 130
    assert 'Traceback' not in nodes.output(trainer)
    assert 'resume:=true' in nodes.output(trainer)
    succeed(nodes, nodes.start('trainer', **parameters(folder, demo_path, resume=True)))
    assert_same_result(folder, in_process)


def test_a_second_trainer_is_refused(nodes: Nodes, tmp_path: Path, demo_path: Path) -> None:
    nodes.start('simulator', threads=1)
    first = nodes.start('trainer', **parameters(tmp_path / 'first', demo_path,
                                                total_steps=10_000_000))
    wait_for(lambda: len(read_metrics(tmp_path / 'first')) >= 1, 'the first trainer')
    second = nodes.start('trainer', **parameters(tmp_path / 'second', demo_path))
    assert second.wait(timeout=DEADLINE_S) == 1
    assert 'the simulators work for another trainer' in nodes.output(second)
    assert f'process {first.pid}' in nodes.output(second)
    assert first.poll() is None


@pytest.mark.parametrize(('wrong', 'message'), [
    pytest.param({'reward__widht': 3}, "'reward.widht'", id='unknown-parameter'),
    pytest.param({'task': 'fetch_puhs'}, 'did you mean fetch_push', id='unknown-task'),
    pytest.param({'learner__clip': -1.0}, 'out of range', id='range'),
    pytest.param({'demo_path': '/nowhere'}, '/nowhere', id='no-demonstrations'),
])
def test_wrong_parameters_are_named(wrong: dict[str, object], message: str, nodes: Nodes,
                                    tmp_path: Path, demo_path: Path) -> None:
    trainer = nodes.start('trainer', **{**parameters(tmp_path / 'run', demo_path), **wrong})
    assert trainer.wait(timeout=DEADLINE_S) == 1
    assert message in nodes.output(trainer)
    assert 'Traceback' not in nodes.output(trainer)


def test_every_setting_is_a_described_parameter() -> None:
    for name, spec in settings.specs(make_run_settings({})).items():
        assert spec.help and spec.name == name
