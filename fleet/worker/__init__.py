"""Periodic work: a table of jobs and the loop that runs them."""
