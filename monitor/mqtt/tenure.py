"""Whose node it is: two monitors of one name find out about each other over the broker, and one of them gives up."""

import os
import socket

from core.wire.claim import Claim, ClaimError, decode_claim
from core.wire.events import Timestamp


class Tenure:
    """One monitor's hold on its node. No I/O: what is heard goes in, what is to be said comes out.

    Of two monitors, one that holds the node goes before one that asks, then the one that started earlier, then the
    one whose run is first in the alphabet. So both always agree on who is to give up, and only one of them does.

    One gives up only when told so by somebody who has heard it, and who therefore is there; a claim that has been on
    its way for long, or that somebody retained, is only asked about.

    Args:
        run: Ours.
        since: When we started.
    """

    def __init__(self, run: str, since: Timestamp) -> None:
        self.holds = False
        self.heard_itself = False
        self.rival: Claim | None = None
        """Who has the node in our place."""
        self._run = run
        self._since = since

    def claim(self, *, to: str | None = None) -> Claim:
        """What to say, for a start or as an answer."""
        return Claim(
            run=self._run, since=self._since, holds=self.holds, host=socket.gethostname(), pid=os.getpid(), to=to
        )

    def hear(self, data: bytes) -> Claim | None:
        """Takes a message of the claim topic; gives the answer to it, if there is one."""
        try:
            other = decode_claim(data)
        except ClaimError:
            return None
        if other.run == self._run:
            self.heard_itself = True
            return None
        ours = self.claim(to=other.run)
        if other.to == self._run and _rank(other) < _rank(ours):
            self.rival = other
            return None
        return ours


def _rank(claim: Claim) -> tuple[bool, Timestamp, str]:
    return (not claim.holds, claim.since, claim.run)
