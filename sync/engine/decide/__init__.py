"""Decide: entities for new records, agreed values, and the writes that bring them about."""
