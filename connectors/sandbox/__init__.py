"""Local servers that speak each vendor's real protocol, filled with demo data.

``python -m connectors.sandbox`` starts all three and a control API; see `fleet.Fleet`.
"""
