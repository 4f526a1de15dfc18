"""Roll-outs: one operation for many registers, wave by wave, stopped when too many fail."""
