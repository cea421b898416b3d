# The jobs of ./dev, for fingers that type make.
.PHONY: demo test lint format docs clean

demo test lint format docs:
	./dev $@

clean:
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist site
