"""JSON files, whoever has saved them."""

import json
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """What a file in UTF-8 holds, with or without a byte order mark.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no UTF-8, no JSON, or nested deeper than anything that is meant.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        msg = "nested too deeply"
        raise ValueError(msg) from error
