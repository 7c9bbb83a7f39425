"""HubSpot: the connector against a scripted server and its sandbox, and the sandbox itself."""
