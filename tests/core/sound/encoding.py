"""Sound files made in tests: containers that libsndfile does not write, and headers that are wrong."""

import struct

import av
import numpy as np
import soundfile

from core.sound.mpeg import frame_bytes


def tone(rate_hz, duration_s, frequency_hz=440.0, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(round(duration_s * rate_hz)) / rate_hz)


def encode(path, samples, *, container, codec, rate_hz=48_000, **options):
    """Writes mono sound through FFmpeg's libraries."""
    with av.open(path, "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout="mono")
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(np.int16(samples * 32767)[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = rate_hz
        context = stream.codec_context
        fit = av.AudioResampler(format=context.format, layout="mono", rate=rate_hz, frame_size=context.frame_size)
        for fitted in [*fit.resample(frame), *fit.resample(None), None]:
            file.mux(stream.encode(fitted))


def encode_channels(path, samples, *, container, codec, layout, rate_hz=48_000):
    """Writes sound of several channels, [frames, channels], in a codec that has a plane for each."""
    with av.open(path, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.float32(samples).reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate = rate_hz
        stream.codec_context.open()
        context = stream.codec_context
        fit = av.AudioResampler(format=context.format, layout=layout, rate=rate_hz, frame_size=context.frame_size)
        for fitted in [*fit.resample(frame), *fit.resample(None), None]:
            file.mux(stream.encode(fitted))


def mp3(path, samples, rate_hz, *, mode="CONSTANT", states_length=True):
    """Writes an MP3; as to a pipe, without the frame that states its length, if so wished."""
    soundfile.write(path, samples, rate_hz, format="MP3", bitrate_mode=mode)
    if not states_length:
        content = path.read_bytes()
        path.write_bytes(content[frame_bytes(content[:7]) :])
    return path.read_bytes()


def wav(samples, *, stated=None, riff=None, rate_hz=16_000, bits=16, behind=b""):
    """A WAV of int16 samples whose header states so many bytes of sound, and so many in all."""
    sound = np.asarray(samples, "<i2").tobytes()
    stated = len(sound) if stated is None else stated
    riff = 36 + len(sound) + len(behind) if riff is None else riff
    shape = (1, 1, rate_hz, rate_hz * 2, 2, bits)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16, *shape, b"data", stated)
    return head + sound + behind


def rf64(samples, *, stated):
    sound = np.asarray(samples, "<i2").tobytes()
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, 0, stated, 0, 0)
    shape = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + shape + b"data\xff\xff\xff\xff" + sound


def aiff(samples, *, stated):
    """An AIFF as it is written to a pipe: a chunk of sound that states so many bytes."""
    sound = np.asarray(samples, ">i2").tobytes()
    rate = b"\x40\x0c\xfa\x00\x00\x00\x00\x00\x00\x00"  # 16,000 as an extended float
    shape = struct.pack(">4sIhIh", b"COMM", 18, 1, 0, 16) + rate
    chunk = struct.pack(">4sIII", b"SSND", stated, 0, 0)
    return struct.pack(">4sI4s", b"FORM", stated, b"AIFF") + shape + chunk + sound
