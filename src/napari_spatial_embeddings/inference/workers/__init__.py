"""Workers of Dask: what is asked of them, what they do, and how one connects to them."""
