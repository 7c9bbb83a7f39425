"""One run: look (`pull`), decide (`match`, `merge`, `plan`), do (`push`), in `run`."""
