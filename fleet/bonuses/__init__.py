"""Bonus points that partners get when subscriptions they bought are assigned."""
