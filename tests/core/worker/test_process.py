import asyncio
import gc
import os
import signal

import numpy as np

from core.settings import ModelSettings
from core.worker.process import WorkerDied, WorkerProcess
from tests.patience import PATIENCE_S


async def killed_while_it_is_written_to() -> str:
    """What the reader is told."""
    process = await WorkerProcess.spawn()
    await process.load_model(ModelSettings(name="fake"), threads=1, timeout_s=PATIENCE_S)
    os.kill(process.pid, signal.SIGSTOP)
    far_more_than_a_pipe_holds = [np.zeros(1 << 22, np.int16)]
    reading = asyncio.create_task(process.read(far_more_than_a_pipe_holds, timeout_s=PATIENCE_S))
    await asyncio.sleep(0)
    os.kill(process.pid, signal.SIGKILL)
    try:
        await reading
    except WorkerDied as error:
        return str(error)
    finally:
        await process.close()
    return ""


async def test_a_process_that_dies_while_it_is_written_to_leaves_no_complaint_behind():
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    assert "killed by SIGKILL" in await killed_while_it_is_written_to()
    for _ in range(3):
        await asyncio.sleep(0)
        gc.collect()
    assert complaints == []
