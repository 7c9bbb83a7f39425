"""Look: what changed in each connection, and what that means for its replica."""
