# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The folder of a run: settings, metrics, checkpoint, policies. Written here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
import json
from pathlib import Path
import platform
import subprocess
from typing import Any

from drail_ros import __version__, settings
from drail_ros.errors import UserError
from drail_ros.files import write_json, write_whole
from drail_ros.learn.train.config import read_record, RECORD
from drail_ros.learn.train.settings import check_unchanged, RunSettings

POLICY, BEST_POLICY = 'policy.safetensors', 'policy_best.safetensors'


class RunFolder:
    """Creates or continues the folder of a run.

    Raises:
        UserError: the folder already holds a run and ``resume`` is off, it holds none to resume,
            or the run was started with other settings or demonstrations.

    """

    def __init__(self, run: RunSettings, demonstrations_hash: str) -> None:
        self.path = Path(run.output_dir)
        self.checkpoint = self.path / 'checkpoint.safetensors'
        self._metrics = self.path / 'metrics.jsonl'
        record = self.path / RECORD
        if run.resume == 'true' and not self.checkpoint.exists():
            raise UserError(f'{self.path} holds no run to resume',
                            found='no checkpoint' if self.path.exists() else 'no such folder',
                            expected=self.checkpoint.name,
                            do='say resume:=auto (--resume auto) to begin where there is none')
        if record.exists():
            if run.resume == 'false':
                raise UserError(f'{self.path} already holds a run',
                                do='resume it (resume:=auto, --resume auto), or choose another '
                                   'output_dir')
            recorded = read_record(self.path)
            check_unchanged(recorded['settings'], run, str(self.path))
            if recorded['demonstrations'] != demonstrations_hash:
                raise UserError('the demonstrations are not those the run was started with',
                                found=demonstrations_hash, expected=recorded['demonstrations'],
                                do='give the same demo_path')
        else:
            write_json(record, {
                'settings': settings.values(run), 'demonstrations': demonstrations_hash,
                'versions': {'drail_ros': __version__, 'python': platform.python_version(),
                             **{name: version(name) for name in ('numpy', 'torch', 'mujoco')},
                             **_commit()}})
        self._board: Any = None

    def start_log(self, step: int) -> list[dict[str, float]]:
        """Open the log at ``step`` and return its rows.

        What a killed run logged past its checkpoint is forgotten.
        """
        from torch.utils.tensorboard import SummaryWriter
        kept = [row for row in read_metrics(self.path) if row['step'] <= step]
        lines = ''.join(json.dumps(row) + '\n' for row in kept)
        write_whole(self._metrics, lines.encode())
        self._board = SummaryWriter(str(self.path), purge_step=step + 1)
        return kept

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append scalars of one iteration to ``metrics.jsonl`` and TensorBoard."""
        with self._metrics.open('a', encoding='utf-8') as file:
            file.write(json.dumps({'step': step, **metrics}) + '\n')
        for name, value in metrics.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Close the log."""
        if self._board is not None:
            self._board.close()


def _commit() -> dict[str, str]:
    """Return the commit of the sources, ``-dirty`` where they differ; nothing outside of git."""
    git = ['git', '-C', str(Path(__file__).parent)]
    try:
        # A checkout may also be somebody else's that has our installed files somewhere inside.
        subprocess.run([*git, 'ls-files', '--error-unmatch', Path(__file__).name], check=True,
                       capture_output=True)
        told = subprocess.run([*git, 'describe', '--always', '--abbrev=40', '--exclude=*',
                               '--dirty'], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {'commit': told.stdout.strip()}


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """Return the logged rows; a last line cut short by a crash is left out."""
    path = folder / 'metrics.jsonl'
    rows = []
    for line in path.read_text('utf-8').splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
