"""Licences: issued and signed for a register, kept, and restored by an operation."""
