"""Matching: which records are the same real thing. No module here reads or writes anything."""
