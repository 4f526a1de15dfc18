"""The address book of a partner: where registers stand."""
