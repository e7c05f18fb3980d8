"""Settings of a run: chosen by task, algorithm and preset, then overridden by the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drail_ros import plugins, settings
from drail_ros.errors import UserError, unknown_name
from drail_ros.learn.agents.off_policy import OffPolicySettings
from drail_ros.learn.rewards.reward_model import RewardSettings
from drail_ros.learn.rewards.terminations import TERMINATIONS
from drail_ros.learn.train.names import PRESETS, agents, algorithms
from drail_ros.settings import Settings, setting
from drail_ros.tasks.task import Task


@dataclass(frozen=True)
class RunSettings(Settings):
    """What every run has, whatever learns."""

    task: str = setting('fetch_push', 'task to learn')
    algorithm: str = setting('drail', 'learning method')
    preset: str = setting('default', "this package's settings, or the published ones",
                          choices=PRESETS)
    noise: float = setting(0.0, "noise level of starts and goals; 0 is the task's own", low=0.0)
    seed: int = setting(0, 'seed of weights, sampling and episodes', low=0)
    device: str = setting('auto', 'where to learn; auto is cuda where there is one',
                          choices=('auto', 'cpu', 'cuda'))
    fast_matmul: bool = setting(
        True, 'faster float32 products where the processor has them with float32 error; gains '
        'at widths of 256 and more')
    demo_path: str = setting('', 'folder of demonstrations')
    transitions: int = setting(0, 'use only so many transitions (whole episodes); 0 is all',
                               low=0)
    output_dir: str = setting(
        '', 'folder of the run; empty: runs/TASK_ALGORITHM[_AGENT]_SEED, the agent unless it is '
        'ppo or the algorithm itself')
    resume: bool = setting(False, 'continue the run in output_dir')
    num_envs: int = setting(32, 'environments stepped at once', low=1)
    evaluation_episodes: int = setting(128, 'episodes of each evaluation', low=1)
    learner: Settings = Settings()


@dataclass(frozen=True)
class OnlineSettings(RunSettings):
    """A run in which an agent learns from what it does, most often paid by a learned reward."""

    agent: str = setting('ppo', 'what learns from the rewards; some algorithms are their own')
    total_steps: int = setting(1_000_000, 'environment steps of the run', low=1)
    rollout_steps: int = setting(128, 'steps of each environment per iteration', low=1)
    reward_offset: float = setting(0.0, 'added to every reward, after scaling')
    terminations: str = setting(
        'end', 'what follows the end of a task: no value, the learned value of an absorbing '
        'state, or what would follow a time limit', choices=TERMINATIONS)
    evaluate_every: int = setting(65_536, 'environment steps between evaluations', low=1)
    checkpoint_every: int = setting(16_384, 'environment steps between checkpoints', low=1)
    stop_at_success: float = setting(
        0.0, 'end the run once an evaluation succeeds this often; 0 is never', low=0.0, high=1.0)
    reward: Settings = Settings()


@dataclass(frozen=True)
class OfflineSettings(RunSettings):
    """A run that learns from demonstrations alone."""

    evaluate_every: int = setting(
        0, 'passes over the demonstrations between evaluations; 0 is only at the end', low=0)
    checkpoint_every: int = setting(10, 'passes between checkpoints', low=1)


def is_offline(algorithm: str) -> bool:
    """Whether the algorithm learns without an environment.

    Raises:
        UserError: there is no such algorithm.

    """
    if algorithm not in algorithms():
        raise unknown_name('algorithm', algorithm, algorithms())
    return algorithm in plugins.names(plugins.OFFLINE)


def make_run_settings(overrides: Mapping[str, object], source: str = 'settings') -> RunSettings:
    """Defaults of algorithm and agent, then the task's, then ``overrides`` by dotted name.

    Raises:
        UserError: a name is unknown, a value has the wrong type or range, or settings do not go
            together.

    """
    task = plugins.load(plugins.TASKS, str(overrides.get('task', 'fetch_push')))
    algorithm = str(overrides.get('algorithm', 'drail'))
    preset = str(overrides.get('preset', 'default'))
    base, agent = _defaults(algorithm, preset, overrides.get('agent'))
    known = settings.specs(base)
    words = {algorithm, agent, preset}
    if isinstance(base.learner, OffPolicySettings):
        words.add('off_policy')
    if isinstance(base, OnlineSettings) and isinstance(base.reward, RewardSettings):
        words.add('learned_reward')
    for own in _task_settings(task, words):
        own = {name: value for name, value in own.items() if name in known}
        base = settings.replace(base, own, f'training settings of task {task.name}')
    base = settings.replace(base, overrides, source)
    noise = base.noise or task.default_noise
    task.check_noise(noise)
    name = f'{task.name}_{algorithm}' + f'_{agent}' * (agent not in ('', algorithm, 'ppo'))
    if isinstance(base, OnlineSettings):
        _check_terminations(base)
        _check_stop(base, task)
    output_dir = base.output_dir or f'runs/{name}_{base.seed}'
    return settings.replace(base, {'task': task.name, 'noise': noise, 'output_dir': output_dir})


def _check_terminations(run: OnlineSettings) -> None:
    if run.terminations != 'absorbing':
        return
    if not needs_demonstrations(run):
        raise UserError(f'algorithm {run.algorithm!r} learns no reward of an absorbing state',
                        found="terminations 'absorbing'", expected="'end' or 'ignore'")
    if settings.values(run)['learner.discount'] == 1:
        raise UserError('an absorbing state has no value without a discount',
                        found='learner.discount 1', expected='less than 1')


def _check_stop(run: OnlineSettings, task: Task) -> None:
    if run.stop_at_success > 0 and not task.has_success:
        raise UserError(f'task {task.name!r} has no success to stop at',
                        found=f'stop_at_success {run.stop_at_success:g}', expected='0',
                        do='leave it out; total_steps ends the run')


def _defaults(algorithm: str, preset: str, agent: object) -> tuple[RunSettings, str]:
    """Return the settings of an algorithm and the name of what learns."""
    if is_offline(algorithm):
        _, learner = plugins.load(plugins.OFFLINE, algorithm)
        return settings.replace(OfflineSettings(learner=learner()),
                                learner.presets.get(preset, {})), ''
    if algorithm in plugins.names(plugins.ALGORITHMS):
        _, learner = plugins.load(plugins.ALGORITHMS, algorithm)
        if agent not in (None, algorithm):
            raise UserError(f'algorithm {algorithm!r} is its own agent', found=f'agent {agent!r}',
                            do='leave the agent out')
        _, reward = plugins.load(plugins.REWARDS, learner.reward_model)
        base, name = OnlineSettings(learner=learner(), reward=reward()), algorithm
    else:
        _, reward = plugins.load(plugins.REWARDS, algorithm)
        name = str(agent or reward.run['agent'])
        if name not in agents():
            raise unknown_name('agent', name, agents())
        _, learner = plugins.load(plugins.AGENTS, name)
        base = settings.replace(OnlineSettings(learner=learner(), reward=reward()), reward.run)
    return settings.replace(base, {**learner.run, 'agent': name}), name


def _task_settings(task: Task, chosen: set[str]) -> list[Mapping[str, object]]:
    """Return those that apply, the special after the general, presets last.

    What a task says of learner and reward model is tuning of ours: only the default preset has it,
    and others what is said of them by name.
    """
    fitting = [(words, own) for key, own in task.training.items()
               if (words := {*key.split()} - {'*'}) <= chosen]
    fitting.sort(key=lambda item: (bool({*PRESETS} & item[0]), len(item[0])))
    if 'default' in chosen:
        return [own for _, own in fitting]
    return [{name: value for name, value in own.items() if '.' not in name or {*PRESETS} & words}
            for words, own in fitting]


def plugins_of(run: OnlineSettings) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return what makes the run's agent and its reward model."""
    if run.agent == run.algorithm:
        make_agent, learner = plugins.load(plugins.ALGORITHMS, run.algorithm)
        return make_agent, plugins.load(plugins.REWARDS, learner.reward_model)[0]
    return (plugins.load(plugins.AGENTS, run.agent)[0],
            plugins.load(plugins.REWARDS, run.algorithm)[0])


def needs_demonstrations(run: RunSettings) -> bool:
    """Whether the run's algorithm learns from demonstrations."""
    if not isinstance(run, OnlineSettings) or run.agent == run.algorithm:
        return True
    return plugins.load(plugins.REWARDS, run.algorithm)[0].needs_expert


def task_of(run: RunSettings) -> Task:
    """Return the run's task."""
    return plugins.load(plugins.TASKS, run.task)


_FREE_TO_CHANGE = ('resume', 'output_dir', 'demo_path', 'device')
"""Settings that may differ when a run is resumed; the demonstrations are compared by content."""


def check_unchanged(recorded: Mapping[str, object], now: RunSettings, where: str) -> None:
    """Refuse to resume with other settings than a run was started with.

    Raises:
        UserError: naming every difference.

    """
    current = settings.values(now)
    changed = [f'{name}: {recorded.get(name)!r} then, {value!r} now'
               for name, value in current.items()
               if name not in _FREE_TO_CHANGE and recorded.get(name) != value]
    if changed:
        raise UserError(f'the run in {where} was started with other settings',
                        found='; '.join(changed), expected='the same settings',
                        do='resume with those settings, or choose another output_dir')
