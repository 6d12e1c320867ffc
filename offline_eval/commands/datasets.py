"""emotion-eval datasets: which corpora can be evaluated on, and how to get them."""

import argparse
from typing import Any


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "say which corpora `run` reads, and how to get them"
    parser = commands.add_parser("datasets", help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=run)


def run(_: argparse.Namespace) -> int:
    """Prints every guide."""
    from offline_eval.datasets.guides import CORPORA

    for name, guide in CORPORA.items():
        facts = {"ratings": guide.ratings, "licence": guide.licence, "from": guide.url, "--root": guide.layout}
        print(f"{name}: {guide.title}", *(f"  {what:<8} {text}" for what, text in facts.items()), sep="\n")
    return 0
