# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Files appear whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from drail_ros import files


@pytest.mark.parametrize('call', ['fsync', 'replace'])
def test_file_is_old_or_new_wherever_writing_stops(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def stop(*_: object) -> None:
        raise OSError(errno.EIO, 'stopped')

    file = tmp_path / 'file'
    files.replace_file(file, b'old')
    monkeypatch.setattr(files.os, call, stop)
    with pytest.raises(OSError, match='stopped'):
        files.replace_file(file, b'new')
    assert [f.name for f in tmp_path.iterdir()] == ['file'] and file.read_bytes() == b'old'
