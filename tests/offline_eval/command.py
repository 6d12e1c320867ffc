"""The command line, without a process of its own."""

import pytest

from offline_eval.cli import main


def emotion_eval(*arguments: object) -> int:
    """Runs a command; its exit status."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)
