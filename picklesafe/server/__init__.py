"""The language server: findings, fixes and rule pages inside an editor. Needs the extra `lsp`."""
