# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""``drail demos``: collect demonstrations, look at them, exchange and rearrange them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from drail_ros import plugins
from drail_ros.errors import UserError

if TYPE_CHECKING:
    from drail_ros.data.demonstrations import Demonstrations


def add_task(parser: argparse.ArgumentParser) -> None:
    """Add ``--task``."""
    names = plugins.names(plugins.TASKS)
    parser.add_argument('--task', default='fetch_push', help='one of ' + ', '.join(names))


def add_demos(commands: argparse._SubParsersAction) -> None:
    """Add ``demos`` and its actions."""
    demos = commands.add_parser('demos', help='collect, look at, exchange demonstrations')
    actions = demos.add_subparsers(dest='action', required=True, metavar='ACTION')
    _add_collect(actions)
    info = _action(actions, 'info', 'print and plot what is in a folder', _info)
    info.add_argument('path', type=Path, help='folder of demonstrations')
    info.add_argument('--plot', type=Path, metavar='PNG', help='draw the demonstrations')
    check = _action(actions, 'check', 'name all that is wrong with a dataset', _check)
    check.add_argument('dataset', type=Path)
    _add_exchange(actions)
    _add_rearranging(actions)


def _action(actions: argparse._SubParsersAction, name: str, summary: str,
            execute: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=summary, description=summary)
    parser.set_defaults(execute=execute)
    return parser


def _add_collect(actions: argparse._SubParsersAction) -> None:
    collect = _action(actions, 'collect', 'record the expert of a task', _collect)
    add_task(collect)
    collect.add_argument('--episodes', type=int, default=0, help="0: the task's own number")
    collect.add_argument('--noise', type=float, nargs='+', default=(), metavar='LEVEL',
                         help="noise levels of the episodes, in turn (default: the task's)")
    collect.add_argument('--seed', type=int, default=0)
    collect.add_argument('--output', type=Path, help="folder (default: the task's own)")


def _collect(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from drail_ros import pipeline
    task = plugins.load(plugins.TASKS, options.task)
    path = options.output or pipeline.expert_demonstrations_path(task)
    with tqdm(total=options.episodes or task.demonstrations, unit='episode') as bar:
        summary = pipeline.collect_demonstrations(
            task, path, episodes=options.episodes, seed=options.seed, noise=options.noise,
            progress=lambda stored, total: bar.update(stored - bar.n) and None)
    print(f'{summary}\nin {path}')
    return 0


def _info(options: argparse.Namespace) -> int:
    from drail_ros.data.describe import describe
    from drail_ros.data.storage import load
    demonstrations = load(options.path)
    print(describe(demonstrations))
    if options.plot:
        from drail_ros.view.demonstrations import plot_demonstrations
        plot_demonstrations(demonstrations, options.plot)
        print(f'drawn in {options.plot}')
    return 0


def _check(options: argparse.Namespace) -> int:
    from drail_ros.data.curate import repeated
    from drail_ros.data.storage import load
    demonstrations = load(options.dataset)
    name, notes = demonstrations.layout.task, []
    if name in plugins.names(plugins.TASKS):
        load(options.dataset, plugins.load(plugins.TASKS, name))
    else:
        notes.append(f'task {name} is not here to compare it with')
    if count := repeated(demonstrations):
        notes.append(f'{count} episodes repeat an earlier one')
    print(f'{options.dataset}: {_size(demonstrations)}, nothing wrong'
          + ''.join(f'; {note}' for note in notes))
    return 0


def _add_exchange(actions: argparse._SubParsersAction) -> None:
    names = plugins.names(plugins.FORMATS)
    listed = '; '.join(f'{name}: {plugins.summary(plugins.FORMATS, name)}' for name in names)
    write = _action(actions, 'export', 'write demonstrations for another program', _export)
    write.add_argument('dataset', type=Path)
    write.add_argument('output', type=Path, help='file or folder that is not there yet')
    read = _action(actions, 'import', "read another program's demonstrations", _import)
    read.add_argument('file', type=Path, help='file or folder')
    read.add_argument('output', type=Path, help='dataset that is not there yet')
    add_task(read)
    from drail_ros.data.formats.format import ACTIONS
    read.add_argument('--actions', choices=ACTIONS, default=ACTIONS[0],
                      help='actions are within ±1, or commands in the units of the task '
                           '(default: %(default)s)')
    for parser in (write, read):
        parser.epilog = listed
        parser.add_argument('--format', required=True, metavar='|'.join(names))


def _export(options: argparse.Namespace) -> int:
    from drail_ros.data.storage import load
    chosen = plugins.load(plugins.FORMATS, options.format)
    if chosen.export is None:
        raise UserError(f'format {options.format} is read, not written',
                        expected='one of ' + ', '.join(
                            name for name in plugins.names(plugins.FORMATS)
                            if plugins.load(plugins.FORMATS, name).export))
    demonstrations = load(options.dataset)
    lost = chosen.export(demonstrations, options.output)
    _say(options.output, demonstrations, f'written as {options.format}; '
         + ('lost: ' + '; '.join(lost) if lost else 'nothing lost'))
    return 0


def _import(options: argparse.Namespace) -> int:
    from drail_ros.data.storage import save
    task = plugins.load(plugins.TASKS, options.task)
    loaded = plugins.load(plugins.FORMATS, options.format).load(
        options.file, task, options.actions)
    save(loaded.demonstrations, options.output)
    _say(options.output, loaded.demonstrations, f'from {options.file}; '
         + ('but: ' + '; '.join(loaded.notes) if loaded.notes else 'nothing lost'))
    return 0


def _add_rearranging(actions: argparse._SubParsersAction) -> None:
    merge = _action(actions, 'merge', 'join datasets of one task', _merge)
    merge.add_argument('output', type=Path, help='dataset that is not there yet')
    merge.add_argument('datasets', type=Path, nargs='+')
    split = _action(actions, 'split', 'divide a dataset in two, episodes in their order', _split)
    split.add_argument('dataset', type=Path)
    split.add_argument('first', type=Path, help='dataset that is not there yet')
    split.add_argument('second', type=Path, help='dataset that is not there yet')
    split.add_argument('--at', required=True, metavar='N|SHARE',
                       help='episodes that go first, or their share, such as 0.8')
    trim = _action(actions, 'trim', 'keep some episodes, or their beginnings', _trim)
    trim.add_argument('dataset', type=Path)
    trim.add_argument('output', type=Path, help='dataset that is not there yet')
    trim.add_argument('--episodes', default='', metavar='NUMBERS',
                      help='such as 0-9,12 (default: all)')
    trim.add_argument('--first', type=int, default=0, metavar='N',
                      help='keep the first N transitions of each (default: all)')


def _merge(options: argparse.Namespace) -> int:
    from drail_ros.data.curate import merge
    from drail_ros.data.storage import load, save
    merged = merge([(path, load(path)) for path in options.datasets])
    save(merged, options.output)
    _say(options.output, merged, f'from {len(options.datasets)} datasets; lost: their numbers '
         'of episodes and when they were recorded')
    return 0


def _split(options: argparse.Namespace) -> int:
    from drail_ros.data.curate import split
    from drail_ros.data.storage import load, save
    parts = split(load(options.dataset), options.at)
    _refuse(options.first, options.second)
    for path, part in zip((options.first, options.second), parts):
        save(part, path)
        _say(path, part, f'from {options.dataset}; nothing lost')
    return 0


def _trim(options: argparse.Namespace) -> int:
    from drail_ros.data.curate import trim
    from drail_ros.data.storage import load, save
    before = load(options.dataset)
    after = trim(before, options.episodes, options.first)
    save(after, options.output)
    _say(options.output, after, f'of {_size(before)} in {options.dataset}')
    return 0


def _refuse(*paths: Path) -> None:
    """Before anything is written, lest the first of two be written alone."""
    from drail_ros.data.formats.format import refuse_existing
    for path in paths:
        refuse_existing(path)
    if len({path.absolute() for path in paths}) < len(paths):
        raise UserError(f'{paths[0]} is named twice', expected='different names')


def _size(demonstrations: Demonstrations) -> str:
    return f'{demonstrations.num_episodes} episodes, {len(demonstrations)} transitions'


def _say(path: Path, demonstrations: Demonstrations, more: str) -> None:
    print(f'{path}: {_size(demonstrations)} {more}')
