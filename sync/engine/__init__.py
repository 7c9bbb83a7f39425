"""One run: look (`look.pull`), decide (`decide.decide`), do (`do.push`), in `run`."""
