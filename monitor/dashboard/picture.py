"""A picture of the screen, as a file."""

import time
from pathlib import Path

from platformdirs import user_data_path

from core.wire.values import timestamp
from monitor.export.writing import write_new


def save_picture(svg: str) -> str:
    """Writes it to the pictures of this user, beside recordings and exports, named after the time.

    Returns:
        The path for people, from the home folder on: a line of 80 columns holds it.

    Raises:
        ExportError: It cannot be written.
    """
    stem = timestamp(time.time())[:19].replace(":", "-") + "Z"
    (path,) = write_new(user_data_path("emotion-monitor") / "pictures", stem, {".svg": svg.encode()})
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
