"""The migrations of the schema: ``upgrade`` brings a database of any version to the newest one.

After changing a model, generate the next migration with ``python -m fleet.migrations <name>`` and
check it before committing it.
"""
