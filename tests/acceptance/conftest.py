from tests.store.fixtures import books, clock, definitions, desk

__all__ = ["books", "clock", "definitions", "desk"]
