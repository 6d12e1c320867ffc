"""emotion-eval audformat: a corpus and every vote in it, as tables that other programs read."""

import argparse
from pathlib import Path
from typing import Any

from core.errors import UsageError


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "write the ratings of a corpus as a database in audformat, sound files named and not copied"
    parser = commands.add_parser("audformat", help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=run)
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder that is empty or absent")
    parser.add_argument("--dataset", required=True, metavar="NAME", help="a corpus; see `emotion-eval datasets`")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where its files are")


def run(arguments: argparse.Namespace) -> int:
    """Writes the database, and says how to read it."""
    try:
        from offline_eval.datasets.audformat_tables import write_audformat
        from offline_eval.datasets.evaluation import read_corpus

        corpus = read_corpus(arguments.dataset, arguments.root)
        write_audformat(corpus, arguments.dataset, arguments.out)
    except ModuleNotFoundError as error:
        msg = f"audformat tables need {error.name}, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[train]'") from error
    for line in corpus.lines():
        print(line)
    print(
        f"{arguments.out}: {len(corpus.utterances):,} utterances; `--dataset audformat --root {arguments.out}` reads it"
    )
    return 0
