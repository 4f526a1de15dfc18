"""Subscriptions that partners buy, assign and transfer, and the services they bring."""
