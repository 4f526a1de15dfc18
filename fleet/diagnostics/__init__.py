"""The server's records of conversations, and the state of a register's link by them."""
