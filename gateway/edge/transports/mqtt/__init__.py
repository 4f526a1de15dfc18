"""Registers and Assistants that call over MQTT (protocol/README.md)."""
