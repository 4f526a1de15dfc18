"""Work that comes with time: a table of jobs and the loop that runs them."""
