"""Score of a plain network: an MLP of what is seen of a transition."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from drail_ros.learn.nets.mlp import mlp
from drail_ros.learn.rewards.logits import REWARD_FORMS
from drail_ros.learn.rewards.reward_model import RewardSettings
from drail_ros.learn.transitions import Transitions, input_size, inputs_of
from drail_ros.settings import setting


@dataclass(frozen=True)
class MlpScoreSettings(RewardSettings):
    """Settings that discriminators with such a score share."""

    width: int = setting(256, 'hidden width of the discriminator', low=1)
    layers: int = setting(2, 'hidden layers of the discriminator', low=0)
    reward_form: str = setting('logit', 'reward as a function of the logit', choices=REWARD_FORMS)


class MlpScore(nn.Module):
    """l(x), a tanh MLP."""

    def __init__(self, obs_size: int, action_size: int, settings: MlpScoreSettings) -> None:
        super().__init__()
        self._inputs = settings.inputs
        size = input_size(settings.inputs, obs_size, action_size)
        self.net = mlp([size] + [settings.width] * settings.layers + [1], nn.Tanh)

    def seen(self, rows: Transitions) -> Tensor:
        """What is seen of each row, x ``[B, D]``."""
        return inputs_of(rows, self._inputs)

    def at(self, x: Tensor) -> Tensor:
        """``[B, D]`` → scores ``[B]``."""
        return self.net(x).squeeze(1)

    def forward(self, rows: Transitions) -> Tensor:
        """Score ``[B]``."""
        return self.at(self.seen(rows))
