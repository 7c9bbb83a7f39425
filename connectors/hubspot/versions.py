"""Where each endpoint lives, by API version. No other module spells a path.

``v3`` (with v4 for associations) is supported until September 2027; the dated versions
rename every path: https://developers.hubspot.com/docs/api-reference/legacy/migration-guide
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from connectors.errors import Misconfigured

#: The vendor's own address.
HOST = "https://api.hubapi.com"

#: What HubSpot calls an access token's description; not renamed in dated versions.
PRIVATE_APP = "/oauth/v2/private-apps/get/access-token-info"
OAUTH_APP = "/oauth/v1/access-tokens/{token}"

_DATED = re.compile(r"\d{4}-\d{2}")


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths of one API version: ``v3``, or a dated one such as ``2026-09``."""

    version: str = "v3"

    def _crm(self, area: str, *rest: str, classic: str = "v3") -> str:
        head = f"{area}/{self.version}" if self.version != "v3" else f"{classic}/{area}"
        return "/".join(("/crm", head, *(quote(part, safe="") for part in rest)))

    def objects(self, object: str, *rest: str) -> str:
        """``/crm/v3/objects/contacts/…``."""
        return self._crm("objects", object, *rest)

    def associations(self, from_object: str, to_object: str, action: str) -> str:
        """``/crm/v4/associations/contacts/companies/batch/…``."""
        return self._crm("associations", from_object, to_object, "batch", action, classic="v4")

    def owners(self) -> str:
        """``/crm/v3/owners``."""
        return self._crm("owners")

    def pipelines(self, object: str) -> str:
        """``/crm/v3/pipelines/deals``."""
        return self._crm("pipelines", object)

    def properties(self, object: str, *rest: str) -> str:
        """``/crm/v3/properties/deals``."""
        return self._crm("properties", object, *rest)

    def account(self) -> str:
        """``/account-info/v3/details``."""
        return f"/account-info/{self.version}/details"


def paths(version: str, connection: str) -> Paths:
    """The paths of a version from settings.yaml; '' is the default.

    Raises:
        Misconfigured: HubSpot has no such kind of version.
    """
    if version in ("", "v3"):
        return Paths()
    if _DATED.fullmatch(version):
        return Paths(version)
    raise Misconfigured(
        f"{connection}: api_version {version!r} is neither 'v3' nor dated like '2026-09'",
        connection=connection,
    )
