"""Headers of MPEG audio frames (MP1, MP2, MP3) and of AAC in ADTS: streams of frames without a header of their own."""

from typing import Literal

LONGEST_RUN_BYTES = 4096
"""So much of a stream holds three whole frames, whatever its bit rate is."""

_FRAMES_IN_A_ROW = 3
HEADER_BYTES = 7
SYNC, _SYNC_REST = 0xFF, 0xE0
_MPEG_1 = 3
_LAYER_I, _LAYER_III = 3, 1
_ADTS = 0xF0
_ID3_BYTES = 10

_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBITS = {
    (True, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""By MPEG-1 or not, and the layer as it is coded."""


def stream_of_frames(start: bytes) -> Literal["MP3", "AAC"] | None:
    """What a stream is by three like headers, each where the one before says: raw sound has none such by chance."""
    at = start.find(SYNC)
    while at >= 0:
        if _run(start, at):
            return "AAC" if _is_adts(start[at:]) else "MP3"
        at = start.find(SYNC, at + 1)
    return None


def frame_bytes(header: bytes) -> int | None:
    """Length of the frame that begins with a header; None if it is none."""
    if len(header) < HEADER_BYTES or header[0] != SYNC or header[1] & _SYNC_REST != _SYNC_REST:
        return None
    if _is_adts(header):
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        return length if length > HEADER_BYTES else None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    kbits, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    bits_s = dict(enumerate(_KBITS.get((version == _MPEG_1, layer), ()), 1)).get(kbits, 0) * 1000
    rate_hz = dict(enumerate(_RATES_HZ.get(version, ()))).get(rate)
    if not bits_s or rate_hz is None:
        return None
    if layer == _LAYER_I:
        return (12 * bits_s // rate_hz + padding) * 4
    return (72 if version != _MPEG_1 and layer == _LAYER_III else 144) * bits_s // rate_hz + padding


def stated_frames(frame: bytes) -> int | None:
    """Frames that follow this first one, where it is a Xing or Info frame that says so."""
    for magic in (b"Xing", b"Info"):
        at = frame.find(magic, 4, 64)
        if at >= 0 and len(frame) >= at + 12 and frame[at + 7] & 1:
            return int.from_bytes(frame[at + 8 : at + 12], "big")
    return None


def id3_bytes(start: bytes) -> int:
    """Length of the ID3v2 tag that a file begins with; 0 if there is none."""
    if len(start) < _ID3_BYTES or not start.startswith(b"ID3"):
        return 0
    size = start[6] << 21 | start[7] << 14 | start[8] << 7 | start[9]
    has_footer = start[5] & 0x10
    return _ID3_BYTES + size + (_ID3_BYTES if has_footer else 0)


def _is_adts(header: bytes) -> bool:
    return header[1] & (_ADTS | 0x06) == _ADTS


def _run(start: bytes, at: int) -> bool:
    first = start[at : at + 3]
    for _ in range(_FRAMES_IN_A_ROW):
        header = start[at : at + HEADER_BYTES]
        length = frame_bytes(header)
        # Alike: version, layer and rate; what else there is may change from frame to frame.
        if length is None or header[1] != first[1] or (header[2] ^ first[2]) & 0x0C:
            return False
        at += length
    return True
