"""Command line of emotion-eval: parses, calls one function per command, turns errors into one line."""

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from core.command import Parser, end_with, whole_number
from core.errors import UsageError
from offline_eval.commands import calibrate, compare
from offline_eval.commands.arguments import add_data


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Entry point; exits with 0 done, 1 failed while running, 2 usage or data, 130 interrupted."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    end_with("emotion-eval", lambda: arguments.command(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="emotion-eval",
        description="Trains and evaluates models of heard emotion on labelled speech.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('emotion-monitor')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_train(commands)
    calibrate.add_to(commands)
    compare.add_to(commands)
    return parser


def _add_train(commands: Any) -> None:
    text = "train a small LTU-AS on labelled speech, and score it on speakers it has not heard"
    train = commands.add_parser("train", help=text, description=text[0].upper() + text[1:] + ".")
    train.set_defaults(command=_train)
    add_data(train)
    train.add_argument(
        "--whisper", type=Path, required=True, metavar="DIR", help="Whisper in the Hugging Face layout, kept frozen"
    )
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="model folder to make")
    train.add_argument("--overwrite", action="store_true", help="write into a folder that is not empty")
    train.add_argument(
        "--cache",
        type=Path,
        default=Path(".cache/features"),
        metavar="DIR",
        help="where encoder features are kept between runs (default %(default)s)",
    )
    train.add_argument("--name", default="ltu-as-mini", help="name of the model (default %(default)s)")
    train.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, draws and variants (default 0)")
    train.add_argument("--epochs", type=whole_number(1), metavar="N", help="at most this many")
    train.add_argument("--variants", type=whole_number(0), metavar="N", help="augmented variants of each training clip")
    train.add_argument("--threads", type=whole_number(1), metavar="N", help="CPU threads (default: all cores)")


def _train(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    import torch

    try:
        from offline_eval.scores import table
    except ModuleNotFoundError as error:
        msg = f"training needs {error.name}, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[train]'") from error
    from offline_eval.training.recipe import Recipe
    from offline_eval.training.train import Job, train

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    chosen = {"epochs": arguments.epochs, "variants": arguments.variants}
    recipe = replace(Recipe(seed=arguments.seed), **{key: n for key, n in chosen.items() if n is not None})
    job = Job(
        data=tuple(arguments.data),
        whisper=arguments.whisper,
        out=arguments.out,
        cache=arguments.cache,
        name=arguments.name,
        recipe=recipe,
        overwrite=arguments.overwrite,
        dev_speakers=arguments.dev_speakers,
    )
    outcome = train(job, progress=lambda line: print(line, file=sys.stderr, flush=True))
    print(table(outcome.scores))
    print(
        f"\n{job.out}: features {outcome.features_s:.0f} s, training {outcome.training_s:.0f} s, "
        f"scoring {outcome.scoring_s:.0f} s, sha256 {outcome.sha256}"
    )
    return 0
