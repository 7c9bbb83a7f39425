"""Do: the outbox is sent, and every result stored."""
