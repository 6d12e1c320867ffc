"""What an inference process is given when it starts."""

import psutil

from core.worker.process import WorkerProcess


async def test_kernels_for_lengths_of_long_ago_are_not_kept():
    process = await WorkerProcess.spawn()
    try:
        given = psutil.Process(process.pid).environ()
    finally:
        await process.close()
    assert (given["ONEDNN_PRIMITIVE_CACHE_CAPACITY"], given["LRU_CACHE_CAPACITY"]) == ("32", "32")
