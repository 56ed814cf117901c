"""The rules of `picklesafe check`, one file a rule; a new file is a new rule, nothing else is edited.

The engine loads these files from beside itself, never by `import lint_rules`: a folder of that
name in the project that is checked must not run.
"""
