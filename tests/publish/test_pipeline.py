"""The line: what is refused before anything is baked."""

from contextlib import AbstractContextManager

import pytest
from baked_folder import FolderOptions, FolderPublisher

from baked_publish import pipeline
from baked_publish.bundle import Bundle
from baked_publish.errors import UsageError
from baked_publish.pipeline import Wish
from baked_publish.publisher import Can
from baked_publish.report import Silent

HTTP: object = None


def never() -> AbstractContextManager[Bundle]:
    raise AssertionError("nothing is baked")


class Sharing(FolderPublisher):
    can = frozenset({*FolderPublisher.can, Can.CANARY})


def test_a_canary_needs_a_target_that_can_share_visitors() -> None:
    publisher = FolderPublisher(FolderOptions(), "data", HTTP, Silent())  # type: ignore[arg-type] # asks nobody
    with pytest.raises(UsageError, match="folder sends all visitors or none: leave --canary out"):
        pipeline.publish(publisher, never, Wish(canary=10), Silent())


@pytest.mark.parametrize("wish", [Wish(canary=0), Wish(canary=100), Wish(canary=10, preview=True)])
def test_a_canary_gets_some_visitors(wish: Wish) -> None:
    publisher = Sharing(FolderOptions(), "data", HTTP, Silent())  # type: ignore[arg-type] # asks nobody
    with pytest.raises(UsageError, match="how many percent of the visitors"):
        pipeline.publish(publisher, never, wish, Silent())
