"""Payments: opened here, taken by a payment provider, believed when the provider says so."""
