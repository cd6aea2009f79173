"""Why a load failed, as it is kept beside what the user raised: nothing is set on that."""

from __future__ import annotations


class Failure:
    """What a loader raised, for all who wait for its load.

    Each of them raises the one exception, and what is raised has its frames put before those of its
    traceback. So the traceback is kept as the load left it.
    """

    __slots__ = ("error", "traceback")

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.traceback = error.__traceback__

    def again(self) -> BaseException:
        """The exception, to be raised by one more: its traceback is that of the load alone."""
        return BaseException.with_traceback(self.error, self.traceback)
