"""Command line of emotion-eval: parses, calls one function per command, turns errors into one line."""

import argparse
import logging
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from core.command_line import Parser, end_with, log_to_stderr
from offline_eval.commands import audformat, calibrate, compare, datasets, merge, report, run, synthetic, train


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Entry point; exits with 0 done, 1 failed while running, 2 usage or data, 130 interrupted."""
    arguments = _parser().parse_args(argv)
    log_to_stderr("%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    end_with("emotion-eval", lambda: arguments.command(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="emotion-eval",
        description="Trains and evaluates models of heard emotion on labelled speech.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('emotion-monitor')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    train.add_to(commands)
    calibrate.add_to(commands)
    compare.add_to(commands)
    datasets.add_to(commands)
    run.add_to(commands)
    merge.add_to(commands)
    report.add_to(commands)
    synthetic.add_to(commands)
    audformat.add_to(commands)
    return parser
