"""The commands of `concord`, by what they are about; `sync.cli` puts them together."""
