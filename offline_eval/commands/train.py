"""emotion-eval train: a small LTU-AS from labelled speech."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from core.command_line import whole_number
from core.errors import UsageError
from offline_eval.commands.arguments import add_data, add_recipe
from offline_eval.commands.progress import say, steps_bar


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "train a small LTU-AS on labelled speech, and score it on speakers it has not heard"
    parser = commands.add_parser("train", help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=run)
    add_data(parser)
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--whisper", type=Path, metavar="DIR", help="Whisper in the Hugging Face layout, kept frozen")
    start.add_argument(
        "--start", metavar="NAME|DIR", help="train a finished model further (try --set learning_rate=2e-4)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="model folder to make")
    parser.add_argument("--overwrite", action="store_true", help="write into a folder that is not empty")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(".cache/features"),
        metavar="DIR",
        help="where encoder features, and runs that were interrupted, are kept (default %(default)s)",
    )
    parser.add_argument(
        "--name", help="name of the model, in every event (default ltu-as-mini; with --start, that of the --out folder)"
    )
    add_recipe(parser)
    parser.add_argument(
        "--log", type=Path, metavar="DIR", help="write training.csv and training.png, scores by epoch, into this folder"
    )
    parser.add_argument("--threads", type=whole_number(1), metavar="N", help="CPU threads (default: all cores)")


def run(arguments: argparse.Namespace) -> int:
    """Trains, and prints the scores as Markdown."""
    import torch

    try:
        from core.ltu_as.folder import EMBEDDED, resolve_model
        from offline_eval.scoring.scores import table
        from offline_eval.training.recipe import Recipe, chosen
        from offline_eval.training.train import Job, train
    except ModuleNotFoundError as error:
        msg = f"training needs {error.name}, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[train]'") from error

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    job = Job(
        data=tuple(arguments.data),
        whisper=arguments.whisper,
        start=resolve_model(arguments.start) if arguments.start else None,
        out=arguments.out,
        cache=arguments.cache,
        name=arguments.name or (arguments.out.resolve().name if arguments.start else EMBEDDED),
        recipe=chosen(Recipe(), arguments.set),
        overwrite=arguments.overwrite,
        dev_speakers=arguments.dev_speakers,
        without=arguments.without,
    )
    outcome = train(job, progress=say, track=steps_bar)
    if arguments.log:
        from offline_eval.training.log import write_log

        write_log(arguments.log, outcome.epochs)
    print(table(outcome.scores))
    print(
        f"\n{job.out}: training {outcome.training_s:.0f} s, scoring {outcome.scoring_s:.0f} s, sha256 {outcome.sha256}"
    )
    data = " ".join(f"--data {shlex.quote(str(path))}" for path in arguments.data)
    say(f"its readings are not calibrated yet: emotion-eval calibrate --model {shlex.quote(str(job.out))} {data}")
    return 0
