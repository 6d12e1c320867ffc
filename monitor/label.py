"""How a source is told of in a line: by what the user calls it, if anything, and by where it is from."""


def labelled(source: str, name: str | None) -> str:
    """`alice (mic:USB)`, or the source alone."""
    return f"{name} ({source})" if name else source
