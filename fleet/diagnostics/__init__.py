"""What the server saw of conversations, and what that says of a register's link."""
