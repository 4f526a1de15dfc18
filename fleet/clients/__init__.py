"""Clients: the organisations that own the registers which a partner services."""
