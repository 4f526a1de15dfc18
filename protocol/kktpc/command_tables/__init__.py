"""The application commands of KKT-PC 3, one module for each theme; `commands.py` joins them."""
