"""Passwords and tokens in files."""

from pathlib import Path

from core.errors import UsageError


def read_secret(setting: str, file: str) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        UsageError: It cannot be read; the message names the setting, and nothing of what the file holds.
    """
    try:
        return Path(file).expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        reason = "not UTF-8 text"
    except OSError as error:
        reason = error.strerror or "it is no file"
    except (ValueError, RuntimeError) as error:  # a NUL in the name, or no such user's home
        reason = str(error)
    msg = f"{setting}: {file} cannot be read: {reason}"
    raise UsageError(msg)
