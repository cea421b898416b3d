"""Parts of the Annotate step."""
