"""A Faust app whose one agent fails on the value `bad`; run as a program of its own by test_faust.py.

    python faust_agent.py HOST:PORT TOPIC APP_ID

Prints `seen VALUE` for what the agent was given, before it succeeds or fails.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import faust


def make_app(bootstrap: str, topic_name: str, app_id: str) -> faust.App:
    app = faust.App(
        app_id,
        broker=f"kafka://{bootstrap}",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        broker_commit_interval=0.1,
        consumer_auto_offset_reset="earliest",
        value_serializer="raw",
        datadir=tempfile.mkdtemp(prefix="faust-agent-"),
    )
    topic = app.topic(topic_name, value_type=bytes)

    @app.agent(topic)
    async def fail_on_bad(stream: Any) -> None:
        async for value in stream:
            sys.stdout.write(f"seen {value.decode()}\n")
            sys.stdout.flush()
            if value == b"bad":
                raise ValueError("the agent fails")

    return app


if __name__ == "__main__":
    faust.Worker(
        make_app(*sys.argv[1:4]), loglevel="error", redirect_stdouts=False, quiet=True
    ).execute_from_commandline()
