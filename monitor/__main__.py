"""`python -m monitor` is `emotion-monitor`."""

from monitor.cli import main

main()
