"""Configuration files: loaders' arguments in YAML, JSON and TOML, judged as those of a call."""
