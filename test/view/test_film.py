# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Films, drawn off screen by MuJoCo in a process of their own, which chooses what to draw with."""

from __future__ import annotations

import ctypes.util
import os
from pathlib import Path
import subprocess
import sys

import cv2
import numpy as np
from PIL import Image
import pytest

from drail_ros import cli
from drail_ros.errors import UserError
from drail_ros.tasks.fetch_push import RATE_HZ
from drail_ros.view import gl
from drail_ros.view.film import check_output, HOLD_S

STEPS = 4
FRAMES = 1 + STEPS + round(HOLD_S * RATE_HZ)
_SCRIPT = f"""
import sys
from pathlib import Path
from drail_ros.view.gl import choose_gl
choose_gl()
from drail_ros.view import film
from drail_ros.view.shown import episodes_of, Shown
episodes = episodes_of('fetch_push', None, 1, 0.0, 0)
whole = episodes[0]
episodes._shown[0] = Shown(whole.readings[-{STEPS + 1}:], whole.success, None)
for name in sys.argv[1:]:
    print(film.film(episodes, Path(name)))
"""


@pytest.fixture(scope='module')
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the last steps of an episode as film.mp4 and film.gif."""
    if not any(map(ctypes.util.find_library, ('EGL', 'OSMesa'))):
        pytest.skip('neither EGL nor OSMesa is installed')
    folder = tmp_path_factory.mktemp('films')
    files = [str(folder / 'new' / f'film{suffix}') for suffix in ('.mp4', '.gif')]
    environment = {name: value for name, value in os.environ.items()
                   if name not in ('DISPLAY', 'MUJOCO_GL')}
    done = subprocess.run([sys.executable, '-c', _SCRIPT, *files], env=environment, check=True,
                          capture_output=True, text=True)
    assert done.stdout.split() == [str(FRAMES)] * 2
    return folder / 'new'


def test_an_mp4_has_a_frame_for_each_moment(films: Path) -> None:
    video, frames = cv2.VideoCapture(str(films / 'film.mp4')), []
    assert video.get(cv2.CAP_PROP_FPS) == RATE_HZ
    while (read := video.read())[0]:
        frames.append(read[1].astype(int))
    assert len(frames) == FRAMES
    for before, after in zip(frames[:STEPS], frames[1:]):
        assert np.abs(before - after).max() > 50, 'nothing moved'
    assert np.abs(frames[STEPS] - frames[-1]).max() < 50, 'the end does not stay'


def test_a_gif_lasts_as_long_and_its_pictures_differ(films: Path) -> None:
    with Image.open(films / 'film.gif') as film:
        duration_ms, pictures = 0.0, []
        for number in range(getattr(film, 'n_frames', 1)):
            film.seek(number)
            duration_ms += film.info['duration']
            pictures.append(np.asarray(film.convert('RGB'), int))
        assert film.info['loop'] == 0
    assert duration_ms == pytest.approx(FRAMES * 1000 / RATE_HZ)
    assert len(pictures) > STEPS  # Pillow joins equal ones, as at the end
    assert all((before != after).any() for before, after in zip(pictures, pictures[1:]))


def test_the_goal_is_seen_reached(films: Path) -> None:
    """Its sphere turns from red to green with the last step."""
    with Image.open(films / 'film.gif') as film:
        shares = []
        for number in (0, STEPS):
            film.seek(number)
            # Below the caption and left of the ground, whose colour is green too.
            red, green, blue = np.moveaxis(np.asarray(film.convert('RGB'), int)[120:], 2, 0)
            shares.append(((red > green + 40) & (red > blue + 40)).mean())
    assert shares[0] > 1e-3 > shares[1]


@pytest.mark.parametrize(('name', 'message'), [
    pytest.param('film.avi', r'\.mp4 or \.gif', id='another kind'),
    pytest.param('film', r'\.mp4 or \.gif', id='no ending'),
    pytest.param('file/film.gif', 'cannot write', id='a file for a folder'),
    pytest.param('folder.gif', 'a folder of that name', id='a folder'),
])
def test_what_cannot_be_written_is_refused_first(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / 'file').touch()
    (tmp_path / 'folder.gif').mkdir()
    with pytest.raises(UserError, match=message):
        check_output(tmp_path / name)


def test_the_command_line_says_so(capsys: pytest.CaptureFixture[str],
                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MUJOCO_GL', 'egl')
    assert cli.main(['view', 'fetch_push', '--output', 'film.avi']) == 1
    assert '.mp4 or .gif' in capsys.readouterr().err


def test_with_nothing_to_draw_with_it_says_what_to_install(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.setenv('MUJOCO_GL', '')
    monkeypatch.setattr(gl.ctypes.util, 'find_library', lambda name: None)
    with pytest.raises(UserError, match='apt install'):
        gl.choose_gl()


@pytest.mark.parametrize(('found', 'expected'), [({'EGL', 'OSMesa'}, 'egl'),
                                                 ({'OSMesa'}, 'osmesa')])
def test_what_is_installed_is_chosen(monkeypatch: pytest.MonkeyPatch, found: set[str],
                                     expected: str) -> None:
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.setenv('MUJOCO_GL', '')
    monkeypatch.setattr(gl.ctypes.util, 'find_library',
                        lambda name: name if name in found else None)
    gl.choose_gl()
    assert os.environ['MUJOCO_GL'] == expected
