# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""From settings to a finished run: which policy is evaluated and published, and how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from drail_ros import pipeline
from drail_ros.deploy.onnx_policy import OnnxPolicy
from drail_ros.learn.nets.actors import GaussianActor
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.nets.policy import load_policy, Policy
from drail_ros.learn.train.settings import make_run_settings, task_of
from drail_ros.sim.episodes import EpisodicSim
from drail_ros.sim.make import make_sim
from drail_ros.tasks.fetch_push import TASK as PUSH
from drail_ros.tasks.point_reach import TASK as REACH
from drail_ros.tasks.task import Task


@pytest.fixture(scope='module')
def trained_at_2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a policy that was trained with noise 2 (and learned nothing), and its export."""
    folder = tmp_path_factory.mktemp('policies')
    torch.manual_seed(0)
    sizes = PUSH.observation_size, PUSH.action_size
    policy = Policy(RunningNormaliser(sizes[0]), GaussianActor(*sizes, 16, 2))
    policy.save(folder / 'policy.safetensors', {'task': PUSH.name, 'noise': 2.0})
    pipeline.export_policy(folder / 'policy.safetensors', folder / 'policy.onnx')
    return folder


@pytest.mark.parametrize('file', ['policy.safetensors', 'policy.onnx'])
@pytest.mark.parametrize(('asked', 'used'), [(0.0, 2.0), (1.0, 1.0)])
def test_a_policy_is_evaluated_with_the_noise_of_its_training(
        file: str, asked: float, used: float, trained_at_2: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    noises = []

    def recorded(task: Task, num_envs: int, noise: float) -> EpisodicSim:
        noises.append(noise)
        return make_sim(task, num_envs, noise)

    monkeypatch.setattr(pipeline, 'make_sim', recorded)
    pipeline.evaluate_policy(trained_at_2 / file, episodes=2, noise=asked, seed=0, num_envs=2)
    assert noises == [used]


def train(folder: Path, should_stop: Callable[[list[int]], bool],
          **changes: object) -> list[pipeline.ExportedPolicy]:
    """Train until told to stop by the steps logged; return what was published, and was there."""
    run = make_run_settings({
        'task': 'point_reach', 'algorithm': 'true_reward', 'agent': 'ppo', 'num_envs': 4,
        'rollout_steps': 16, 'evaluate_every': 128, 'evaluation_episodes': 4,
        'output_dir': str(folder), **changes})
    steps: list[int] = []
    published: list[pipeline.ExportedPolicy] = []

    def publish(policy: pipeline.ExportedPolicy) -> None:
        exported = OnnxPolicy(policy.path)
        assert (exported.metadata['step'], exported.sha256) == (policy.step, policy.sha256)
        published.append(policy)

    sim = make_sim(task_of(run), run.num_envs, run.noise)
    file = pipeline.train(run, None, sim, lambda step, metrics: steps.append(step),
                          lambda: should_stop(steps), publish)
    assert file == folder / 'policy.onnx'
    return published


def test_the_best_policy_is_published_with_the_step_at_which_it_was_learned(
        tmp_path: Path) -> None:
    published = train(tmp_path, lambda steps: steps[-1:] == [192])
    assert [policy.step for policy in published] == [128]
    assert OnnxPolicy(tmp_path / 'policy.onnx').metadata['step'] == 128


def test_a_policy_that_nobody_evaluated_is_exported_but_not_announced(tmp_path: Path) -> None:
    assert not train(tmp_path, lambda steps: steps[-1:] == [64])
    assert OnnxPolicy(tmp_path / 'policy.onnx').metadata['step'] == 64


def test_a_continued_run_publishes_its_best_again_where_it_found_no_better(
        tmp_path: Path) -> None:
    first = train(tmp_path, lambda steps: steps[-1:] == [192])
    (tmp_path / 'policy.onnx').unlink()
    again = train(tmp_path, lambda steps: True, resume=True)
    assert [policy.step for policy in again] == [policy.step for policy in first] == [128]


def test_the_exported_policy_is_the_one_saved_as_the_best(tmp_path: Path) -> None:
    """It is exported from the training loop, which goes on to change it."""
    train(tmp_path, lambda steps: steps[-1:] == [192])
    saved, info = load_policy(tmp_path / 'policy_best.safetensors')
    exported = OnnxPolicy(tmp_path / 'policy.onnx')
    obs = np.random.default_rng(0).normal(size=(64, REACH.observation_size)).astype(np.float32)
    action = exported.controller(64, REACH)(obs)
    assert np.abs(action - saved.controller(64)(obs)).max() < 1e-5
    assert {name: exported.metadata[name] for name in info} == info
