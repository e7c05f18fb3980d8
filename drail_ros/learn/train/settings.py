# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Settings of a run: chosen by task, algorithm and preset, overridden by a file and the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from drail_ros import plugins, settings
from drail_ros.errors import unknown_name, UserError
from drail_ros.learn.agents.off_policy import OffPolicySettings
from drail_ros.learn.rewards.reward_model import RewardSettings
from drail_ros.learn.rewards.terminations import TERMINATIONS, TIME_LIMITS
from drail_ros.learn.train.config import read_config
from drail_ros.learn.train.names import agents, algorithms, CHOSEN_FIRST, PRESETS
from drail_ros.presets.rule import Chosen, Rule
from drail_ros.settings import setting, Settings
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
    threads: int = setting(0, 'threads that learn; 0 is as many as cores are idle when the '
                         'run begins and its networks have use for', low=0)
    fast_matmul: bool = setting(
        True, 'faster products where the processor has them: float32 with an error of float32, '
        'and bfloat16 in noise predictors 512 and more wide')
    demo_path: str = setting('', 'folder of demonstrations')
    demonstrations: int = setting(0, 'use only the first so many episodes; 0 is all', low=0)
    output_dir: str = setting(
        '', 'folder of the run; empty: runs/TASK_ALGORITHM[_AGENT]_SEED, the agent unless it is '
        'ppo or the algorithm itself')
    resume: str = setting('false', 'continue the run in output_dir; auto: if there is one to '
                          'continue', choices=('false', 'true', 'auto'))
    num_envs: int = setting(32, 'environments stepped at once', low=1)
    evaluation_episodes: int = setting(128, 'episodes of each evaluation', low=1)
    learner: Settings = Settings()

    learns_at_noise: ClassVar[bool] = True
    """Whether what is learned depends on ``noise``; else it is only judged there."""


@dataclass(frozen=True)
class OnlineSettings(RunSettings):
    """A run in which an agent learns from what it does, most often paid by a learned reward."""

    agent: str = setting('ppo', 'what learns from the rewards; some algorithms are their own')
    total_steps: int = setting(1_000_000, 'environment steps of the run', low=1)
    rollout_steps: int = setting(128, 'steps of each environment per iteration', low=1)
    normalise_observations: bool = setting(
        True, 'agent and reward model see z-scores, not units; either are clipped to ±10')
    reward_offset: float = setting(0.0, 'added to every reward, after scaling')
    terminations: str = setting(
        'end', 'what follows the end of a task: no value, the learned value of an absorbing '
        'state, or what would follow without it', choices=TERMINATIONS)
    time_limits: str = setting(
        'bootstrap', "what follows a time-out: the next state's value, or none, as after an end",
        choices=TIME_LIMITS)
    warm_start: int = setting(
        0, 'updates in which the actor first clones the demonstrations; statistics of '
        'observations are fixed then; 0 is no warm start', low=0)
    warm_start_steps: int = setting(
        10_240, 'environment steps before a cloned actor learns on; until then only what judges '
        'it does', low=0)
    evaluate_every: int = setting(65_536, 'environment steps between evaluations', low=1)
    checkpoint_every: int = setting(16_384, 'environment steps between checkpoints', low=1)
    stop_at_success: float = setting(
        0.0, 'end the run once an evaluation succeeds this often; 0 is never', low=0.0, high=1.0)
    reward: Settings = Settings()
    """Of the reward model; empty where there is none."""


@dataclass(frozen=True)
class OfflineSettings(RunSettings):
    """A run that learns from demonstrations alone."""

    evaluate_every: int = setting(
        0, 'passes over the demonstrations between evaluations; 0 is only at the end', low=0)
    checkpoint_every: int = setting(10, 'passes between checkpoints', low=1)

    learns_at_noise: ClassVar[bool] = False


def is_offline(algorithm: str) -> bool:
    """Whether the algorithm learns without an environment.

    Raises:
        UserError: there is no such algorithm.

    """
    if algorithm not in algorithms():
        raise unknown_name('algorithm', algorithm, algorithms())
    return algorithm in plugins.names(plugins.OFFLINE)


@dataclass(frozen=True)
class ResolvedRun:
    """Settings of a run, and where the value of each comes from."""

    settings: RunSettings
    origins: Mapping[str, str]
    """By dotted name: a class of settings, a method, a rule of presets, a file, …"""

    def __str__(self) -> str:
        """One line a setting: name, value, origin."""
        rows = [(name, repr(value), self.origins[name])
                for name, value in settings.values(self.settings).items()]
        name_width, value_width = (max(len(row[i]) for row in rows) for i in (0, 1))
        return '\n'.join(f'{name:{name_width}}  {value:{value_width}}  {origin}'
                         for name, value, origin in rows)


def make_run_settings(overrides: Mapping[str, object], source: str = 'settings') -> RunSettings:
    """Return the settings of ``resolve`` with overrides from one source.

    Raises:
        UserError: as ``resolve``.

    """
    return resolve({source: overrides}).settings


def resolve(given: Mapping[str, Mapping[str, object]], config: Path | None = None) -> ResolvedRun:
    """Choose the settings of a run. Where several set the same, the later of these wins.

    1. the defaults of the settings classes;
    2. ``run_defaults`` of algorithm and agent, or what an offline learner sets in a preset;
    3. the rules in ``presets/`` for the task, in written order; those for a noise level hold at
       every noise to which no other named level is nearer;
    4. the file ``config``; see ``read_config``;
    5. ``given``: overrides by dotted name, values may be text, for each source by its name.

    Raises:
        UserError: a name is unknown or a value has the wrong type or range, told with its source;
            settings do not go together; or ``config`` cannot be read.

    """
    sources = {**({str(config): read_config(config)} if config else {}), **given}
    said, by = _said_first(sources)
    with settings.naming(by['task']):
        task: Task = plugins.load(plugins.TASKS, said['task'])
    with settings.naming(by['algorithm']):
        is_offline(said['algorithm'])
    noise_level = task.nearest_noise_level(float(said['noise']) or task.default_noise)
    with settings.naming(by['agent']):
        draft, chosen = _start(said['algorithm'], said.get('agent'), said['preset'], noise_level)
    _apply_rules(draft, task, chosen)
    for source, overrides in sources.items():
        draft.set(overrides, source)
    _complete(draft, task, chosen)
    if isinstance(draft.settings, OnlineSettings):
        _check_warm_start(draft.settings)
        _check_terminations(draft.settings)
        _check_stop(draft.settings, task)
    return ResolvedRun(draft.settings, draft.origins)


class _Draft:
    """Settings in the making, with where they come from."""

    def __init__(self, base: RunSettings) -> None:
        self.settings = base
        self.origins = {name: f'default of {_owner(base, name)}' for name in settings.specs(base)}

    def set(self, values: Mapping[str, object], origin: str) -> None:
        self.settings = settings.replace(self.settings, values, origin)
        self.origins |= dict.fromkeys(values, origin)


def _owner(base: Settings, name: str) -> str:
    """Name of the class that has a setting."""
    group, separator, inner = name.partition('.')
    return _owner(getattr(base, group), inner) if separator else type(base).__name__


def _said_first(sources: Mapping[str, Mapping[str, object]]) -> tuple[dict[str, str],
                                                                      dict[str, str]]:
    """Return what is said of ``CHOSEN_FIRST``, and which source says it."""
    known = settings.specs(OnlineSettings)
    said = {name: str(known[name].default) for name in CHOSEN_FIRST if name != 'agent'}
    by = dict.fromkeys(CHOSEN_FIRST, 'default')
    for source, values in sources.items():
        for name in values.keys() & {*CHOSEN_FIRST}:
            with settings.naming(source):
                said[name], by[name] = str(known[name].convert(values[name])), source
    return said, by


def _start(algorithm: str, agent: str | None, preset: str,
           noise_level: float) -> tuple[_Draft, Chosen]:
    """Return what holds on any task."""
    if is_offline(algorithm):
        _, learner = plugins.load(plugins.OFFLINE, algorithm)
        draft = _Draft(OfflineSettings(learner=learner()))
        draft.set(learner.presets.get(preset, {}), f'preset {preset} of {algorithm}')
        return draft, Chosen(algorithm, '', preset, off_policy=False, learned_reward=False,
                             noise_level=noise_level)
    if algorithm in plugins.names(plugins.ALGORITHMS):
        if agent not in (None, algorithm):
            raise UserError(f'algorithm {algorithm!r} is its own agent', found=f'agent {agent!r}',
                            do='leave the agent out')
        name, (_, learner) = algorithm, plugins.load(plugins.ALGORITHMS, algorithm)
        reward = (plugins.load(plugins.REWARDS, learner.reward_model)[1]
                  if learner.reward_model else Settings)
        of_algorithm: Mapping[str, object] = {'agent': algorithm}
    else:
        _, reward = plugins.load(plugins.REWARDS, algorithm)
        of_algorithm = reward.run_defaults
        name = str(of_algorithm['agent']) if agent is None else agent
        if name not in agents():
            raise unknown_name('agent', name, agents())
        _, learner = plugins.load(plugins.AGENTS, name)
    draft = _Draft(OnlineSettings(learner=learner(), reward=reward()))
    draft.set(of_algorithm, f'run_defaults of {algorithm}')
    draft.set(learner.run_defaults, f'run_defaults of {name}')
    return draft, Chosen(algorithm, name, preset,
                         off_policy=issubclass(learner, OffPolicySettings),
                         learned_reward=issubclass(reward, RewardSettings),
                         noise_level=noise_level)


def _apply_rules(draft: _Draft, task: Task, chosen: Chosen) -> None:
    """Apply what the presets of a task say; a run without a setting passes it by."""
    if task.name not in plugins.names(plugins.RULES):
        return
    known = settings.specs(draft.settings)
    rules: tuple[Rule, ...] = plugins.load(plugins.RULES, task.name)
    for rule in rules:
        if rule.when.fits(chosen):
            draft.set({name: value for name, value in rule.settings.items() if name in known},
                      f'presets/{task.name}.py, {rule.when}')


def _complete(draft: _Draft, task: Task, chosen: Chosen) -> None:
    """Fill in what depends on all the rest."""
    if not draft.settings.noise:
        draft.set({'noise': task.default_noise}, f'task {task.name}')
    task.check_noise(draft.settings.noise)
    known = settings.values(draft.settings)
    if known.get('warm_start') and known.get('learner.random_steps'):
        draft.set({'learner.random_steps': 0}, 'warm_start: the clone acts from the first')
    if not draft.settings.output_dir:
        own = chosen.agent in ('', chosen.algorithm, 'ppo')
        name = '_'.join([task.name, chosen.algorithm, *([] if own else [chosen.agent])])
        draft.set({'output_dir': f'runs/{name}_{draft.settings.seed}'},
                  'task, algorithm, agent and seed')


def _check_warm_start(run: OnlineSettings) -> None:
    if run.warm_start and not needs_demonstrations(run):
        raise UserError(f'algorithm {run.algorithm!r} has no demonstrations to clone',
                        found=f'warm_start {run.warm_start}', expected='0')


def _check_terminations(run: OnlineSettings) -> None:
    if run.terminations != 'absorbing':
        return
    if not needs_demonstrations(run):
        raise UserError(f'algorithm {run.algorithm!r} learns no reward of an absorbing state',
                        found="terminations 'absorbing'", expected="'end' or 'ignore'")
    if settings.values(run)['learner.discount'] == 1:
        raise UserError('an absorbing state has no value without a discount',
                        found='learner.discount 1', expected='less than 1')
    if run.time_limits == 'end':
        raise UserError('a time-out without value leads into no absorbing state',
                        found="time_limits 'end', terminations 'absorbing'",
                        expected="time_limits 'bootstrap', or terminations 'end' or 'ignore'")


def _check_stop(run: OnlineSettings, task: Task) -> None:
    if run.stop_at_success > 0 and not task.has_success:
        raise UserError(f'task {task.name!r} has no success to stop at',
                        found=f'stop_at_success {run.stop_at_success:g}', expected='0',
                        do='leave it out; total_steps ends the run')


def plugins_of(run: OnlineSettings) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """Return what makes the run's agent, and its reward model if it has one."""
    if run.agent == run.algorithm:
        make_agent, learner = plugins.load(plugins.ALGORITHMS, run.algorithm)
        return make_agent, (plugins.load(plugins.REWARDS, learner.reward_model)[0]
                            if learner.reward_model else None)
    return (plugins.load(plugins.AGENTS, run.agent)[0],
            plugins.load(plugins.REWARDS, run.algorithm)[0])


def needs_demonstrations(run: RunSettings) -> bool:
    """Whether the run's algorithm learns from demonstrations."""
    if not isinstance(run, OnlineSettings) or run.agent == run.algorithm:
        return True
    return plugins.load(plugins.REWARDS, run.algorithm)[0].needs_expert


def length_of(run: RunSettings) -> tuple[int, str]:
    """Return after how many of what a run ends: steps of environments, or epochs."""
    if isinstance(run, OnlineSettings):
        return run.total_steps, 'step'
    return int(settings.values(run)['learner.epochs']), 'epoch'


def task_of(run: RunSettings) -> Task:
    """Return the run's task."""
    return plugins.load(plugins.TASKS, run.task)


def number_of_demonstrations(run: RunSettings) -> int:
    """Return how many the run learns from; 0 is all that are in ``demo_path``."""
    return run.demonstrations or (0 if run.demo_path else task_of(run).demonstrations)


FREE_TO_CHANGE = ('resume', 'output_dir', 'demo_path', 'device', 'threads')
"""Settings that may differ when a run is resumed; the demonstrations are compared by content."""
WATCHING = ('evaluate_every', 'evaluation_episodes', 'checkpoint_every')
"""Settings of a run that its last policy does not depend on, unless an evaluation ends it."""


def check_unchanged(recorded: Mapping[str, object], now: RunSettings, where: str) -> None:
    """Refuse to resume with other settings than a run was started with.

    Raises:
        UserError: naming every difference.

    """
    current = settings.values(now)
    changed = [f'{name}: {recorded.get(name)!r} then, {value!r} now'
               for name, value in current.items()
               if name not in FREE_TO_CHANGE and recorded.get(name) != value]
    if changed:
        raise UserError(f'the run in {where} was started with other settings',
                        found='; '.join(changed), expected='the same settings',
                        do='resume with those settings, or choose another output_dir')
