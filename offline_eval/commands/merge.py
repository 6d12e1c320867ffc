"""emotion-eval merge: the shards of a run as one folder."""

import argparse
import sys
from pathlib import Path
from typing import Any

from core.errors import UsageError


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "join the shards of a run, made in folders of their own, into one folder"
    parser = commands.add_parser("merge", help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=run)
    parser.add_argument("shards", nargs="+", type=Path, metavar="DIR", help="folder of a shard")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make")


def run(arguments: argparse.Namespace) -> int:
    """Merges, and says what there is."""
    try:
        from offline_eval.runs.merge import merge
    except ModuleNotFoundError as error:
        msg = f"merging needs {error.name}, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[train]'") from error

    folder, notes = merge(arguments.shards, arguments.out)
    for note in notes:
        print(note, file=sys.stderr)
    asked = ", ".join(question.name for question in folder.record.questions)
    print(f"{folder.path}: {len(folder.items)} utterances, answers to {asked}")
    return 0
