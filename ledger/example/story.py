"""What every story of the month needs: its place in the calendar, its people, and the acts it is made of."""

from typing import Any

from ledger.example.acts import NOTICE
from ledger.example.draw import Draw
from ledger.example.line import DAY, HOUR, MINUTE, Author, Planned
from ledger.example.persons import PRIVACY_OFFICER, employee


class Story(Author):
    """One person's story. `day` counts from 0, the first day of the month; hours are UTC."""

    __slots__ = ("person", "start")

    def __init__(self, seed: int, name: str, start: int, person: str, source: str = "app") -> None:
        super().__init__(Draw(seed, "story", name), source)
        self.start = start
        self.person = person

    def on(self, day: int, hour: int, minute: int = 0) -> int:
        return self.start + day * DAY + hour * HOUR + minute * MINUTE

    def tell(self, at: int, short: str, /, **fields: Any) -> Planned:
        """An event about the story's person."""
        return self.plan(at, short, **{"subjects": [self.person], **fields})

    def collected(self, at: int, categories: list[str], role: dict[str, Any], **fields: Any) -> Planned:
        """Collected from the person, into the primary store."""
        return self.tell(
            at,
            "data.collected",
            **{
                "origin": "subject",
                "store": "primary",
                "actor": {"id": self.person, "kind": "customer"},
                "data_categories": categories,
                "notice_version": NOTICE,
                **role,
                **fields,
            },
        )

    def accessed(self, at: int, categories: list[str], role: dict[str, Any], **fields: Any) -> Planned:
        """Read, allowed, from the primary store, by someone of Parley's."""
        return self.tell(
            at,
            "data.accessed",
            **{
                "operation": "read",
                "outcome": "allowed",
                "system": "app",
                "store": "primary",
                "actor": employee("user:support-2"),
                "data_categories": categories,
                **role,
                **fields,
            },
        )

    def consented(self, at: int, purpose: str, consent: str, **fields: Any) -> Planned:
        """A valid, explicit consent to Parley for one purpose."""
        return self.tell(
            at,
            "consent.given",
            **{
                "consent_id": consent,
                "purposes": [purpose],
                "notice_version": NOTICE,
                "method": "form",
                "explicit": True,
                "valid": True,
                **fields,
            },
        )

    def asked(self, at: int, step: str, request: str, right: str, **fields: Any) -> Planned:
        """A step of a request, at the privacy desk."""
        return self.tell(
            at,
            f"rights.{step}",
            source="privacy-desk",
            request_id=request,
            right=right,
            processing_role="controller",
            **fields,
        )

    def erased(self, at: int, step: str, target: str, target_id: str, request: str) -> Planned:
        """An erasure of one target: executed by Parley, acknowledged by a recipient."""
        return self.tell(
            at,
            f"erasure.{step}",
            source="privacy-desk",
            target=target,
            target_id=target_id,
            request_id=request,
            method="rotate" if target == "backup" else "delete",
            evidence_digest=self.draw.token("evidence"),
            actor=employee(PRIVACY_OFFICER) if step == "executed" else None,
        )
