# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Files that are damaged or mean harm: one clear error, nothing executed, nothing else read."""

from __future__ import annotations

from collections.abc import Callable
import io
import json
import os
from pathlib import Path
import shutil
from typing import Any
import zipfile

import numpy as np
import pytest
from random_episodes import PUSH, random_episode

from drail_ros import plugins
from drail_ros.data.demonstrations import Demonstrations
from drail_ros.data.formats.format import library, NORMALISED
from drail_ros.errors import UserError

h5py = pytest.importorskip('h5py')
pa = pytest.importorskip('pyarrow')
pq = pytest.importorskip('pyarrow.parquet')

DATA = Path('data/chunk-000/file-000.parquet')
INFO = Path('meta/info.json')


def refused(name: str, path: Path, message: str) -> str:
    """Return the error of a file that is not read."""
    with pytest.raises(UserError, match=message) as error:
        plugins.load(plugins.FORMATS, name).load(path, PUSH, NORMALISED)
    return str(error.value)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Return what writes two episodes in a format."""
    demos = Demonstrations.join([random_episode(PUSH, 6), random_episode(PUSH, 4, 1)])

    def write(name: str) -> Path:
        path = tmp_path / f'{name}-v0'
        plugins.load(plugins.FORMATS, name).export(demos, path)
        return path
    return write


class Harm:
    """What a pickle may do: write a file, here."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return os.system, (f'touch {self.file}',)


def replace(group: Any, name: str, **how: Any) -> None:
    del group[name]
    group.create_dataset(name, **how)


def external_storage(file: Any, secret: Path) -> None:
    replace(file['data/demo_0'], 'actions', shape=(6, 3), dtype='f4',
            external=[(str(secret), 0, 72)])


def virtual(file: Any, secret: Path) -> None:
    layout = h5py.VirtualLayout((6, 3), 'f4')
    layout[:] = h5py.VirtualSource(str(secret), 'actions', (6, 3))
    del file['data/demo_0/actions']
    file['data/demo_0'].create_virtual_dataset('actions', layout)


def external_link(file: Any, secret: Path) -> None:
    del file['data/demo_0/actions']
    file['data/demo_0/actions'] = h5py.ExternalLink(str(secret), 'actions')


def external_group(file: Any, secret: Path) -> None:
    file['data/demo_7'] = h5py.ExternalLink(str(secret), '/')


def soft_link(file: Any, _: Path) -> None:
    del file['data/demo_0/actions']
    file['data/demo_0/actions'] = h5py.SoftLink('/data/demo_1/actions')


def references(file: Any, _: Path) -> None:
    replace(file['data/demo_0'], 'actions', data=[file.ref] * 6, dtype=h5py.ref_dtype)


def texts(file: Any, _: Path) -> None:
    replace(file['data/demo_0'], 'actions', data=['a'] * 6)


def huge(file: Any, _: Path) -> None:
    replace(file['data/demo_0'], 'actions', shape=(2**40, 3), dtype='f4', chunks=(1024, 3))


def unwritten(file: Any, _: Path) -> None:
    replace(file['data/demo_0'], 'actions', shape=(6, 3), dtype='f4', chunks=(2, 3))
    file['data/demo_0/actions'][:2] = 0.5


def never_written(file: Any, _: Path) -> None:
    replace(file['data/demo_0'], 'actions', shape=(6, 3), dtype='f4')


def not_finite(file: Any, _: Path) -> None:
    file['data/demo_0/actions'][3] = np.nan


def a_group(file: Any, _: Path) -> None:
    del file['data/demo_0/actions']
    file.create_group('data/demo_0/actions/x')


def no_field(file: Any, _: Path) -> None:
    del file['data/demo_0/obs'][next(iter(file['data/demo_0/obs']))]


def another_name(file: Any, _: Path) -> None:
    file.move('data/demo_0', 'data/first')


def fewer(file: Any, _: Path) -> None:
    file['data/demo_0'].attrs['num_samples'] = 5


def attribute(file: Any, _: Path) -> None:
    file['data/demo_0'].attrs['source'] = np.zeros(3)


def facts(file: Any, _: Path) -> None:
    file['data'].attrs['drail_ros'] = '{"task": '


def own_filter(file: Any, _: Path) -> None:
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((6, 3))
    plan.set_filter(4242, h5py.h5z.FLAG_OPTIONAL, (1,))
    group = file['data/demo_0']
    del group['actions']
    h5py.h5d.create(group.id, b'actions', h5py.h5t.IEEE_F32LE,
                    h5py.h5s.create_simple((6, 3)), plan)


@pytest.mark.parametrize(('harm', 'message'), [
    pytest.param(external_storage, 'in other files', id='external storage'),
    pytest.param(virtual, 'in other files', id='virtual'),
    pytest.param(external_link, 'ExternalLink to elsewhere', id='external link'),
    pytest.param(external_group, 'demo_7: a ExternalLink', id='external group'),
    pytest.param(soft_link, 'SoftLink to elsewhere', id='soft link'),
    pytest.param(references, 'actions: object, expected numbers', id='references'),
    pytest.param(texts, 'actions: object, expected numbers', id='texts'),
    pytest.param(huge, 'expected at most', id='huge'),
    pytest.param(unwritten, 'only 1 of 3 parts were written', id='unwritten'),
    pytest.param(never_written, 'never written', id='never written'),
    pytest.param(own_filter, 'compressed by filter 4242', id='filter'),
    pytest.param(not_finite, 'demo_0: action is .*nan', id='nan'),
    pytest.param(a_group, 'a Group, expected a Dataset', id='group'),
    pytest.param(no_field, 'obs holds', id='field'),
    pytest.param(another_name, 'data/first: expected a name', id='name'),
    pytest.param(fewer, 'num_samples is 5, but there are 6', id='samples'),
    pytest.param(attribute, 'ndarray, expected text', id='attribute'),
    pytest.param(facts, 'drail_ros: damaged', id='facts'),
])
def test_hdf5_is_not_followed_and_not_believed(
        harm: Callable[[Any, Path], None], message: str, written: Callable[[str], Path],
        tmp_path: Path) -> None:
    secret = tmp_path / 'secret.hdf5'
    with h5py.File(secret, 'w') as file:
        file['actions'] = np.zeros((6, 3), np.float32)
    path = written('robomimic')
    with h5py.File(path, 'a') as file:
        harm(file, secret)
    refused('robomimic', path, message)


def test_all_problems_of_a_file_are_named(written: Callable[[str], Path], tmp_path: Path) -> None:
    path = written('robomimic')
    with h5py.File(path, 'a') as file:
        soft_link(file, tmp_path)
        file['data/demo_1/obs/extra'] = [1.0]
        file['data/demo_1'].attrs['num_samples'] = 3
        del file['data/demo_1/step']
        file['data/notes'] = [1]
    said = refused('robomimic', path, '3 problems')
    assert 'data/notes' in said and 'SoftLink' in said and 'num_samples' in said


@pytest.mark.parametrize('name', ['robomimic', 'arrays'])
@pytest.mark.parametrize('keep', [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(name: str, keep: float,
                                     written: Callable[[str], Path]) -> None:
    path = written(name)
    content = path.read_bytes()
    path.write_bytes(content[:int(keep * len(content))])
    refused(name, path, 'cannot be imported')


@pytest.mark.parametrize(('name', 'part'), [('minari', 'data/main_data.hdf5'),
                                            ('lerobot', str(DATA))])
def test_a_truncated_part_is_refused(name: str, part: str,
                                     written: Callable[[str], Path]) -> None:
    path = written(name)
    content = (path / part).read_bytes()
    (path / part).write_bytes(content[:-9])
    refused(name, path, 'truncated or damaged')
    (path / part).unlink()
    refused(name, path, 'missing|expected at least one')


@pytest.mark.parametrize('name', plugins.names(plugins.FORMATS))
def test_noise_and_nothing_are_refused(name: str, tmp_path: Path) -> None:
    refused(name, tmp_path / 'nowhere', 'cannot be imported|does not exist')
    (tmp_path / 'noise').write_bytes(np.random.default_rng(0).bytes(5000))
    refused(name, tmp_path / 'noise', 'cannot be')
    (tmp_path / 'folder').mkdir()
    refused(name, tmp_path / 'folder', 'cannot be imported|does not exist')


@pytest.mark.parametrize('name', ['robomimic', 'arrays', 'minari', 'lerobot'])
def test_flipped_bytes_are_read_or_refused_but_nothing_else(
        name: str, written: Callable[[str], Path]) -> None:
    path, rng = written(name), np.random.default_rng(0)
    target = {'minari': path / 'data/main_data.hdf5', 'lerobot': path / DATA}.get(name, path)
    content = target.read_bytes()
    for _ in range(40):
        bytes_ = bytearray(content)
        for at in rng.integers(0, len(content), 3):
            bytes_[at] ^= 1 << int(rng.integers(8))
        target.write_bytes(bytes_)
        try:
            plugins.load(plugins.FORMATS, name).load(path, PUSH, NORMALISED)
        except UserError:
            pass


def test_minari_counts_one_observation_more(written: Callable[[str], Path]) -> None:
    path = written('minari')
    with h5py.File(path / 'data/main_data.hdf5', 'a') as file:
        replace(file['episode_0'], 'observations', data=np.zeros((6, 16), np.float32))
    refused('minari', path, 'expected one observation more')
    metadata = json.loads((path / 'data/metadata.json').read_text())
    (path / 'data/metadata.json').write_text(json.dumps(metadata | {'total_episodes': 9}))
    refused('minari', path, 'metadata.json counts 9')
    (path / 'data/metadata.json').write_text(json.dumps(metadata | {'data_format': 'arrow'}))
    refused('minari', path, 'data_format is arrow')


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    table = pq.read_table(path / DATA)
    pq.write_table(change(table), path / DATA)


def column(table: Any, name: str, values: Any) -> Any:
    return table.set_column(table.schema.get_field_index(name), name, values)


@pytest.mark.parametrize(('change', 'message'), [
    pytest.param(lambda t: t.drop_columns(['action']), 'column action is missing', id='missing'),
    pytest.param(lambda t: t.take(list(reversed(range(10)))), 'rows must stand', id='order'),
    pytest.param(lambda t: t.slice(1), 'index is 1 in row 0, expected 0', id='cut'),
    pytest.param(lambda t: pa.concat_tables([t, t]), 'index is 0 in row 10', id='twice'),
    pytest.param(lambda t: column(t, 'episode_index', pa.array([0] * 6 + [2] * 4)),
                 'episode_index is 2 in row 6, expected 1', id='episodes'),
    pytest.param(lambda t: column(t, 'action', pa.array([None] + [[0.0] * 3] * 9)),
                 'without a value', id='null'),
    pytest.param(lambda t: column(t, 'action', pa.array([[0.0, None, 0.0]] * 10)),
                 'numbers are missing', id='null inside'),
    pytest.param(lambda t: column(t, 'action', pa.array([[0.0] * 2, [0.0] * 4] * 5)),
                 r'rows of \[2, 4\] numbers, expected 3', id='ragged'),
    pytest.param(lambda t: column(t, 'action', pa.array(['a'] * 10)), 'action is string',
                 id='text'),
    pytest.param(lambda t: column(t, 'action', pa.array([[np.nan] * 3] * 10)),
                 'episode 0: action is .*nan', id='nan'),
    pytest.param(lambda t: column(t, 'timestamp', pa.array(np.zeros(10, np.float32))),
                 'timestamp is 0 s in row 1', id='time'),
    pytest.param(lambda t: t.slice(0, 6), 'total_frames is 10, but there are 6', id='fewer'),
])
def test_parquet_is_not_believed(change: Callable[[Any], Any], message: str,
                                 written: Callable[[str], Path]) -> None:
    path = written('lerobot')
    rewrite(path, change)
    refused('lerobot', path, message)


@pytest.mark.parametrize(('changes', 'message'), [
    pytest.param({'fps': 30}, 'fps is 30, expected 25', id='rate'),
    pytest.param({'codebase_version': 'v2.1'}, 'v2.1, expected v3.0', id='version'),
    pytest.param({'features': {'action': {'names': ['a', 'b', 'c']}}}, "action is .'a', 'b'",
                 id='names'),
    pytest.param({'features': 3}, 'no features', id='features'),
    pytest.param({'total_episodes': 3}, 'total_episodes is 3, but there are 2', id='count'),
])
def test_lerobot_information_is_compared(changes: dict[str, Any], message: str,
                                         written: Callable[[str], Path]) -> None:
    path = written('lerobot')
    info = json.loads((path / INFO).read_text())
    (path / INFO).write_text(json.dumps(info | changes))
    refused('lerobot', path, message)
    (path / INFO).write_text('{')
    refused('lerobot', path, 'expected: JSON')


def add(path: Path, name: str, content: bytes) -> None:
    """Replace a member of a zip file."""
    with zipfile.ZipFile(path) as archive:
        members = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, 'w') as archive:
        for entry, old in (members | {name: content}).items():
            archive.writestr(entry, content if entry == name else old)


def test_pickled_objects_in_arrays_are_not_loaded(written: Callable[[str], Path],
                                                  tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Harm(tmp_path / 'done')], dtype=object), allow_pickle=True)
    for name in ('obs.npy', 'unknown.npy'):
        path = written('arrays')
        add(path, name, buffer.getvalue())
        refused('arrays', path, 'pickled Python objects')
        path.unlink()
    assert not (tmp_path / 'done').exists()


def test_arrays_declared_larger_than_they_are(written: Callable[[str], Path]) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {'descr': '<f4', 'fortran_order': False, 'shape': (2**50, 16)})
    path = written('arrays')
    add(path, 'obs.npy', header.getvalue())
    refused('arrays', path, 'declared as float32')


@pytest.mark.parametrize(('name', 'array', 'message'), [
    ('episode', np.zeros(3, np.int64), 'episode is int64 of shape'),
    ('episode', np.array([1] * 5 + [0] * 5), 'expected increasing integers'),
    ('success', np.zeros(3, bool), r'success has shape \(3,\), expected 10 rows'),
    ('noise', np.zeros(5), 'expected 2 numbers'),
    ('source', np.zeros(2), 'expected 2 texts'),
    ('drail_ros', np.array('{}'), 'drail_ros: damaged'),
    ('obs', np.array(3.0), 'no array obs'),
])
def test_arrays_that_do_not_belong_together(name: str, array: Any, message: str,
                                            written: Callable[[str], Path]) -> None:
    path, buffer = written('arrays'), io.BytesIO()
    np.save(buffer, array)
    add(path, f'{name}.npy', buffer.getvalue())
    refused('arrays', path, message)


def test_tensor_files_run_nothing(tmp_path: Path) -> None:
    torch = pytest.importorskip('torch')
    path = tmp_path / 'expert.pt'
    torch.save({'obs': Harm(tmp_path / 'done')}, path)
    said = refused('tensors', path, 'no file of tensors alone')
    assert 'UnpicklingError' in said and not (tmp_path / 'done').exists()
    torch.save([1], path)
    refused('tensors', path, 'a list, expected a dictionary')
    rows = {'obs': torch.zeros(4, 16), 'next_obs': torch.zeros(4, 16), 'done': torch.ones(4)}
    torch.save(rows, path)
    refused('tensors', path, 'actions is missing')
    torch.save(rows | {'actions': torch.zeros(1, 3).expand(10**9, 3)}, path)
    refused('tensors', path, 'but the file has')
    torch.save(rows | {'actions': torch.zeros(3, 3)}, path)
    refused('tensors', path, r'action has shape \(3, 3\), expected 4 rows')
    torch.save(rows | {'actions': torch.zeros(4, 3, dtype=torch.bfloat16)}, path)
    refused('tensors', path, 'expected numbers that numpy has')


def test_a_missing_library_is_named() -> None:
    with pytest.raises(UserError, match='pip install nowhere_to_be_found'):
        library('nowhere_to_be_found.part')


def test_a_folder_that_is_there_is_left_alone(written: Callable[[str], Path]) -> None:
    path = written('lerobot')
    shutil.rmtree(path / 'data')
    demos = Demonstrations.join([random_episode(PUSH, 6)])
    with pytest.raises(UserError, match='exists already'):
        plugins.load(plugins.FORMATS, 'lerobot').export(demos, path)
    assert not (path / 'data').exists() and (path / INFO).exists()
