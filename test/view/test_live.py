# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The page, served for real: to this machine only, and its streams to no page of a stranger."""

from __future__ import annotations

from collections.abc import Iterator
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from drail_ros.errors import UserError
from drail_ros.view import live
from drail_ros.view.shown import episodes_of

_DEADLINE_S = 100.0


@pytest.fixture(scope='module')
def port() -> Iterator[int]:
    """Serve an episode at the default address; Ctrl-C must end it well."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'drail_ros.cli', 'view', 'fetch_push', '--episodes', '1',
         '--port', '0'], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        said = process.stdout.readline()
        address = re.match(r'http://127\.0\.0\.1:(\d+)/ ', said)
        assert address, said
        yield int(address[1])
        process.send_signal(signal.SIGINT)
        assert process.wait(_DEADLINE_S) == 0
        assert 'without a password' not in process.stdout.read()
    finally:
        process.kill()
        process.stdout.close()


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/{path}', timeout=_DEADLINE_S) as answer:
        return answer.read()


def foreign_addresses() -> list[str]:
    """Addresses of this machine that others know it by; nothing is sent to learn them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(('192.0.2.1', 9))
        except OSError:
            return []
        return [asking.getsockname()[0]]


def test_the_page_and_its_model_are_served(port: int) -> None:
    assert b'<html' in get(port, '').lower()
    assert len(get(port, 'model')) > 100_000


def test_no_other_address_answers(port: int) -> None:
    get(port, '')
    addresses = foreign_addresses()
    for address in [*addresses, '127.0.0.2']:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), timeout=10.0).close()
    with pytest.raises(OSError):
        socket.create_connection(('::1', port), timeout=10.0).close()
    if not addresses:
        pytest.skip('this machine has no address but its own loopback')


@pytest.mark.parametrize('path', ['state', 'ui', 'drop'])
@pytest.mark.parametrize('origin', ['http://example.com', 'http://127.0.0.1.example.com',
                                    'http://localhost@example.com', 'null'])
def test_pages_of_strangers_get_no_stream(port: int, path: str, origin: str) -> None:
    get(port, '')
    with (pytest.raises(InvalidStatus) as refused,
          connect(f'ws://127.0.0.1:{port}/{path}', origin=origin, proxy=None)):  # type: ignore
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize('origin', ['http://localhost:{}', 'http://127.0.0.1:{}',
                                    'http://localhost:1234'])
def test_its_own_page_does_also_through_a_tunnel(port: int, origin: str) -> None:
    get(port, '')
    with connect(f'ws://127.0.0.1:{port}/state', origin=origin.format(port),  # type: ignore
                 proxy=None) as stream:
        assert 'role=' in str(stream.recv(timeout=_DEADLINE_S))


@pytest.mark.parametrize(('host', 'port_asked', 'message'), [
    pytest.param('127.0.0.1', None, 'already in use', id='taken'),
    pytest.param('127.0.0.1', 99999, 'port 99999', id='no port'),
    pytest.param('192.0.2.1', 0, 'address of this machine', id="another's address"),
    pytest.param('no such host', 0, 'address of this machine', id='no host'),
])
def test_where_no_page_can_be_served_is_refused(port: int, host: str, port_asked: int | None,
                                                message: str) -> None:
    episodes = episodes_of('fetch_push', None, 1, 0.0, 0)
    with pytest.raises(UserError, match=message):
        live.show(episodes, host, port if port_asked is None else port_asked)


def test_a_viewer_without_the_parts_that_are_replaced_is_not_started(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(live.web_server, 'bind_public_socket')
    said: list[str] = []
    with pytest.raises(AttributeError):
        live.show(episodes_of('fetch_push', None, 1, 0.0, 0), port=0, say=said.append)
    assert not said
