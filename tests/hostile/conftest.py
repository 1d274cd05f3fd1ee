"""The desks that hostile input is tried on: on the command line, and on both databases."""

from tests.cli.conftest import after, empty, fresh_desk, terminal  # noqa: F401 - fixtures
from tests.store.fixtures import *  # noqa: F403 - fixtures
