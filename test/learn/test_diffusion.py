# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Schedule, timesteps and the noise predictor against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from drail_ros.learn.nets.diffusion import (
    antithetic_timesteps,
    cosine_alpha_bar,
    DiffusionLoss,
    NoisePredictor,
    stratified_timesteps,
    time_features,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_cosine_schedule_follows_its_formula() -> None:
    alpha_bar = cosine_alpha_bar(1000)

    def f(t: float) -> float:
        return math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    for step in (1, 250, 500, 900):
        # Clipping betas from below at 1e-4 lowers the first steps a little.
        assert alpha_bar[step - 1].item() == pytest.approx(f(step) / f(0), rel=5e-3)
    beta = 1 - alpha_bar[1:] / alpha_bar[:-1]
    assert (beta > 0.99e-4).all() and (beta < 0.99991).all()
    assert alpha_bar[-1] < 1e-6 and beta[-1].item() == pytest.approx(0.9999)


def test_antithetic_timesteps_come_in_pairs() -> None:
    t = antithetic_timesteps(1001, 100, generator())
    assert len(t) == 1001 and t.min() >= 0 and t.max() < 100
    assert (t[0:1000:2] + t[1:1000:2] == 99).all() and t.float().std() > 27


def test_the_classes_of_a_batch_get_noise_levels_of_their_own() -> None:
    """Each half of a joined batch has a mean level that says nothing of the other's."""
    random, rows = generator(), 16
    t = torch.stack([antithetic_timesteps(2 * rows, 1000, random) for _ in range(400)])
    expert, agent = ((1 - cosine_alpha_bar(1000)).sqrt()[part].mean(dim=1)
                     for part in t.split(rows, dim=1))
    assert abs(torch.corrcoef(torch.stack([expert, agent]))[0, 1]) < 0.2
    assert (expert - agent).std() < 0.5 * (2 / rows) ** 0.5 * 0.3


def test_stratified_timesteps_fill_their_parts() -> None:
    t = stratified_timesteps(500, 4, 1000, generator())
    for part, row in enumerate(t):
        assert row.min() >= 250 * part and row.max() < 250 * (part + 1)
    assert t.float().mean().item() == pytest.approx(499.5, abs=10)


def test_time_is_told_by_sines_from_one_radian_a_step_to_a_ten_thousandth() -> None:
    features = time_features(torch.tensor([0, 3]))
    half = features.shape[1] // 2
    assert torch.equal(features[0], torch.cat([torch.zeros(half), torch.ones(half)]))
    assert features[1, 0].item() == pytest.approx(math.sin(3.0))
    assert features[1, half - 1].item() == pytest.approx(math.sin(3e-4), rel=1e-4)
    assert features[1, half].item() == pytest.approx(math.cos(3.0))


def test_every_hidden_layer_matters() -> None:
    torch.manual_seed(0)
    net = NoisePredictor(2, 1, 16, 3, 10)
    x, t, c = torch.randn(8, 2), torch.arange(8), torch.ones(8, 1)
    net(x, t, c).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_noise_predictor_learns_the_score_of_a_gaussian() -> None:
    """For x ~ N(μ, σ²) the best ε-prediction is √(1-ᾱ) (x_t - √ᾱ μ) / (ᾱ σ² + 1 - ᾱ)."""
    torch.manual_seed(0)
    random, steps, mean, std = generator(1), 50, 0.7, 0.5
    alpha_bar = cosine_alpha_bar(steps)
    loss = DiffusionLoss(NoisePredictor(1, 1, 64, 2, steps), alpha_bar)
    optimiser = torch.optim.Adam(loss.parameters(), lr=2e-3)
    for _ in range(1500):
        x = mean + std * torch.randn((256, 1), generator=random)
        t = torch.randint(steps, (256,), generator=random)
        noise = torch.randn((256, 1), generator=random)
        optimiser.zero_grad()
        loss(x, t, noise, torch.zeros(256, 1)).mean().backward()
        optimiser.step()
    for step in (10, 25, 40):
        a = alpha_bar[step].item()
        centre, spread = math.sqrt(a) * mean, math.sqrt(a * std ** 2 + 1 - a)
        x_t = torch.linspace(centre - 1.5 * spread, centre + 1.5 * spread, 21)[:, None]
        expected = math.sqrt(1 - a) * (x_t - centre) / spread ** 2
        with torch.no_grad():
            found = loss.net(x_t, torch.full((21,), step), torch.zeros(21, 1))
        assert (found - expected).abs().mean() < 0.1
