from collections.abc import Iterator

import pytest

from workflow import Desk
from workflow.testing import memory_desk


@pytest.fixture
def desk() -> Iterator[Desk]:
    """The shipped desk on a Monday at nine, when it opens."""
    with memory_desk() as found:
        yield found
