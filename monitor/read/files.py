"""Which files are read."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.errors import UsageError
from core.sound.folder import files_below

SUFFIXES = (
    *(
        ".wav",
        ".wave",
        ".rf64",
        ".w64",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".aac",
        ".m4a",
        ".m4b",
        ".mp4",
        ".mov",
    ),
    *(".webm", ".mkv", ".mka", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".amr", ".wma", ".wv", ".voc", ".sph"),
)
"""What is taken for sound in a folder; a file that is named itself is tried whatever it is called."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Files to read, sorted, none of them twice; and those of folders whose names say that they are no sound."""

    files: tuple[Path, ...]
    passed_over: tuple[Path, ...]


def choose(paths: Iterable[Path]) -> Chosen:
    """The files that are named, and the sound files below folders that are.

    Raises:
        UsageError: One does not exist, a folder cannot be read, or there is nothing to read.
    """
    files: dict[str, Path] = {}
    passed_over: list[Path] = []
    for path in paths:
        if not path.exists():
            msg = f"{path}: no such file or folder"
            raise UsageError(msg)
        for found in files_below(path) if path.is_dir() else [path]:
            if found is path or found.suffix.lower() in SUFFIXES:
                files.setdefault(os.path.abspath(found), found)  # noqa: PTH100 - links stay what they are called
            else:
                passed_over.append(found)
    if not files:
        msg = f"no sound file in {', '.join(map(str, paths))}"
        raise UsageError(msg, hint="in folders, sound is told by the names of files, such as talk.wav")
    return Chosen(tuple(sorted(files.values(), key=str)), tuple(passed_over))
