"""emotion-eval report RUN RUN ..: runs of several models on the same utterances."""

import argparse

from core.errors import UsageError


def report_models(arguments: argparse.Namespace) -> int:
    """Writes the report into --out and names the files, or prints it as Markdown."""
    if arguments.transcripts:
        msg = "--transcripts belongs to a report on one run"
        raise UsageError(msg, hint="leave it out")
    try:
        from offline_eval.report.against import compare_runs, document_of, write_contest
        from offline_eval.report.markdown import as_markdown

        contest = compare_runs(
            *arguments.folders, draws=arguments.draws, seed=arguments.seed, one_view=True, judged=arguments.view
        )
    except ModuleNotFoundError as error:
        msg = f"a report needs {error.name}, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[train]'") from error
    if arguments.out is None:
        print(as_markdown(document_of(contest)), end="")
        return 0
    for path in write_contest(contest, arguments.out):
        print(path)
    return 0
