"""emotion-eval compare RUN RUN: one run against another."""

import argparse

from core.errors import UsageError

_RUNS = 2
_OF_FOLDS = ("data", "dev_speakers", "whisper", "split", "systems", "model", "predictions", "temper", "set")
"""Options that say what to learn and from what, of which a run knows nothing."""


def compare_folders(arguments: argparse.Namespace) -> int:
    """Prints the comparison as Markdown."""
    if given := [name for name in _OF_FOLDS if getattr(arguments, name)]:
        msg = f"folders of runs, and --{given[0].replace('_', '-')}: these compare different things"
        raise UsageError(msg, hint="give either two folders, or --data and what belongs to it")
    if len(arguments.runs) != _RUNS:
        msg = f"two folders of runs can be compared, not {len(arguments.runs)}"
        raise UsageError(msg, hint="emotion-eval compare RUN RUN; of more, `emotion-eval report` makes a table")
    try:
        from offline_eval.report.against import compare_runs, contest_as_json, document_of
        from offline_eval.report.markdown import as_markdown

        contest = compare_runs(*arguments.runs, seed=arguments.seed)
    except ModuleNotFoundError as error:
        msg = f"comparing needs {error.name}, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[train]'") from error
    report = as_markdown(document_of(contest))
    print(report, end="")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "compare.md").write_text(report, encoding="utf-8")
        (arguments.out / "compare.json").write_text(contest_as_json(contest), encoding="utf-8")
    return 0
