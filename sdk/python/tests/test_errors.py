"""The exceptions on their way to another process."""

from __future__ import annotations

import copy
import pickle
import unittest
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import gatehouse_client as gc
from gatehouse_client import _errors


def every() -> list[gc.GatehouseError]:
    """One of each class, with all that it can hold."""
    fields = [("/value/port", "wrong")]
    statuses = [400, *_errors._STATUSES]
    return [
        *[_errors.failure(kind, "a message") for kind in ["other", *_errors._KINDS]],
        *[_errors.refusal("a message", "a_code", status, "d", "r", fields, 1.5, 4) for status in statuses],
    ]


def refuse() -> None:
    raise every()[-1]


class ErrorsTest(unittest.TestCase):
    def same(self, found: object, error: gc.GatehouseError) -> None:
        assert isinstance(found, gc.GatehouseError)
        self.assertIs(type(found), type(error))
        self.assertIsNot(found, error)
        self.assertEqual((str(found), found.args, vars(found)), (str(error), error.args, vars(error)))

    def test_no_class_is_left_out(self) -> None:
        kinds = {kind for kind in vars(gc).values() if isinstance(kind, type) and issubclass(kind, Exception)}
        self.assertEqual({type(error) for error in every()}, kinds)

    def test_each_is_pickled_and_copied_whole(self) -> None:
        for error in every():
            error.__dict__["__notes__"] = ["a note"]
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                self.same(pickle.loads(pickle.dumps(error, protocol)), error)
            self.same(copy.copy(error), error)
            self.same(copy.deepcopy(error), error)

    def test_it_comes_back_from_another_process(self) -> None:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            self.same(pool.submit(refuse).exception(60), every()[-1])


if __name__ == "__main__":
    unittest.main()
