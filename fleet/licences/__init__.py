"""Licences: issued and signed for a register, stored, and restored by an operation."""
