"""What the first bytes of a file or a stream say it is. Raw samples begin like none of these, save by rare chance."""

from core.sound import mpeg

START_BYTES = mpeg.LONGEST_RUN_BYTES
"""With so many bytes, everything that is known is recognised."""

_MAGIC = (
    (8, b"WAVE", "WAV"),
    (8, b"AVI ", "AVI"),
    (0, b"riff\x2e\x91\xcf\x11", "W64"),
    (8, b"AIFF", "AIFF"),
    (8, b"AIFC", "AIFF"),
    (0, b".snd", "AU"),
    (0, b"dns.", "AU"),
    (0, b"caff", "CAF"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg"),
    (0, b"ID3", "MP3"),
    (4, b"ftyp", "MP4"),
    (4, b"moov", "MP4"),
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
    (0, b"#!AMR", "AMR"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"NIST_1A", "NIST"),
    (0, b"Creative Voice", "VOC"),
)


def kind_of(start: bytes) -> str | None:
    """Name of the kind of file that begins so; None for raw samples and what is not known.

    Args:
        start: The first bytes; up to `START_BYTES` of them are looked at.
    """
    return _by_magic(start) or mpeg.stream_of_frames(start[:START_BYTES])


class Beginning:
    """Looks at how a stream of what should be raw samples begins, however it is cut up."""

    def __init__(self) -> None:
        self._start = b""

    def push(self, data: bytes) -> str | None:
        """Takes the next bytes; gives the kind of file that the stream turns out to be."""
        if len(self._start) >= START_BYTES:
            return None
        self._start += data[:START_BYTES]
        return self.end() if len(self._start) >= START_BYTES else _by_magic(self._start)

    def end(self) -> str | None:
        """What the stream turns out to be, if nothing more comes."""
        return kind_of(self._start)


def _by_magic(start: bytes) -> str | None:
    return next((kind for at, magic, kind in _MAGIC if start.startswith(magic, at)), None)
