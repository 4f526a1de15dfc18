"""Groups of registers: a tree for each partner, with the registers in its leaves."""
