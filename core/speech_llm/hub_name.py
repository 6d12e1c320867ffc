"""Names of models on the Hugging Face hub: `hf:OWNER/NAME`, with `@REVISION` after it where one is meant."""

import re
from dataclasses import dataclass
from typing import Self

from core.errors import UsageError

PREFIX = "hf:"

_PART = r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?P<owner>{_PART})/(?P<name>{_PART})(?:@(?P<revision>[A-Za-z0-9_.][A-Za-z0-9_./-]*))?")
_LONGEST = 96


@dataclass(frozen=True, slots=True)
class HubName:
    """A model of the hub.

    Attributes:
        repo_id: `OWNER/NAME`.
        revision: A branch, a tag or a commit; None: the main branch.
    """

    repo_id: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `hf:OWNER/NAME[@REVISION]`; the parts are those that the hub allows.

        Raises:
            UsageError: It is something else.
        """
        found = _NAME.fullmatch(text.removeprefix(PREFIX)) if is_hub_name(text) else None
        repo_id = f"{found['owner']}/{found['name']}" if found else ""
        if not found or len(repo_id) > _LONGEST or ".." in (found["revision"] or ""):
            msg = f"{text!r} is no model of the Hugging Face hub"
            raise UsageError(msg, hint="write hf:OWNER/NAME or hf:OWNER/NAME@REVISION")
        return cls(repo_id, found["revision"])

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo_id}" + (f"@{self.revision}" if self.revision else "")


def is_hub_name(text: str) -> bool:
    """Whether a model's name is meant as one of the hub."""
    return text.startswith(PREFIX)
