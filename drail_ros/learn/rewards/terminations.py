"""How the end of a task is valued: the named answers to termination bias.

An episode that ends early earns no further reward. With rewards of one sign this alone teaches an
agent to end early, or never to (Kostrikov et al., DAC, ICLR 2019, section 4.1). What follows an
end can be

    end         nothing: V = 0;
    absorbing   a state s_a in which the agent stays for ever and whose reward is learned:
                V = r(s_a) / (1 - γ) (their section 4.2);
    ignore      what would follow a time limit: V(s').

A constant added to every reward (``reward_offset``) shifts the bias by hand.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn.functional import pad

from drail_ros.learn.transitions import Transitions, joined

TERMINATIONS = ('end', 'absorbing', 'ignore')


def marked(batch: Transitions) -> Transitions:
    """Append a 0 to real states; the absorbing state, zeros and a 1, takes the place of ends."""
    over = batch.terminated[:, None]
    following = torch.cat([batch.next_obs.masked_fill(over, 0.0), over.to(batch.obs.dtype)], 1)
    return replace(batch, obs=pad(batch.obs, (0, 1)), next_obs=following,
                   terminated=torch.zeros_like(batch.terminated))


def absorbing(obs_size: int, action_size: int, count: int, device: torch.device) -> Transitions:
    """Return steps from the absorbing state to itself; ``obs_size`` without the indicator."""
    state = torch.zeros(count, obs_size + 1, device=device)
    state[:, -1] = 1.0
    return Transitions(state, torch.zeros(count, action_size, device=device), state)


def with_absorbing(batch: Transitions) -> Transitions:
    """Append to a marked batch one step in the absorbing state for each step into it."""
    return joined(batch, absorbing(batch.obs.shape[1] - 1, batch.action.shape[1],
                                   int(batch.next_obs[:, -1].sum()), batch.obs.device))
