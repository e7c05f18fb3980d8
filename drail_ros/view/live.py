# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Episodes as a web page: MuJoCo's own viewer, and a panel to go back and forth in them.

As MuJoCo ships it, the viewer listens on every interface and answers everybody, web pages of
strangers in the same browser among them. Here it listens where it is told to, on this machine
unless told otherwise, and only its own page may open its streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
import logging
import re
import socket
import time
from typing import Any
from unittest import mock

import mujoco
from mujoco.studio import launch_thread, messages, viewer_protocol, web_viewer
from mujoco.studio.web import state_payload, web_server

from drail_ros.errors import UserError
from drail_ros.view.player import Panel, Player
from drail_ros.view.scene import Scene
from drail_ros.view.shown import Episodes

LOOPBACK = '127.0.0.1'
_ITS_OWN_NAMES = ('localhost', LOOPBACK, '[::1]')
"""What a page calls this machine, whichever port a tunnel leads to it from."""


def show(episodes: Episodes, host: str = LOOPBACK, port: int = 8080,
         say: Callable[[str], object] = print) -> None:
    """Serve the page until interrupted; ``say`` gets its address. Port 0 takes any free one.

    Raises:
        UserError: the address cannot be listened at, or the task cannot be shown.

    """
    scene = Scene(episodes.task)
    listening = _listen(host, port)
    logging.getLogger('WebServer').setLevel(logging.WARNING)  # not every browser that comes
    with listening, _guarded(listening, host):
        say(f'{_address(listening)} (Ctrl-C ends it)')
        if not listening.getsockname()[0].startswith(('127.', '::1')):
            say('without a password: whoever reaches that address can watch and steer this view')
        player = Player(episodes)
        try:
            viewer_protocol.run_viewer_loop(_Page(scene, player))
        finally:
            player.close()


class _Page(web_viewer.WebViewer):
    """MuJoCo's web viewer with the scene's own model and data."""

    def __init__(self, scene: Scene, player: Player) -> None:
        endpoint, _ = launch_thread.make_thread_endpoints()
        config = viewer_protocol.ViewerConfig(title=f'drail view {scene.task.name}', gfx='web')
        super().__init__(config, endpoint, model=scene.model,
                         plugins=[_Moves(scene, player), Panel(player)])
        self.model, self.data = scene.model, scene.data
        scene.place(self.camera)
        self._web_server.drop_queue = None  # models dropped on the page are not for this one


class _Moves:
    """Shows where the player is before each frame."""

    def __init__(self, scene: Scene, player: Player) -> None:
        self._scene, self._player = scene, player
        self._viewer: Any = None

    @messages.handler
    def on_init(self, event: viewer_protocol.ViewerInitEvent) -> None:
        """Know whose page it is."""
        self._viewer = event.viewer

    @messages.handler
    def on_update(self, event: messages.UpdateEvent) -> None:
        """Put the moment that is due into the scene, and its marks beside it."""
        self._player.advance(time.monotonic())
        shown, step = self._player.shown, self._player.step
        self._scene.show(shown, step)
        geoms = self._viewer.extra_geoms
        geoms.clear()

        def new_geom() -> mujoco.MjvGeom | None:
            if len(geoms) >= state_payload.MAX_EXTRA_GEOMS:
                return None
            geoms.append(mujoco.MjvGeom())
            return geoms[-1]

        self._scene.draw_marks(shown, step, new_geom)


def _listen(host: str, port: int) -> socket.socket:
    """Bind, so that nobody else can be given the address."""
    expected = 'a free port of an address of this machine'
    if not 0 <= port < 1 << 16:  # getaddrinfo takes the remainder
        raise UserError(f'no page can be served at port {port}', expected=expected)
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, kind)
    except (OSError, UnicodeError) as error:
        raise UserError(f'no page can be served at {host}', found=error,
                        expected='an address of this machine, such as 127.0.0.1') from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        # Bound only, a second process could bind it too: SO_REUSEADDR forbids it to listeners.
        listening.listen()
    except OSError as error:
        listening.close()
        raise UserError(f'no page can be served at {host} port {port}',
                        found=error.strerror,
                        expected=expected,
                        do='choose another --port; 0 takes any free one') from error
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f'http://{f"[{host}]" if ":" in host else host}:{port}/'


@contextmanager
def _guarded(listening: socket.socket, host: str) -> Iterator[None]:
    """Have the viewer take this socket instead of its own, and streams only from its own page.

    The viewer has no settings for either, so that parts of its server are replaced while it runs;
    if a release no longer has them, nothing is served at all.
    """
    def own_socket(host: str, port: int = 0) -> socket.socket:
        return listening

    origins = [None, *(re.compile(rf'https?://{re.escape(name)}(:\d+)?')
                       for name in {*_ITS_OWN_NAMES, host, f'[{host}]'})]
    serve: Any = partial(web_server.serve, origins=origins)
    with (mock.patch.object(web_server, 'bind_public_socket', own_socket),
          mock.patch.object(web_server, 'serve', serve),
          mock.patch.object(web_viewer, '_print_url_banner', lambda host, port: None)):
        yield
