# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Whole runs: resume, refusal, divergence; small, on real physics."""

from __future__ import annotations

import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
import torch

from drail_ros import plugins, settings
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.episodes.evaluate import wilson_interval
from drail_ros.errors import UserError
from drail_ros.files import read_tensors
from drail_ros.learn.rewards.terminations import TERMINATIONS
from drail_ros.learn.train import compute
from drail_ros.learn.train.checkpoint import load_checkpoint, save_checkpoint
from drail_ros.learn.train.folder import read_metrics
from drail_ros.learn.train.online import Trainer
from drail_ros.learn.train.settings import make_run_settings
from drail_ros.sim.make import make_sim
from drail_ros.tasks.fetch_push import TASK as FETCH_PUSH

SMALL: dict[str, object] = {
    'total_steps': 512, 'num_envs': 4, 'rollout_steps': 32, 'evaluate_every': 256,
    'evaluation_episodes': 4, 'checkpoint_every': 128, 'reward.width': 16, 'reward.layers': 2,
    'reward.batch_size': 32, 'learner.width': 16, 'learner.epochs': 2, 'learner.minibatches': 4,
    'learner.batch_size': 32, 'learner.random_steps': 128, 'learner.updates_per_step': 0.1,
    'reward.expert_updates': 20, 'warm_start': 0, 'device': 'cpu'}


RUNS = [pytest.param(algorithm, '', id=algorithm) for folder in
        (plugins.REWARDS, plugins.ALGORITHMS) for algorithm in plugins.names(folder)] + [
    pytest.param(algorithm, agent, id=f'{algorithm} {agent}') for algorithm, agent in
    (('drail', 'sac'), ('diffail', 'ppo'), ('dac', 'ppo'), ('airl', 'sac'), ('smiling', 'ppo'))]
"""Every algorithm with its own agent, and some with another."""


def settings_of(algorithm: str, agent: str, **wanted: object) -> dict[str, object]:
    """Those of ``wanted`` that the run has, whatever learns."""
    chosen: dict[str, object] = {'algorithm': algorithm} | ({'agent': agent} if agent else {})
    known = settings.specs(make_run_settings({'task': wanted.get('task', 'fetch_push'), **chosen}))
    return {name: value for name, value in wanted.items() if name in known} | chosen


def trainer(folder: Path, demonstrations: Demonstrations, algorithm: str = 'drail',
            agent: str = '', **changes: Any) -> Trainer:
    small = settings_of(algorithm, agent, **SMALL)
    run = make_run_settings({**small, 'output_dir': str(folder), **changes})
    return Trainer(make_sim(FETCH_PUSH, run.num_envs, run.noise), demonstrations, run,
                   lambda step, metrics: None)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_tensors(folder / 'policy.safetensors', 'policy')[0]


def assert_same_weights(first: Path, second: Path) -> None:
    ours, theirs = weights(first), weights(second)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


@pytest.mark.parametrize(('algorithm', 'agent'), RUNS)
def test_stopped_and_resumed_equals_never_stopped(
        algorithm: str, agent: str, tmp_path: Path,
        fetch_push_demonstrations: Demonstrations) -> None:
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    trainer(whole, fetch_push_demonstrations, algorithm, agent).train()
    stops = iter([False, False, True])
    trainer(parts, fetch_push_demonstrations, algorithm, agent).train(lambda: next(stops))
    assert load_checkpoint(parts / 'checkpoint.safetensors')['step'] == 256
    trainer(parts, fetch_push_demonstrations, algorithm, agent, resume=True).train()
    assert_same_weights(whole, parts)
    assert [r['step'] for r in read_metrics(whole)] == [r['step'] for r in read_metrics(parts)]


@pytest.mark.parametrize('terminations', TERMINATIONS)
@pytest.mark.parametrize('agent', plugins.names(plugins.AGENTS))
@pytest.mark.parametrize('algorithm', [
    name for name in plugins.names(plugins.REWARDS) if name != 'true_reward'])
def test_any_reward_model_pays_any_agent(
        algorithm: str, agent: str, terminations: str, tmp_path: Path,
        fetch_push_demonstrations: Demonstrations) -> None:
    """From states too, however ends are valued; what an agent learns stays finite."""
    run = trainer(tmp_path, fetch_push_demonstrations, algorithm, agent, total_steps=128,
                  terminations=terminations, reward_offset=0.1,
                  **{'reward.inputs': 'state_pair'})
    before = [p.clone() for p in run.agent.actor.parameters()]
    for _ in range(2):
        run.iterate()
    after = list(run.agent.actor.parameters())
    assert all(p.isfinite().all() for p in after)
    assert not all(map(torch.equal, before, after))


@pytest.mark.parametrize('warm_start', [0, 3])
@pytest.mark.parametrize('normalises', [True, False])
def test_observations_are_seen_in_units_or_as_z_scores(
        normalises: bool, warm_start: int, tmp_path: Path,
        fetch_push_demonstrations: Demonstrations) -> None:
    run = trainer(tmp_path, fetch_push_demonstrations, 'gail', 'ppo',
                  normalise_observations=normalises, warm_start=warm_start)
    for _ in range(2):
        run.iterate()
    obs = run.teacher.expert_obs
    seen = run.teacher.expert().obs
    assert torch.allclose(seen, obs, atol=1e-6) == (not normalises)
    assert torch.equal(run.policy.normaliser(obs), seen)


def test_killed_and_resumed_equals_never_killed(
        tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    """SIGKILL at whatever moment, more than once; the resumed run ends with the same weights."""
    from drail_ros.data.demonstrations import Episode
    from drail_ros.data.storage import DatasetWriter
    demos = tmp_path / 'demos'
    d = fetch_push_demonstrations
    with DatasetWriter(demos, FETCH_PUSH) as writer:
        for start, length in zip(d.starts, d.lengths):
            rows = slice(start, start + length)
            writer.append(Episode(d.layout, d.obs[rows], d.action[rows], d.next_obs[rows],
                                  d.terminated[rows], d.truncated[rows], d.success[rows],
                                  d.step[rows]))
    flags = [f'--{name.replace("_", "-")}={value}'
             for name, value in settings_of('drail', 'ppo', **SMALL).items()
             if name != 'total_steps']
    flags += ['--total-steps=2048', f'--demo-path={demos}']

    def start(folder: Path, *more: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, '-m', 'drail_ros.cli', 'train', *flags,
                                 f'--output-dir={folder}', *more], stderr=subprocess.DEVNULL)

    assert start(tmp_path / 'whole').wait(timeout=100) == 0
    for rows in (3, 8):
        process = start(tmp_path / 'killed', '--resume=auto')
        deadline = time.monotonic() + 60
        while len(read_metrics(tmp_path / 'killed')) < rows and time.monotonic() < deadline:
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert start(tmp_path / 'killed', '--resume=auto').wait(timeout=100) == 0
    assert_same_weights(tmp_path / 'whole', tmp_path / 'killed')


def test_a_run_is_not_overwritten_nor_changed_on_resume(
        tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    trainer(tmp_path, fetch_push_demonstrations).train(lambda: True)
    with pytest.raises(UserError, match='already holds a run'):
        trainer(tmp_path, fetch_push_demonstrations)
    with pytest.raises(UserError, match=r'reward\.width: 16 then, 24 now'):
        trainer(tmp_path, fetch_push_demonstrations, resume=True, **{'reward.width': 24})
    with pytest.raises(UserError, match='demonstrations are not those'):
        trainer(tmp_path, fetch_push_demonstrations.first(5), resume=True)


def test_a_run_goes_on_only_on_a_device_of_its_kind(
        tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    trainer(tmp_path, fetch_push_demonstrations).train(lambda: True)
    file = tmp_path / 'checkpoint.safetensors'
    save_checkpoint(file, {**load_checkpoint(file), 'device': 'cuda'})
    with pytest.raises(UserError, match='learned on another device'):
        trainer(tmp_path, fetch_push_demonstrations, resume=True)


def test_a_run_keeps_its_threads_whatever_else_runs_when_it_goes_on(
        tmp_path: Path, fetch_push_demonstrations: Demonstrations,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums round differently in another number of threads."""
    idle = iter([3])
    monkeypatch.setattr(compute, 'idle_cores', lambda: next(idle))
    monkeypatch.setattr(compute, 'threads_asked_for', lambda: 0)
    wide = {'reward.width': 256}
    before = torch.get_num_threads()
    try:
        trainer(tmp_path, fetch_push_demonstrations, **wide).train(lambda: True)
        assert torch.get_num_threads() == 3
        torch.set_num_threads(1)
        trainer(tmp_path, fetch_push_demonstrations, resume=True, **wide)
        assert torch.get_num_threads() == 3
        trainer(tmp_path, fetch_push_demonstrations, resume=True, threads=2, **wide)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_stopped_while_it_evaluates_it_evaluates_again(
        tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    trainer(whole, fetch_push_demonstrations).train()
    begun = iter([False, False])  # two iterations, then an evaluation is due
    trainer(parts, fetch_push_demonstrations).train(lambda: next(begun, True))
    assert len(read_metrics(parts)) == 1, 'the second is learned from but not yet judged'
    trainer(parts, fetch_push_demonstrations, resume=True).train()
    assert_same_weights(whole, parts)
    judged = [[(row['step'], row.get('evaluation/success_rate')) for row in read_metrics(folder)]
              for folder in (whole, parts)]
    assert judged[0] == judged[1]


def test_a_truncated_checkpoint_is_named(
        tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    trainer(tmp_path, fetch_push_demonstrations).train(lambda: True)
    checkpoint = tmp_path / 'checkpoint.safetensors'
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(UserError, match='checkpoint.safetensors cannot be read'):
        trainer(tmp_path, fetch_push_demonstrations, resume=True)


def test_divergence_stops_the_run_and_saves_its_state(
        tmp_path: Path, fetch_push_demonstrations: Demonstrations) -> None:
    run = trainer(tmp_path, fetch_push_demonstrations)
    with torch.no_grad():
        next(run.reward_model.parameters()).fill_(float('nan'))
    with pytest.raises(UserError, match='training diverged'):
        run.train()
    assert (tmp_path / 'diverged.safetensors').exists()


def test_a_checkpoint_holds_any_nesting(tmp_path: Path) -> None:
    state = {'a': [1, 2.5, None, 'text', {'b': torch.arange(3)}], 'c': {0: True}}
    save_checkpoint(tmp_path / 'x.safetensors', state)
    loaded = load_checkpoint(tmp_path / 'x.safetensors')
    assert torch.equal(loaded['a'][4]['b'], torch.arange(3))
    assert loaded['a'][:4] == state['a'][:4] and loaded['c'] == {0: True}


def test_wilson_interval() -> None:
    """Values from Brown, Cai & DasGupta (2001), and the extremes."""
    low, high = wilson_interval(15, 50)
    assert low == pytest.approx(0.191, abs=1e-3) and high == pytest.approx(0.438, abs=1e-3)
    assert wilson_interval(0, 10)[0] == 0.0 and wilson_interval(10, 10)[1] == pytest.approx(1.0)
