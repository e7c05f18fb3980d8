# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Flows are densities; their coupled log-ratio finds a divergence that is known."""

from __future__ import annotations

import pytest
import torch

from drail_ros.learn.nets.flows import MaskedAutoregressiveFlow
from drail_ros.learn.rewards.cfil import Cfil, CfilSettings, divergence_bound
from drail_ros.learn.transitions import Transitions


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def flow(size: int) -> MaskedAutoregressiveFlow:
    torch.manual_seed(0)
    made = MaskedAutoregressiveFlow(size, 16, 2, 2)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(1.5)
    return made


@pytest.mark.parametrize('size', [1, 2, 5])
def test_log_determinant_is_that_of_the_jacobian(size: int) -> None:
    made, x = flow(size), torch.randn(size, generator=generator())
    jacobian = torch.autograd.functional.jacobian(lambda y: made(y[None])[0][0], x)
    expected = jacobian.det().abs().log()
    assert torch.allclose(made(x[None])[1][0], expected, atol=1e-4)


def test_each_component_depends_on_those_before_it_only() -> None:
    block, x = flow(4).blocks[0], torch.randn(4, generator=generator())
    jacobian = torch.autograd.functional.jacobian(lambda y: block(y[None])[0][0], x)
    assert torch.equal(jacobian.triu(), torch.zeros(4, 4)) and jacobian.abs().sum() > 0


def test_the_scales_of_a_block_are_bounded() -> None:
    block = flow(4).blocks[0]
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.mul_(100.0)
    _, log_scale = block(torch.randn(50, 4, generator=generator()))
    assert log_scale.abs().max().item() == pytest.approx(3.0, abs=1e-3)


def test_density_integrates_to_one() -> None:
    axis = torch.linspace(-12, 12, 801)
    grid = torch.cartesian_prod(axis, axis)
    total = flow(2).log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert total.item() == pytest.approx(1.0, abs=0.02)


def cfil(**changes: float | str) -> Cfil:
    torch.manual_seed(0)
    return Cfil(2, 1, CfilSettings(**{'inputs': 'state', 'width': 16} | changes), generator())


def test_the_log_ratio_is_of_squashed_densities() -> None:
    model, x = cfil(squash_height=4.0, squash_width=2.0), torch.randn(5, 2, generator=generator())
    agent, expert = (4 * torch.tanh(made.log_prob(x) / 2)
                     for made in (model.agent_flow, model.expert_flow))
    assert torch.allclose(model.log_ratio(x), agent - expert)
    as_released = cfil(squash_height=4.0, squash_width=2.0, squashed='ratio')
    difference = as_released.agent_flow.log_prob(x) - as_released.expert_flow.log_prob(x)
    assert torch.allclose(as_released.log_ratio(x), 4 * torch.tanh(difference / 2))
    rows = Transitions.of(x, x[:, :1], x)
    assert torch.allclose(as_released.reward(rows), -4 * torch.tanh(difference / 2))


@pytest.mark.parametrize(('weight', 'rises'), [(10.0, True), (0.0, False)])
def test_likelihoods_of_data_under_their_own_flows_are_climbed(weight: float,
                                                               rises: bool) -> None:
    """Where the agent's rows are the expert's the ratio has nothing to learn."""
    model = cfil(likelihood_weight=weight, smoothing=0.0, learning_rate=1e-2, batch_size=256)
    model.expert_flow.load_state_dict(model.agent_flow.state_dict())
    obs = 3 + 0.1 * torch.randn(256, 2, generator=generator())
    rows = Transitions.of(obs, obs[:, :1], obs)
    before = [f.log_prob(obs).mean().item() for f in (model.agent_flow, model.expert_flow)]
    for _ in range(20):
        model.update(rows, rows)
    after = [f.log_prob(obs).mean().item() for f in (model.agent_flow, model.expert_flow)]
    assert all((b > a + 1.0) is rises for a, b in zip(before, after))


@pytest.mark.parametrize('of', ['std', 'value'])
def test_training_is_smoothed_by_noise_as_wide_as_a_share_of_the_spread(
        of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = cfil(smoothing=0.5, smoothing_of=of, batch_size=2000), []
    monkeypatch.setattr(model, 'log_ratio', lambda x: seen.append(x) or 0 * sum(
        p.sum() for p in model.parameters()) + torch.zeros(len(x)))
    spread = torch.tensor([2.0, 0.5])
    obs = spread * torch.tensor([[1.0, 1.0], [3.0, 3.0]]).repeat(1000, 1)
    rows = Transitions.of(obs, obs[:, :1], obs)
    model.update(rows, rows)
    x, = seen
    value = torch.where(x < 1.5 * spread, spread, 3 * spread)
    noise = (x - value) / (0.5 * {'std': obs.std(dim=0), 'value': value}[of])
    assert noise.abs().max() <= 1.0 + 1e-5 and noise.mean().abs() < 0.05
    assert noise.std().item() == pytest.approx(3 ** -0.5, rel=0.03)


def test_bound_of_the_true_log_ratio_is_the_divergence() -> None:
    """KL(N(1, 1) ‖ N(0, 1)) = 1/2, with log-ratio x - 1/2."""
    random = generator()
    expert, agent = torch.randn(400_000, generator=random), torch.randn(400_000, generator=random)
    assert divergence_bound(expert - 0.5, agent + 0.5).item() == pytest.approx(0.5, abs=0.02)


def test_learns_the_log_ratio_of_two_gaussians() -> None:
    """Agent N(1, 1), expert N(0, 1) in the first component: the reward is ½ - x₁."""
    random = generator()

    def rows(mean: float) -> Transitions:
        obs = torch.randn(4096, 2, generator=random)
        obs[:, 0] += mean
        return Transitions.of(obs, torch.zeros(4096, 1), obs)

    torch.manual_seed(0)
    model = Cfil(2, 1, CfilSettings(inputs='state', width=32, learning_rate=3e-3, smoothing=0.0),
                 generator())
    points = rows(0.5)[:200]
    expected = 0.5 - points.obs[:, 0]
    before = (model.reward(points) - expected).abs().mean().item()
    for _ in range(50):
        metrics = model.update(rows(0.0), rows(1.0))
    after = (model.reward(points) - expected).abs().mean().item()
    assert before > 0.6 and after < 0.25
    assert -metrics['discriminator/loss'] == pytest.approx(0.5, abs=0.1)
