"""Payments: opened here, made by a payment provider, settled when the provider confirms them."""
