"""The application commands of KKT-PC 3, a module for each theme; `commands.py` joins them."""
