# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Films of episodes, drawn off screen: MP4 by OpenCV, GIF by Pillow.

MUJOCO_GL says what MuJoCo draws with; see ``gl.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import io
import math
import os
from pathlib import Path
import tempfile

import mujoco
import numpy as np

from drail_ros.errors import UserError
from drail_ros.files import write_whole
from drail_ros.tasks.task import Array
from drail_ros.view.gl import INSTALL, VARIABLE
from drail_ros.view.scene import Scene
from drail_ros.view.shown import Episodes, Shown

LARGEST_FPS = 30.0
"""Of a task that is quicker, moments are left out."""
HOLD_S = 0.6
"""How long the end of an episode stays, so that one can read how it ended."""
SUFFIXES = ('.mp4', '.gif')
_HEIGHT = {'.mp4': 600, '.gif': 480}
_CODEC = 'vp09'
"""VP9: of what OpenCV's wheels can write, the one that browsers play."""
_MARGIN = 14
_INK, _SUCCESS_INK = (255, 255, 255), (120, 235, 140)


def check_output(path: Path) -> None:
    """Refuse what cannot become a film before anything is simulated or drawn.

    Raises:
        UserError: it ends in neither .mp4 nor .gif, its folder cannot be written, or what writes
            such films is not installed.

    """
    if path.suffix not in SUFFIXES:
        raise UserError(f'no film can be written as {path}', found=path.suffix or 'no ending',
                        expected=' or '.join(SUFFIXES))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        found = ('a folder of that name' if path.is_dir() else
                 None if os.access(path.parent, os.W_OK) else 'no permission')
    except OSError as error:
        found = error.strerror
    if found:
        raise UserError(f'cannot write {path}', found=found,
                        expected='a file in a folder that can be written',
                        do='choose another folder')
    try:
        import PIL  # noqa: F401
        if path.suffix == '.mp4':
            import cv2  # noqa: F401
    except ImportError as error:
        raise UserError(f'a film cannot be written as {path.suffix}', found=error,
                        expected='opencv-python-headless and pillow',
                        do="pip install 'drail_ros[view]'") from error


def film(episodes: Episodes, path: Path,
         progress: Callable[[int, int], object] = lambda done, total: None) -> int:
    """Write all episodes one after the other; return how many frames that are.

    An episode of L steps has 1 + L frames, or every k-th and the last where the task's rate
    exceeds ``LARGEST_FPS``, and its last frame stays for ``HOLD_S``. ``progress(done, total)``
    counts episodes.

    Raises:
        UserError: ``check_output`` refuses, there is nothing to draw with, or the disk is full.

    """
    check_output(path)
    stride = math.ceil(episodes.task.rate_hz / LARGEST_FPS)
    fps = episodes.task.rate_hz / stride
    frames = _frames(episodes, _HEIGHT[path.suffix], stride, round(HOLD_S * fps), progress)
    write = _write_gif if path.suffix == '.gif' else _write_mp4
    return write(path, frames, fps)


def _frames(episodes: Episodes, height: int, stride: int, hold: int,
            progress: Callable[[int, int], object]) -> Iterator[Array]:
    """Yield pictures ``[H, W, 3]`` uint8."""
    scene, succeeded = Scene(episodes.task), 0
    width = height * 4 // 3
    scene.model.vis.global_.offwidth, scene.model.vis.global_.offheight = width, height
    renderer = _renderer(scene.model, height, width)
    try:
        for number in range(len(episodes)):
            shown = episodes[number]
            succeeded += shown.success
            steps = sorted({*range(0, shown.steps, stride), shown.steps})
            for step in steps:
                picture = _draw(scene, renderer, shown, step)
                ended = step == shown.steps
                lines = [f'{episodes.task.name}: {episodes.actor}',
                         f'{episodes.numbered(number)}, step {step} of {shown.steps}']
                if ended and shown.total_reward is not None and not episodes.task.has_success:
                    lines.append(f'return {shown.total_reward:.1f}')
                if ended and episodes.task.has_success:
                    lines.append(f'{"success" if shown.success else "no success"} '
                                 f'({succeeded} of {number + 1})')
                frame = _captioned(picture, lines, ended and shown.success)
                for _ in range(1 + hold * ended):
                    yield frame
            progress(number + 1, len(episodes))
    finally:
        renderer.close()


def _renderer(model: mujoco.MjModel, height: int, width: int) -> mujoco.Renderer:
    try:
        return mujoco.Renderer(model, height, width)
    except Exception as error:  # EGL, OSMesa and GLFW each raise their own
        raise UserError('MuJoCo cannot draw on this machine',
                        found=f'{VARIABLE}={os.environ.get(VARIABLE, "")}: {error}',
                        expected='MUJOCO_GL egl, osmesa, or glfw where there is a screen',
                        do=INSTALL) from error


def _draw(scene: Scene, renderer: mujoco.Renderer, shown: Shown, step: int) -> Array:
    camera = mujoco.MjvCamera()
    scene.place(camera)
    scene.show(shown, step)
    renderer.update_scene(scene.data, camera)
    shapes = renderer.scene

    def new_geom() -> mujoco.MjvGeom | None:
        if shapes.ngeom >= shapes.maxgeom:
            return None
        shapes.ngeom += 1
        return shapes.geoms[shapes.ngeom - 1]

    scene.draw_marks(shown, step, new_geom)
    return renderer.render()


def _captioned(picture: Array, lines: list[str], success: bool) -> Array:
    """Write lines in the upper left corner; the last in another colour after a success."""
    from PIL import Image, ImageDraw, ImageFont
    image = Image.fromarray(picture)
    draw, size = ImageDraw.Draw(image), image.height // 30
    font = ImageFont.load_default(size)
    for i, line in enumerate(lines):
        ink = _SUCCESS_INK if success and i == len(lines) - 1 else _INK
        draw.text((_MARGIN, _MARGIN + i * round(1.35 * size)), line, ink, font,
                  stroke_width=2, stroke_fill=(20, 20, 20))
    return np.asarray(image)


def _write_gif(path: Path, frames: Iterator[Array], fps: float) -> int:
    from PIL import Image
    count, buffer = 0, io.BytesIO()

    def images() -> Iterator[Image.Image]:
        nonlocal count
        for frame in frames:
            count += 1
            yield Image.fromarray(frame).quantize(method=Image.Quantize.FASTOCTREE)

    first, *rest = images()
    first.save(buffer, format='GIF', save_all=True, append_images=rest, loop=0,
               duration=round(1000 / fps))
    write_whole(path, buffer.getvalue())
    return count


def _write_mp4(path: Path, frames: Iterator[Array], fps: float) -> int:
    import cv2
    count, writer = 0, None
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) / 'film.mp4'
        try:
            for frame in frames:
                count += 1
                if writer is None:
                    writer = cv2.VideoWriter(str(beside), cv2.VideoWriter.fourcc(*_CODEC), fps,
                                             (frame.shape[1], frame.shape[0]))
                writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        finally:
            if writer is not None:
                writer.release()
        if not beside.exists() or not beside.stat().st_size:
            raise UserError(f'OpenCV cannot write {path}', found='no VP9 encoder in it',
                            expected="OpenCV of PyPI's wheels",
                            do='pip install opencv-python-headless, or choose .gif')
        write_whole(path, beside.read_bytes())
    return count
