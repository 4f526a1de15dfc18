"""Assistants: accounts of the broker, what they may speak for, what they last reported."""
