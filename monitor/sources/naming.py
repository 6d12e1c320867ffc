"""What sources are called: the name in `mic:USB=alice`, and what tells files of one name apart. No I/O."""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import UsageError

_NAME = re.compile(r"\w(?:[\w -]{0,38}\w)?")
"""What can be a level of a topic, and is no end of a path."""
_TAKEN = "answer"
"""Level of the topics below which answers to commands are given."""


def split_name(spec: str, *, is_whole: Callable[[str], bool]) -> tuple[str, str | None]:
    """A source without its name, and the name.

    The name is what follows the last `=`, if it can be one: letters, digits, blanks, `_` and `-`.

    Args:
        spec: Such as `mic:USB=alice`.
        is_whole: Whether there is a source that is called so with its `=` and all, as a file `a=b` may be; then that is
            meant.

    Raises:
        UsageError: The name is taken.
    """
    bare, sign, name = spec.rpartition("=")
    if not (sign and bare and _NAME.fullmatch(name)) or is_whole(spec):
        return spec, None
    if name == _TAKEN:
        msg = f"{spec}: no source can be called {name}, under which commands are answered"
        raise UsageError(msg, hint="take another name")
    return bare, name


def check_names(names: Sequence[str | None]) -> None:
    """Refuses one name for two.

    Raises:
        UsageError: There is one.
    """
    for name, count in Counter(names).items():
        if name is not None and count > 1:
            msg = f"{count} sources are called {name}"
            raise UsageError(msg, hint="a name is for one source: its topics and its panel have it")


def told_apart(paths: Sequence[Path]) -> list[str]:
    """A short name for each file: its own, after as many of its folders as others of that name make necessary.

    A file that is there more than once has a number from the second time on.
    """
    names: list[str] = []
    for path in paths:
        name = _shortest(path, paths)
        numbered = (f"{name} ({number})" for number in itertools.count(2))
        names.append(next(each for each in itertools.chain([name], numbered) if each not in names))
    return names


def _shortest(path: Path, paths: Sequence[Path]) -> str:
    for count in range(1, len(path.parts)):
        end = path.parts[-count:]
        if not any(other.parts[-count:] == end for other in paths if other != path):
            return str(Path(*end))
    return str(path)
