# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The one kind of error that is the user's to mend; everything else is ours and keeps a traceback.

Raised anywhere in the package, printed without traceback by the command line and by the nodes.
"""

from __future__ import annotations

from collections.abc import Iterable
import difflib

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells use it (128 + SIGINT)."""


class UserError(Exception):
    """What is wrong, what was found, what was expected and what to do about it."""

    def __init__(self, problem: str, *, found: object = None, expected: object = None,
                 do: str | None = None) -> None:
        lines = [problem]
        if found is not None:
            lines.append(f'  found:    {found}')
        if expected is not None:
            lines.append(f'  expected: {expected}')
        if do is not None:
            lines.append(f'  do:       {do}')
        super().__init__('\n'.join(lines))


def unknown_name(kind: str, name: str, choices: Iterable[str], do: str | None = None) -> UserError:
    """Error for a name that is none of ``choices``; near ones come first."""
    choices = sorted(choices)
    near = difflib.get_close_matches(name, choices, n=3, cutoff=0.5)
    hint = f'did you mean {" or ".join(near)}?' if near else None
    return UserError(f'unknown {kind} {name!r}', expected='one of ' + ', '.join(choices),
                     do=do or hint)
