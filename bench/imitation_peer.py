# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The peer of bench/train.py: GAIL of `imitation` with PPO of stable-baselines3 on FetchPush.

Owns: the peer's environment, its settings and the timing of its training loop. Does not own: the
demonstrations (an npz that the caller writes, at least --demo-batch-size rows), the comparison, or
the choice of the fastest setting: on a shared machine it changes with the load (two torch threads
wait for each other), so give the peer its best of --torch-threads 1 and 2 and --vec-env subproc.
Called by: bench/train.py, as a script, with the Python of a separate virtual environment made from
bench/imitation-requirements.txt (imitation pins versions that drail_ros cannot use):

    VENV/bin/python bench/imitation_peer.py --demos DEMOS.npz [--steps N] [--num-envs 8] [--seed 0]

The last line on stdout is one JSON object; everything else goes to stderr.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
import json
from pathlib import Path
import tempfile
import time
from typing import Any

import gymnasium as gym
import gymnasium_robotics  # noqa: F401  (importing it registers FetchPush)
from imitation.algorithms.adversarial.gail import GAIL
from imitation.data.types import Transitions
from imitation.rewards.reward_nets import BasicRewardNet
from imitation.util import logger as imitation_logger
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv
import torch

OBS_SIZE, ACTION_SIZE = 16, 3
HORIZON = 60  # control steps
ITERATION_STEPS = 4096  # environment steps between two PPO updates, as in DRAIL
PPO_SETTINGS = {'batch_size': 128, 'n_epochs': 10, 'learning_rate': 1e-4}
POLICY_SIZES = [256, 256]
DISCRIMINATOR_SIZES = [64, 64]
DISCRIMINATOR_UPDATES = 2  # a round; imitation's default


class PushEnv(gym.Wrapper):
    """FetchPush with DRAIL's observation [16] and action [3]; success ends the episode."""

    def __init__(self) -> None:
        super().__init__(gym.make('FetchPush-v2', max_episode_steps=HORIZON,
                                  disable_env_checker=True))
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (OBS_SIZE,), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (ACTION_SIZE,), np.float32)

    def reset(self, **kwargs: Any) -> tuple[np.ndarray, dict[str, Any]]:
        obs, info = self.env.reset(**kwargs)
        return _flatten(obs), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        obs, reward, _, truncated, info = self.env.step(np.append(action, 0.0))
        # is_success: block nearer than 0.05 m to the goal; FetchPush itself never terminates.
        return _flatten(obs), float(reward), bool(info['is_success']), truncated, info


def _flatten(obs: dict[str, np.ndarray]) -> np.ndarray:
    """Gripper, object, object - gripper, fingers, object's euler x and y, goal: [16]."""
    return np.concatenate((obs['observation'][:13], obs['desired_goal'])).astype(np.float32)


def load_demos(path: Path) -> Transitions:
    """Read obs [T, 16], action [T, 3], next_obs [T, 16] and done [T]."""
    with np.load(path, allow_pickle=False) as file:
        obs, action, next_obs, done = (
            file[name] for name in ('obs', 'action', 'next_obs', 'done'))
    infos = np.array([{}] * len(obs))
    return Transitions(obs=obs, acts=action, next_obs=next_obs, dones=done, infos=infos)


def build(args: argparse.Namespace, venv: VecEnv, iteration_steps: int, log_dir: str) -> GAIL:
    """Assemble PPO, the discriminator and GAIL, logging nothing."""
    ppo = PPO('MlpPolicy', venv, n_steps=iteration_steps // args.num_envs, seed=args.seed,
              policy_kwargs={'net_arch': POLICY_SIZES}, device='cpu', **PPO_SETTINGS)
    reward_net = BasicRewardNet(venv.observation_space, venv.action_space,
                                hid_sizes=DISCRIMINATOR_SIZES)
    return GAIL(demonstrations=load_demos(args.demos), demo_batch_size=args.demo_batch_size,
                venv=venv, gen_algo=ppo, reward_net=reward_net,
                n_disc_updates_per_round=DISCRIMINATOR_UPDATES, log_dir=log_dir,
                custom_logger=imitation_logger.configure(log_dir, format_strs=[]),
                allow_variable_horizon=True)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Train one uncounted iteration, then time the rest."""
    torch.set_num_threads(args.torch_threads)
    # Fewer steps than an iteration (a quick look) shrink the iteration.
    iteration_steps = min(ITERATION_STEPS, args.steps) // args.num_envs * args.num_envs
    steps = args.steps // iteration_steps * iteration_steps
    vec_env = {'dummy': DummyVecEnv, 'subproc': SubprocVecEnv}[args.vec_env]
    venv = vec_env([PushEnv] * args.num_envs)
    venv.seed(args.seed)
    with tempfile.TemporaryDirectory() as log_dir:
        gail = build(args, venv, iteration_steps, log_dir)
        gail.train(iteration_steps)
        start_s = time.perf_counter()
        gail.train(steps)
        elapsed_s = time.perf_counter() - start_s
    venv.close()
    return {
        'peer': 'imitation', 'version': version('imitation'),
        'env_steps_per_s': round(steps / elapsed_s, 1), 'steps': steps,
        'config': {
            'num_envs': args.num_envs, 'seed': args.seed, 'vec_env': args.vec_env,
            'torch_threads': args.torch_threads, 'iteration_steps': iteration_steps,
            'warmup_steps': iteration_steps, 'demo_batch_size': args.demo_batch_size,
            'discriminator_hidden': DISCRIMINATOR_SIZES,
            'n_disc_updates_per_round': DISCRIMINATOR_UPDATES,
            'gen_replay_buffer_capacity': iteration_steps,
            'policy_hidden': POLICY_SIZES, **PPO_SETTINGS,
            'versions': {name: version(name) for name in (
                'stable-baselines3', 'gymnasium', 'gymnasium-robotics', 'mujoco', 'torch')},
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--demos', type=Path, required=True, help='npz: obs action next_obs done')
    parser.add_argument('--steps', type=int, default=3 * ITERATION_STEPS,
                        help='environment steps to time, rounded down to whole iterations')
    parser.add_argument('--num-envs', type=int, default=8)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--torch-threads', type=int, default=2)
    parser.add_argument('--demo-batch-size', type=int, default=1024)
    parser.add_argument('--vec-env', choices=('dummy', 'subproc'), default='dummy')
    print(json.dumps(measure(parser.parse_args())))


if __name__ == '__main__':
    main()
