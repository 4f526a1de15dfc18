"""Hostile bytes, many of them: hypothesis with every test run, atheris for as long as asked.

python -m tests.fuzz frame --seconds 60
"""
