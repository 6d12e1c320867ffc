"""Records a source to standard output as raw samples: python record.py SPEC SECONDS.

On standard error: "listening", then, at the end, what was counted as JSON, or the error as one line.
"""

import asyncio
import json
import sys

from core.errors import EmotionMonitorError
from monitor.sources.opening import open_source
from monitor.sources.source import Source


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


async def record(source: Source, duration_s: float) -> None:
    samples = lost = 0
    async with source:
        tell("listening")
        async for block in source.blocks():
            sys.stdout.buffer.write(block.samples.tobytes())
            samples += len(block.samples)
            lost += block.lost
            if samples >= duration_s * 16_000:
                break
    tell(json.dumps({"name": source.name, "samples": samples, "lost": lost, "notices": source.notices}))


if __name__ == "__main__":
    try:
        asyncio.run(record(open_source(sys.argv[1]), float(sys.argv[2])))
    except EmotionMonitorError as error:
        tell(f"{type(error).__name__}: {error.one_line()}")
        sys.exit(error.exit_code)
