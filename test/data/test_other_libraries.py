# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The formats' own libraries read what we wrote, each in an environment of its own.

Such an environment is made once, in ``~/.cache/drail_ros/formats``, for these libraries want
other versions of what drail_ros needs.
"""

from __future__ import annotations

from collections.abc import Mapping
import os
from pathlib import Path
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from random_episodes import PUSH, random_episode

from drail_ros import plugins
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.tasks.task import Array

CACHE = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'drail_ros' / 'formats'
MINARI = ('minari[hdf5]==0.5.4', 'pillow')
LEROBOT = ('lerobot[dataset]==0.6.1',)
ROBOMIMIC = ('robomimic==0.3.0', 'termcolor', 'tensorboardX', 'psutil')


@pytest.fixture(scope='module')
def demos() -> Demonstrations:
    return Demonstrations.join([random_episode(PUSH, 5 + i, i) for i in range(3)])


def ready(folder: Path, requirements: tuple[str, ...]) -> bool:
    mark = folder / 'ready'
    return mark.is_file() and mark.read_text().splitlines() == list(requirements)


def pip(python: Path, folder: Path, requirements: tuple[str, ...], *how: str) -> None:
    subprocess.run([str(python), '-m', 'pip', 'install', '-q', *how, *requirements], check=True)
    (folder / 'ready').write_text('\n'.join(requirements))


def environment(name: str, python: str, requirements: tuple[str, ...]) -> Path:
    """Return the Python of a virtual environment with these packages."""
    folder = CACHE / name
    if not ready(folder, requirements):
        subprocess.run([python, '-m', 'venv', '--clear', str(folder)], check=True)
        pip(folder / 'bin' / 'python', folder, requirements)
    return folder / 'bin' / 'python'


def newer_python() -> str:
    """Return a Python that LeRobot runs on, or skip the test."""
    for minor in range(12, 15):
        for python in (shutil.which(f'python3.{minor}'), *sorted(Path.home().glob(
                f'.pyenv/versions/3.{minor}.*/bin/python'))):
            # What pyenv puts on the path may be there and not run.
            if python and not subprocess.run([python, '-c', ''],
                                             stderr=subprocess.DEVNULL).returncode:
                return str(python)
    pytest.skip('LeRobot needs Python 3.12 or newer')


def read_by(python: Path, code: str, tmp_path: Path,
            variables: Mapping[str, str]) -> dict[str, Array]:
    """Run code that leaves arrays in ``found``, and return these."""
    save = f'\nimport numpy\nnumpy.savez({str(tmp_path / "found.npz")!r}, **found)\n'
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(('_ROS', 'PYTHON', 'GOMP'))}
    subprocess.run([str(python), '-c', textwrap.dedent(code) + save], check=True,
                   env={**kept, **variables, 'HF_HUB_OFFLINE': '1'})
    with np.load(tmp_path / 'found.npz', allow_pickle=False) as file:
        return dict(file)


@pytest.mark.slow
def test_minari_reads_what_we_wrote(demos: Demonstrations, tmp_path: Path) -> None:
    plugins.load(plugins.FORMATS, 'minari').export(demos, tmp_path / 'push-v0')
    found = read_by(environment('minari', sys.executable, MINARI), """
        import minari, numpy
        assert 'push-v0' in minari.list_local_datasets()
        dataset = minari.load_dataset('push-v0')
        episodes = list(dataset.iterate_episodes())
        about = list(dataset.storage.get_episode_metadata(range(len(episodes))))
        assert about[1]['noise'] == 1.0 and about[1]['source'] == 'random numbers'
        found = {'obs': numpy.concatenate([e.observations[:-1] for e in episodes]),
                 'next_obs': numpy.concatenate([e.observations[1:] for e in episodes]),
                 'action': numpy.concatenate([e.actions for e in episodes]),
                 'terminated': numpy.concatenate([e.terminations for e in episodes]),
                 'truncated': numpy.concatenate([e.truncations for e in episodes]),
                 'success': numpy.concatenate([e.infos['success'][1:] for e in episodes]),
                 'starts': numpy.cumsum([0] + [len(e.actions) for e in episodes[:-1]])}
        assert dataset.total_steps == len(found['obs'])
        """, tmp_path, {'MINARI_DATASETS_PATH': str(tmp_path)})
    assert len(found) == 7
    for name, array in found.items():
        assert np.array_equal(array, getattr(demos, name)), name


@pytest.mark.slow
def test_robomimic_reads_what_we_wrote(demos: Demonstrations, tmp_path: Path) -> None:
    site, path = CACHE / 'robomimic', tmp_path / 'push.hdf5'
    if not ready(site, ROBOMIMIC):
        pip(Path(sys.executable), site, ROBOMIMIC, '--no-deps', '--upgrade', '--target', str(site))
    plugins.load(plugins.FORMATS, 'robomimic').export(demos, path)
    keys = [field.name for field in PUSH.observation]
    found = read_by(Path(sys.executable), f"""
        import sys
        sys.path.append({str(site)!r})
        import numpy
        from robomimic.utils.dataset import SequenceDataset
        from robomimic.utils.obs_utils import initialize_obs_utils_with_obs_specs
        keys = {keys!r}
        initialize_obs_utils_with_obs_specs({{'obs': {{'low_dim': keys}}}})
        dataset = SequenceDataset(
            {str(path)!r}, obs_keys=keys, dataset_keys=['actions', 'rewards', 'dones'],
            seq_length=1, hdf5_cache_mode='low_dim', load_next_obs=True)
        rows = [dataset[i] for i in range(len(dataset))]
        found = {{name: numpy.concatenate([numpy.concatenate(
                     [row[name][key] for key in keys], axis=1) for row in rows])
                  for name in ('obs', 'next_obs')}}
        found['action'] = numpy.concatenate([row['actions'] for row in rows])
        found['terminated'] = numpy.concatenate([row['dones'] for row in rows])
        """, tmp_path, {})
    assert len(found) == 4
    for name, array in found.items():
        assert np.array_equal(array, getattr(demos, name)), name


@pytest.mark.slow
def test_lerobot_reads_what_we_wrote(demos: Demonstrations, tmp_path: Path) -> None:
    plugins.load(plugins.FORMATS, 'lerobot').export(demos, tmp_path / 'push')
    found = read_by(environment('lerobot', newer_python(), LEROBOT), f"""
        import numpy
        from lerobot.datasets.lerobot_dataset import LeRobotDataset
        dataset = LeRobotDataset('me/push', root={str(tmp_path / 'push')!r})
        assert (dataset.num_episodes, dataset.fps) == (3, 25)
        rows = [dataset[i] for i in range(len(dataset))]
        assert rows[0]['task'] == 'fetch_push'
        names = {{'obs': 'observation.state', 'action': 'action', 'success': 'next.success',
                  'next_obs': 'next.observation.state', 'terminated': 'next.terminated',
                  'truncated': 'next.truncated', 'step': 'step', 'episode': 'episode_index'}}
        found = {{ours: numpy.stack([row[theirs].numpy() for row in rows])
                  for ours, theirs in names.items()}}
        windows = LeRobotDataset('me/push', root={str(tmp_path / 'push')!r},
                                 delta_timestamps={{'action': [0.0, 0.04]}})
        found['second_actions'] = numpy.stack([windows[i]['action'][1].numpy() for i in (0, 5)])
        """, tmp_path, {'HF_HOME': str(tmp_path / 'hf')})
    assert np.array_equal(found.pop('second_actions'), demos.action[[1, 6]])
    assert len(found) == 8
    for name, array in found.items():
        ours = getattr(demos, name)
        assert np.array_equal(array.reshape(ours.shape), ours), name
