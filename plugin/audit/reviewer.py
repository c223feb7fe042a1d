"""Who reads the trail: a reviewer, by role and by tenant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from plugin.audit.trail import NO_TENANT

Role = Literal["auditor", "administrator"]

ANY_TENANT = "*"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Reviewer:
    """`tenants` are the EHRs whose records they may see, `*` for all of them."""

    subject: str
    name: str
    roles: frozenset[Role]
    tenants: frozenset[str] = field(default_factory=frozenset)

    @property
    def actor(self) -> str:
        """How the trail names them."""
        return f"reviewer:{self.subject}"

    def may_see(self, tenant: str) -> bool:
        """An administrator sees what belongs to no tenant, too."""
        if tenant == NO_TENANT:
            return "administrator" in self.roles
        return bool(self.roles) and bool({tenant, ANY_TENANT} & self.tenants)

    @property
    def may_see_identities(self) -> bool:
        """Who looks after the app does not learn by it who its patients are."""
        return "auditor" in self.roles


@dataclass(frozen=True, slots=True)
class Roles:
    """What the identity provider calls the roles, and in which claims it says so.

    `only_tenant` is the EHR's id where just one is registered, else "".
    """

    role_claim: str
    auditor: str
    administrator: str
    tenant_claim: str
    only_tenant: str = ""

    def reviewer(self, claims: Mapping[str, Any]) -> Reviewer | None:
        """The reviewer that these claims make; None for somebody else.

        Takes: the claims of an id_token that has been checked.
        """
        held = frozenset(_texts(claims.get(self.role_claim)))
        roles: set[Role] = set()
        if self.auditor in held:
            roles.add("auditor")
        if self.administrator and self.administrator in held:
            roles.add("administrator")
        told = claims.get(self.tenant_claim)
        tenants = frozenset(_texts(told))
        if told is None and self.only_tenant:
            tenants = frozenset({self.only_tenant})
        if not roles or not tenants:
            return None
        name = str(claims.get("name") or claims.get("preferred_username") or "")
        shown = name if name.isprintable() else ""
        return Reviewer(
            str(claims["sub"]), shown[:_LONGEST_NAME], frozenset(roles), tenants
        )


def _texts(value: object) -> Iterable[str]:
    """A claim of several values, of one, or of none."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list | tuple):
        return [one for one in value if isinstance(one, str)]
    return []
