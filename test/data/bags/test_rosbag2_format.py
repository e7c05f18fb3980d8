# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Folders of bags, whoever recorded them, become datasets."""

from __future__ import annotations

from pathlib import Path
import shutil

import numpy as np
import pytest
from robot_messages import COMMAND, pushed, TASK, TYPES, write_bag
from rosbags.rosbag2 import StoragePlugin, Writer

from drail_ros import cli
from drail_ros.data.bags.types import typestore
from drail_ros.data.formats.rosbag2 import FORMAT
from drail_ros.data.storage import load
from drail_ros.errors import UserError

PUSHES = [pushed(seed) for seed in range(3)]


def test_a_folder_of_bags_becomes_a_dataset(tmp_path: Path,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    for i, (events, _, _) in enumerate(PUSHES):
        write_bag(tmp_path / 'bags' / f'episode_{i:05d}', events)
    write_bag(tmp_path / 'bags' / 'episode_00003', PUSHES[0][0], {'success': 'false'})
    assert cli.main(['demos', 'import', str(tmp_path / 'bags'), str(tmp_path / 'demos'),
                     '--format', 'rosbag2', '--task', 'fetch_push']) == 0
    assert '3 episodes' in (out := capsys.readouterr().out)
    assert '1 episode without success left out' in out
    found = load(tmp_path / 'demos', TASK)
    expected = np.concatenate([rows['obs'] for _, rows, _ in PUSHES])
    assert np.array_equal(found.obs, expected) and found.success.sum() == 3
    assert found.sources == ('episode_00000', 'episode_00001', 'episode_00002')


@pytest.mark.parametrize('storage', [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_bags_of_another_tool_are_read(tmp_path: Path, storage: StoragePlugin) -> None:
    """With topics of others in them, and another namespace."""
    store, events = typestore(), PUSHES[1][0]
    with Writer(tmp_path / 'bag', version=9, storage_plugin=storage) as writer:
        places = {topic: writer.add_connection(f'/robot/{topic}', kind, typestore=store)
                  for topic, kind in TYPES.items()}
        other = writer.add_connection('/rosout', 'std_msgs/msg/String', typestore=store)
        text = store.types['std_msgs/msg/String'](data='hello')
        writer.write(other, events[0][2], store.serialize_cdr(text, 'std_msgs/msg/String'))
        for topic, message, received_ns in events:
            writer.write(places[topic], received_ns, store.serialize_cdr(message, TYPES[topic]))
    demonstrations, notes = FORMAT.load(tmp_path / 'bag', TASK, 'normalised')
    assert not notes and np.array_equal(demonstrations.obs, PUSHES[1][1]['obs'])


def test_the_good_bags_of_a_folder_are_kept(tmp_path: Path) -> None:
    write_bag(tmp_path / 'a', PUSHES[0][0])
    write_bag(tmp_path / 'half', PUSHES[1][0])
    file = tmp_path / 'half' / 'half_0.mcap'
    file.write_bytes(file.read_bytes()[:20_000])
    write_bag(tmp_path / 'late', [event for i, event in enumerate(PUSHES[2][0])
                                  if event[0] != COMMAND or i > 30])
    demonstrations, notes = FORMAT.load(tmp_path, TASK, 'normalised')
    assert demonstrations.sources == ('a', 'late') and len(notes) == 3
    assert 'half cannot be read as a bag' in notes[0]
    assert 'late: 6 without command' in notes[2], notes


def test_where_nothing_is_left_it_is_said_why(tmp_path: Path) -> None:
    for there in (tmp_path, tmp_path / 'missing'):
        with pytest.raises(UserError, match='no bag'):
            FORMAT.load(there, TASK, 'normalised')
    write_bag(tmp_path / 'bag', PUSHES[0][0][:20])
    with pytest.raises(UserError, match='1 episode without success left out'):
        FORMAT.load(tmp_path, TASK, 'normalised')
    shutil.rmtree(tmp_path / 'bag')
