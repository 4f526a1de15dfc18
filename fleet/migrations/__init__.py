"""The schema in steps: ``upgrade`` brings any database to the newest one.

After changing a model, write the next step with ``python -m fleet.migrations <name>`` and read
it before keeping it.
"""
