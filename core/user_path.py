"""Paths as users write them in settings, commands and dialogs."""

import os
from contextlib import suppress
from pathlib import Path

from core.errors import UsageError


def user_path(setting: str, path: str) -> Path:
    """A path whose `~` or `~NAME` at the beginning stands for a home folder; whether anything is there is left open.

    Raises:
        UsageError: Nothing can be there, or we cannot get there; the message names the setting.
    """
    try:
        expanded = Path(path).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(expanded)  # the system knows best what it takes for a name
    except RuntimeError:
        reason = f"the home folder of {Path(path).parts[0]} is not known"
    except ValueError:  # a NUL, or what its encoding lacks
        reason = "no file has such a name"
    except OSError as error:
        reason = error.strerror or "we cannot get there"
    else:
        return expanded
    msg = f"{setting}: {path}: {reason}"
    raise UsageError(msg)
