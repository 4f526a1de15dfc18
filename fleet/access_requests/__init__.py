"""Access to registers of a client that another partner has, by the client's signed consent."""
