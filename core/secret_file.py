"""Passwords and tokens in files."""

from core.errors import UsageError
from core.user_path import user_path


def read_secret(setting: str, file: str) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        UsageError: It cannot be read; the message names the setting, and nothing of what the file holds.
    """
    try:
        return user_path(setting, file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        reason = "not UTF-8 text"
    except OSError as error:
        reason = error.strerror or "it is no file"
    msg = f"{setting}: {file} cannot be read: {reason}"
    raise UsageError(msg)
