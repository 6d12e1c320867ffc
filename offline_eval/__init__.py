"""The evaluation program: training and scoring on labelled speech."""

import sys
from pathlib import Path

import core

if getattr(core, "DISTRIBUTION", None) != "emotion-monitor":
    # A user's own `core` comes first on Python's path, and whatever is imported from it next would be a riddle.
    _found = getattr(core, "__file__", None) or next(iter(core.__path__), "nothing")
    _message = (
        f"{_found} is found in place of emotion-monitor's package of that name "
        "(rename it, or start from another folder; `python -P` leaves the current folder out)"
    )
    if Path(sys.argv[0]).name in {"-m", "emotion-eval"}:  # so it is while Python looks for the module of `python -m`
        sys.stderr.write(f"emotion-eval: {_message}\n")
        raise SystemExit(2)
    raise ImportError(_message)
