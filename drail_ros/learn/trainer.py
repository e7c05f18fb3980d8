"""Adversarial imitation: collect, update the reward model, pay the agent, update the agent.

Drives any ``BatchSim``, any reward model and the agent; knows no topics, no task and no method.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from drail_ros import plugins
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.errors import UserError
from drail_ros.learn.agents.ppo import Ppo, Rollout
from drail_ros.learn.batch import Batch
from drail_ros.learn.checkpoint import load_checkpoint, save_checkpoint
from drail_ros.learn.compute import one_thread, pick_device, use_fast_matmul
from drail_ros.learn.evaluate import EVALUATION_SEED, Evaluation, evaluate
from drail_ros.learn.networks import global_seed
from drail_ros.learn.normalise import ReturnScaler, RunningNormaliser
from drail_ros.learn.policy import Policy
from drail_ros.learn.run_folder import BEST_POLICY, POLICY, RunFolder
from drail_ros.learn.run_settings import AdversarialSettings
from drail_ros.sim.batch_sim import BatchSim

Report = Callable[[int, dict[str, float]], None]


class Trainer:
    """One run. ``report(step, metrics)`` is called after every iteration."""

    def __init__(self, sim: BatchSim, demonstrations: Demonstrations, run: AdversarialSettings,
                 report: Report) -> None:
        self.sim, self.run_settings, self._report = sim, run, report
        self.device = pick_device(run.device)
        use_fast_matmul(run.fast_matmul)
        self.generator = torch.Generator(self.device).manual_seed(run.seed)
        global_seed(run.seed)
        task = sim.task
        sizes = task.observation_size, task.action_size
        make_reward, _ = plugins.load(plugins.REWARDS, run.algorithm)
        self.normaliser = RunningNormaliser(task.observation_size).to(self.device)
        self.agent = Ppo(*sizes, run.agent, self.generator)
        self.reward_model = make_reward(*sizes, run.reward, self.generator)
        self.scaler = ReturnScaler(run.num_envs, run.agent.discount).to(self.device)
        self.policy = Policy(self.normaliser, self.agent.actor)
        self._demonstrations = demonstrations
        self._expert_obs, self._expert_action, self._expert_next = (
            torch.tensor(array, device=self.device) for array in
            (demonstrations.obs, demonstrations.action, demonstrations.next_obs))
        self.folder = RunFolder(run, demonstrations.content_hash())
        self.step, self.best = 0, -1.0
        self.seconds = dict.fromkeys(('simulation', 'discriminator', 'reward', 'policy'), 0.0)
        self._training_success = 0.0
        if run.resume and self.folder.checkpoint.exists():
            self._load(load_checkpoint(self.folder.checkpoint))
        else:
            self._obs = sim.reset(run.seed)
        self.folder.start_log(self.step)

    def run(self, should_stop: Callable[[], bool] = lambda: False,
            save_asked: threading.Event | None = None) -> None:
        """Train to the end, or until ``should_stop``; what was learned is saved either way."""
        try:
            while not self.is_finished() and not should_stop():
                metrics = self.iterate()
                if self._due(self.run_settings.evaluate_every):
                    metrics.update(self._evaluate())
                self.folder.log(self.step, metrics)
                self._report(self.step, metrics)
                asked = save_asked is not None and save_asked.is_set()
                if asked or self._due(self.run_settings.checkpoint_every):
                    self.save()
                    if save_asked is not None:
                        save_asked.clear()
        finally:
            self.folder.close()
        self.save()

    def iterate(self) -> dict[str, float]:
        """Run one iteration and return what there is to log."""
        run = self.run_settings
        began = time.perf_counter()
        rollout, obs, next_obs, action = self._collect()
        self.normaliser.update(obs)
        expert = Batch(self.normaliser(self._expert_obs), self._expert_action,
                       self.normaliser(self._expert_next))
        mine = Batch(self.normaliser(obs), action, self.normaliser(next_obs))
        with self._timed('discriminator'):
            metrics = self.reward_model.update(expert, mine)
        with self._timed('reward'):
            raw = self.reward_model.reward(mine).view_as(rollout.value)
            scaled = self.scaler(raw, rollout.ended) if run.normalise_reward else raw
            rewards = scaled + run.reward_offset
        with self._timed('policy'):
            progress = self.step / run.total_steps
            metrics |= self.agent.update(rollout, rewards, progress)
        self.step += rollout.value.numel()
        seconds = time.perf_counter() - began
        metrics |= {'reward/mean': raw.mean().item(), 'reward/std': raw.std().item(),
                    'train/success_rate': self._training_success,
                    'train/steps_per_s': rollout.value.numel() / seconds}
        self._check_finite(metrics)
        return metrics

    def is_finished(self) -> bool:
        """Whether all steps are taken, or an evaluation reached ``stop_at_success``."""
        goal = self.run_settings.stop_at_success
        return self.step >= self.run_settings.total_steps or 0 < goal <= self.best

    def save(self) -> None:
        """Write the checkpoint and the policy as it is now."""
        save_checkpoint(self.folder.checkpoint, self._state())
        self.policy.save(self.folder.path / POLICY, self._policy_info())

    def _collect(self) -> tuple[Rollout, torch.Tensor, torch.Tensor, torch.Tensor]:
        run, shape = self.run_settings, (self.run_settings.rollout_steps, self.sim.num_envs)
        observed, following, acted, log_probs, terminated, ended, success = (
            [], [], [], [], [], [], [])
        with self._timed('simulation'), one_thread():
            for _ in range(run.rollout_steps):
                action, log_prob = self.agent.act(self.normaliser(self._tensor(self._obs)))
                executed = action.clamp(-1.0, 1.0)
                step = self.sim.step(executed.cpu().numpy())
                observed.append(self._obs)
                following.append(step.final_obs)
                acted.append(action)
                log_probs.append(log_prob)
                terminated.append(step.terminated & (not run.ignore_terminations))
                ended.append(step.terminated | step.truncated)
                success.append(step.success)
                self._obs = step.obs
        if (episodes := np.sum(ended)) > 0:
            self._training_success = float(np.sum(success) / episodes)
        obs, next_obs = self._tensor(np.concatenate(observed)), self._tensor(
            np.concatenate(following))
        seen, seen_next = self.normaliser(obs), self.normaliser(next_obs)
        actions = torch.stack(acted)
        rollout = Rollout(seen.view(*shape, -1), actions, torch.stack(log_probs),
                          self.agent.value(seen).view(shape),
                          self.agent.value(seen_next).view(shape),
                          self._tensor(np.stack(terminated)), self._tensor(np.stack(ended)))
        return rollout, obs, next_obs, actions.clamp(-1.0, 1.0).flatten(0, 1)

    def _evaluate(self) -> dict[str, float]:
        """Success of the mean action and of samples; training goes on as if nothing happened."""
        before = self.sim.get_state()
        seed, episodes = self.run_settings.seed + EVALUATION_SEED, (
            self.run_settings.evaluation_episodes)
        sampler = torch.Generator(self.device).manual_seed(seed)
        with one_thread():
            result = evaluate(self.sim, self.policy.act, episodes, seed)
            sampled = evaluate(self.sim, lambda obs: self.policy.act(obs, sampler), episodes,
                               seed)
        self._obs = self.sim.set_state(before)
        is_best = result.success_rate > self.best
        if is_best:
            self.best = result.success_rate
            self.policy.save(self.folder.path / BEST_POLICY, self._policy_info())
        return {**_as_metrics('evaluation', result), **_as_metrics('evaluation_sampled', sampled),
                'evaluation/is_best': float(is_best),
                'evaluation/best_success_rate': self.best}

    def _due(self, every: int) -> bool:
        per_iteration = self.run_settings.rollout_steps * self.sim.num_envs
        last = self.step >= self.run_settings.total_steps
        return last or self.step // every > (self.step - per_iteration) // every

    def _policy_info(self) -> dict[str, object]:
        run = self.run_settings
        return {'task': run.task, 'algorithm': run.algorithm, 'noise': run.noise,
                'seed': run.seed, 'step': self.step,
                'demonstrations': self._demonstrations.content_hash()}

    def _check_finite(self, metrics: dict[str, float]) -> None:
        bad = [name for name, value in metrics.items() if not math.isfinite(value)]
        if bad:
            path = self.folder.path / 'diverged.safetensors'
            save_checkpoint(path, self._state())
            raise UserError('training diverged', found=f'{", ".join(bad)} not finite at step '
                            f'{self.step}', do=f'lower the learning rates; state saved in {path}')

    def _state(self) -> dict[str, Any]:
        return {'step': self.step, 'best': self.best, 'seconds': self.seconds,
                'training_success': self._training_success,
                'normaliser': self.normaliser.state_dict(), 'scaler': self.scaler.state_dict(),
                'agent': self.agent.state_dict(),
                'reward_model': self.reward_model.state_dict(),
                'generator': self.generator.get_state(), 'sim': self.sim.get_state()}

    def _load(self, state: dict[str, Any]) -> None:
        self.step, self.best, self.seconds = state['step'], state['best'], state['seconds']
        self._training_success = state['training_success']
        self.normaliser.load_state_dict(state['normaliser'])
        self.scaler.load_state_dict(state['scaler'])
        self.agent.load_state_dict(state['agent'])
        self.reward_model.load_state_dict(state['reward_model'])
        self.generator.set_state(state['generator'])
        self._obs = self.sim.set_state({k: v.numpy() for k, v in state['sim'].items()})

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(array, device=self.device)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        if self.device.type == 'cuda':
            torch.cuda.synchronize()
        self.seconds[part] += time.perf_counter() - began


def _as_metrics(prefix: str, result: Evaluation) -> dict[str, float]:
    low, high = result.interval()
    return {f'{prefix}/success_rate': result.success_rate, f'{prefix}/success_low': low,
            f'{prefix}/success_high': high, f'{prefix}/length': result.mean_length}
