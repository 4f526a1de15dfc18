"""The address book of a partner: places where its registers are installed."""
