"""Requests for erasure (Art 17): the erased person's, one without fault, and a child's."""

from collections.abc import Iterator

from ledger.example.acts import DEVICE, PROFILE, ROUTES, SERVICE, hand_over
from ledger.example.line import Planned
from ledger.example.persons import PROTAGONISTS, employee, service
from ledger.example.story import Story


def deletions(seed: int, start: int) -> Iterator[Planned]:
    yield from tobias(seed, start)
    yield from _mira(seed, start)
    yield from _child(seed, start, "lio", blocked=True)
    # Against the promise: the account stays open (CHILD_NOT_REMOVED, detail account).
    yield from _child(seed, start, "nele", blocked=False)


def _life(story: Story) -> Iterator[Planned]:
    """Collected, used, given to two processors."""
    yield story.collected(story.on(0, 9), PROFILE, SERVICE)
    yield story.collected(story.on(0, 9, 1), DEVICE, SERVICE, origin="device", actor=service("app"))
    yield story.accessed(story.on(1, 10), PROFILE, SERVICE)
    for route in ROUTES["eu"]:
        if route.recipient in {"cloud1", "deskhand"}:
            yield from hand_over(story, story.on(3, 11), route, [story.person], PROFILE, service("app"))


def tobias(seed: int, start: int) -> Iterator[Planned]:
    """The erased person. One recipient confirms too late, and someone looks after the erasure."""
    story = Story(seed, "tobias", start, PROTAGONISTS.erased_person)
    request = "request-tobias-erasure"
    yield from _life(story)
    yield story.asked(story.on(8, 10), "received", request, "A17")
    yield story.asked(
        story.on(8, 15), "identity_requested", request, "A17", reason_code="A12IdentityRequired"
    )
    yield story.asked(story.on(9, 9), "identity_verified", request, "A17")
    yield story.erased(story.on(10, 9), "executed", "store", "primary", request)
    yield story.erased(story.on(12, 9), "acknowledged", "recipient", "deskhand", request)
    yield story.erased(story.on(18, 3), "executed", "backup", "nightly", request)
    yield story.asked(story.on(19, 12), "fulfilled", request, "A17")
    # Against the law: an act on a store that was erased (ACCESS_AFTER_ERASURE).
    yield story.accessed(story.on(20, 16), PROFILE, SERVICE, actor=employee("user:sales-1"))
    # Against the promise of 14 days: acknowledged on the nineteenth (ERASURE_LATE, detail cloud1).
    yield story.erased(story.on(27, 14), "acknowledged", "recipient", "cloud1", request)


def _mira(seed: int, start: int) -> Iterator[Planned]:
    """Nothing to find."""
    story = Story(seed, "mira", start, "email:mira.solano@example.com")
    request = "request-mira-erasure"
    yield from _life(story)
    yield story.asked(story.on(6, 10), "received", request, "A17")
    yield story.erased(story.on(7, 9), "executed", "store", "primary", request)
    yield story.erased(story.on(8, 9), "acknowledged", "recipient", "deskhand", request)
    yield story.erased(story.on(9, 9), "acknowledged", "recipient", "cloud1", request)
    yield story.erased(story.on(15, 3), "executed", "backup", "nightly", request)
    yield story.asked(story.on(16, 12), "fulfilled", request, "A17")
    yield story.accessed(
        story.on(17, 12), PROFILE, SERVICE, reason_code="erasure_check", actor=employee("user:privacy-1")
    )


def _child(seed: int, start: int, name: str, *, blocked: bool) -> Iterator[Planned]:
    """A child's account is found; what is stored goes, and the account should."""
    story = Story(seed, f"child-{name}", start, f"email:{name}@example.com", source="privacy-desk")
    child = {"subject_categories": ["child"]}
    yield story.collected(story.on(1, 15), PROFILE, SERVICE, source="app", **child)
    yield story.tell(
        story.on(3, 9), "child.detected", age_band="0-12", actor=employee("user:support-1"), **child
    )
    if blocked:
        yield story.tell(story.on(3, 10), "account.blocked", actor=employee("user:privacy-1"), **child)
    yield story.tell(
        story.on(4, 9),
        "erasure.executed",
        target="store",
        target_id="primary",
        method="delete",
        actor=employee("user:privacy-1"),
        **child,
    )
