"""Benchmarks set variables of their own process, which here is that of other tests too."""

import os
from collections.abc import Iterator
from unittest import mock

import pytest


@pytest.fixture(autouse=True)
def _environment_stays() -> Iterator[None]:
    with mock.patch.dict(os.environ):
        yield
