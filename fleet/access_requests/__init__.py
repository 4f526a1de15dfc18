"""Access to registers of a client that another partner holds, by the client's signed consent."""
