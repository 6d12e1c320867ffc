"""emotion-eval report: what a run came to, as a page, as Markdown, and as JSON."""

import argparse
from pathlib import Path
from typing import Any

from core.command_line import whole_number
from core.errors import UsageError
from offline_eval.commands.arguments import add_data, add_neutral_odds
from offline_eval.commands.report_models import report_models
from offline_eval.commands.report_ordinary import report_ordinary

_DRAWS = 2_000


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "write report.html, report.md and report.json about a run, or several, or say what a model hears in speech"
    parser = commands.add_parser(
        "report",
        help=text,
        description="Write report.html, report.md and report.json into the folder of a run; given several runs, of "
        "different models for one, hold them against each other on the utterances of all; or, given a model, say how "
        "much of some ordinary speech it hears as what, and how surely, by length.",
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="folder of the run, or of several, of which the first is held against each other one; with --model: sound "
        "files, folders of them, or tables whose unlabelled dev speakers "
        "are heard",
    )
    parser.add_argument(
        "--model", metavar="NAME|DIR", help="report what this model hears; then only what follows down to --out"
    )
    parser.add_argument("--adapt", action="store_true", help="let the model get to know each recording's voice")
    add_neutral_odds(parser, default=None, meaning="with --model (default: as its calibration says)")
    add_data(parser, required=False)
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(".cache/features"),
        metavar="DIR",
        help="with --data, from whose train speakers a logistic regression beside the model learns: where features are "
        "kept (default %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write the report on several runs into this folder instead of printing it; with --model: write "
        "ordinary.md and ordinary.json there",
    )
    parser.add_argument(
        "--view",
        metavar="NAME",
        help="what figures and differences are of, such as 'token single paper_linear' (default: seq_logprob of the "
        "single prompt, or what is nearest to it)",
    )
    parser.add_argument(
        "--transcripts",
        action="store_true",
        help="show the words of the utterances that are read worst; what a licence forbids to pass on, keep",
    )
    parser.add_argument(
        "--draws", type=whole_number(1), default=_DRAWS, metavar="N", help="of the intervals (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (default 0)")


def run(arguments: argparse.Namespace) -> int:
    """Writes the files, and names them; or prints what a model hears."""
    if arguments.model:
        return report_ordinary(arguments)
    if arguments.adapt or arguments.data:
        msg = "--adapt and --data belong to a report on ordinary speech"
        raise UsageError(msg, hint="for such a report, add --model")
    if len(arguments.folders) > 1:
        return report_models(arguments)
    if arguments.out:
        msg = "a report on one run lies in its folder"
        raise UsageError(msg, hint="leave --out out; for a report on ordinary speech, add --model")
    try:
        from offline_eval.report.write import write_report

        written = write_report(
            arguments.folders[0],
            judged=arguments.view,
            transcripts=arguments.transcripts,
            draws=arguments.draws,
            seed=arguments.seed,
        )
    except ModuleNotFoundError as error:
        msg = f"a report needs {error.name}, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[train]'") from error
    for path in written:
        print(path)
    return 0
