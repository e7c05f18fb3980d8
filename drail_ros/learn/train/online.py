# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Learning by acting: collect, let the reward model learn, let the agent learn from its pay.

Drives any ``BatchSim``, any reward model and any agent; knows no topics, no task and no method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
import time
from typing import Any

import numpy as np
import torch

from drail_ros.data.demonstrations import Demonstrations
from drail_ros.episodes.evaluate import evaluate, EVALUATION_SEED
from drail_ros.episodes.meter import EpisodeMeter
from drail_ros.learn.agents.agent import Agent, Rollout
from drail_ros.learn.nets.normalise import RunningNormaliser
from drail_ros.learn.nets.policy import Policy
from drail_ros.learn.rewards.reward_model import RewardModel
from drail_ros.learn.rewards.teacher import Teacher
from drail_ros.learn.train.compute import one_thread
from drail_ros.learn.train.loop import evaluation_metrics, OnBest, Report, TrainingLoop
from drail_ros.learn.train.settings import OnlineSettings, plugins_of
from drail_ros.learn.train.warm_start import clone
from drail_ros.learn.transitions import Transitions
from drail_ros.sim.batch_sim import BatchSim, SimulationStopped, State

ActFunction = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Normalised observations ``[N, O]`` → actions ``[N, A]``, log densities ``[N]``."""
_RANDOM_ROWS = 2048
"""Observations of random actions that a warm start's statistics are made of at least."""


class Trainer(TrainingLoop):
    """One run; a step is one of an environment."""

    run_settings: OnlineSettings
    policy: Policy

    def __init__(self, sim: BatchSim, demonstrations: Demonstrations | None, run: OnlineSettings,
                 report: Report, on_best: OnBest | None = None) -> None:
        super().__init__(sim, demonstrations, run, report, on_best)
        task = sim.task
        make_agent, make_reward = plugins_of(run)
        self.normaliser = RunningNormaliser(task.observation_size).to(self.device)
        self.agent: Agent = make_agent(task.observation_size, task.action_size, run.num_envs,
                                       run.learner, self.generator)
        self.reward_model: RewardModel | None = make_reward(
            task.observation_size + (run.terminations == 'absorbing'), task.action_size,
            run.reward, self.generator) if make_reward else None
        self.policy = Policy(self.normaliser, self.agent.actor)
        self.teacher = Teacher(self._rows_of(demonstrations), self.reward_model,
                               self.normaliser, self.agent.actor, run.terminations,
                               run.reward_offset)
        self.seconds = dict.fromkeys(('simulation', 'reward_model', 'policy'), 0.0)
        self.episodes = EpisodeMeter(run.num_envs, task.has_success)
        self._obs: np.ndarray
        self._sim_state: State = {}
        """After the latest rollout: with it, saving needs no simulator."""
        self._step_before = 0
        """Step at which the latest iteration began."""
        self.begin(*(learning.state_dict() for learning in (self.agent, self.reward_model)
                     if learning is not None))
        if not self._sim_state:
            self._obs = sim.reset(run.seed)
            self._sim_state = sim.get_state()

    def iterate(self) -> dict[str, float]:
        """Run one iteration and return what there is to log."""
        self._step_before = self.step
        if self.step == 0 and self.run_settings.warm_start:
            return self._start_warm()
        began = time.perf_counter()
        with self._timed('simulation'), one_thread():
            rollout = self._collect(self.run_settings.rollout_steps, self.agent.act)
        with self._timed('policy'):
            self.agent.remember(rollout, self.teacher.normalised(rollout.transitions()))
        run = self.run_settings
        if not run.warm_start:
            self._take_statistics(rollout.obs.flatten(0, 1))
        with self._timed('reward_model'):
            metrics = self.teacher.learn(self.agent.experience())
        with self._timed('policy'):
            rests = run.warm_start > 0 and self.step < run.warm_start_steps
            metrics |= self.agent.improve(self.teacher, self.step / run.total_steps,
                                          actor_learns=not rests)
        self.step += rollout.ended.numel()
        metrics |= self.episodes.metrics() | {
            'train/steps_per_s': rollout.ended.numel() / (time.perf_counter() - began)}
        self.check_finite(metrics)
        return metrics

    def _start_warm(self) -> dict[str, float]:
        """Let the actor clone the demonstrations before it acts.

        What it sees is normalised for good by the statistics of the demonstrations and of random
        actions: running ones would move what a cloned network does, and those of narrow
        demonstrations alone would blow up whatever they do not vary.
        """
        with self._timed('simulation'), one_thread():
            rollout = self._collect(-(-_RANDOM_ROWS // self.sim.num_envs), self._act_at_random)
        self._take_statistics(torch.cat([self.teacher.expert_obs, rollout.obs.flatten(0, 1)]))
        with self._timed('policy'):
            expert = self.teacher.expert()
            loss = clone(self.agent.actor, expert.obs, expert.action,
                         self.run_settings.warm_start, self.generator)
        self.step += rollout.ended.numel()
        metrics = self.episodes.metrics() | {'warm_start/loss': loss}
        self.check_finite(metrics)
        return metrics

    def _take_statistics(self, obs: torch.Tensor) -> None:
        """Let ``[B, O]`` count in the statistics, which else change nothing."""
        if self.run_settings.normalise_observations:
            self.normaliser.update(obs)

    def _act_at_random(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return actions ``[N, A]`` uniform in [-1, 1]; their densities have no use."""
        shape = (len(obs), self.sim.task.action_size)
        uniform = torch.rand(shape, generator=self.generator, device=self.device)
        return 2 * uniform - 1, obs.new_zeros(len(obs))

    def is_finished(self) -> bool:
        """Whether all steps are taken, or an evaluation reached ``stop_at_success``."""
        goal = self.run_settings.stop_at_success
        return self.step >= self.run_settings.total_steps or 0 < goal <= self.best

    def is_due(self, every: int) -> bool:
        """Whether the latest iteration completed ``every`` steps, cloned, or was the last."""
        cloned = self.run_settings.warm_start > 0 == self._step_before
        last = self.step >= self.run_settings.total_steps
        return cloned or last or self.step // every > self._step_before // every

    def evaluate(self) -> dict[str, float]:
        """Judge the mean action and samples; training goes on as if nothing happened."""
        seed, episodes = self.run_settings.seed + EVALUATION_SEED, (
            self.run_settings.evaluation_episodes)
        sampler = torch.Generator(self.device).manual_seed(seed)
        with one_thread():
            result = evaluate(self.sim, self._act, episodes, seed)
            sampled = evaluate(self.sim, lambda obs: self._act(obs, sampler), episodes, seed)
        self._obs = self.sim.set_state(self._sim_state)
        return (evaluation_metrics('evaluation', result)
                | evaluation_metrics('evaluation_sampled', sampled) | self.keep_best(result))

    def _act(self, obs: np.ndarray, generator: torch.Generator | None = None) -> np.ndarray:
        """Act in an evaluation, which can be done again: whoever asks to stop need not wait."""
        if self.should_stop():
            raise SimulationStopped
        return self.policy.act(obs, generator)

    def state(self) -> dict[str, Any]:
        """Return what an exact continuation needs."""
        judge = {} if self.reward_model is None else self.reward_model.state_dict()
        return {'seconds': self.seconds, 'episodes': self.episodes.get_state(),
                'normaliser': self.normaliser.state_dict(),
                'agent': self.agent.state_dict(),
                'reward_model': judge, 'sim': self._sim_state}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from ``state``."""
        self.seconds = state['seconds']
        self.episodes.set_state({k: v.numpy() for k, v in state['episodes'].items()})
        self.normaliser.load_state_dict(state['normaliser'])
        self.agent.load_state_dict(state['agent'])
        if self.reward_model is not None:
            self.reward_model.load_state_dict(state['reward_model'])
        self._sim_state = {k: v.numpy() for k, v in state['sim'].items()}
        self._obs = self.sim.set_state(self._sim_state)

    def rewind(self) -> None:
        """Go back to before the rollout that was cut off; the simulators may be gone."""
        generator, episodes = self._before_rollout
        self.generator.set_state(generator)
        self.episodes.set_state(episodes)

    def _rollout_state(self) -> tuple[torch.Tensor, State]:
        """Return what a rollout changes beside the simulation."""
        return self.generator.get_state(), self.episodes.get_state()

    def _collect(self, steps: int, act: ActFunction) -> Rollout:
        self._before_rollout = self._rollout_state()
        rollout = Rollout.stacked([self._step(act) for _ in range(steps)])
        self._sim_state = self.sim.get_state()
        return rollout

    def _step(self, act: ActFunction) -> Rollout:
        """One step of every environment."""
        obs = self._tensor(self._obs)
        action, log_prob = act(self.normaliser(obs))
        step = self.sim.step(action.clamp(-1.0, 1.0).cpu().numpy())
        self._obs = step.obs
        self.episodes.add(step)
        return Rollout(
            obs=obs, action=action, next_obs=self._tensor(step.final_obs),
            reward=self._tensor(step.reward), log_prob=log_prob,
            terminated=self._tensor(self._without_value(step.terminated, step.truncated)),
            ended=self._tensor(step.terminated | step.truncated))

    def _rows_of(self, demonstrations: Demonstrations | None) -> Transitions:
        """Transitions of the expert; its ends count as the agent's do."""
        if demonstrations is None:
            task = self.sim.task
            obs = torch.zeros((0, task.observation_size), device=self.device)
            return Transitions.of(obs, torch.zeros((0, task.action_size), device=self.device), obs)
        d, column = demonstrations, partial(torch.tensor, device=self.device)
        return Transitions.of(column(d.obs), column(d.action), column(d.next_obs),
                              terminated=column(self._without_value(d.terminated,
                                                                    d.truncated)))

    def _without_value(self, terminated: np.ndarray, truncated: np.ndarray) -> np.ndarray:
        """Return where no value follows, of all ends of the task and all time-outs."""
        run = self.run_settings
        return ((terminated & (run.terminations != 'ignore'))
                | (truncated & (run.time_limits == 'end')))

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(array, device=self.device)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        if self.device.type == 'cuda':
            torch.cuda.synchronize()
        self.seconds[part] += time.perf_counter() - began
