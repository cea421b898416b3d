"""How the models that come with the package were trained: one command each."""
