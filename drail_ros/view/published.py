# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.


"""Published figures to stand beside our own, from a CSV file.

Columns: ``algorithm`` (or the name of a variant), ``value`` of the varied setting (empty: where
nothing is varied), ``score`` as in our tables (percent, or return), and if there are any ``std``
and, where several settings are varied, ``setting``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import csv
from dataclasses import dataclass
import math
from pathlib import Path

from drail_ros.errors import UserError

_COLUMNS = ('algorithm', 'value', 'score')
_OPTIONAL = ('std', 'setting')


@dataclass(frozen=True)
class Published:
    """One published figure."""

    label: str
    setting: str
    """The varied one; empty where none is."""
    value: str
    score: float
    std: float | None

    def stands_at(self, setting: str, value: str) -> bool:
        """Whether it belongs to this value; numbers may be written differently."""
        here, there = position(self.value), position(value)
        same = self.value == value if here is None or there is None else here == there
        return self.setting == setting and same


def position(value: str) -> float | None:
    """Return where a value of a setting stands on an axis; ``x2`` at 2; None where nowhere."""
    try:
        number = float(value.removeprefix('x'))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_published(path: Path, varied: Sequence[str]) -> list[Published]:
    """Read a file of published figures for a comparison that varies these settings.

    Where nothing is varied, rows with a value are left out; they have no place.

    Raises:
        UserError: it cannot be read, a column is missing, a score is no number, or it is not said
            which of several varied settings has a value.

    """
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if not {*_COLUMNS} <= {*columns} <= {*_COLUMNS, *_OPTIONAL}:
                raise UserError(f'{path} has other columns', found=', '.join(columns),
                                expected=f'{", ".join(_COLUMNS)}[, {", ".join(_OPTIONAL)}]')
            rows = [_published(row, varied, f'{path}, line {reader.line_num}') for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f'{path} cannot be read', found=error, expected='CSV') from error
    return [row for row in rows if varied or not row.value]


def _published(row: Mapping[str, str | None], varied: Sequence[str], where: str) -> Published:
    label, value, setting = (row.get(name) or '' for name in ('algorithm', 'value', 'setting'))
    if value and varied and not setting:
        if len(varied) > 1:
            raise UserError(f'{where}: it is not said what has the value {value}',
                            expected=f'a column setting: {" or ".join(varied)}')
        setting = varied[0]
    try:
        return Published(label, setting, value, float(row['score'] or ''),
                         float(row['std'] or '') if row.get('std') else None)
    except ValueError:
        raise UserError(f'{where}: a score or std is no number',
                        found=f'{row["score"]!r}, {row.get("std")!r}') from None
