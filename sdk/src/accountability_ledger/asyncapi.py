"""The topics as an AsyncAPI 3.0 document."""

from collections.abc import Mapping
from typing import Any, Final

from accountability_ledger.catalog import BY_SHORT, TOPICS

_OUT: Final[Mapping[str, tuple[str, str, dict[str, Any]]]] = {
    "privacy.rejected": (
        "Dead letters: what was refused, encrypted to the operations key, kept for a short time.",
        "application/octet-stream",
        {"type": "string", "contentEncoding": "binary"},
    ),
    "ledger.appended": (
        "What was appended. Derived from the ledger: a lost message costs a delay, never an entry.",
        "application/json",
        {"type": "object"},
    ),
    "ledger.findings": (
        "Findings raised and resolved. Derived from the ledger.",
        "application/json",
        {"type": "object"},
    ),
}


def document(version: str) -> dict[str, Any]:
    """The document; schemas are referred to by their place beside it."""
    messages: dict[str, Any] = {
        found.short: {
            "name": found.name,
            "contentType": "application/cloudevents+json",
            "payload": {
                "allOf": [
                    {"$ref": "./envelope.v1.json"},
                    {
                        "type": "object",
                        "properties": {
                            "type": {"const": found.name},
                            "data": {"$ref": f"./events/{found.short}.v1.json"},
                        },
                    },
                ]
            },
        }
        for found in BY_SHORT.values()
    }
    channels: dict[str, Any] = {
        topic: {
            "address": topic,
            "messages": {
                found.short: {"$ref": f"#/components/messages/{found.short}"}
                for found in BY_SHORT.values()
                if found.topic == topic
            },
        }
        for topic in TOPICS
    }
    operations = {
        f"append:{topic}": {"action": "receive", "channel": {"$ref": f"#/channels/{topic}"}}
        for topic in TOPICS
    }
    for topic, (summary, content_type, payload) in _OUT.items():
        messages[topic] = {"name": topic, "summary": summary, "contentType": content_type, "payload": payload}
        channels[topic] = {"address": topic, "messages": {topic: {"$ref": f"#/components/messages/{topic}"}}}
        operations[f"publish:{topic}"] = {"action": "send", "channel": {"$ref": f"#/channels/{topic}"}}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Accountability ledger",
            "version": version,
            "description": (
                "Message keys are opaque: an HMAC of the first person. A prefix stands before every topic where one"
                " broker serves several ledgers. Timestamps are the broker's (LogAppendTime)."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }
