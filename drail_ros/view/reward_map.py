"""The reward a discriminator learned on task ``sine``, over all states and actions.

Every method is drawn as D(s, a) = sigmoid(logit) on one scale from 0 to 1: a picture of one as
logits beside the other as probabilities compares nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from drail_ros import plugins
from drail_ros.errors import UserError
from drail_ros.files import read_json
from drail_ros.learn.batch import Batch
from drail_ros.learn.checkpoint import load_checkpoint
from drail_ros.learn.normalise import RunningNormaliser
from drail_ros.learn.run_settings import AdversarialSettings, make_run_settings
from drail_ros.tasks import sine

_STATES, _ACTIONS = 401, 121
_DRAWS = 64
"""A noisy reward is averaged over so many evaluations: the picture is of its expectation."""


def plot_reward_maps(runs: Sequence[Path], output: Path) -> dict[str, float]:
    """Draw D of each run; return each one's roughness (see ``roughness``).

    Raises:
        UserError: a folder holds no adversarial run of task sine.

    """
    states = np.linspace(0, sine.STATE_HIGH, _STATES, dtype=np.float32)
    actions = np.linspace(-1, 1, _ACTIONS, dtype=np.float32)
    figure = Figure(figsize=(9, 2.6 * len(runs)), layout='constrained')
    panels = figure.subplots(len(runs), 1, squeeze=False, sharex=True)[:, 0]
    result = {}
    for axes, run in zip(panels, runs):
        name, probability = _expert_probability(run, states, actions)
        result[name] = roughness(probability, states)
        image = axes.imshow(probability.T, origin='lower', aspect='auto', vmin=0, vmax=1,
                            extent=(0, sine.STATE_HIGH, -1, 1), cmap='viridis')
        for start in np.arange(0, sine.STATE_HIGH, 2 * sine.INTERVAL):
            axes.axvspan(start, start + sine.INTERVAL, color='white', alpha=0.15, linewidth=0)
        axes.plot(states, np.sin(0.2 * np.pi * states), color='red', linewidth=0.8)
        axes.set(ylabel='action', title=f'{name}: D(s, a), roughness {result[name]:.2f}')
    panels[-1].set_xlabel('state (demonstrated intervals are light, the expert is red)')
    figure.colorbar(image, ax=list(panels), label='D, high means expert')
    figure.savefig(output, dpi=150)
    return result


def roughness(probability: np.ndarray, states: np.ndarray) -> float:
    """Mean |dD/ds| along the expert's curve, per unit of state.

    A discriminator that generalises stays high between the demonstrated intervals; one that
    remembers them falls and rises again at every edge. ``probability`` is ``[S, A]``.
    """
    rows = np.round((np.sin(0.2 * np.pi * states) + 1) / 2 * (probability.shape[1] - 1))
    along = probability[np.arange(len(states)), rows.astype(int)]
    return float(np.abs(np.diff(along)).sum() / (states[-1] - states[0]))


def _expert_probability(run: Path, states: np.ndarray,
                        actions: np.ndarray) -> tuple[str, np.ndarray]:
    settings = read_json(run / 'run.json')['settings']
    chosen = make_run_settings({**settings, 'resume': False})
    if chosen.task != 'sine' or not isinstance(chosen, AdversarialSettings):
        raise UserError(f'{run} cannot be drawn as a reward map', found=f'task {chosen.task}, '
                        f'algorithm {chosen.algorithm}', expected='a reward learned on task sine',
                        do='drail train --task sine --algorithm drail')
    make_reward, _ = plugins.load(plugins.REWARDS, chosen.algorithm)
    model = make_reward(1, 1, chosen.reward, torch.Generator().manual_seed(0))
    normaliser = RunningNormaliser(1)
    state = load_checkpoint(run / 'checkpoint.safetensors')
    model.load_state_dict(state['reward_model'])
    normaliser.load_state_dict(state['normaliser'])
    grid = np.stack(np.meshgrid(states, actions, indexing='ij'), axis=-1).reshape(-1, 2)
    obs = normaliser(torch.from_numpy(grid[:, :1]))
    with torch.no_grad():
        batch = Batch(obs, torch.from_numpy(grid[:, 1:].copy()), obs)
        logits = torch.stack([model.training_logits(batch) for _ in range(_DRAWS)]).mean(0)
    return chosen.algorithm, logits.sigmoid().numpy().reshape(len(states), len(actions))
