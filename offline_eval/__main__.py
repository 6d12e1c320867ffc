"""`python -m offline_eval` is `emotion-eval`."""

from offline_eval.cli import main

main()
