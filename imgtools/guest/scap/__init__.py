"""OpenSCAP's content and results: what can be told offline, and what was."""
