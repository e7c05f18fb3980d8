"""Settings of a run: chosen by task, algorithm and preset, then overridden by the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drail_ros import plugins, settings
from drail_ros.errors import UserError, unknown_name
from drail_ros.learn.agents.ppo import PpoSettings
from drail_ros.learn.names import PRESETS, algorithms
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
    output_dir: str = setting('', 'folder of the run; empty: runs/TASK_ALGORITHM_SEED')
    resume: bool = setting(False, 'continue the run in output_dir')
    num_envs: int = setting(32, 'environments stepped at once', low=1)
    evaluation_episodes: int = setting(128, 'episodes of each evaluation', low=1)


@dataclass(frozen=True)
class AdversarialSettings(RunSettings):
    """A run in which an agent learns from a learned reward."""

    total_steps: int = setting(1_000_000, 'environment steps of the run', low=1)
    rollout_steps: int = setting(128, 'steps of each environment per iteration', low=1)
    reward_offset: float = setting(0.0, 'added to every reward, after scaling')
    normalise_reward: bool = setting(True, 'divide rewards by the std of the discounted return')
    ignore_terminations: bool = setting(
        False, 'treat the end of a task as a time limit (no termination bias)')
    evaluate_every: int = setting(65_536, 'environment steps between evaluations', low=1)
    checkpoint_every: int = setting(16_384, 'environment steps between checkpoints', low=1)
    stop_at_success: float = setting(
        0.0, 'end the run once an evaluation succeeds this often; 0 is never', low=0.0, high=1.0)
    agent: PpoSettings = PpoSettings()
    reward: Settings = Settings()


@dataclass(frozen=True)
class OfflineSettings(RunSettings):
    """A run that learns from demonstrations alone."""

    learner: Settings = Settings()


def is_offline(algorithm: str) -> bool:
    """Whether the algorithm learns without an environment.

    Raises:
        UserError: there is no such algorithm.

    """
    if algorithm not in algorithms():
        raise unknown_name('algorithm', algorithm, algorithms())
    return algorithm in plugins.names(plugins.OFFLINE)


def make_run_settings(overrides: Mapping[str, object], source: str = 'settings') -> RunSettings:
    """Defaults of task, algorithm and preset, then ``overrides`` by dotted name.

    Raises:
        UserError: a name is unknown, or a value has the wrong type or range.

    """
    task = plugins.load(plugins.TASKS, str(overrides.get('task', 'fetch_push')))
    algorithm = str(overrides.get('algorithm', 'drail'))
    preset = str(overrides.get('preset', 'default'))
    if is_offline(algorithm):
        _, learner = plugins.load(plugins.OFFLINE, algorithm)
        base: RunSettings = OfflineSettings(learner=learner())
    else:
        _, reward = plugins.load(plugins.REWARDS, algorithm)
        base = AdversarialSettings(reward=reward())
    known = settings.specs(base)
    for key in ('*', algorithm, f'* {preset}', f'{algorithm} {preset}'):
        own = {k: v for k, v in task.training.get(key, {}).items()
               if '*' not in key or k in known}
        base = settings.replace(base, own, f'training settings {key!r} of task {task.name}')
    base = settings.replace(base, overrides, source)
    noise = base.noise or task.default_noise
    task.check_noise(noise)
    output_dir = base.output_dir or f'runs/{task.name}_{algorithm}_{base.seed}'
    return settings.replace(base, {'task': task.name, 'noise': noise, 'output_dir': output_dir})


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
