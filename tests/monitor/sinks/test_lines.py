"""The writer of lines, with a disk that fails at any byte."""

import asyncio
import os

from hypothesis import given
from hypothesis import strategies as st

from monitor.sinks import lines
from monitor.sinks.lines import LineWriter


class Disk:
    """Takes as many bytes as it is told at each write, then fails; without orders it takes everything."""

    def __init__(self, orders: list[int]) -> None:
        self.held = b""
        self._orders = orders

    def write(self, _: int, data: bytes) -> tuple[bytes, OSError | None]:
        if not self._orders:
            self.held += data
            return b"", None
        taken = self._orders.pop(0)
        self.held += data[:taken]
        rest = data[taken:]
        return rest, OSError(28, "No space left on device") if rest else None


@given(
    st.lists(st.lists(st.text("abc", max_size=8), min_size=1, max_size=5), min_size=1, max_size=6),
    st.lists(st.integers(0, 30), max_size=8),
)
def test_whatever_a_disk_refuses_lines_are_whole_in_order_and_all_accounted_for(batches, orders):
    disk = Disk(orders)
    sent = [line for batch in batches for line in batch]

    async def write() -> LineWriter:
        writer = LineWriter("test", os.open(os.devnull, os.O_WRONLY), bound=1000, gather_s=0.001)
        for batch in batches:
            for line in batch:
                await writer.put(f"<{line}>\n".encode())
            await writer._lines.join()
        await writer.put(b"<last>\n")
        await writer.close()
        return writer

    original, lines._write_fully = lines._write_fully, disk.write
    try:
        writer = asyncio.run(write())
    finally:
        lines._write_fully = original
    whole, rest = disk.held.rpartition(b"\n")[::2]
    written = whole.decode().split("\n") if whole else []
    numbered = iter([*(f"<{line}>" for line in sent), "<last>"])
    assert all(line in numbered for line in written), "in order, and none that was not sent"
    assert len(written) + writer.dropped == len(sent) + 1
    assert not rest or writer.trouble
