"""Tables of objects in formats of other programs, and the rows of all of them."""
