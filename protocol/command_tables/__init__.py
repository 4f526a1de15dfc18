"""The application commands of KKT-PC 3, a module for each theme; `protocol.commands` joins them."""
