"""Registers and Assistants that connect over MQTT (protocol/README.md)."""
