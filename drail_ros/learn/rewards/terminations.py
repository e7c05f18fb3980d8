# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""How the end of a task is valued: the named answers to termination bias.

An episode that ends early earns no further reward. With rewards of one sign this alone teaches an
agent to end early, or never to (Kostrikov et al., DAC, ICLR 2019, section 4.1). What follows an
end can be

    end         nothing: V = 0;
    absorbing   a state in which the agent stays for ever, each step of it worth r_e, which is
                learned: V = r_e / (1 - γ) (their section 4.2);
    ignore      what would follow without the end: V(s').

A time limit is no end of the task: who reaches it stands in a state like any other, and V(s')
follows (``time_limits`` is 'bootstrap'). Where it is 'end' a time-out is a terminal, V = 0, as in
experiments that did not tell the two apart; what is learned then pretends that nothing follows
after so many steps, whatever the state. Such a terminal is no absorbing state: with V = 0 at the
one and r_e / (1 - γ) at the other, 'end' and 'absorbing' do not go together and are refused.
With 'ignore', time-outs alone are terminals.

A constant added to every reward (``reward_offset``) shifts the bias by hand.

Where r_e comes from depends on what it is that learns a reward:

    a reward model   learns it as the reward of a transition like others. It is shown the
                     *absorbing state*: zeros and, in a further component of every observation, a
                     1 that tells it from real states, into which ends lead and which leads to
                     itself (``marked``, ``with_absorbing_steps``). ``Teacher`` does this.
    an agent whose   has no transition to ask about: r_e is one number, its *reward after the
    values imply it  end*, learned with its values. ``agents/implied_reward.py`` does this.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn.functional import pad

from drail_ros.learn.transitions import joined, Transitions

TERMINATIONS = ('end', 'absorbing', 'ignore')
TIME_LIMITS = ('bootstrap', 'end')


def marked(rows: Transitions) -> Transitions:
    """Append a 0 to real states; the absorbing state, zeros and a 1, takes the place of ends."""
    over = rows.terminated[:, None]
    following = torch.cat([rows.next_obs.masked_fill(over, 0.0), over.to(rows.obs.dtype)], 1)
    return replace(rows, obs=pad(rows.obs, (0, 1)), next_obs=following,
                   terminated=torch.zeros_like(rows.terminated))


def absorbing_steps(obs_size: int, action_size: int, count: int,
                    device: torch.device) -> Transitions:
    """Return steps from the absorbing state to itself; ``obs_size`` is that of real states."""
    state = torch.zeros(count, obs_size + 1, device=device)
    state[:, -1] = 1.0
    return Transitions.of(state, torch.zeros(count, action_size, device=device), state)


def with_absorbing_steps(rows: Transitions) -> Transitions:
    """Append to marked rows one step in the absorbing state for each step into it."""
    return joined(rows, absorbing_steps(rows.obs.shape[1] - 1, rows.action.shape[1],
                                        int(rows.next_obs[:, -1].sum()), rows.obs.device))
