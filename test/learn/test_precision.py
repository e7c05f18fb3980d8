# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""What bfloat16 may change of a discriminator, and where it is used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from drail_ros.learn.nets import precision
from drail_ros.learn.nets.precision import products, use_fast_matmul
from drail_ros.learn.rewards.drail import Drail, DrailSettings
from drail_ros.learn.transitions import Transitions

CPU = torch.device('cpu')


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On a processor that multiplies in bfloat16, or that pretends to."""
    monkeypatch.setattr(precision, '_multiplies_bfloat16', lambda: True)
    was = torch.get_float32_matmul_precision()
    yield
    use_fast_matmul(False)
    torch.set_float32_matmul_precision(was)


def rows(count: int, seed: int) -> Transitions:
    random = torch.Generator().manual_seed(seed)
    return Transitions.of(*(torch.randn(count, size, generator=random) for size in (17, 3, 17)))


@pytest.mark.parametrize(('wanted', 'width', 'expected'), [
    (True, 512, True), (True, 511, False), (False, 1024, False)])
def test_wide_networks_multiply_in_bfloat16(wanted: bool, width: int, expected: bool) -> None:
    use_fast_matmul(wanted)
    with products(width, CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert (product.dtype == torch.bfloat16) is expected


def test_not_where_the_processor_would_emulate_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, '_multiplies_bfloat16', lambda: False)
    use_fast_matmul(True)
    with products(1024, CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_rewards_and_gradients_are_those_of_float32_but_for_rounding() -> None:
    """Rounding is far below what the draws of (t, noise) change."""
    torch.manual_seed(0)
    model = Drail(17, 3, DrailSettings(width=512, reward_draws=8),
                  torch.Generator().manual_seed(0))
    model.update(rows(512, 1), rows(512, 2))
    rewards, gradients = [], []
    for wanted, seed in ((False, 3), (True, 3), (False, 4)):
        use_fast_matmul(wanted)
        model.generator.manual_seed(seed)
        rewards.append(model.reward(rows(256, 5)))
        model.score.zero_grad()
        model.score(rows(256, 5)).sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    for exact, rounded, redrawn in (rewards, gradients):
        assert rounded.dtype == torch.float32
        assert 0 < (rounded - exact).norm() < 0.1 * (redrawn - exact).norm()
