"""Assistants: accounts of the broker, the registers they speak for, and their last reports."""
