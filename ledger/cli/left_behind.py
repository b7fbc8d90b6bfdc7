"""When all that matters has ended, but a library has not."""

from __future__ import annotations


class LeftBehind(Exception):  # noqa: N818 -- it says what happened
    """Threads of a library that do not end would keep the process. `error` is what ended the command, None where it was
    asked to stop; the process leaves with that one's exit code, and without waiting.
    """

    def __init__(self, error: BaseException | None) -> None:
        super().__init__("A library did not stop in time.")
        self.error = error
