"""HubSpot, through hubspot-api-client 12. Values are texts; associations are pseudo-fields."""

from __future__ import annotations

from connectors.base import Access, Connector
from connectors.hubspot.connector import HubSpotConnector

__all__ = ["connect"]


def connect(access: Access) -> Connector:
    """A connector for the account; nothing is sent yet.

    `access.auth` is ``{kind: private_app, access_token}`` or ``{kind: oauth, client_id,
    client_secret, refresh_token}``. `access.options`: ``api_version`` (``v3``, the default, or
    a dated one such as ``2026-09``), ``history`` (``true``: read when single fields changed,
    at twice the calls), ``overlap`` (seconds that pulls reach back behind their cursor, 60),
    ``deletes_every`` (seconds between two looks into the recycling bin, 900; 0: in every pull),
    ``associations_every`` (seconds in which everything is read once more, because changed
    associations move no stamp, 21600; 0: never).

    Raises:
        connectors.errors.Misconfigured: something in `access` is missing or not understood.
    """
    return HubSpotConnector(access)
