# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""DDIM against closed forms; chunks, plans and what is exported of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from drail_ros import plugins, settings
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.deploy.export import export_onnx
from drail_ros.deploy.onnx_policy import OnnxPolicy
from drail_ros.episodes.receding_horizon import PlanShape, RecedingHorizon
from drail_ros.errors import UserError
from drail_ros.learn.nets.ddim import inference_times, sample, step_back
from drail_ros.learn.nets.diffusion import cosine_alpha_bar
from drail_ros.learn.nets.policy import load_policy
from drail_ros.learn.offline.diffusion_policy import (
    chunk_rows,
    DiffusionPolicy,
    DiffusionPolicySettings,
)
from drail_ros.tasks.task import Task

PUSH: Task = plugins.load(plugins.TASKS, 'fetch_push')


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def learner(demonstrations: Demonstrations, **changes: object) -> DiffusionPolicy:
    torch.manual_seed(0)
    small = {'width': 16, 'diffusion_steps': 20, 'inference_steps': 4, 'batch_size': 64}
    chosen = settings.replace(DiffusionPolicySettings(), {**small, **changes})
    return DiffusionPolicy(demonstrations, chosen, generator())


def test_a_step_of_ddim_with_full_noise_is_a_step_of_ddpm() -> None:
    """Posterior of x_{t-1} given x_t and x̂0 (Ho et al., 2020, eq. 7), at every step."""
    alpha_bar = [1.0, *cosine_alpha_bar(50).tolist()]
    clean, x_t, z = 0.3, torch.tensor([0.8]), torch.tensor([-0.7])
    for before, after in zip(alpha_bar[:-1], alpha_bar[1:]):
        beta = 1 - after / before
        mean = ((before ** 0.5 * beta * clean + (1 - beta) ** 0.5 * (1 - before) * x_t)
                / (1 - after))
        std = (beta * (1 - before) / (1 - after)) ** 0.5
        predicted = (x_t - after ** 0.5 * clean) / (1 - after) ** 0.5
        found = step_back(x_t, predicted, after, before, eta=1.0, noise=z)
        assert torch.allclose(found, mean + std * z, atol=1e-4), after


def test_all_steps_with_the_optimal_denoiser_carry_noise_to_the_data() -> None:
    """x ~ N(μ, v): ε̂ = √(1-ᾱ) (x_t - √ᾱ μ) / (ᾱ v + 1 - ᾱ) is the best prediction."""
    mean, variance, alpha_bar = 0.4, 0.04, cosine_alpha_bar(500).tolist()

    def predict(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        a = alpha_bar[int(t[0])]
        return (1 - a) ** 0.5 * (x - a ** 0.5 * mean) / (a * variance + 1 - a)

    noise = torch.randn(20_000, generator=generator())
    drawn = sample(predict, noise, alpha_bar, 500, clip=1e6)
    assert drawn.mean().item() == pytest.approx(mean, abs=0.01)
    assert drawn.var().item() == pytest.approx(variance, rel=0.05)
    assert inference_times(100, 10) == [90, 80, 70, 60, 50, 40, 30, 20, 10, 0]
    assert inference_times(500, 500) == list(range(499, -1, -1))


def test_chunks_stay_within_their_episode(fetch_push_demonstrations: Demonstrations) -> None:
    demos = fetch_push_demonstrations
    seen, planned = chunk_rows(demos, 2, 16)
    assert seen.shape == (len(demos), 2) and planned.shape == (len(demos), 16)
    episode = torch.tensor(demos.episode)
    assert (episode[seen] == episode[:, None]).all()
    assert (episode[planned] == episode[:, None]).all()
    start, length = int(demos.starts[3]), int(demos.lengths[3])
    assert seen[start].tolist() == [start, start]
    assert planned[start].tolist()[:3] == [start, start, start + 1]
    last = start + length - 1
    assert planned[last].tolist() == [last - 1] + [last] * 15


@pytest.mark.parametrize('net', ['unet', 'mlp'])
def test_a_few_chunks_are_learned_by_heart(net: str,
                                           fetch_push_demonstrations: Demonstrations) -> None:
    demos = fetch_push_demonstrations.first(2)
    width, epochs = (64, 150) if net == 'unet' else (256, 600)
    method = learner(demos, net=net, width=width, learning_rate=3e-3, learning_rate_decay=False,
                     average_decay=0.9)
    losses = [method.learn_epoch(0)['diffusion_policy/loss'] for _ in range(epochs)]
    assert np.mean(losses[-10:]) < 0.35 * losses[0]
    seen, planned = chunk_rows(demos, 2, 16)
    noise = np.random.default_rng(0).standard_normal((len(demos), 16, 3), np.float32)
    plan = method.policy.plan(demos.obs[seen.numpy()], noise)
    assert plan.shape == (len(demos), 8, 3)
    error = np.abs(plan - demos.action[planned.numpy()][:, 1:9]).mean()
    assert error < 0.2, error


def test_the_moving_average_by_hand(fetch_push_demonstrations: Demonstrations) -> None:
    method = learner(fetch_push_demonstrations.first(2), average_decay=0.75, batch_size=60)
    before = [p.clone() for p in method.policy.actor.net.parameters()]
    method.learn_epoch(0)
    for old, new, average in zip(before, method.net.parameters(),
                                 method.policy.actor.net.parameters()):
        assert torch.allclose(average, 0.75 * old + 0.25 * new, atol=1e-6)


def test_a_chunk_is_executed_before_planning_again_and_forgotten_at_an_end() -> None:
    asked: list[np.ndarray] = []

    def plan(obs: np.ndarray, noise: np.ndarray) -> np.ndarray:
        asked.append(obs)
        return obs[:, -1:, :1] + np.arange(3).reshape(1, 3, 1) / 10

    act = RecedingHorizon(plan, PlanShape(2, 3, (4, 1)), num_envs=2)
    done = [act(np.full((2, 1), t, np.float32))[:, 0].tolist() for t in range(2)]
    act.begin(np.array([False, True]))
    done += [act(np.full((2, 1), t, np.float32))[:, 0].tolist() for t in range(2, 4)]
    assert np.allclose(done, [[0, 0], [0.1, 0.1], [0.2, 2.0], [3.0, 2.1]])
    assert [a[..., 0].tolist() for a in asked] == [[[0, 0], [0, 0]], [[2, 2]], [[2, 3]]]


@pytest.mark.parametrize('net', ['unet', 'mlp'])
def test_what_is_exported_and_saved_plans_as_torch_does(
        net: str, fetch_push_demonstrations: Demonstrations, tmp_path: Path) -> None:
    policy = learner(fetch_push_demonstrations, net=net).policy
    policy.save(tmp_path / 'policy.safetensors', {'task': 'fetch_push'})
    loaded, _ = load_policy(tmp_path / 'policy.safetensors')
    difference = export_onnx(policy, PUSH, tmp_path / 'policy.onnx', {}).largest_difference
    exported = OnnxPolicy(tmp_path / 'policy.onnx')
    assert exported.plan_shape == policy.plan_shape
    acts = [policy.controller(4), loaded.controller(4), exported.controller(4, PUSH)]
    for obs in fetch_push_demonstrations.obs[:48].reshape(12, 4, -1):
        first, second, third = (act(obs) for act in acts)
        assert np.array_equal(first, second)
        assert np.abs(first - third).max() <= max(2 * difference, 1e-5)


@pytest.mark.parametrize(('changes', 'message'), [
    pytest.param({'chunk': 16}, 'beyond what is predicted', id='chunk'),
    pytest.param({'inference_steps': 21}, 'more steps when acting', id='steps'),
    pytest.param({'horizon': 15}, 'does not fit', id='unet'),
])
def test_sizes_that_do_not_fit_are_named(changes: dict[str, object], message: str,
                                         fetch_push_demonstrations: Demonstrations) -> None:
    with pytest.raises(UserError, match=message):
        learner(fetch_push_demonstrations, **changes)
