# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Columns of parquet files, checked before they are believed, and files of columns.

A column is read only where its type is that of numbers, no number is missing and every row has
as many; so nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import io
from pathlib import Path
from typing import Any

import numpy as np

from drail_ros.data.formats.format import LARGEST, library
from drail_ros.tasks.task import Array


def table(columns: Mapping[str, Any]) -> Any:
    """Arrow table of arrays ``[L]`` or ``[L, n]``, the latter as lists of n numbers, and lists."""
    pa = library('pyarrow')
    made = {}
    for name, values in columns.items():
        if isinstance(values, np.ndarray) and values.ndim == 2:
            flat = pa.array(np.ascontiguousarray(values).reshape(-1))
            made[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        else:
            made[name] = pa.array(values)
    return pa.table(made)


def encoded(row_groups: Iterable[Any]) -> bytes:
    """Bytes of a parquet file with a row group for each table."""
    pq = library('pyarrow.parquet')
    buffer, writer = io.BytesIO(), None
    for group in row_groups:
        writer = writer or pq.ParquetWriter(buffer, group.schema, compression='snappy')
        writer.write_table(group)
    if writer:
        writer.close()
    return buffer.getvalue()


def columns(file: Path, where: str, wanted: Mapping[str, int | None],
            found: list[str]) -> dict[str, Array]:
    """Read the columns there are of those wanted.

    Args:
        file: the parquet file.
        where: its name in errors.
        wanted: how many numbers a row of a column has; None: one text.
        found: gets what is wrong.

    Returns:
        ``[L, n]``, or ``[L]`` where n is 1; of texts an array of Python strings.

    """
    pa, pq = library('pyarrow'), library('pyarrow.parquet')
    broken = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError)
    arrays: dict[str, Array] = {}
    try:
        with pq.ParquetFile(io.BytesIO(file.read_bytes())) as parquet:
            rows = parquet.metadata.num_rows
            declared = max(rows * 8 * sum(size or 8 for size in wanted.values()),
                           *(parquet.metadata.row_group(i).total_byte_size
                             for i in range(parquet.metadata.num_row_groups)), 0)
            if not 0 <= declared <= LARGEST:
                found.append(f'{where}: declared {rows} rows in {declared} bytes, expected at '
                             f'most {LARGEST}')
                return {}
            schema = parquet.schema_arrow
            for name, size in wanted.items():
                if name not in schema.names:
                    continue
                wrong = _type_problem(pa, schema.field(name).type, size)
                if wrong:
                    found.append(f'{where}: {name} is {wrong}')
                    continue
                column = parquet.read(columns=[name]).column(name)
                if len(column) != rows:
                    raise ValueError(f'{len(column)} rows of {name}, declared {rows}')
                arrays[name] = _numbers(pa, column, size)
    except broken as error:
        found.append(f'{where}: missing, truncated or damaged ({error}), expected a parquet file')
        return {}
    return arrays


def _type_problem(pa: Any, kind: Any, size: int | None) -> str:
    """Return what is wrong with the type of a column, or nothing."""
    types = pa.types
    if size is None:
        text = types.is_string(kind) or types.is_large_string(kind)
        return '' if text else f'{kind}, expected text'
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    inner = kind.value_type if is_list else kind
    number = types.is_integer(inner) or types.is_floating(inner) or types.is_boolean(inner)
    if not number or (size != 1 and not is_list):
        return f'{kind}, expected ' + ('a number' if size == 1 else f'{size} numbers')
    return ''


def _numbers(pa: Any, column: Any, size: int | None) -> Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    if array.null_count:
        raise ValueError(f'{array.null_count} rows without a value')
    if size is None:
        return np.array(array.to_pylist(), dtype=object)
    if not hasattr(array.type, 'value_type') or pa.types.is_dictionary(array.type):
        flat: Array = array.to_numpy(zero_copy_only=False)
        return flat
    inner = array.flatten()
    if inner.null_count:
        raise ValueError(f'{inner.null_count} numbers are missing')
    lengths = set(pa.compute.list_value_length(array).unique().to_pylist())
    if lengths - {size}:
        raise ValueError(f'rows of {sorted(lengths)} numbers, expected {size}')
    flat = inner.to_numpy(zero_copy_only=False)
    return flat if size == 1 else flat.reshape(len(array), size)
