"""Text from outside, such as a file name, for a terminal or a log, which would obey what is hidden in it."""


def printable(text: str) -> str:
    r"""The text on one line, with what is no printable character spelled out, as in `\x1b[31m` or `\n`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
