"""Files, locks, memory and cancellation: what concerns the operating system and the interpreter."""
