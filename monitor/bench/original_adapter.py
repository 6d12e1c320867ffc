"""Asks the authors' own program about sounds, in the interpreter and the folder that they run it in.

Started as a script by `monitor.bench.original` and imported by nobody: only the standard library is at hand, and Python
may be as old as theirs. Their `inference_gradio.py` is imported with a stand-in for gradio: what follows the models in
it would open a page that others can reach. The request is JSON on standard input; a line of JSON comes for each answer.
"""

import json
import os
import sys
import time
import types


class _Nothing:
    """Takes any arguments and has any method: what is left of gradio."""

    def __init__(self, *_args: object, **_options: object) -> None:
        pass

    def __getattr__(self, _: str) -> "type[_Nothing]":
        return _Nothing


def _main() -> None:
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what they print goes to the log
    gradio = types.ModuleType("gradio")
    vars(gradio)["__getattr__"] = lambda _: _Nothing
    sys.modules["gradio"] = gradio
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - whatever Python they have
    began_s = time.time()
    import inference_gradio as original  # type: ignore[import-not-found]

    answers.write(json.dumps({"load_s": time.time() - began_s}) + "\n")
    for question in request["questions"]:
        for sound in request["sounds"]:
            getattr(original, "text_cache", {}).clear()  # each transcript is made anew, as it is for a new sound
            began_s = time.perf_counter()
            answer = original.predict(sound, question)
            answers.write(json.dumps({"took_s": time.perf_counter() - began_s, "answer": answer}) + "\n")
            answers.flush()


if __name__ == "__main__":
    _main()
