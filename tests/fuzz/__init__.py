"""Hostile bytes: hypothesis with every test run, atheris for as long as requested.

Run ``python -m tests.fuzz frame --seconds 60`` for one target.
"""
