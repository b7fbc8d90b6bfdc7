"""The people of the month: customers' users, their guests, and those who play a part by name.

The many are computed from a number, so that a million of them need no memory. Every name is invented; addresses use
the domains that RFC 2606 reserves, telephone numbers the ranges set aside for fiction.
"""

from typing import Final

import msgspec

from ledger.example.draw import Draw
from ledger.example.line import DAY, HOUR, MINUTE


class Customer(msgspec.Struct, frozen=True):
    """A customer of Parley: the controller of its calls. `region` says which of Parley's companies exports."""

    id: str
    country: str
    region: str
    instruction: str
    mechanism: str | None
    jurisdiction: str


CUSTOMERS: Final = (
    Customer("acme", "DE", "eu", "i-acme-2", "scc-acme", "DE"),
    Customer("bolt", "FR", "eu", "i-bolt", "scc-bolt", "FR"),
    Customer("thames", "GB", "uk", "i-thames", "idta-thames", "GB"),
    Customer("norden", "SE", "eu", "i-norden", "scc-norden", "SE"),
    Customer("hudson", "US", "us", "i-hudson", None, "US-NY"),
    Customer("alpen", "CH", "ch", "i-alpen", "scc-alpen", "CH"),
    Customer("tulpe", "NL", "eu", "i-tulpe", "scc-tulpe", "NL"),
)
CUSTOMER: Final = {customer.id: customer for customer in CUSTOMERS}

_FIRST: Final = (
    "ada", "bruno", "chiara", "dario", "elif", "farid", "greta", "hugo", "ines", "jonas", "katya", "liam", "mina",
    "noah", "olga", "pavel", "quinn", "rosa", "selim", "tessa", "umar", "vera", "wanda", "xenia", "yusuf", "zoe",
    "amira", "bela", "cosima", "dragan", "esra",
)  # fmt: skip
_LAST: Final = (
    "abel", "berger", "conti", "dubois", "eriksen", "fischer", "garcia", "horvat", "ivanov", "jansen", "keller",
    "lindgren", "moreau", "novak", "okafor", "petrov", "quist", "rossi", "schmid", "tanaka", "ueda", "varga", "weber",
    "xavier", "yilmaz", "zeller", "amsel", "brandt", "costa",
)  # fmt: skip
_GROUP: Final = 8
_USERS_OF_GROUP: Final = 3


class Person(msgspec.Struct, frozen=True):
    """One of the many: `email` is the typed identifier."""

    index: int
    email: str
    customer: Customer
    is_user: bool

    @property
    def category(self) -> str:
        return "customer" if self.is_user else "guest"

    @property
    def phone(self) -> str:
        """A number of the range that Ofcom sets aside for drama."""
        return f"phone:+447700900{self.index % 1000:03d}"

    @property
    def gets_newsletter(self) -> bool:
        return self.is_user and self.index % 4 != 1

    @property
    def from_crm(self) -> bool:
        """Whether Parley learnt of this user from a customer's CRM, not from the user (Art 14)."""
        return self.is_user and self.index % 3 == 2


def person(index: int) -> Person:
    """The person of that number: always the same."""
    group, place = divmod(index, _GROUP)
    customer = CUSTOMERS[group % len(CUSTOMERS)]
    is_user = place < _USERS_OF_GROUP
    first, last = _FIRST[index % len(_FIRST)], _LAST[index % len(_LAST)]
    lap = index // (len(_FIRST) * len(_LAST))
    name = f"{first}.{last}{lap or ''}"
    domain = (
        f"{customer.id}.example" if is_user else ("example.eu" if customer.region == "eu" else "example.com")
    )
    return Person(index, f"email:{name}@{domain}", customer, is_user)


class Crowd:
    """Who is there when: seven in ten are brought in on the first morning, the others arrive over the month.

    Times are milliseconds since 1970.
    """

    __slots__ = ("_established", "_newcomers", "_opens", "_settles", "_span", "size")

    def __init__(self, size: int, start: int, end: int) -> None:
        self.size = size
        self._established = max(_GROUP, size * 7 // 10) if size > _GROUP else size
        self._newcomers = size - self._established
        self._opens = start + HOUR
        self._settles = start + DAY
        self._span = max(1, end - start - 2 * DAY)

    def arrives(self, index: int) -> int:
        """When the person's data are first collected."""
        if index < self._established:
            return self._opens + index * 4 * HOUR // self._established
        return self._settles + (index - self._established) * self._span // self._newcomers

    def present(self, at: int) -> int:
        """How many have been there for half an hour or more: persons 0 to the answer - 1."""
        at -= 30 * MINUTE
        if at < self._settles or not self._newcomers:
            return max(0, min(self._established, 1 + (at - self._opens) * self._established // (4 * HOUR)))
        return min(self.size, self._established + 1 + (at - self._settles) * self._newcomers // self._span)

    def anyone(self, at: int, draw: Draw) -> Person:
        return person(draw.below(self.present(at)))

    def user(self, at: int, draw: Draw) -> Person:
        """A customer's user. The first of the crowd is one, so there is one as soon as there is anyone."""
        index = draw.below(self.present(at))
        place = index % _GROUP
        return person(index if place < _USERS_OF_GROUP else index - place + draw.below(_USERS_OF_GROUP))

    def colleagues(self, host: Person, at: int, draw: Draw, limit: int) -> tuple[Person, ...]:
        """Up to `limit` others of the host's customer, each once: the host's own group, or another of that customer."""
        stride = _GROUP * len(CUSTOMERS)
        present = self.present(at)
        laps = (present - 1 - host.index % stride) // stride + 1
        first = host.index % stride - host.index % _GROUP + draw.below(laps) * stride
        last = min(first + _GROUP, present)
        found = [number for number in range(first, last) if number != host.index]
        chosen: list[Person] = []
        while found and len(chosen) < limit:
            chosen.append(person(found.pop(draw.below(len(found)))))
        return tuple(chosen)


class Protagonists(msgspec.Struct, frozen=True):
    """Those whom the demo asks about, and the night of the compromised account as days and hours after the start."""

    regulators_person: str
    investigators_account: str
    erased_person: str
    compromised_day: int
    compromised_from_hour: int
    compromised_to_hour: int

    def compromised_window(self, start: int) -> tuple[int, int]:
        """[from, to) of the compromised night in milliseconds since 1970, for a month that starts at `start`."""
        midnight = start + self.compromised_day * DAY
        return midnight + self.compromised_from_hour * HOUR, midnight + self.compromised_to_hour * HOUR


PROTAGONISTS: Final = Protagonists(
    regulators_person="email:clara.brandt@example.eu",
    investigators_account="user:dev-ops-7",
    erased_person="email:tobias.kern@example.com",
    compromised_day=2,
    compromised_from_hour=1,
    compromised_to_hour=5,
)

# Parley's own people, who act.
SUPPORT: Final = tuple(f"user:support-{number}" for number in range(1, 7))
SALES: Final = tuple(f"user:sales-{number}" for number in range(1, 5))
OPERATIONS: Final = tuple(f"user:dev-ops-{number}" for number in range(1, 10) if number != 7)
PRIVACY_OFFICER: Final = "user:privacy-1"


def employee(account: str) -> dict[str, str]:
    return {"id": account, "kind": "employee", "org": "parley"}


def service(source: str) -> dict[str, str]:
    return {"id": source, "kind": "service", "org": "parley"}


def customer_user(host: Person) -> dict[str, str]:
    return {"id": host.email, "kind": "customer", "org": host.customer.id}
