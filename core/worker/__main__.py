"""`python -m core.worker` is the inference process; the program starts it, not a person."""

from core.worker.child import main

main()
