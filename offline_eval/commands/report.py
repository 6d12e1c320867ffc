"""emotion-eval report: what a run came to, as a page, as Markdown, and as JSON."""

import argparse
from pathlib import Path
from typing import Any

from core.command_line import whole_number
from core.errors import UsageError

_DRAWS = 2_000


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "write report.html, report.md and report.json into the folder of a run"
    parser = commands.add_parser("report", help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=run)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of the run")
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
    """Writes the files, and names them."""
    try:
        from offline_eval.report.write import write_report

        written = write_report(
            arguments.folder,
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
