# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""From settings to a finished run: what the command line and the nodes do alike.

Collects demonstrations where there are none, trains, exports the best policy. Owns no mathematics
and no topics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import contextlib
from dataclasses import dataclass
from functools import partial
import os
from pathlib import Path
import tempfile
import threading
from typing import Any

import torch

from drail_ros import plugins
from drail_ros.data.collect import collect, Expert
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.data.storage import load
from drail_ros.deploy.export import export_onnx
from drail_ros.deploy.onnx_policy import OnnxPolicy
from drail_ros.episodes.evaluate import evaluate, Evaluation, EVALUATION_SEED
from drail_ros.errors import UserError
from drail_ros.learn.nets.policy import load_policy, Policy, SavedPolicy
from drail_ros.learn.train.folder import BEST_POLICY, POLICY
from drail_ros.learn.train.loop import Report, TrainingLoop
from drail_ros.learn.train.offline import OfflineTrainer
from drail_ros.learn.train.online import Trainer
from drail_ros.learn.train.settings import (
    needs_demonstrations,
    OfflineSettings,
    OnlineSettings,
    RunSettings,
    task_of,
)
from drail_ros.sim.batch_sim import BatchSim
from drail_ros.sim.make import make_sim
from drail_ros.tasks.task import Array, Task

EXPORTED_POLICY = 'policy.onnx'
EXPERTS = Path(__file__).parent / 'tasks' / 'experts'


@dataclass(frozen=True)
class ExportedPolicy:
    """A policy that was written for whoever serves it."""

    path: Path
    step: int
    """Step of the log at which it was learned."""
    sha256: str
    """Of the file, hexadecimal."""


OnPolicy = Callable[[ExportedPolicy], None]


def expert_demonstrations_path(task: Task) -> Path:
    """Where demonstrations by a task's expert are kept when no folder is named."""
    cache = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    levels = '_'.join(f'{level:g}x' for level in task.demonstrated_noise)
    return (Path(cache) / 'drail_ros' / 'demonstrations'
            / f'{task.name}_{task.demonstrations}_at_{levels}')


def collect_demonstrations(task: Task, path: Path, *, episodes: int = 0, seed: int = 0,
                           noise: Sequence[float] = (),
                           progress: Callable[[int, int], None] | None = None) -> str:
    """Record the task's expert into ``path``: 0 episodes, or no noise levels, are the task's own.

    ``progress(stored, episodes)`` is called after each episode. Returns a summary to print.

    Raises:
        UserError: the task has no expert, or ``collect`` refuses.

    """
    expert, source = expert_of(task)
    return str(collect(task, expert, path, episodes or task.demonstrations,
                       lambda noise, num_envs: make_sim(task, num_envs, noise), source=source,
                       noise=noise, seed=seed, progress=progress))


def expert_of(task: Task) -> tuple[Expert, str]:
    """Return the expert that demonstrates a task, and in words who it is.

    Raises:
        UserError: the task has none, or its policy is missing or made for another task.

    """
    if task.expert is not None:
        return task.expert, 'scripted expert'
    if not task.expert_policy:
        raise UserError(f'task {task.name!r} has no expert',
                        expected='a scripted one in its file, or a policy in tasks/experts',
                        do='give a folder of demonstrations instead')
    policy = OnnxPolicy(EXPERTS / task.expert_policy)
    policy.check(task)
    act = policy.controller(1, task)
    return lambda obs, rng: act(obs), f'policy {task.expert_policy}'


def demonstrations_for(run: RunSettings,
                       say: Callable[[str], object]) -> Demonstrations | None:
    """Load the run's demonstrations; with no ``demo_path``, those of its task's expert.

    The expert's are collected once and kept. None where the algorithm needs none.

    Raises:
        UserError: the folder is missing, damaged or of another task.

    """
    if not needs_demonstrations(run):
        return None
    task = task_of(run)
    path = Path(run.demo_path) if run.demo_path else expert_demonstrations_path(task)
    if not run.demo_path and not (path / 'dataset.json').exists():
        say(f'collecting {task.demonstrations} demonstrations of the expert into {path}')
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'{path.name}.', dir=path.parent) as beside:
            say(collect_demonstrations(task, Path(beside) / path.name))
            with contextlib.suppress(OSError):  # another process was quicker, with the same
                (Path(beside) / path.name).rename(path)
    demonstrations = load(path, task)
    return demonstrations.first(run.demonstrations) if run.demonstrations else demonstrations


def train(run: RunSettings, demonstrations: Demonstrations | None, sim: BatchSim, report: Report,
          should_stop: Callable[[], bool] = lambda: False,
          on_policy: OnPolicy | None = None,
          save_asked: threading.Event | None = None,
          on_begin: Callable[[int], None] = lambda step: None) -> Path:
    """Train to the end or until stopped; return the file of the exported best policy.

    ``on_begin`` gets the step from which the run goes on, 0 where it is new;
    ``report(step, metrics)`` follows each iteration, ``on_policy`` each export of a
    best policy so far, or of the best one of a continued run that found no better; the last one of
    a run cut short before any was evaluated is exported only. ``save_asked`` has a checkpoint
    written after the iteration in which it is set.

    Raises:
        UserError: the folder holds another run or the disk is full; training diverged, or the
            exported policy is not the one that learned; the simulators refuse.

    """
    folder, exported = Path(run.output_dir), None

    def export(policy: SavedPolicy, info: Mapping[str, Any]) -> None:
        nonlocal exported
        written = export_onnx(policy, task_of(run), folder / EXPORTED_POLICY, info)
        exported = ExportedPolicy(folder / EXPORTED_POLICY, info['step'], written.sha256)
        if on_policy and (folder / BEST_POLICY).exists():  # else it was cut short, untrained
            on_policy(exported)

    trainer: TrainingLoop
    if isinstance(run, OfflineSettings):
        assert demonstrations is not None
        trainer = OfflineTrainer(sim, demonstrations, run, report, export)
    else:
        assert isinstance(run, OnlineSettings)
        trainer = Trainer(sim, demonstrations, run, report, export)
    on_begin(trainer.step)
    trainer.train(should_stop, save_asked)
    if exported is None:
        export(*load_policy(saved_policy(folder)))
    return folder / EXPORTED_POLICY


def evaluate_policy(file: Path, *, episodes: int, noise: float, seed: int, num_envs: int = 32,
                    sampled: bool = False) -> tuple[Evaluation, dict[str, object]]:
    """Evaluate a run folder, a saved policy or an exported ONNX file in this process.

    ``noise`` 0 is that of the policy's training; ``sampled`` draws actions instead of taking the
    mean. Returns the outcome and what the file says of itself.

    Raises:
        UserError: the file is missing or damaged, its task is unknown, the noise is out of range,
            or it is to be sampled and cannot be.

    """
    task, act, info = acting(file, num_envs, sampled_from=seed if sampled else None)
    sim = make_sim(task, num_envs, noise or float(str(info['noise'])))
    try:
        return evaluate(sim, act, episodes, seed + EVALUATION_SEED), info
    finally:
        sim.close()


def acting(file: Path, num_envs: int, sampled_from: int | None = None
           ) -> tuple[Task, Callable[[Array], Array], dict[str, object]]:
    """Return the task of a run folder, a saved policy or an ONNX file, what acts, and its info.

    It acts in ``num_envs`` environments, by the mean action or by samples of that seed.

    Raises:
        UserError: the file is missing or damaged, its task is unknown, or it has no samples.

    """
    file = saved_policy(file)
    if file.suffix == '.onnx':
        if sampled_from is not None:
            raise UserError('an exported policy is deterministic', found=f'sampled, {file}',
                            do='evaluate the run folder instead')
        exported = OnnxPolicy(file)
        task = plugins.load(plugins.TASKS, str(exported.metadata['task']))
        return task, exported.controller(num_envs, task), exported.metadata
    policy, info = load_policy(file)
    task = plugins.load(plugins.TASKS, str(info['task']))
    if sampled_from is None:
        return task, policy.controller(num_envs), info
    if not isinstance(policy, Policy):
        raise UserError('a policy that plans has no samples beside its plans', found=file,
                        do='evaluate it without sampling')
    sampler = torch.Generator().manual_seed(sampled_from)
    return task, partial(policy.act, generator=sampler), info


def export_policy(file: Path, output: Path) -> float:
    """Export a run folder's best policy, or a saved one, to ``output``.

    Returns the largest difference from torch, in command units.

    Raises:
        UserError: the file is missing or no policy, or the export differs from it.

    """
    policy, info = load_policy(saved_policy(file))
    return export_onnx(policy, plugins.load(plugins.TASKS, str(info['task'])), output,
                       info).largest_difference


def saved_policy(file: Path) -> Path:
    """Return the best (else the last) policy of a run folder; any other file as it is."""
    if file.is_dir():
        best = file / BEST_POLICY
        return best if best.exists() else file / POLICY
    return file
