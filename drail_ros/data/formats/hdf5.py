# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""HDF5 files of strangers, read without following where they point.

An HDF5 file may name other files (external links, external and virtual datasets), declare arrays
far larger than itself, leave out parts of them (which then read as zeros) and ask for filters that
are loaded as plugins. None of that is read; each is a problem that is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import math
from pathlib import Path
from typing import Any

from drail_ros.data.formats.format import LARGEST, library, unusable
from drail_ros.tasks.task import Array

_BROKEN = (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeDecodeError,
           NotImplementedError)
"""What h5py raises on bytes that are no HDF5 file, or on parts of one."""
_FILTERS = {1, 2, 3, 4, 5, 6, 32000}
"""deflate, shuffle, fletcher32, szip, nbit, scaleoffset and lzf come with h5py."""


class Node:
    """A group of a file; whatever is wrong with what is asked for is added to ``found``."""

    def __init__(self, group: Any, name: str, found: list[str]) -> None:
        self._group = group
        self.name = name
        self.found = found

    def names(self) -> list[str]:
        """Names of what is in the group."""
        try:
            return list(self._group)
        except _BROKEN as error:
            self.found.append(f'{self.name or "/"}: damaged ({error})')
            return []

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def group(self, name: str) -> Node | None:
        """Return a group in this one, or None and a problem."""
        item = self._item(name, 'Group')
        return None if item is None else Node(item, self._path(name), self.found)

    def is_group(self, name: str) -> bool:
        """Whether there is a group of that name."""
        try:
            return name in self and self._group.get(name, getclass=True).__name__ == 'Group'
        except _BROKEN:
            return False

    def array(self, name: str) -> Array | None:
        """Return an array of numbers in this group, or None and a problem."""
        item = self._item(name, 'Dataset')
        if item is None:
            return None
        try:
            wrong = next(_reasons(item), None)
            if wrong is None:
                array: Array = item[()]
                return array
        except _BROKEN as error:
            wrong = f'damaged ({error})'
        self.found.append(f'{self._path(name)}: {wrong}')
        return None

    def text(self, name: str) -> str | None:
        """Return an attribute that is text, or None where there is none."""
        try:
            value = self._group.attrs.get(name)
        except _BROKEN as error:
            self.found.append(f'attribute {self._path(name)}: damaged ({error})')
            return None
        if isinstance(value, bytes):
            value = value.decode(errors='replace')
        if value is not None and not isinstance(value, str):
            self.found.append(f'attribute {self._path(name)}: {type(value).__name__}, expected '
                              'text')
            return None
        return value

    def number(self, name: str) -> float | None:
        """Return an attribute that is a number, or None where there is none."""
        try:
            value = self._group.attrs.get(name)
            return None if value is None else float(value)
        except (*_BROKEN, OverflowError) as error:
            self.found.append(f'attribute {self._path(name)}: no number ({error})')
            return None

    def _path(self, name: str) -> str:
        return f'{self.name}/{name}' if self.name else name

    def _item(self, name: str, kind: str) -> Any:
        try:
            if name not in self._group:
                self.found.append(f'{self._path(name)} is missing, expected beside '
                                  f'{", ".join(self.names()[:8]) or "nothing"}')
                return None
            link = self._group.get(name, getlink=True)
            if type(link).__name__ != 'HardLink':
                self.found.append(f'{self._path(name)}: a {type(link).__name__} to elsewhere, '
                                  'which is never followed')
                return None
            item = self._group[name]
        except _BROKEN as error:
            self.found.append(f'{self._path(name)}: damaged ({error})')
            return None
        if type(item).__name__ != kind:
            self.found.append(f'{self._path(name)}: a {type(item).__name__}, expected a {kind}')
            return None
        return item


@contextmanager
def opened(path: Path) -> Iterator[Node]:
    """Open a file and give its root.

    Raises:
        UserError: it is missing, truncated or no HDF5 file.

    """
    h5py = library('h5py')
    try:
        file = h5py.File(path, 'r')
    except (OSError, ValueError) as error:
        raise unusable(path, [f'missing, truncated or damaged ({error}), expected an HDF5 file'],
                       ) from None
    try:
        yield Node(file, '', [])
    finally:
        file.close()


def _reasons(dataset: Any) -> Iterator[str]:
    """Yield why an array is not read."""
    if dataset.is_virtual or dataset.external:
        yield 'its numbers are in other files, which are never read'
    if dataset.dtype.kind not in 'biuf' or dataset.dtype.itemsize > 8:
        yield f'{dataset.dtype}, expected numbers of at most 64 bits'
    if dataset.shape is None:
        yield 'empty, expected an array'
    plan = dataset.id.get_create_plist()
    filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
    if filters - _FILTERS:
        yield f'compressed by filter {min(filters - _FILTERS)}, expected one that HDF5 brings'
    declared = math.prod(dataset.shape) * dataset.dtype.itemsize
    if declared > LARGEST:
        yield f'declared as {dataset.shape}, expected at most {LARGEST} bytes'
    if dataset.chunks:
        chunks = math.prod(-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks))
        there = dataset.id.get_num_chunks()
        if there < chunks:
            yield f'only {there} of {chunks} parts were written'
    elif declared > dataset.id.get_storage_size():
        yield f'declared as {dataset.shape}, but its numbers were never written'
